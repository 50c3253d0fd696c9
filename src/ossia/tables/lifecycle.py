"""What the worker of lifecycle rules asks and changes: former versions in pages, and classes.

Deleting is `versions.delete` with `Removal.seen`, so that nothing goes that was not judged.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ossia.ports import Rows, Transaction
from ossia.records import StoredObject
from ossia.tables.access_times import forget
from ossia.tables.class_usage import count_object
from ossia.tables.columns import pack_map
from ossia.tables.key_order import behind_all
from ossia.tables.object_rows import ABOUT, as_listed
from ossia.tables.versions import FIRST_PLACE, Seen, is_as_seen

_FORMERS = (
    f"select key, place, {ABOUT}, (select named.modified_at from object as named"
    " where named.bucket_id = former.bucket_id and named.key = former.key) as named_at"
    " from former where bucket_id = $1 and (key, place) > ($2, $3) and key < $4"
    " order by key, place limit $5"
)
_CHANGE_CLASS = (
    "update {} set storage_class = $1, headers = $2, restoration = $3"
    " where bucket_id = $4 and key = $5 and version = $6"
)


class Former(NamedTuple):
    """A former version or marker, without the place of its bytes.

    ``named_at`` is when what its key names was written; None if it names nothing.
    """

    stored: StoredObject
    place: int
    named_at: int | None


async def formers(
    rows: Rows, bucket_id: int, prefix: str, after: tuple[str, int], limit: int
) -> list[Former]:
    """So many of them behind the key and place *after*, in the order of listings."""
    key, place = max(after, (prefix, FIRST_PLACE))
    found = await rows.all(_FORMERS, bucket_id, key, place, behind_all(prefix), limit)
    return [Former(as_listed(bucket_id, row[0], row[2:-1]), row[1], row[-1]) for row in found]


class ClassChange(NamedTuple):
    """A version as it was seen, the class that it is to be of, and its headers then."""

    stored: StoredObject
    seen: Seen
    storage_class: str
    headers: dict[str, str]
    forgets_reads: bool = False


async def change_classes(tx: Transaction, bucket_id: int, changes: Sequence[ClassChange]) -> int:
    """Let versions be of another class from now on; how many were still as they had been seen.

    Each stays the version that it is, and as old; a restoration ends.
    """
    done = 0
    if not await tx.enter(bucket_id):
        return done
    # In one order, whoever changes: two that wait for each other's keys would wait for ever.
    for stored, seen, storage_class, headers, forgets_reads in sorted(
        changes, key=lambda each: each.stored.key
    ):
        place = (bucket_id, stored.key, stored.version)
        table = await is_as_seen(tx, bucket_id, stored.key, seen)
        if not table:
            continue
        await tx.run(_CHANGE_CLASS.format(table), storage_class, pack_map(headers), None, *place)
        if forgets_reads:
            await forget(tx, [place])
        tx.count(bucket_id)
        count_object(tx, bucket_id, stored.storage_class, stored.size, -1)
        count_object(tx, bucket_id, storage_class, stored.size, 1)
        done += 1
    return done
