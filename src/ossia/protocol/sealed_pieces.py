"""Content that lies with others: encrypted in pieces, each of which opens in its place only.

::

    mark    8 bytes, the format
    salt    32 random bytes
    piece   one or more: AES-256-GCM of 1 MiB, the last of what is left; a tag of 16 bytes each

Rules:

1. The key of a content is derived (HKDF-SHA256) from the key of the whole, the salt and the name of
   its place: what lies in the place of another does not open.
2. The nonce of a piece is its number and whether it is the last: pieces do not open in another
   order, and what was cut off is noticed.
3. A salt is used for one content: no key seals two pieces of one number.
4. The size of a content follows from the size of what is sealed, and is none of others.
"""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PIECE: Final = 1024 * 1024
MARK: Final = b"ossia\x00b1"
SALT: Final = 32
HEAD: Final = len(MARK) + SALT
TAG: Final = 16
_KEY: Final = 32
_NUMBER: Final = 11
_PURPOSE: Final = b"ossia sealed pieces, "


class BrokenPieceError(ValueError):
    """What is sealed was changed, cut off, moved, or sealed under another key."""


class SealedPieces:
    """Seals and opens the pieces of one content."""

    def __init__(self, key: bytes, place: str, salt: bytes) -> None:
        derived = HKDF(SHA256(), _KEY, salt, _PURPOSE + place.encode()).derive(key)
        self._cipher = AESGCM(derived)
        self._place = place
        self._salt = salt

    @classmethod
    def fresh(cls, key: bytes, place: str) -> "SealedPieces":
        """For a content that is to be sealed."""
        return cls(key, place, secrets.token_bytes(SALT))

    @classmethod
    def of(cls, key: bytes, place: str, head: bytes) -> "SealedPieces":
        """For one that begins with *head*.  Raises `BrokenPieceError`."""
        if len(head) != HEAD or not head.startswith(MARK):
            raise BrokenPieceError(place)
        return cls(key, place, head[len(MARK) :])

    @property
    def head(self) -> bytes:
        """What stands before the first piece."""
        return MARK + self._salt

    def close(self, number: int, piece: bytes | bytearray | memoryview, *, last: bool) -> bytes:
        """A piece, sealed."""
        return self._cipher.encrypt(_nonce(number, last=last), piece, None)

    def open(self, number: int, sealed: bytes, *, last: bool) -> bytes:
        """Undo `close`.  Raises `BrokenPieceError`."""
        try:
            return self._cipher.decrypt(_nonce(number, last=last), sealed, None)
        except InvalidTag as error:
            raise BrokenPieceError(self._place) from error


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_NUMBER, "big") + bytes([last])


def pieces_of(size: int) -> int:
    """How many pieces a content of *size* has: one at least."""
    return max(1, -(-size // PIECE))


def sealed_size(size: int) -> int:
    """How large a content of *size* is once it is sealed."""
    return HEAD + size + TAG * pieces_of(size)


def content_size(sealed: int) -> int:
    """Undo `sealed_size`.  Raises `BrokenPieceError` if no content is that large."""
    within = sealed - HEAD
    size = within - TAG * max(1, -(-within // (PIECE + TAG)))
    if size < 0 or sealed_size(size) != sealed:
        raise BrokenPieceError(f"{sealed} bytes")
    return size
