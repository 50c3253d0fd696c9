"""Multipart uploads' rows and those of their parts."""

import msgspec

from ossia.ports import Conflict, Exists, Missing, Row, Rows, Transaction
from ossia.records import Extent, Part, PendingCallback, Retention, StoredObject, Upload
from ossia.tables import objects, skip_seek
from ossia.tables.blob_life import BlobState, net_references
from ossia.tables.blobs import check_recordable, refer, states_of
from ossia.tables.callbacks import owe
from ossia.tables.class_usage import count_parts
from ossia.tables.columns import (
    marks,
    pack_extents,
    pack_map,
    signed,
    text_map,
    unpack_extents,
    unsigned,
)
from ossia.tables.content import keep_content
from ossia.tables.key_order import behind_all, marker
from ossia.tables.retained import Guard
from ossia.tables.skip_seek import Index

_COLUMNS = "key, id, initiated_at, storage_class, acl, headers, tags, sequential, forbid_overwrite"
_FIND = f"select {_COLUMNS} from upload where bucket_id = $1 and key = $2 and id = $3"
_SEEK_FROM, _SEEK_BEHIND = (
    f"select {_COLUMNS} from upload"
    f" where bucket_id = $1 and key {comparison} $2 and key < $3 order by key, id limit $4"
    for comparison in (">=", ">")
)
_SEEK_BEHIND_UPLOAD = (
    f"select {_COLUMNS} from upload"
    " where bucket_id = $1 and (key, id) > ($2, $3) and key < $4 order by key, id limit $5"
)
_FIRST = (
    "(select key from upload where bucket_id = $1 and key >= {start} and key < $3"
    " order by key limit 1)"
)
_PARTS = (
    "select number, size, etag, crc64, modified_at, extents,"
    " (select bytes from content where id = content_id)"
    " from part where upload_id = $1 and number > $2 order by number limit $3"
)


class UploadListing(msgspec.Struct, frozen=True, kw_only=True):
    """One page of uploads, ordered by key, then upload id."""

    uploads: list[Upload]
    prefixes: list[str]
    next_key: str | None
    next_upload_id: str | None


# reading


async def find(rows: Rows, bucket_id: int, key: str, upload_id: str) -> Upload | None:
    """The upload with that id, if it belongs to that key."""
    row = await rows.one(_FIND, bucket_id, key, upload_id)
    return None if row is None else _upload(bucket_id, row)


def _upload(bucket_id: int, row: Row) -> Upload:
    return Upload(
        bucket_id=bucket_id,
        key=row[0],
        id=row[1],
        initiated_at=row[2],
        storage_class=row[3],
        acl=row[4],
        headers=text_map(row[5]),
        tags=text_map(row[6]),
        sequential=bool(row[7]),
        forbid_overwrite=bool(row[8]),
    )


async def parts(rows: Rows, upload_id: str, after: int, limit: int) -> list[Part]:
    """Parts with a number greater than *after*, in order, with the place of their bytes."""
    return [
        Part(
            upload_id=upload_id,
            number=number,
            size=size,
            etag=etag,
            crc64=unsigned(crc64),
            modified_at=modified_at,
            inline=inline,
            extents=unpack_extents(extents),
        )
        for number, size, etag, crc64, modified_at, extents, inline in await rows.all(
            _PARTS, upload_id, after, max(limit, 0)
        )
    ]


async def page(
    rows: Rows,
    bucket_id: int,
    *,
    prefix: str,
    delimiter: str,
    after_key: str,
    after_upload_id: str,
    limit: int,
) -> UploadListing:
    """One page of uploads; delimiter and order as in `objects.page`.

    With an empty *after_upload_id*, keys greater than *after_key*; otherwise also uploads of
    *after_key* with a greater id.
    """
    end = behind_all(prefix)
    if marker(after_key) != after_key:
        # No key is that one, so none of its uploads is behind the marker.
        after_key, after_upload_id = marker(after_key), ""

    async def seek(rows: Rows, key: str, inclusive: bool, count: int) -> list[Row]:
        if inclusive and after_upload_id and key == after_key:
            return await rows.all(_SEEK_BEHIND_UPLOAD, bucket_id, key, after_upload_id, end, count)
        return await rows.all(_SEEK_FROM if inclusive else _SEEK_BEHIND, bucket_id, key, end, count)

    async def behind(rows: Rows, row: Row, count: int) -> list[Row]:
        return await rows.all(_SEEK_BEHIND_UPLOAD, bucket_id, row[0], row[1], end, count)

    found, last = await skip_seek.page(
        rows,
        Index(bucket_id, end, seek, behind, _FIRST),
        prefix,
        delimiter,
        after_key,
        limit,
        including_after=bool(after_upload_id),
    )
    last_key, last_row = last or (None, None)
    return UploadListing(
        uploads=[_upload(bucket_id, row) for _, row in found if row is not None],
        prefixes=[name for name, row in found if row is None],
        next_key=last_key,
        next_upload_id=None if last_key is None else "" if last_row is None else last_row[1],
    )


# writing


