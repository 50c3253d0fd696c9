"""Rows of ``access``: when versions of objects were last read, in buckets that keep it.

A row is written behind the read, and stays when its object goes: the worker of lifecycle rules
removes those that nothing is left of.
"""

from collections.abc import Iterable, Sequence

from ossia.ports import Rows, Transaction

Access = tuple[int, str, str, int]
"""Bucket, key, version, and when it was last read (milliseconds)."""
Place = tuple[int, str, str]
"""The first three of them."""
FIRST: Place = (0, "", "")

_NOTE = (
    "insert into access (bucket_id, key, version, at) values ($1, $2, $3, $4)"
    " on conflict (bucket_id, key, version) do update set"
    " at = case when access.at < excluded.at then excluded.at else access.at end"
)
_FIND = "select at from access where bucket_id = $1 and key = $2 and version = $3"
_BETWEEN = (
    "select key, version, at from access where bucket_id = $1 and key >= $2 and key <= $3"
    " order by key, version limit $4"
)
_IS_THERE = (
    "select 1 from {} as found where found.bucket_id = access.bucket_id"
    " and found.key = access.key and found.version = access.version"
)
_PAGE = (
    "select bucket_id, key, version,"
    f" case when exists ({_IS_THERE.format('object')}) or exists ({_IS_THERE.format('former')})"
    " then 1 else 0 end"
    " from access where (bucket_id, key, version) > ($1, $2, $3)"
    " order by bucket_id, key, version limit $4"
)
_FORGET = "delete from access where bucket_id = $1 and key = $2 and version = $3"


# reading


async def find(rows: Rows, bucket_id: int, key: str, version: str) -> int | None:
    """When a version was last read, if that is known."""
    row = await rows.one(_FIND, bucket_id, key, version)
    return None if row is None else int(row[0])


async def between(
    rows: Rows, bucket_id: int, first: str, last: str, limit: int
) -> list[tuple[str, str, int]]:
    """(key, version, when) of so many rows from the key *first* to the key *last*."""
    return [
        (key, version, at)
        for key, version, at in await rows.all(_BETWEEN, bucket_id, first, last, limit)
    ]


async def page(rows: Rows, after: Place, limit: int) -> list[tuple[Place, bool]]:
    """So many rows behind *after*, and whether the version that each is about is there."""
    found = await rows.all(_PAGE, *after, limit)
    return [((bucket_id, key, version), bool(there)) for bucket_id, key, version, there in found]


# writing


async def note(tx: Transaction, read: Iterable[Access]) -> None:
    """Note reads; an older one changes nothing."""
    # In one order, whoever notes: two that wait for each other's rows would wait for ever.
    await tx.run_each(_NOTE, sorted(read))


async def forget(tx: Transaction, places: Sequence[Place]) -> None:
    """Remove rows.  Unknown ones are no error."""
    await tx.run_each(_FORGET, sorted(places))
