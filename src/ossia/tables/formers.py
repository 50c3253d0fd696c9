"""Rows of ``former``: versions that are not what their key names, and every delete marker.

So what is asked of keys, and listings of them, never meet these rows, and a bucket without
versioning has none.

1. ``place`` orders the versions of a key, the newest first: what comes is put before all that are
   there.  No clock has a say.  What the key names is newer than all of them.
2. Where the newest is a marker, the key has no row in ``object``; where it is an object, it has.
3. Of a key one version is called ``null``, or none.
"""

from typing import NamedTuple

from ossia.ports import Rows, Transaction
from ossia.records import ObjectType, StoredObject
from ossia.tables import retained
from ossia.tables.class_usage import MARKERS, count_marker
from ossia.tables.columns import marks
from ossia.tables.object_rows import (
    ABOUT,
    EXTENTS_AT,
    OLD,
    TOLD,
    WHERE_BYTES_ARE,
    Stored,
    as_object,
    count_gone,
    delete_bytes,
    must_stay,
    release,
    whole,
)

_COLUMNS = f"{ABOUT}, {WHERE_BYTES_ARE}"
_OF_KEY = "from former where bucket_id = $1 and key = $2"
_FIND = f"select {TOLD} {_OF_KEY} and version = $3"
_KEEP = (
    f"insert into former (place, bucket_id, key, {_COLUMNS})"
    f" select $1, bucket_id, key, {_COLUMNS} from object"
    " where bucket_id = $2 and key = $3 and version = $4"
)
_RETURN = (
    f"insert into object (latest, bucket_id, key, {_COLUMNS})"
    f" select 1, bucket_id, key, {_COLUMNS} {_OF_KEY} and place = $3"
)
FIRST = (
    "(select key from former where bucket_id = $1 and key >= {start} and key < $3"
    " order by key limit 1)"
)
"""As `skip_seek.Index` has it."""
_MARK = f"insert into former (bucket_id, key, place, {_COLUMNS}) values ({marks(19)})"


class Newest(NamedTuple):
    """The newest former version of a key."""

    place: int
    version: str
    is_marker: bool


# reading


async def find(rows: Rows, bucket_id: int, key: str, version: str) -> StoredObject | None:
    """A former version with its bytes' place, or a marker."""
    row = await rows.one(_FIND, bucket_id, key, version)
    if row is None:
        return None
    if row[EXTENTS_AT]:
        return await rows.together(whole, _FIND, bucket_id, key, version)
    return as_object(bucket_id, key, row)


async def newest(rows: Rows, bucket_id: int, key: str) -> Newest | None:
    """The newest of a key."""
    row = await rows.one(
        f"select place, version, type {_OF_KEY} order by place limit 1", bucket_id, key
    )
    return None if row is None else Newest(row[0], row[1], row[2] == ObjectType.DELETE_MARKER)


# writing


async def hold_newest(tx: Transaction, bucket_id: int, key: str) -> Newest | None:
    """The same, which nobody else takes away meanwhile."""
    while (found := await newest(tx, bucket_id, key)) is not None:
        held = f"select version {_OF_KEY} and place = $3"
        if await tx.hold(held, bucket_id, key, found.place):
            return found
    return None


async def keep(tx: Transaction, bucket_id: int, key: str, version: str) -> None:
    """Keep what the key names, which is held, as the newest of its former versions."""
    place = await _next_place(tx, bucket_id, key)
    await tx.run(_KEEP, place, bucket_id, key, version)


async def mark(tx: Transaction, bucket_id: int, key: str, version: str, now: int) -> None:
    """Put a delete marker before all others."""
    about = (version, ObjectType.DELETE_MARKER.value, 0, "", "", 0, now, MARKERS, "default")
    said = (None, None, None)
    where = (None, None, None, 0)
    place = await _next_place(tx, bucket_id, key)
    await tx.run(_MARK, bucket_id, key, place, *about, *said, *where)
    count_marker(tx, bucket_id, 1)


async def _next_place(tx: Transaction, bucket_id: int, key: str) -> int:
    found = await newest(tx, bucket_id, key)
    return -1 if found is None else found.place - 1


async def hold(tx: Transaction, bucket_id: int, key: str, version: str) -> Stored | None:
    """A former version that is about to be removed."""
    held = await tx.hold(f"select {OLD} {_OF_KEY} and version = $3", bucket_id, key, version)
    return Stored(*held[0]) if held else None


async def remove(tx: Transaction, bucket_id: int, key: str, old: Stored) -> None:
    """Remove a former version, whose references to blobs are let go elsewhere."""
    await delete_bytes(tx, bucket_id, key, old)
    await tx.run(
        "delete from former where bucket_id = $1 and key = $2 and version = $3",
        bucket_id,
        key,
        old.version,
    )
    if old.type == ObjectType.DELETE_MARKER:
        count_marker(tx, bucket_id, -1)
    else:
        count_gone(tx, bucket_id, old)


async def drop(
    tx: Transaction, bucket_id: int, key: str, version: str, guard: retained.Guard | None = None
) -> str | None:
    """Remove a former version and let its bytes go; its type, empty if there is none.

    None: it must stay.
    """
    old = await hold(tx, bucket_id, key, version)
    if old is None:
        return ""
    if await must_stay(tx, bucket_id, key, old, guard):
        return None
    await release(tx, bucket_id, key, old)
    await remove(tx, bucket_id, key, old)
    return old.type


async def name_newest(tx: Transaction, bucket_id: int, key: str) -> None:
    """Let a key that names nothing name the newest of its former versions, unless that is a marker.

    Its extents lie under its version, wherever the row is.
    """
    found = await hold_newest(tx, bucket_id, key)
    if found is None or found.is_marker:
        return
    await tx.run(_RETURN, bucket_id, key, found.place)
    await tx.run(
        "delete from former where bucket_id = $1 and key = $2 and place = $3",
        bucket_id,
        key,
        found.place,
    )
