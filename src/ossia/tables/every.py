"""Every table as rows, for who copies what is stored from one engine to another.

What an engine keeps for itself is not here, nor how it counts the usage of buckets.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ossia.ports import Row, Rows, Transaction
from ossia.tables.columns import marks


@dataclass(frozen=True, slots=True)
class Table:
    """A table.  The first columns are its key, in the order of which rows are read."""

    name: str
    keys: tuple[str, ...]
    rest: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.keys, *self.rest)

    def at(self, column: str) -> int:
        """Where a column stands in its rows."""
        return self.columns.index(column)

    def key_of(self, row: Row) -> Row:
        """The key of a row."""
        return row[: len(self.keys)]

    def version_of(self, row: Row) -> Row:
        """Bucket, key and version of a row of `VERSIONS`, by which its extents are found."""
        return (*row[:2], row[self.at("version")])


def _table(name: str, keys: str, rest: str) -> Table:
    return Table(name, tuple(keys.split()), tuple(rest.split()))


BUCKET: Final = _table(
    "bucket",
    "id",
    "name owner created_at region acl storage_class redundancy versioning documents epoch",
)
CONTENT: Final = _table("content", "id", "bytes")
_OF_OBJECTS = (
    "type size etag md5 crc64 modified_at storage_class acl headers tags content_id blob_id"
    " blob_offset extents restoration"
)
OBJECT: Final = _table("object", "bucket_id key version", f"latest {_OF_OBJECTS}")
FORMER: Final = _table("former", "bucket_id key place", f"version {_OF_OBJECTS}")
VERSIONS: Final = (OBJECT, FORMER)
"""Where the versions of keys are."""
RETAINING: Final = _table("retaining", "bucket_id", "since")
RETENTION: Final = _table("retention", "bucket_id key version", "record")
EXTENT: Final = _table("extent", "bucket_id key version seq", "blob_id blob_offset length")
BLOB: Final = _table("blob", "id", "state refs lease_until")
UPLOAD: Final = _table(
    "upload",
    "bucket_id key id",
    "initiated_at storage_class acl headers tags sequential forbid_overwrite",
)
PART: Final = _table("part", "upload_id number", "size etag crc64 modified_at content_id extents")
IDENTITY: Final = _table("identity", "kind name", "record")
DELIVERY: Final = _table("delivery", "id", "at bucket key request_id message_id accepted record")
PENDING: Final = _table("pending", "id", "due dead record")
NONCE: Final = _table("nonce", "mark", "until")
ACCESS: Final = _table("access", "bucket_id key version", "at")

EVERY: Final = (
    BUCKET,
    CONTENT,
    OBJECT,
    FORMER,
    RETAINING,
    RETENTION,
    EXTENT,
    BLOB,
    UPLOAD,
    PART,
    IDENTITY,
    DELIVERY,
    PENDING,
    NONCE,
    ACCESS,
)


async def page(rows: Rows, table: Table, after: Row | None, limit: int) -> list[Row]:
    """Rows with keys greater than that of *after*, in the order of their keys."""
    columns, keys = ", ".join(table.columns), ", ".join(table.keys)
    if after is None:
        return await rows.all(f"select {columns} from {table.name} order by {keys} limit $1", limit)
    count = len(table.keys)
    return await rows.all(
        f"select {columns} from {table.name} where ({keys}) > ({marks(count)})"
        f" order by {keys} limit ${count + 1}",
        *table.key_of(after),
        limit,
    )


async def find(rows: Rows, table: Table, key: Row) -> Row | None:
    """The row of that key."""
    columns = ", ".join(table.columns)
    where = " and ".join(f"{column} = ${at}" for at, column in enumerate(table.keys, 1))
    return await rows.one(f"select {columns} from {table.name} where {where}", *key)


async def put(tx: Transaction, table: Table, rows: Sequence[Row]) -> None:
    """Insert or replace rows."""
    changed = ", ".join(f"{column} = excluded.{column}" for column in table.rest)
    await tx.run_each(
        f"insert into {table.name} ({', '.join(table.columns)})"
        f" values ({marks(len(table.columns))})"
        f" on conflict ({', '.join(table.keys)}) do update set {changed}",
        [tuple(row) for row in rows],
    )


async def drop(tx: Transaction, table: Table, keys: Iterable[Row]) -> None:
    """Remove the rows of these keys."""
    where = " and ".join(f"{column} = ${at}" for at, column in enumerate(table.keys, 1))
    await tx.run_each(f"delete from {table.name} where {where}", keys)


async def make_place(tx: Transaction, table: Table, rows: Sequence[Row]) -> None:
    """Remove what is in the way of *rows* of `VERSIONS`.

    A key names one version, and of a key no version is there twice.
    """
    if table is OBJECT:
        sql = "delete from object where bucket_id = $1 and key = $2 and version <> $3"
        await tx.run_each(sql, [tuple(row[:3]) for row in rows])
    if table is FORMER:
        sql = (
            "delete from former where bucket_id = $1 and key = $2 and place <> $3 and version = $4"
        )
        await tx.run_each(sql, [tuple(row[:4]) for row in rows])


Usage = tuple[list[Row], list[Row]]
"""(bucket id, storage bytes, objects, uploads, parts, time of the last change) of each bucket, and
(bucket id, storage class, storage bytes, billed bytes, objects) of each class in it."""


async def usage(rows: Rows) -> Usage:
    """What is counted."""
    of_buckets = await rows.all(
        "select bucket_id, cast(sum(storage_bytes) as bigint), cast(sum(objects) as bigint),"
        " cast(sum(uploads) as bigint), cast(sum(parts) as bigint), max(last_modified_at)"
        " from bucket_usage group by bucket_id order by bucket_id"
    )
    of_classes = await rows.all(
        "select bucket_id, storage_class, cast(sum(storage_bytes) as bigint),"
        " cast(sum(billed_bytes) as bigint), cast(sum(objects) as bigint)"
        " from class_usage group by bucket_id, storage_class order by bucket_id, storage_class"
    )
    return of_buckets, of_classes


async def put_usage(tx: Transaction, counted: Usage) -> None:
    """Count so much for each bucket, and nothing for others."""
    of_buckets, of_classes = counted
    await tx.run("delete from class_usage")
    await tx.run_each(
        "insert into class_usage"
        " (bucket_id, slot, storage_class, storage_bytes, billed_bytes, objects)"
        f" values ($1, 0, {marks(4, 2)})",
        [tuple(row) for row in of_classes],
    )
    await tx.run("delete from bucket_usage")
    await tx.run_each(
        "insert into bucket_usage"
        " (bucket_id, slot, storage_bytes, objects, uploads, parts, last_modified_at)"
        f" values ({marks(7)})",
        [
            (row[0], slot, *(tuple(row)[1:] if slot == 0 else (0, 0, 0, 0, 0)))
            for row in of_buckets
            for slot in range(tx.slots)
        ],
    )
