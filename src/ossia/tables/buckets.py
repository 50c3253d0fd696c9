"""Buckets' rows, and what is counted of each."""

from typing import Any

from msgspec.structs import replace

from ossia.ports import Conflict, Exists, Missing, NotEmpty, Rows, Transaction
from ossia.records import Bucket, BucketUsage, ClassUsage
from ossia.tables import identities
from ossia.tables.columns import bytes_map, marks, pack_map
from ossia.tables.key_order import behind_all, marker

CHANGED = "buckets"
"""The topic that a change of any bucket renews, or of a setting for all of them.

That there is none of a name is remembered by nobody.
"""

_OWN = (
    "name, owner, created_at, region, acl, storage_class, redundancy, versioning, documents, epoch"
)
_FIND = f"select id, {_OWN} from bucket where name = $1"
_PAGE = (
    f"select id, {_OWN} from bucket where name > $1 and name >= $2 and name < $3"
    " order by name limit $4"
)
# One statement, so that all is of the same commit.
_USAGE = (
    "select '' as storage_class, storage_bytes, 0 as billed_bytes, objects, uploads, parts,"
    " last_modified_at from bucket_usage where bucket_id = $1"
    " union all select storage_class, storage_bytes, billed_bytes, objects, 0, 0, 0"
    " from class_usage where bucket_id = $1"
)
_INSERT = f"insert into bucket ({_OWN}) values ({marks(10)}) returning id"


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


async def find(rows: Rows, name: str) -> Bucket | None:
    """The bucket of that name."""
    row = await rows.one(_FIND, name)
    return None if row is None else _bucket(row)


async def page(rows: Rows, prefix: str, after: str, limit: int) -> list[Bucket]:
    """Buckets whose name starts with *prefix* and is greater than *after*, in order."""
    found = await rows.all(_PAGE, marker(after), prefix, behind_all(prefix), max(limit, 0))
    return [_bucket(row) for row in found]


async def usage(rows: Rows, bucket_id: int) -> BucketUsage:
    """Live numbers; bytes of parts count.  Cost does not grow with the number of objects.

    ``last_modified_at`` is the last change of objects, uploads or parts.  Raises `Missing`.
    """
    found = await rows.all(_USAGE, bucket_id)
    counted = [row[1:] for row in found if not row[0]]
    if not counted:
        raise Missing(bucket_id)
    storage_bytes, _, objects, uploads, parts, last_modified_at = zip(*counted, strict=True)
    return BucketUsage(
        storage_bytes=sum(storage_bytes),
        objects=sum(objects),
        uploads=sum(uploads),
        parts=sum(parts),
        last_modified_at=max(last_modified_at),
        classes=_of_classes([row[:4] for row in found if row[0]]),
    )


async def total_usage(rows: Rows) -> tuple[int, int]:
    """Bytes that are stored in all buckets together, and objects and parts."""
    found = await rows.one(
        "select coalesce(cast(sum(storage_bytes) as bigint), 0),"
        " coalesce(cast(sum(objects) + sum(parts) as bigint), 0) from bucket_usage"
    )
    assert found is not None
    return found[0], found[1]


def _of_classes(counted: list[tuple[Any, ...]]) -> dict[str, ClassUsage]:
    """The sum of each class of which there is anything."""
    classes = {}
    for storage_class in sorted({row[0] for row in counted}):
        of_class = zip(*(row[1:] for row in counted if row[0] == storage_class), strict=True)
        # Below zero is what older gateways had stored and `upgrade` has not counted yet.
        storage_bytes, billed_bytes, objects = (max(0, sum(each)) for each in of_class)
        if storage_bytes or billed_bytes or objects:
            classes[storage_class] = ClassUsage(
                storage_bytes=storage_bytes, billed_bytes=billed_bytes, objects=objects
            )
    return classes


async def create(tx: Transaction, bucket: Bucket) -> Bucket:
    """Insert, and give it an ``id``.  Raises `Exists` if the name is taken."""
    if await tx.one("select 1 from bucket where name = $1", bucket.name) is not None:
        raise Exists(bucket.name)
    row = await tx.one(
        _INSERT,
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
    )
    assert row is not None
    created = replace(bucket, id=row[0])
    await tx.run_each(
        "insert into bucket_usage (bucket_id, slot) values ($1, $2)",
        [(created.id, slot) for slot in range(tx.slots)],
    )
    return created


async def update(tx: Transaction, bucket: Bucket) -> Bucket:
    """Replace the row with that id and epoch; the result has the next epoch.

    Raises `Conflict` if the stored epoch differs, `Missing` if the bucket is gone.
    """
    found = await tx.hold("select name, epoch from bucket where id = $1", bucket.id)
    if not found:
        raise Missing(bucket.id)
    name, epoch = found[0]
    if epoch != bucket.epoch:
        raise Conflict(name)
    updated = replace(bucket, name=name, epoch=epoch + 1)
    await tx.run(
        "update bucket set owner = $1, created_at = $2, region = $3, acl = $4, storage_class = $5,"
        " redundancy = $6, versioning = $7, documents = $8, epoch = $9 where id = $10",
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
    )
    tx.renew(CHANGED)
    return updated


async def retain(tx: Transaction, bucket: Bucket, *, retains: bool) -> Bucket:
    """`update` a bucket in which something may have to stay from now on, or not any more.

    Nobody writes in it meanwhile: whoever comes after knows (`ossia.tables.retained`).
    """
    if not await tx.enter(bucket.id, alone=True):
        raise Missing(bucket.id)
    updated = await update(tx, bucket)
    if retains:
        await tx.run(
            "insert into retaining (bucket_id, since) values ($1, $2)"
            " on conflict (bucket_id) do nothing",
            bucket.id,
            tx.now,
        )
    else:
        await tx.run("delete from retaining where bucket_id = $1", bucket.id)
    return updated


async def delete(tx: Transaction, bucket_id: int) -> None:
    """Remove an empty bucket.  Raises `Missing` or `NotEmpty` (versions or uploads)."""
    if not await tx.enter(bucket_id, alone=True):
        raise Missing(bucket_id)
    for table in ("object", "former", "upload"):
        found = f"select 1 from {table} where bucket_id = $1 limit 1"
        if await tx.one(found, bucket_id) is not None:
            raise NotEmpty(bucket_id)
    await tx.run("delete from bucket where id = $1", bucket_id)
    await tx.run("delete from bucket_usage where bucket_id = $1", bucket_id)
    await tx.run("delete from class_usage where bucket_id = $1", bucket_id)
    await tx.run("delete from retaining where bucket_id = $1", bucket_id)
    tx.renew(CHANGED)


async def put_setting(tx: Transaction, name: str, record: bytes) -> None:
    """Insert or replace a setting of the account that is heeded in all its buckets."""
    await identities.put(tx, "setting", name, record)
    tx.renew(CHANGED)


async def find_setting(rows: Rows, name: str) -> bytes | None:
    """The stored form of such a setting."""
    return await identities.find(rows, "setting", name)
