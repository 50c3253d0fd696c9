"""What is sealed opens with its key and for its purpose only."""

import pytest

from ossia.protocol.seal import KEY_BYTES, BrokenSealError, Seal, make_key, read_key, read_keys

KEY = bytes(range(KEY_BYTES))


def test_what_is_sealed_is_opened_again() -> None:
    sealed = Seal(KEY).close(b"secret", "keys")
    assert b"secret" not in sealed
    assert Seal(KEY).open(sealed, "keys") == b"secret"
    assert Seal(KEY).close(b"secret", "keys") != sealed


@pytest.mark.parametrize("key", [bytes(KEY_BYTES), KEY[::-1]])
def test_another_key_does_not_open_it(key: bytes) -> None:
    with pytest.raises(BrokenSealError):
        Seal(key).open(Seal(KEY).close(b"secret", "keys"), "keys")


def test_it_opens_for_what_it_was_sealed_for() -> None:
    with pytest.raises(BrokenSealError):
        Seal(KEY).open(Seal(KEY).close(b"secret", "keys"), "sessions")


@pytest.mark.parametrize("at", [0, 11, 12, -1])
def test_what_was_changed_does_not_open(at: int) -> None:
    sealed = bytearray(Seal(KEY).close(b"secret", "keys"))
    sealed[at] ^= 1
    with pytest.raises(BrokenSealError):
        Seal(KEY).open(bytes(sealed), "keys")


@pytest.mark.parametrize("sealed", [b"", b"x", bytes(27)])
def test_what_is_not_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(BrokenSealError):
        Seal(KEY).open(sealed, "keys")


def test_a_key_is_text() -> None:
    assert len(read_key(f" {make_key()}\n")) == KEY_BYTES
    assert make_key() != make_key()


@pytest.mark.parametrize("text", ["", "x", "####", "A" * 40, "A" * 43 + "=AAAA"])
def test_what_is_no_key_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="it "):
        read_key(text)


def test_others_open_and_do_not_seal() -> None:
    other = KEY[::-1]
    both = Seal(KEY, other)
    assert both.open(Seal(other).close(b"secret", "keys"), "keys") == b"secret"
    assert Seal(KEY).open(both.close(b"secret", "keys"), "keys") == b"secret"
    with pytest.raises(BrokenSealError):
        both.open(Seal(bytes(KEY_BYTES)).close(b"secret", "keys"), "keys")


def test_the_last_key_without_a_minus_seals() -> None:
    first, second, third = (make_key() for _ in range(3))
    as_read = [read_key(each) for each in (first, second, third)]
    assert read_keys(f"{first}\n") == as_read[:1]
    assert read_keys(f"{first}\n\n{second}\n") == [as_read[1], as_read[0]]
    assert read_keys(f"{first}\n{second}\n-{third}") == [as_read[1], as_read[0], as_read[2]]
    for text in ("", f"-{first}\n", f"{first}\nx"):
        with pytest.raises(ValueError, match="it "):
            read_keys(text)
