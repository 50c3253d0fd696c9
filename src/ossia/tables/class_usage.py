"""What is counted of the storage classes that cost less to keep than to touch.

Rules:

1. Of Standard nothing is counted here: it is what remains of a bucket's usage.  So a bucket that
   holds nothing else pays nothing for the others.
2. A part counts with the class of its upload, as the object will that becomes of it.
3. An object counts as `LEAST_BILLED` bytes at least, as OSS bills it; a part as what it has.
"""

from ossia.ports import Transaction
from ossia.records import ObjectType
from ossia.tables.columns import marks

STANDARD = "Standard"
MARKERS = ObjectType.DELETE_MARKER.value
"""What stands for the class of delete markers, which are counted, but are no objects."""
LEAST_BILLED = 64 * 1024
"""GetBucketStat documentation, "InfrequentAccessStorage" and its neighbours."""

_BILLED = f"case when size > {LEAST_BILLED} then size else {LEAST_BILLED} end"
_INTO = (
    "insert into class_usage (bucket_id, slot, storage_class, storage_bytes, billed_bytes, objects)"
)
_ADD = (
    " on conflict (bucket_id, slot, storage_class) do update set"
    " storage_bytes = class_usage.storage_bytes + excluded.storage_bytes,"
    " billed_bytes = class_usage.billed_bytes + excluded.billed_bytes,"
    " objects = class_usage.objects + excluded.objects"
)
COUNT = f"{_INTO} values ({marks(6)}){_ADD}"
"""Adds to what is counted of a class in a slot of a bucket: engines do, at the end of a change."""
UNCOUNTED = (
    "select bucket_id, storage_class, sum(stored) as stored, sum(billed) as billed,"
    " sum(objects) as objects from ("
    f" select bucket_id, storage_class, size as stored, {_BILLED} as billed, 1 as objects"
    f" from object where storage_class <> '{STANDARD}'"
    f" union all select bucket_id, storage_class, size,"
    f" case when storage_class = '{MARKERS}' then 0 else {_BILLED} end, 1"
    f" from former where storage_class <> '{STANDARD}'"
    " union all select bucket_id, storage_class, size, size, 0"
    f" from part join upload on upload.id = upload_id where storage_class <> '{STANDARD}'"
    " union all select bucket_id, storage_class, -storage_bytes, -billed_bytes, -objects"
    " from class_usage"
    ") as counted group by bucket_id, storage_class"
    " having sum(stored) <> 0 or sum(billed) <> 0 or sum(objects) <> 0"
)
"""(bucket, class, what is missing in its count of bytes, of billed bytes and of objects)."""
RECOUNT = (
    f"{_INTO} select bucket_id, 0, storage_class, stored, billed, objects"
    f" from ({UNCOUNTED}) as missing where true{_ADD}"
)
"""Adds what is missing to what is counted, and changes nothing where nothing is.

All of it is one statement, which sees one commit: who writes meanwhile need not wait.
"""


async def recount(tx: Transaction) -> None:
    """Add what is missing (`RECOUNT`)."""
    await tx.run(RECOUNT)


def count_object(tx: Transaction, bucket_id: int, storage_class: str, size: int, sign: int) -> None:
    """An object of that class and size has come (1) or gone (-1)."""
    if storage_class != STANDARD:
        tx.count_class(
            bucket_id,
            storage_class,
            storage_bytes=sign * size,
            billed_bytes=sign * max(size, LEAST_BILLED),
            objects=sign,
        )


def count_marker(tx: Transaction, bucket_id: int, sign: int) -> None:
    """A delete marker has come (1) or gone (-1)."""
    tx.count(bucket_id)
    tx.count_class(bucket_id, MARKERS, storage_bytes=0, billed_bytes=0, objects=sign)


def count_parts(tx: Transaction, bucket_id: int, storage_class: str, growth: int) -> None:
    """The parts of uploads of that class have grown by so much."""
    if storage_class != STANDARD:
        tx.count_class(
            bucket_id, storage_class, storage_bytes=growth, billed_bytes=growth, objects=0
        )
