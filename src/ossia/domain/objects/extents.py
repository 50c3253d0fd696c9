"""Runs of blobs that make up an object, and what keeps their number in proportion to its size.

Whoever reads an object opens its runs one after the other, so many small ones would cost more than
their bytes: a client that copies parts of parts could double their number each time.

1. Runs that continue one another in one blob are one.
2. A part is one run: what several runs or a short one would make is copied into a blob of its own.
3. Of an object that grows by appends, short runs at its end are copied together before there are
   `MOST_SHORT` of them.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from ossia.records import Extent

SHORT: Final = 1024 * 1024
"""Shorter runs are copied: sharing them would save little and keep whole blobs alive."""
MOST_SHORT: Final = 256


def merged(extents: Iterable[Extent]) -> tuple[Extent, ...]:
    """The same bytes in as few runs as can be."""
    found: list[Extent] = []
    for extent in extents:
        if found and _continues(found[-1], extent):
            before = found.pop()
            extent = Extent(  # noqa: PLW2901 - the run that both make
                blob_id=before.blob_id,
                blob_offset=before.blob_offset,
                length=before.length + extent.length,
            )
        found.append(extent)
    return tuple(found)


def _continues(before: Extent, extent: Extent) -> bool:
    return (
        before.blob_id == extent.blob_id
        and before.blob_offset + before.length == extent.blob_offset
    )


def cut(extents: Sequence[Extent], start: int, length: int) -> list[Extent]:
    """The part of *extents* that holds *length* bytes from *start*."""
    found = []
    position = 0
    end = start + length
    for extent in extents:
        low = max(start, position)
        high = min(end, position + extent.length)
        if low < high:
            found.append(
                Extent(
                    blob_id=extent.blob_id,
                    blob_offset=extent.blob_offset + low - position,
                    length=high - low,
                )
            )
        position += extent.length
        if position >= end:
            break
    return found


def may_be_shared(extents: Sequence[Extent]) -> bool:
    """Whether a part may be made of these as they are."""
    return len(extents) == 1 and extents[0].length >= SHORT


def short_tail(extents: Sequence[Extent]) -> int:
    """How many short runs stand at the end."""
    count = 0
    for extent in reversed(extents):
        if extent.length >= SHORT:
            break
        count += 1
    return count