async def create(tx: Transaction, upload: Upload) -> None:
    """Insert.  Raises `Missing` if the bucket is gone."""
    if not await tx.enter(upload.bucket_id):
        raise Missing(upload.bucket_id)
    if await tx.one("select 1 from upload where id = $1", upload.id) is not None:
        raise Exists(upload.id)
    await tx.run(
        f"insert into upload (bucket_id, {_COLUMNS}) values ({marks(10)})",
        upload.bucket_id,
        upload.key,
        upload.id,
        upload.initiated_at,
        upload.storage_class,
        upload.acl,
        pack_map(upload.headers),
        pack_map(upload.tags),
        int(upload.sequential),
        int(upload.forbid_overwrite),
    )
    tx.count(upload.bucket_id, uploads=1)


async def put_part(tx: Transaction, part: Part) -> None:
    """Insert or replace a part.

    Raises `Missing` if the upload is gone; `Fenced` as `objects.put`.
    """
    bucket_id, _, storage_class = await _enter(tx, part.upload_id)
    held = await tx.hold(
        "select size, content_id, extents from part where upload_id = $1 and number = $2",
        part.upload_id,
        part.number,
    )
    size, content_id, extents = held[0] if held else (0, None, None)
    if part.extents or extents:
        change = net_references(part.extents, unpack_extents(extents))
        await check_recordable(tx, (each for each, count in change.items() if count > 0))
        await refer(tx, change)
    said = (
        part.size,
        part.etag,
        signed(part.crc64),
        part.modified_at,
        await keep_content(tx, content_id, part.inline),
        pack_extents(part.extents),
        part.upload_id,
        part.number,
    )
    await tx.run(
        "update part set size = $1, etag = $2, crc64 = $3, modified_at = $4, content_id = $5,"
        " extents = $6 where upload_id = $7 and number = $8"
        if held
        else "insert into part"
        " (size, etag, crc64, modified_at, content_id, extents, upload_id, number)"
        f" values ({marks(8)})",
        *said,
    )
    tx.count(bucket_id, storage_bytes=part.size - size, parts=0 if held else 1)
    count_parts(tx, bucket_id, storage_class, part.size - size)


async def complete(
    tx: Transaction,
    upload_id: str,
    new: StoredObject,
    *,
    forbid_overwrite: bool = False,
    owed: PendingCallback | None = None,
    suspended: bool = False,
    guard: Guard | None = None,
    retention: Retention | None = None,
) -> None:
    """Record *new* (its extents taken from parts of the upload), and *owed*; end the upload.

    What becomes of what the key named, `objects.put` says.

    Blobs of *new* keep their reference; those of parts that *new* does not use are let go; an
    intent (bytes that the completion wrote itself, of inline parts) is recorded.  Raises
    `Missing` if the upload is gone, `Exists` and `Retained` as `objects.put`, `Conflict` if a blob
    of *new* is neither: the part was replaced meanwhile.
    """
    bucket_id, key, storage_class = await _enter(tx, upload_id)
    if not await tx.enter(new.bucket_id):
        raise Missing(new.bucket_id)
    old = await objects.stored(tx, new.bucket_id, new.key)
    objects.check_overwrite(new.key, old, forbid_overwrite=forbid_overwrite)
    of_parts = await _extents_of_parts(tx, upload_id)
    added = {each for each, count in net_references(new.extents, of_parts).items() if count > 0}
    states = await states_of(tx, added)
    for blob_id in added:
        if states.get(blob_id) is not BlobState.INTENT:
            raise Conflict(blob_id)
    await objects.store(
        tx, new, old, of_parts, suspended=suspended, guard=guard, retention=retention
    )
    await _remove(tx, bucket_id, key, upload_id, storage_class)
    if owed is not None:
        await owe(tx, owed)


async def abort(tx: Transaction, upload_id: str) -> None:
    """End the upload and let its parts go.  Raises `Missing`."""
    bucket_id, key, storage_class = await _enter(tx, upload_id)
    await refer(tx, net_references((), await _extents_of_parts(tx, upload_id)))
    await _remove(tx, bucket_id, key, upload_id, storage_class)


async def _enter(tx: Transaction, upload_id: str) -> tuple[int, str, str]:
    """Bucket, key and class of an upload that nobody else ends or adds to meanwhile."""
    held = await tx.hold(
        "select bucket_id, key, storage_class from upload where id = $1", upload_id
    )
    if not held or not await tx.enter(held[0][0]):
        raise Missing(upload_id)
    bucket_id, key, storage_class = held[0]
    return bucket_id, key, storage_class


async def _extents_of_parts(rows: Rows, upload_id: str) -> list[Extent]:
    found = await rows.all("select extents from part where upload_id = $1", upload_id)
    return [extent for (column,) in found for extent in unpack_extents(column)]


async def _remove(
    tx: Transaction, bucket_id: int, key: str, upload_id: str, storage_class: str
) -> None:
    sizes = await tx.all("select size from part where upload_id = $1", upload_id)
    await tx.run(
        "delete from content where id in (select content_id from part where upload_id = $1)",
        upload_id,
    )
    await tx.run("delete from part where upload_id = $1", upload_id)
    await tx.run(
        "delete from upload where bucket_id = $1 and key = $2 and id = $3",
        bucket_id,
        key,
        upload_id,
    )
    size = sum(each for (each,) in sizes)
    tx.count(bucket_id, storage_bytes=-size, uploads=-1, parts=-len(sizes))
    count_parts(tx, bucket_id, storage_class, -size)
