# ruff: noqa: S608 - what is put into statements are constants of this file
"""Statements about multipart uploads and their parts."""

from collections.abc import Iterator
from typing import Any

import apsw

from ossia.adapters.blob_life import BlobState, net_references
from ossia.adapters.key_order import successor
from ossia.adapters.sqlite import objects
from ossia.adapters.sqlite.callbacks import owe
from ossia.adapters.sqlite.columns import (
    pack_extents,
    pack_map,
    signed,
    text_map,
    unpack_extents,
    unsigned,
)
from ossia.adapters.sqlite.skip_seek import walk
from ossia.adapters.sqlite.transaction import Transaction, rows
from ossia.ports import Conflict, Exists, Missing, UploadListing
from ossia.records import Extent, Part, PendingCallback, StoredObject, Upload

_COLUMNS = "key, id, initiated_at, storage_class, acl, headers, tags, sequential, forbid_overwrite"
_SEEK_FROM, _SEEK_BEHIND = (
    f"select {_COLUMNS} from upload"
    f" where bucket_id = ? and key {comparison} ? and key < ? order by key, id"
    for comparison in (">=", ">")
)
_PROBE = "select key from upload where bucket_id = ? and key >= ? and key < ? order by key limit 1"
_SEEK_BEHIND_UPLOAD = (
    f"select {_COLUMNS} from upload"
    " where bucket_id = ? and (key, id) > (?, ?) and key < ? order by key, id"
)


# reading


def find(cursor: apsw.Cursor, bucket_id: int, key: str, upload_id: str) -> Upload | None:
    """See `ossia.ports.MetadataStore.find_upload`."""
    row = cursor.execute(
        f"select {_COLUMNS} from upload where bucket_id = ? and key = ? and id = ?",
        (bucket_id, key, upload_id),
    ).get
    return None if row is None else _upload(bucket_id, row)


def _upload(bucket_id: int, row: tuple[Any, ...]) -> Upload:
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


def parts(cursor: apsw.Cursor, upload_id: str, after: int, limit: int) -> list[Part]:
    """See `ossia.ports.MetadataStore.list_parts`."""
    found = rows(
        cursor,
        "select number, size, etag, crc64, modified_at, extents,"
        " (select bytes from content where id = content_id)"
        " from part where upload_id = ? and number > ? order by number limit ?",
        (upload_id, after, max(limit, 0)),
    )
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
        for number, size, etag, crc64, modified_at, extents, inline in found
    ]


def page(
    connection: apsw.Connection,
    bucket_id: int,
    *,
    prefix: str,
    delimiter: str,
    after_key: str,
    after_upload_id: str,
    limit: int,
) -> UploadListing:
    """See `ossia.ports.MetadataStore.list_uploads`."""
    end = successor(prefix) or b""  # a blob is greater than every text
    cursor = connection.cursor()

    def seek(key: str, inclusive: bool) -> Iterator[tuple[Any, ...]]:
        if inclusive and after_upload_id and key == after_key:
            return cursor.execute(_SEEK_BEHIND_UPLOAD, (bucket_id, key, after_upload_id, end))
        return cursor.execute(_SEEK_FROM if inclusive else _SEEK_BEHIND, (bucket_id, key, end))

    def probe(key: str) -> str | None:
        found: str | None = cursor.execute(_PROBE, (bucket_id, key, end)).get
        return found

    uploads: list[Upload] = []
    prefixes: list[str] = []
    next_key = next_upload_id = None
    names = walk(seek, probe, prefix, delimiter, after_key, including_after=bool(after_upload_id))
    try:
        for name, row in names:
            if len(uploads) + len(prefixes) >= limit:
                return UploadListing(
                    uploads=uploads,
                    prefixes=prefixes,
                    next_key=next_key,
                    next_upload_id=next_upload_id,
                )
            next_key, next_upload_id = name, "" if row is None else row[1]
            if row is None:
                prefixes.append(name)
            else:
                uploads.append(_upload(bucket_id, row))
    finally:
        cursor.close()  # an unfinished statement would hold its view of the log
    return UploadListing(uploads=uploads, prefixes=prefixes, next_key=None, next_upload_id=None)


