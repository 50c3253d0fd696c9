# ruff: noqa: S608 - what is put into statements are constants of this file
"""Statements about objects and their extents."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import apsw

from ossia.adapters.blob_life import net_references
from ossia.adapters.key_order import successor
from ossia.adapters.sqlite.callbacks import owe
from ossia.adapters.sqlite.columns import pack_map, signed, text_map, unsigned
from ossia.adapters.sqlite.skip_seek import walk
from ossia.adapters.sqlite.transaction import Transaction, rows
from ossia.ports import Conflict, Exists, Listing
from ossia.records import Extent, ObjectType, PendingCallback, StoredObject, said_of

_ABOUT = "version, type, size, etag, md5, crc64, modified_at, storage_class, acl, headers, tags"

_FIND = (
    f"select {_ABOUT}, blob_id, blob_offset, extents,"
    " (select bytes from content where id = content_id)"
    " from object where bucket_id = ? and key = ? and latest"
)
_SEEK_FROM, _SEEK_BEHIND = (
    f"select key, {_ABOUT} from object"
    f" where bucket_id = ? and key {comparison} ? and key < ? and latest order by key"
    for comparison in (">=", ">")
)
_PROBE = (
    "select key from object where bucket_id = ? and key >= ? and key < ? and latest"
    " order by key limit 1"
)
_EXTENTS = (
    "select blob_id, blob_offset, length from extent"
    " where bucket_id = ? and key = ? and version = ? order by seq"
)
_OLD = (
    "select version, etag, type, size, content_id, blob_id, blob_offset, extents"
    " from object where bucket_id = ? and key = ?"
)
_PUT = (
    f"insert or replace into object (bucket_id, key, latest, {_ABOUT},"
    " content_id, blob_id, blob_offset, extents)"
    " values (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


# reading


def find(cursor: apsw.Cursor, bucket_id: int, key: str) -> StoredObject | None:
    """See `ossia.ports.MetadataStore.find_object`."""
    row = cursor.execute(_FIND, (bucket_id, key)).get
    if row is None:
        return None
    if row[13]:
        return _find_with_extents(cursor, bucket_id, key)
    return _object(bucket_id, key, row)


def _find_with_extents(cursor: apsw.Cursor, bucket_id: int, key: str) -> StoredObject | None:
    # Two statements: they must see the same commit.
    cursor.execute("begin")
    try:
        return _whole(cursor, bucket_id, key)
    finally:
        cursor.execute("commit")


def _whole(cursor: apsw.Cursor, bucket_id: int, key: str) -> StoredObject | None:
    row = cursor.execute(_FIND, (bucket_id, key)).get
    if row is None:
        return None
    extents = _stored_extents(cursor, bucket_id, key, row[0]) if row[13] else None
    return _object(bucket_id, key, row, extents)


def _object(
    bucket_id: int, key: str, row: tuple[Any, ...], extents: tuple[Extent, ...] | None = None
) -> StoredObject:
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
        blob_id,
        blob_offset,
        _,
        inline,
    ) = row
    if extents is None:
        extents = ()
        if blob_id is not None:
            extents = (Extent(blob_id=blob_id, blob_offset=blob_offset, length=size),)
    return StoredObject(
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


def _stored_extents(
    cursor: apsw.Cursor, bucket_id: int, key: str, version: str
) -> tuple[Extent, ...]:
    return tuple(
        Extent(blob_id=blob_id, blob_offset=offset, length=length)
        for blob_id, offset, length in rows(cursor, _EXTENTS, (bucket_id, key, version))
    )


def page(
    connection: apsw.Connection,
    bucket_id: int,
    *,
    prefix: str,
    delimiter: str,
    after: str,
    limit: int,
) -> Listing:
    """See `ossia.ports.MetadataStore.list_objects`."""
    end = successor(prefix) or b""  # a blob is greater than every text
    cursor = connection.cursor()

    def seek(key: str, inclusive: bool) -> Iterator[tuple[Any, ...]]:
        return cursor.execute(_SEEK_FROM if inclusive else _SEEK_BEHIND, (bucket_id, key, end))

    def probe(key: str) -> str | None:
        found: str | None = cursor.execute(_PROBE, (bucket_id, key, end)).get
        return found

    objects: list[StoredObject] = []
    prefixes: list[str] = []
    last: str | None = None
    try:
        for name, row in walk(seek, probe, prefix, delimiter, after):
            if len(objects) + len(prefixes) >= limit:
                return Listing(objects=objects, prefixes=prefixes, next_after=last)
            last = name
            if row is None:
                prefixes.append(name)
            else:
                objects.append(_object(bucket_id, name, (*row[1:], None, None, 0, None)))
    finally:
        cursor.close()  # an unfinished statement would hold its view of the log
    return Listing(objects=objects, prefixes=prefixes, next_after=None)


# writing


class Stored(NamedTuple):
    """The row that is about to be replaced."""

    version: str
    etag: str
    type: str
    size: int
    content_id: int | None
    blob_id: str | None
    blob_offset: int | None
    extents: int


def put(
    transaction: Transaction,
    new: StoredObject,
    *,
    forbid_overwrite: bool,
    replaces: StoredObject | None,
    owed: PendingCallback | None,
) -> None:
    """See `ossia.ports.MetadataStore.put_object`."""
    transaction.require_bucket(new.bucket_id)
    old = stored(transaction, new.bucket_id, new.key)
    check_overwrite(new.key, old, forbid_overwrite=forbid_overwrite)
    if replaces is not None and _whole(transaction.cursor, new.bucket_id, new.key) != replaces:
        raise Conflict(new.key)
    store(transaction, new, old, ())
    if owed is not None:
        owe(transaction, owed)


def stored(transaction: Transaction, bucket_id: int, key: str) -> Stored | None:
    """What is stored under a key, as far as replacing it needs to know."""
    # While versioning is not offered a key has one row.
    row = transaction.get(_OLD, (bucket_id, key))
    return None if row is None else Stored(*row)


def check_overwrite(key: str, old: Stored | None, *, forbid_overwrite: bool) -> None:
    """Raise `Exists` as `put_object` promises."""
    if forbid_overwrite and old is not None:
        raise Exists(key)


def store(
    transaction: Transaction, new: StoredObject, old: Stored | None, let_go: Sequence[Extent]
) -> None:
    """Put *new* in the place of *old*; *let_go* loses its references in the same step."""
    old_extents = _extents_of(transaction, new.bucket_id, new.key, old) if old else ()
    if new.extents or old_extents or let_go:
        change = net_references(new.extents, (*old_extents, *let_go))
        transaction.check_recordable(each for each, count in change.items() if count > 0)
        transaction.refer(change)
    if old is not None and old.extents:
        _delete_extents(transaction, new.bucket_id, new.key)
    if old is not None and old.version != new.version:
        _delete_row(transaction, new.bucket_id, new.key)
    single = new.extents[0] if len(new.extents) == 1 and new.extents[0].length == new.size else None
    extent_rows = 0 if single else len(new.extents)
    content_id = None
    if new.inline is not None or (old is not None and old.content_id is not None):
        content_id = transaction.keep_content(old.content_id if old else None, new.inline)
    _write_row(transaction, new, content_id, single, extent_rows)
    for seq, extent in enumerate(new.extents if extent_rows else ()):
        _insert_extent(transaction, new, seq, extent)
    transaction.count(
        new.bucket_id, storage_bytes=new.size - (old.size if old else 0), objects=old is None
    )


def _write_row(
    transaction: Transaction,
    new: StoredObject,
    content_id: int | None,
    single: Extent | None,
    extent_rows: int,
) -> None:
    transaction.execute(
        _PUT,
        (
            new.bucket_id,
            new.key,
            new.version,
            new.type,
            new.size,
            new.etag,
            new.md5,
            signed(new.crc64),
            new.modified_at,
            new.storage_class,
            new.acl,
            pack_map(new.headers),
            pack_map(new.tags),
            content_id,
            single.blob_id if single else None,
            single.blob_offset if single else None,
            extent_rows,
        ),
    )


def _insert_extent(transaction: Transaction, of: StoredObject, seq: int, extent: Extent) -> None:
    transaction.execute(
        "insert into extent values (?, ?, ?, ?, ?, ?, ?)",
        (
            of.bucket_id,
            of.key,
            of.version,
            seq,
            extent.blob_id,
            extent.blob_offset,
            extent.length,
        ),
    )


def _delete_extents(transaction: Transaction, bucket_id: int, key: str) -> None:
    transaction.execute("delete from extent where bucket_id = ? and key = ?", (bucket_id, key))


def _delete_row(transaction: Transaction, bucket_id: int, key: str) -> None:
    transaction.execute("delete from object where bucket_id = ? and key = ?", (bucket_id, key))


def _extents_of(
    transaction: Transaction, bucket_id: int, key: str, old: Stored
) -> tuple[Extent, ...]:
    if old.extents:
        return _stored_extents(transaction.cursor, bucket_id, key, old.version)
    if old.blob_id is not None:
        return (Extent(blob_id=old.blob_id, blob_offset=old.blob_offset or 0, length=old.size),)
    return ()


def delete(transaction: Transaction, bucket_id: int, keys: Sequence[str]) -> None:
    """See `ossia.ports.MetadataStore.delete_objects`."""
    if not transaction.has_bucket(bucket_id):
        return
    for key in keys:
        old = stored(transaction, bucket_id, key)
        if old is None:
            continue
        transaction.refer(net_references((), _extents_of(transaction, bucket_id, key, old)))
        if old.extents:
            _delete_extents(transaction, bucket_id, key)
        transaction.keep_content(old.content_id, None)
        _delete_row(transaction, bucket_id, key)
        transaction.count(bucket_id, storage_bytes=-old.size, objects=-1)


def append(
    transaction: Transaction,
    new: StoredObject,
    *,
    position: int,
    added: Extent | None,
    replaces: StoredObject | None,
) -> None:
    """See `ossia.ports.MetadataStore.append_object`.

    The extents stored so far are not read: an append costs the same at any length.
    """
    transaction.require_bucket(new.bucket_id)
    old = stored(transaction, new.bucket_id, new.key)
    if old is None:
        if position:
            raise Conflict(new.key)
    elif old.type != ObjectType.APPENDABLE or old.size != position:
        raise Conflict(new.key)
    if replaces is not None:
        row = transaction.get(_FIND, (new.bucket_id, new.key))
        if row is None or said_of(_object(new.bucket_id, new.key, row, ())) != said_of(replaces):
            raise Conflict(new.key)
    if added is not None:
        transaction.check_recordable((added.blob_id,))
        transaction.refer({added.blob_id: 1})
    content_id = transaction.keep_content(old.content_id, None) if old else None
    extent_rows = old.extents if old else 0
    if old is not None and old.blob_id is not None:
        first = Extent(blob_id=old.blob_id, blob_offset=old.blob_offset or 0, length=old.size)
        _insert_extent(transaction, new, 0, first)
        extent_rows = 1
    if added is not None:
        _insert_extent(transaction, new, extent_rows, added)
        extent_rows += 1
    _write_row(transaction, new, content_id, None, extent_rows)
    transaction.count(
        new.bucket_id, storage_bytes=new.size - (old.size if old else 0), objects=old is None
    )
