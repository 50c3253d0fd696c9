"""Secrets that are kept where others may read: sealed under a master key.

ChaCha20-Poly1305 (RFC 8439) with a random nonce; what a sealed text is for is authenticated with
it, so that one cannot be put in the place of another.
"""

import base64
import binascii
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

KEY_BYTES: Final = 32
_NONCE: Final = 12


class BrokenSealError(ValueError):
    """What is sealed was sealed under another key, for something else, or was changed."""


class Seal:
    """One master key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)

    def close(self, content: bytes, purpose: str) -> bytes:
        """*content*, sealed."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, content, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """Undo `close`.  Raises `BrokenSealError`."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode())
        except (InvalidTag, ValueError) as error:
            raise BrokenSealError(purpose) from error


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