# writing


def create(transaction: Transaction, upload: Upload) -> None:
    """See `ossia.ports.MetadataStore.create_upload`."""
    transaction.require_bucket(upload.bucket_id)
    if transaction.get("select 1 from upload where id = ?", (upload.id,)) is not None:
        raise Exists(upload.id)
    transaction.execute(
        f"insert into upload (bucket_id, {_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            upload.bucket_id,
            upload.key,
            upload.id,
            upload.initiated_at,
            upload.storage_class,
            upload.acl,
            pack_map(upload.headers),
            pack_map(upload.tags),
            upload.sequential,
            upload.forbid_overwrite,
        ),
    )
    transaction.count(upload.bucket_id, uploads=1)


def put_part(transaction: Transaction, part: Part) -> None:
    """See `ossia.ports.MetadataStore.put_part`."""
    bucket_id, _ = _place(transaction, part.upload_id)
    old = transaction.get(
        "select size, content_id, extents from part where upload_id = ? and number = ?",
        (part.upload_id, part.number),
    )
    size, content_id, extents = old or (0, None, None)
    if part.extents or extents:
        change = net_references(part.extents, unpack_extents(extents))
        transaction.check_recordable(each for each, count in change.items() if count > 0)
        transaction.refer(change)
    transaction.execute(
        "insert or replace into part"
        " (upload_id, number, size, etag, crc64, modified_at, content_id, extents)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            part.upload_id,
            part.number,
            part.size,
            part.etag,
            signed(part.crc64),
            part.modified_at,
            transaction.keep_content(content_id, part.inline),
            pack_extents(part.extents),
        ),
    )
    transaction.count(bucket_id, storage_bytes=part.size - size, parts=old is None)


def complete(
    transaction: Transaction,
    upload_id: str,
    new: StoredObject,
    *,
    forbid_overwrite: bool,
    owed: PendingCallback | None,
) -> None:
    """See `ossia.ports.MetadataStore.complete_upload`."""
    bucket_id, key = _place(transaction, upload_id)
    transaction.require_bucket(new.bucket_id)
    old = objects.stored(transaction, new.bucket_id, new.key)
    objects.check_overwrite(new.key, old, forbid_overwrite=forbid_overwrite)
    of_parts = _extents_of_parts(transaction, upload_id)
    for blob_id, count in net_references(new.extents, of_parts).items():
        if count > 0 and transaction.blob_state(blob_id) is not BlobState.INTENT:
            raise Conflict(blob_id)
    objects.store(transaction, new, old, of_parts)
    _remove(transaction, bucket_id, key, upload_id)
    if owed is not None:
        owe(transaction, owed)


def abort(transaction: Transaction, upload_id: str) -> None:
    """See `ossia.ports.MetadataStore.abort_upload`."""
    bucket_id, key = _place(transaction, upload_id)
    transaction.refer(net_references((), _extents_of_parts(transaction, upload_id)))
    _remove(transaction, bucket_id, key, upload_id)


def _place(transaction: Transaction, upload_id: str) -> tuple[int, str]:
    found = transaction.get("select bucket_id, key from upload where id = ?", (upload_id,))
    if found is None:
        raise Missing(upload_id)
    bucket_id, key = found
    transaction.require_bucket(bucket_id)
    return bucket_id, key


def _extents_of_parts(transaction: Transaction, upload_id: str) -> list[Extent]:
    found = rows(transaction.cursor, "select extents from part where upload_id = ?", (upload_id,))
    return [extent for (column,) in found for extent in unpack_extents(column)]


def _remove(transaction: Transaction, bucket_id: int, key: str, upload_id: str) -> None:
    count, size = transaction.get(
        "select count(*), total(size) from part where upload_id = ?", (upload_id,)
    )
    transaction.execute(
        "delete from content where id in (select content_id from part where upload_id = ?)",
        (upload_id,),
    )
    transaction.execute("delete from part where upload_id = ?", (upload_id,))
    transaction.execute(
        "delete from upload where bucket_id = ? and key = ? and id = ?", (bucket_id, key, upload_id)
    )
    transaction.count(bucket_id, storage_bytes=-int(size), uploads=-1, parts=-count)
