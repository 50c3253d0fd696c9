"""The row of one version of an object, be it in ``object`` or in ``former``."""

from typing import Any, NamedTuple

import msgspec

from ossia.ports import Row, Rows, Transaction
from ossia.records import Extent, ObjectType, StoredObject
from ossia.tables import retained
from ossia.tables.blob_life import net_references
from ossia.tables.blobs import refer
from ossia.tables.class_usage import count_object
from ossia.tables.columns import text_map, unpack_restoration, unsigned
from ossia.tables.content import keep_content

ABOUT = (
    "version, type, size, etag, md5, crc64, modified_at, storage_class, acl, headers, tags,"
    " restoration"
)
WHERE_BYTES_ARE = "content_id, blob_id, blob_offset, extents"
TOLD = f"{ABOUT}, blob_id, blob_offset, extents, (select bytes from content where id = content_id)"
"""Everything, the inline bytes too; `as_object` takes such a row."""
EXTENTS_AT = 14
"""Where `TOLD` has the number of rows in ``extent``."""
OLD = (
    "version, etag, type, size, storage_class, content_id, blob_id, blob_offset, extents,"
    " (select 1 from retaining where bucket_id = $1)"
)
"""What `Stored` holds, of the bucket ``$1``."""
_NOTHING: Row = (None, None, 0, None)

_EXTENTS = (
    "select blob_id, blob_offset, length from extent"
    " where bucket_id = $1 and key = $2 and version = $3 order by seq"
)


class Stored(NamedTuple):
    """A row that is about to be replaced or removed."""

    version: str
    etag: str
    type: str
    size: int
    storage_class: str
    content_id: int | None
    blob_id: str | None
    blob_offset: int | None
    extents: int
    may_have_to_stay: int | None
    """1 in a bucket that retains (`ossia.tables.retained`)."""

    @property
    def is_plain(self) -> bool:
        """Whether it lies in its row with its bytes, and nothing keeps it: most small ones do."""
        return self.blob_id is None and not (self.extents or self.may_have_to_stay)


def as_object(
    bucket_id: int, key: str, row: Row, extents: tuple[Extent, ...] | None = None
) -> StoredObject:
    """The record of a row of `TOLD`; *extents* where its own rows have them."""
    (
        version,
        kind,
        size,
        etag,
        md5,
        crc64,
        modified_at,
        storage_class,
        acl,
        headers,
        tags,
        restoration,
        blob_id,
        blob_offset,
        _,
        inline,
    ) = row
    if extents is None:
        extents = ()
        if blob_id is not None:
            extents = (Extent(blob_id=blob_id, blob_offset=blob_offset, length=size),)
    found = StoredObject(
        bucket_id=bucket_id,
        key=key,
        version=version,
        type=kind,
        size=size,
        etag=etag,
        md5=md5,
        crc64=unsigned(crc64),
        modified_at=modified_at,
        storage_class=storage_class,
        acl=acl,
        headers=text_map(headers),
        tags=text_map(tags),
        inline=inline,
        extents=extents,
    )
    if restoration is None:
        # As an argument it would cost every reader: keywords are dear from the sixteenth on.
        return found
    return msgspec.structs.replace(found, restoration=unpack_restoration(restoration))


def as_listed(bucket_id: int, key: str, about: Row) -> StoredObject:
    """The record of a row of `ABOUT`, without the place of its bytes."""
    return as_object(bucket_id, key, (*about, *_NOTHING))


async def whole(rows: Rows, sql: str, bucket_id: int, key: str, *more: Any) -> StoredObject | None:
    """The version that *sql* finds with `TOLD`, with its extents; two statements of one commit."""
    row = await rows.one(sql, bucket_id, key, *more)
    if row is None:
        return None
    extents = await stored_extents(rows, bucket_id, key, row[0]) if row[EXTENTS_AT] else None
    return as_object(bucket_id, key, row, extents)


async def stored_extents(rows: Rows, bucket_id: int, key: str, version: str) -> tuple[Extent, ...]:
    """The extents that lie in rows of their own."""
    return tuple(
        Extent(blob_id=blob_id, blob_offset=offset, length=length)
        for blob_id, offset, length in await rows.all(_EXTENTS, bucket_id, key, version)
    )


async def extents_of(rows: Rows, bucket_id: int, key: str, old: Stored) -> tuple[Extent, ...]:
    """Every extent of a row."""
    if old.extents:
        return await stored_extents(rows, bucket_id, key, old.version)
    if old.blob_id is not None:
        return (Extent(blob_id=old.blob_id, blob_offset=old.blob_offset or 0, length=old.size),)
    return ()


async def delete_extents(tx: Transaction, bucket_id: int, key: str, version: str) -> None:
    """Remove the rows of its extents."""
    await tx.run(
        "delete from extent where bucket_id = $1 and key = $2 and version = $3",
        bucket_id,
        key,
        version,
    )


async def delete_bytes(tx: Transaction, bucket_id: int, key: str, old: Stored) -> None:
    """Remove what holds the bytes of a row, but for its references to blobs."""
    if old.extents:
        await delete_extents(tx, bucket_id, key, old.version)
    await keep_content(tx, old.content_id, None)
    if old.may_have_to_stay:
        await retained.put(tx, bucket_id, key, old.version, None)


async def release(tx: Transaction, bucket_id: int, key: str, old: Stored) -> None:
    """Let the references of a row to blobs go."""
    released = net_references((), await extents_of(tx, bucket_id, key, old))
    if released:
        await refer(tx, released)


async def must_stay(
    tx: Transaction, bucket_id: int, key: str, old: Stored, guard: retained.Guard | None
) -> bool:
    """Whether a row that is held must stay; a delete marker never has to."""
    if not old.may_have_to_stay or old.type == ObjectType.DELETE_MARKER:
        return False
    return await retained.must_stay(tx, bucket_id, key, old.version, guard)


async def let_go(tx: Transaction, bucket_id: int, key: str, old: Stored) -> None:
    """Let the bytes of a row go, which is about to be removed."""
    await release(tx, bucket_id, key, old)
    await delete_bytes(tx, bucket_id, key, old)


def count_gone(tx: Transaction, bucket_id: int, old: Stored) -> None:
    """Take an object out of the usage of its bucket."""
    tx.count(bucket_id, storage_bytes=-old.size, objects=-1)
    count_object(tx, bucket_id, old.storage_class, old.size, -1)
