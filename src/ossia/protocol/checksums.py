"""MD5 and CRC-64 as OSS prints them.

CRC-64 is the reflected ECMA-182 polynomial with ones in and out ("XZ"): ``123456789`` gives
11051210869376104954.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable

import anycrc
from fastcrc import crc64 as _crc64

from ossia.errors import InvalidDigest

_COMBINER = anycrc.Model("CRC64-XZ")
_MD5_BYTES = 16
crc64 = _crc64.xz
"""``crc64(data, previous=0)``: the CRC of *data*, or of what came before and *data*."""


def combine_crc64(first: int, second: int, second_size: int) -> int:
    """The CRC of two runs of bytes laid end to end, without reading them."""
    return int(_COMBINER.combine(first, second, second_size))


def md5_hex(content: bytes) -> str:
    """An ETag: upper-case hex without quotes."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest().upper()


def etag_to_content_md5(etag: str) -> str:
    """The Content-MD5 header that belongs to an MD5 ETag."""
    return binascii.b2a_base64(bytes.fromhex(etag), newline=False).decode()


def content_md5_to_etag(header: str) -> str:
    """Undo `etag_to_content_md5`."""
    return base64.b64decode(header).hex().upper()


def multipart_etag(part_etags: Iterable[str]) -> str:
    """The ETag of a multipart object: MD5 of the parts' ETags as upper-case text, and their count.

    objects.md, "ETag forms": unlike S3, the text is hashed, not the digests.
    """
    etags = [etag.upper() for etag in part_etags]
    return f"{md5_hex(''.join(etags).encode())}-{len(etags)}"


def parse_content_md5(header: str) -> str:
    """The upper-case hex digest that a Content-MD5 header announces.  Raises `InvalidDigest`.

    Of more than 16 bytes the first 16 count: the C SDK sends 20 (witnessed.md, W44).
    """
    try:
        digest = base64.b64decode(header, validate=True)
    except ValueError as error:
        raise InvalidDigest(ContentMD5=header) from error
    if len(digest) < _MD5_BYTES:
        raise InvalidDigest(ContentMD5=header)
    return digest[:_MD5_BYTES].hex().upper()
