"""The Range header, in the default and in the standard behaviour of OSS.

objects.md, GetObject: by default every range that is not entirely inside the object is
ignored and the whole object answered with 200; with ``x-oss-range-behavior: standard`` the
rules of RFC 9110 apply.  Two things hold either way (witnessed.md, W18): ``bytes=-0``, the last
no bytes, cannot be satisfied, and what follows a range and a comma is ignored if it is no range.
"""

import re

from ossia.errors import InvalidRange

_RANGE = re.compile(r"bytes=(\d*)-(\d*)(?:,(.*))?\Z", re.DOTALL)
_FURTHER = re.compile(r"\s*(?:\d+-\d*|-\d+)\s*\Z")
_MAX_DIGITS = 19


def resolve_range(header: str, size: int, *, standard: bool) -> tuple[int, int] | None:
    """(first byte, length) to answer with 206, or None for the whole object with 200.

    Raises `InvalidRange` for ``bytes=-0``, and in standard behaviour where the range begins behind
    the end.
    """
    found = _RANGE.match(header)
    if found is None:
        return None
    first, last, rest = found.groups()
    if first == last == "" or len(first) > _MAX_DIGITS or len(last) > _MAX_DIGITS:
        return None
    if rest and any(_FURTHER.match(each) for each in rest.split(",")):
        # Several ranges: documented as ignored.
        return None
    if first == "":
        return _suffix(int(last), size, header, standard=standard)
    start = int(first)
    end = int(last) if last else size - 1
    if last and end < start:
        return None
    if start >= size:
        if standard:
            raise _unsatisfiable(header, size)
        return None
    if end >= size:
        if not standard:
            return None
        end = size - 1
    return start, end - start + 1


def _suffix(count: int, size: int, header: str, *, standard: bool) -> tuple[int, int] | None:
    if count == 0 or (standard and size == 0):
        raise _unsatisfiable(header, size)
    # A suffix longer than the object means the whole object.
    if count >= size:
        return None
    return size - count, count


def _unsatisfiable(header: str, size: int) -> InvalidRange:
    return InvalidRange(
        headers={"Content-Range": f"bytes */{size}"}, ActualObjectSize=size, RangeRequested=header
    )


def resolve_copy_range(header: str, size: int) -> tuple[int, int] | None:
    """The part of a copy source: ``bytes=a-b`` inside the object; anything else means all of it."""
    try:
        return resolve_range(header, size, standard=False)
    except InvalidRange:
        return None
