"""Secrets that are kept where others may read: sealed under a master key.

ChaCha20-Poly1305 (RFC 8439) with a random nonce; what a sealed text is for is authenticated with
it, so that one cannot be put in the place of another.
"""

import base64
import binascii
import secrets
from contextlib import suppress
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

KEY_BYTES: Final = 32
_NONCE: Final = 12
_ONLY_OPENS: Final = "-"
"""Base64 has none."""


class BrokenSealError(ValueError):
    """What is sealed was sealed under another key, for something else, or was changed."""


class Seal:
    """A master key that seals, and those that besides it open what they have sealed."""

    def __init__(self, key: bytes, *others: bytes) -> None:
        self._use(key, *others)

    def _use(self, *keys: bytes) -> None:
        self._ciphers = [ChaCha20Poly1305(each) for each in keys]

    def close(self, content: bytes, purpose: str) -> bytes:
        """*content*, sealed."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._ciphers[0].encrypt(nonce, content, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """Undo `close`.  Raises `BrokenSealError`."""
        for cipher in self._ciphers:
            with suppress(InvalidTag, ValueError):
                return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode())
        raise BrokenSealError(purpose)


def make_key() -> str:
    """A new master key as text: 32 random bytes in Base64."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def read_key(text: str) -> bytes:
    """The master key in *text*.  Raises `ValueError`."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise ValueError("it is not Base64") from error
    if len(key) != KEY_BYTES:
        raise ValueError(f"it has {len(key)} bytes and not {KEY_BYTES}")
    return key


def read_keys(text: str) -> list[bytes]:
    """The keys in *text*, one a line, with that first which seals: the last without a minus.

    Raises `ValueError`.
    """
    lines = text.split()
    sealing = [at for at, line in enumerate(lines) if not line.startswith(_ONLY_OPENS)]
    if not sealing:
        raise ValueError("it holds no key that seals")
    lines.insert(0, lines.pop(sealing[-1]))
    return [read_key(line.removeprefix(_ONLY_OPENS)) for line in lines]
