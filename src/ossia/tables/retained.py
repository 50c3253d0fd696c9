"""What must stay: which buckets retain, and what is known of the versions that may have to.

A bucket that does not retain has no row in ``retaining``, and its versions have none in
``retention``: who writes in it asks nothing more.

1. What may have to stay is let go only by who asks: a change without a guard lets nothing go in a
   bucket that retains.
2. What a bucket retains changes while nobody is in it (`ossia.tables.buckets`), so every change
   knows what holds for it, however old the bucket is that it was asked with.
3. How long something must stay is no matter of this module: the guard says so.
"""

from collections.abc import Callable

import msgspec

from ossia.ports import Rows, Transaction
from ossia.records import Retention
from ossia.tables.columns import bytes_map, pack

_OF_VERSION = "where bucket_id = $1 and key = $2 and version = $3"
_MODIFIED = (
    f"select modified_at from object {_OF_VERSION}"
    f" union all select modified_at from former {_OF_VERSION}"
)
_unpack = msgspec.msgpack.Decoder(Retention).decode


class Kept(msgspec.Struct, frozen=True):
    """What decides whether a version must stay; ``documents`` are those of its bucket."""

    documents: dict[str, bytes]
    modified_at: int
    retention: Retention | None = None


Guard = Callable[[Kept, int], bool]
"""Whether a version must stay at a time (`ossia.domain.objects.retention`)."""


async def find(rows: Rows, bucket_id: int, key: str, version: str) -> Retention | None:
    """The retention of a version, if it has one of its own."""
    row = await rows.one(f"select record from retention {_OF_VERSION}", bucket_id, key, version)
    return None if row is None else _unpack(row[0])


async def must_stay(
    tx: Transaction, bucket_id: int, key: str, version: str, guard: Guard | None
) -> bool:
    """Whether a version, which is held, must stay; its bucket retains."""
    if guard is None:
        return True
    bucket = await tx.one("select documents from bucket where id = $1", bucket_id)
    row = await tx.one(_MODIFIED, bucket_id, key, version)
    assert bucket is not None
    assert row is not None
    retention = await find(tx, bucket_id, key, version)
    return guard(Kept(bytes_map(bucket[0]), row[0], retention), tx.now)


async def put(
    tx: Transaction, bucket_id: int, key: str, version: str, retention: Retention | None
) -> None:
    """Let a version, which is held, have this retention; None takes away what it has."""
    if retention is None:
        await tx.run(f"delete from retention {_OF_VERSION}", bucket_id, key, version)
        return
    await tx.run(
        "insert into retention (bucket_id, key, version, record) values ($1, $2, $3, $4)"
        " on conflict (bucket_id, key, version) do update set record = excluded.record",
        bucket_id,
        key,
        version,
        pack(retention),
    )
