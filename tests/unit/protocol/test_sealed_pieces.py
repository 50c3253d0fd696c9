"""What lies with others opens as it was sealed, where it was sealed, or not at all."""

import random
import secrets

import pytest

from ossia.protocol.sealed_pieces import (
    HEAD,
    MARK,
    PIECE,
    SALT,
    TAG,
    BrokenPieceError,
    SealedPieces,
    content_size,
    pieces_of,
    sealed_size,
)

KEY = bytes(range(32))
SIZES = (0, 1, 15, 16, 17, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 16, 3 * PIECE - 16)


def sealed(content: bytes, place: str = "blobs/a", key: bytes = KEY) -> bytes:
    pieces, last = SealedPieces.fresh(key, place), pieces_of(len(content)) - 1
    return pieces.head + b"".join(
        pieces.close(at, content[at * PIECE : (at + 1) * PIECE], last=at == last)
        for at in range(last + 1)
    )


def opened(found: bytes, place: str = "blobs/a", key: bytes = KEY) -> bytes:
    pieces, last = (
        SealedPieces.of(key, place, found[:HEAD]),
        pieces_of(content_size(len(found))) - 1,
    )
    step = PIECE + TAG
    return b"".join(
        pieces.open(at, found[HEAD + at * step : HEAD + (at + 1) * step], last=at == last)
        for at in range(last + 1)
    )


@pytest.mark.parametrize("size", SIZES)
def test_what_is_sealed_opens(size: int) -> None:
    content = random.Random(size).randbytes(size)
    found = sealed(content)
    assert len(found) == sealed_size(size)
    assert content_size(len(found)) == size
    assert opened(found) == content


@pytest.mark.parametrize("size", [0, PIECE + 1])
def test_another_key_or_place_does_not_open(size: int) -> None:
    found = sealed(bytes(size))
    with pytest.raises(BrokenPieceError):
        opened(found, key=secrets.token_bytes(32))
    with pytest.raises(BrokenPieceError):
        opened(found, place="blobs/b")


def test_every_flipped_bit_is_noticed() -> None:
    found = sealed(b"a few bytes")
    for bit in range(8 * len(found)):
        flipped = bytearray(found)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BrokenPieceError):
            opened(bytes(flipped))


def test_pieces_do_not_change_places() -> None:
    found = sealed(random.Random(1).randbytes(3 * PIECE))
    step = PIECE + TAG
    head, first, second, third = (
        found[:HEAD],
        *(found[HEAD + at * step : HEAD + (at + 1) * step] for at in range(3)),
    )
    for order in ((second, first, third), (first, third, second), (first, first, third)):
        with pytest.raises(BrokenPieceError):
            opened(head + b"".join(order))


@pytest.mark.parametrize("pieces", [1, 2])
def test_what_is_cut_off_or_added_is_noticed(pieces: int) -> None:
    found, other = sealed(bytes(3 * PIECE)), sealed(bytes(PIECE))
    for wrong in (
        found[: HEAD + pieces * (PIECE + TAG)],
        found[:-1],
        found + found[-(PIECE + TAG) :],
        found[:HEAD],
        found[: HEAD - 1],
        b"",
        other[:HEAD] + found[HEAD : HEAD + PIECE + TAG],
    ):
        with pytest.raises(BrokenPieceError):
            opened(wrong)


def test_sizes_are_told_apart() -> None:
    possible = {sealed_size(size): size for size in range(100)}
    for size in range(sealed_size(99)):
        if size in possible:
            assert content_size(size) == possible[size]
        else:
            with pytest.raises(BrokenPieceError):
                content_size(size)


def test_no_two_contents_have_the_same_salt() -> None:
    assert len({sealed(b"")[len(MARK) : len(MARK) + SALT] for _ in range(50)}) == 50
