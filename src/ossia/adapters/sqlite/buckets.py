# ruff: noqa: S608 - what is put into statements are constants of this file
"""Statements about buckets."""

from typing import Any

import apsw
from msgspec.structs import replace

from ossia.adapters.key_order import successor
from ossia.adapters.sqlite.columns import bytes_map, pack_map
from ossia.adapters.sqlite.transaction import Transaction, rows
from ossia.ports import Conflict, Exists, Missing, NotEmpty
from ossia.records import Bucket, BucketUsage

_COLUMNS = (
    "id, name, owner, created_at, region, acl, storage_class, redundancy, versioning,"
    " documents, epoch"
)


def _bucket(row: tuple[Any, ...]) -> Bucket:
    return Bucket(
        id=row[0],
        name=row[1],
        owner=row[2],
        created_at=row[3],
        region=row[4],
        acl=row[5],
        storage_class=row[6],
        redundancy=row[7],
        versioning=row[8],
        documents=bytes_map(row[9]),
        epoch=row[10],
    )


def find(cursor: apsw.Cursor, name: str) -> Bucket | None:
    """See `ossia.ports.MetadataStore.find_bucket`."""
    row = cursor.execute(f"select {_COLUMNS} from bucket where name = ?", (name,)).get
    return None if row is None else _bucket(row)


def page(cursor: apsw.Cursor, prefix: str, after: str, limit: int) -> list[Bucket]:
    """See `ossia.ports.MetadataStore.list_buckets`."""
    found = rows(
        cursor,
        f"select {_COLUMNS} from bucket where name > ? and name >= ? and name < ?"
        " order by name limit ?",
        (after, prefix, successor(prefix) or b"", max(limit, 0)),
    )
    return [_bucket(row) for row in found]


def usage(cursor: apsw.Cursor, bucket_id: int) -> BucketUsage:
    """See `ossia.ports.MetadataStore.bucket_usage`."""
    row = cursor.execute(
        "select storage_bytes, objects, uploads, parts, last_modified_at from bucket_usage"
        " where bucket_id = ?",
        (bucket_id,),
    ).get
    if row is None:
        raise Missing(bucket_id)
    storage_bytes, objects, uploads, parts, last_modified_at = row
    return BucketUsage(
        storage_bytes=storage_bytes,
        objects=objects,
        uploads=uploads,
        parts=parts,
        last_modified_at=last_modified_at,
    )


def create(transaction: Transaction, bucket: Bucket) -> Bucket:
    """See `ossia.ports.MetadataStore.create_bucket`."""
    if transaction.get("select 1 from bucket where name = ?", (bucket.name,)) is not None:
        raise Exists(bucket.name)
    transaction.execute(
        f"insert into bucket ({_COLUMNS}) values (null, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            bucket.name,
            bucket.owner,
            bucket.created_at,
            bucket.region,
            bucket.acl,
            bucket.storage_class,
            bucket.redundancy,
            bucket.versioning,
            pack_map(bucket.documents),
            bucket.epoch,
        ),
    )
    bucket_id = transaction.last_rowid()
    transaction.execute("insert into bucket_usage (bucket_id) values (?)", (bucket_id,))
    return replace(bucket, id=bucket_id)


def update(transaction: Transaction, bucket: Bucket) -> Bucket:
    """See `ossia.ports.MetadataStore.update_bucket`."""
    found = transaction.get("select name, epoch from bucket where id = ?", (bucket.id,))
    if found is None:
        raise Missing(bucket.id)
    name, epoch = found
    if epoch != bucket.epoch:
        raise Conflict(name)
    updated = replace(bucket, name=name, epoch=epoch + 1)
    transaction.execute(
        "update bucket set owner = ?, created_at = ?, region = ?, acl = ?, storage_class = ?,"
        " redundancy = ?, versioning = ?, documents = ?, epoch = ? where id = ?",
        (
            updated.owner,
            updated.created_at,
            updated.region,
            updated.acl,
            updated.storage_class,
            updated.redundancy,
            updated.versioning,
            pack_map(updated.documents),
            updated.epoch,
            updated.id,
        ),
    )
    return updated


def delete(transaction: Transaction, bucket_id: int) -> None:
    """See `ossia.ports.MetadataStore.delete_bucket`."""
    transaction.require_bucket(bucket_id)
    for table in ("object", "upload"):
        found = f"select 1 from {table} where bucket_id = ? limit 1"
        if transaction.get(found, (bucket_id,)) is not None:
            raise NotEmpty(bucket_id)
    transaction.execute("delete from bucket where id = ?", (bucket_id,))
    transaction.execute("delete from bucket_usage where bucket_id = ?", (bucket_id,))
    transaction.forget_bucket(bucket_id)
