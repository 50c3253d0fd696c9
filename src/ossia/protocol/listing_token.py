"""Continuation tokens of ListObjectsV2.

Real tokens are Base64 of a protobuf message whose first field is the last name, with ``=`` written
``-`` (``CgJiYw--`` for ``bc``, buckets.md); ours are the same.
"""

import base64
import binascii

_FIELD_ONE = 0x0A
_LOW_BITS = 0x7F


def encode_token(last_name: str) -> str:
    """The token that continues behind *last_name*."""
    raw = last_name.encode()
    length, varint = len(raw), bytearray()
    while length > _LOW_BITS:
        varint.append(length & _LOW_BITS | 0x80)
        length >>= 7
    varint.append(length)
    packed = bytes([_FIELD_ONE, *varint]) + raw
    return base64.urlsafe_b64encode(packed).decode().replace("-", ".").replace("=", "-")


def decode_token(token: str) -> str:
    """The name in *token*.  Raises ValueError."""
    try:
        text = token.replace("-", "=").replace(".", "-")
        packed = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not Base64") from error
    length = shift = 0
    position = 1
    while position < len(packed) and packed[position] & 0x80:
        length |= (packed[position] & _LOW_BITS) << shift
        position, shift = position + 1, shift + 7
    if position >= len(packed) or packed[0] != _FIELD_ONE:
        raise ValueError("not a token")
    length |= packed[position] << shift
    raw = packed[position + 1 :]
    if len(raw) != length:
        raise ValueError("not a token")
    return raw.decode()
