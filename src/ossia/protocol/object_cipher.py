"""The bytes of encrypted objects: a key for each object, and of it one for each place they lie in.

1. The data key of an object is random and serves nothing else.  Each place (a blob, or the
   object's row) has a key of its own, derived from it (HKDF, RFC 5869): no two share a stream.
2. AES-256 or SM4 in counter mode, counted from where the place begins.  Any byte can be read
   without those before it, so ranges, runs of blobs, parts and appends need nothing else.
3. A place is written once.  Whoever wrote other bytes there would give both away.
4. Counter mode hides, it does not vouch: that bytes are what they were is told by the digests that
   every object has, as for those that are not encrypted.
"""

from typing import Final, Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

AES256: Final = "AES256"
SM4: Final = "SM4"
DATA_KEY_BYTES: Final = 32
IN_ROW: Final = "row"
"""The place of bytes that lie in the object's row."""

_BLOCK: Final = 16
_CIPHERS: Final = {AES256: (algorithms.AES, 32), SM4: (algorithms.SM4, 16)}
_AT_ONCE: Final = 64 * 1024
"""Others have their turn in between."""


class Stream(Protocol):
    """The stream of one place, from some byte on."""

    def update(self, data: bytes | memoryview) -> bytes:
        """Encrypt, or decrypt, what comes next."""


class ObjectCipher:
    """What encrypts and decrypts the bytes of one object."""

    __slots__ = ("_data_key", "_kind", "algorithm")

    def __init__(self, data_key: bytes, algorithm: str) -> None:
        self._data_key = data_key
        self._kind = _CIPHERS[algorithm]
        self.algorithm = algorithm

    def stream(self, place: str, offset: int = 0) -> Stream:
        """The stream of *place* from byte *offset* on."""
        kind, length = self._kind
        info = f"ossia object {self.algorithm} {place}".encode()
        key = HKDFExpand(SHA256(), length, info).derive(self._data_key)
        blocks, ahead = divmod(offset, _BLOCK)
        stream: Stream = Cipher(kind(key), modes.CTR(blocks.to_bytes(_BLOCK))).encryptor()
        stream.update(bytes(ahead))
        return stream

    def crypt(self, place: str, content: bytes, offset: int = 0) -> bytes:
        """Encrypt, or decrypt, *content*, which begins at byte *offset* of *place*."""
        return self.stream(place, offset).update(content)


def crypt_in_place(stream: Stream, piece: memoryview) -> None:
    """Put in the place of *piece* what *stream* makes of it."""
    for start in range(0, len(piece), _AT_ONCE):
        part = piece[start : start + _AT_ONCE]
        part[:] = stream.update(part)
