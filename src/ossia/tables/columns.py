"""How values that engines do not have become columns, and back."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ossia.records import Extent, Restoration

_UNSIGNED = 1 << 64
_SIGN = 1 << 63
_MASK = _UNSIGNED - 1

pack = msgspec.msgpack.Encoder().encode
_text_map = msgspec.msgpack.Decoder(dict[str, str]).decode
_bytes_map = msgspec.msgpack.Decoder(dict[str, bytes]).decode
_restoration = msgspec.msgpack.Decoder(Restoration).decode
_triples = msgspec.msgpack.Decoder(list[tuple[str, int, int]]).decode


def marks(count: int, first: int = 1) -> str:
    """``$1, $2, …``: the places of so many values in a statement."""
    return ", ".join([f"${number}" for number in range(first, first + count)])


def signed(crc64: int) -> int:
    """The two's complement of an unsigned 64-bit number."""
    return crc64 - _UNSIGNED if crc64 & _SIGN else crc64


def unsigned(crc64: int) -> int:
    """Undo `signed`."""
    return crc64 & _MASK


def pack_map(values: dict[str, Any]) -> bytes | None:
    """A map as a column; null for an empty one."""
    return pack(values) if values else None


def text_map(column: bytes | None) -> dict[str, str]:
    """Undo `pack_map`."""
    return _text_map(column) if column else {}


def bytes_map(column: bytes | None) -> dict[str, bytes]:
    """Undo `pack_map` where the values are bytes."""
    return _bytes_map(column) if column else {}


def pack_restoration(restoration: Restoration | None) -> bytes | None:
    """A restoration as a column."""
    return None if restoration is None else pack(restoration)


def unpack_restoration(column: bytes) -> Restoration:
    """Undo `pack_restoration` where there is one."""
    return _restoration(column)


def pack_extents(extents: Sequence[Extent]) -> bytes | None:
    """Extents as a column; null for none."""
    if not extents:
        return None
    return pack([(each.blob_id, each.blob_offset, each.length) for each in extents])


def unpack_extents(column: bytes | None) -> tuple[Extent, ...]:
    """Undo `pack_extents`."""
    if column is None:
        return ()
    return tuple(
        Extent(blob_id=blob_id, blob_offset=offset, length=length)
        for blob_id, offset, length in _triples(column)
    )
