"""What is sealed opens with its key and for its purpose only."""

import pytest

from ossia.protocol.seal import KEY_BYTES, BrokenSealError, Seal, make_key, read_key

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


@pytest.mark.parametrize("text", ["", "x", "####", make_key()[:-4], make_key() + "AAAA"])
def test_what_is_no_key_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="it "):
        read_key(text)
