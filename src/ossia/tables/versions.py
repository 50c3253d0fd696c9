"""The versions of keys, wherever their rows lie: found, listed, marked as deleted, removed."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

import msgspec

from ossia.ports import Conflict, Missing, Row, Rows, Transaction
from ossia.records import NULL_VERSION, ObjectType, Restoration, Retention, StoredObject
from ossia.tables import formers, objects, retained, skip_seek
from ossia.tables.columns import pack_map, pack_restoration
from ossia.tables.key_order import behind_all, marker
from ossia.tables.object_rows import ABOUT, Stored, as_listed, count_gone, let_go, must_stay
from ossia.tables.retained import Guard
from ossia.tables.skip_seek import Index, Name

FIRST_PLACE = -(1 << 62)
"""The place of what a key names: before all former versions."""

_COLUMNS = f"key, place, {ABOUT}"


def _seek(of_objects: str, of_formers: str) -> str:
    """Rows of both tables in the order of key and place."""
    return (
        f"select {_COLUMNS} from (select * from"
        f" (select key, {FIRST_PLACE} as place, {ABOUT} from object"
        f" where bucket_id = $1 and {of_objects} and key < $3 and latest = 1"
        f" order by key limit $4) as named"
        f" union all select * from (select {_COLUMNS} from former"
        f" where bucket_id = $1 and {of_formers} and key < $3"
        f" order by key, place limit $4) as kept) as versions"
        f" order by key, place limit $4"
    )


_FROM = _seek("key >= $2", "key >= $2")
_BEHIND_KEY = _seek("key > $2", "key > $2")
_BEHIND = _seek("key > $2", "(key, place) > ($2, $5)")
_FIRST = (
    f"(select min(key) from"
    f" (select {objects.FIRST} as key union all select {formers.FIRST}) as either)"
)
_PLACE = "select place from former where bucket_id = $1 and key = $2 and version = $3"
_SET = "update {} set {} = $1 where bucket_id = $2 and key = $3 and version = $4"
_SEEN = "version, etag, modified_at, storage_class, tags"
_LOOKS = 8
"""How often a key is looked at that others keep changing."""


class ListedVersion(msgspec.Struct, frozen=True):
    """A version in a listing; without the place of its bytes."""

    stored: StoredObject
    is_latest: bool


class VersionListing(msgspec.Struct, frozen=True, kw_only=True):
    """One page: versions and common prefixes.

    ``next_key`` and ``next_version`` are the last on the page when there is more, otherwise None;
    the version of a common prefix is empty.
    """

    versions: list[ListedVersion]
    prefixes: list[str]
    next_key: str | None
    next_version: str | None


class Where(StrEnum):
    """Which of the versions of its key one is."""

    NAMED = "named"
    FORMER = "former"
    LAST = "last"
    """A marker that is all that is left."""


class Seen(NamedTuple):
    """What a version was when somebody judged it."""

    where: Where
    version: str
    etag: str
    modified_at: int
    storage_class: str
    tags: bytes | None


def seen_as(stored: StoredObject, where: Where) -> Seen:
    """*stored* as it was seen."""
    return Seen(
        where,
        stored.version,
        stored.etag,
        stored.modified_at,
        stored.storage_class,
        pack_map(stored.tags),
    )


class Removal(msgspec.Struct, frozen=True):
    """What is to be deleted: exactly *version*, or without one what *key* names.

    *marker* is the version that a delete marker gets, empty where the bucket makes none.  What is
    not as it was *seen* any more stays.
    """

    key: str
    version: str = ""
    marker: str = ""
    seen: Seen | None = None


# reading


async def find(rows: Rows, bucket_id: int, key: str, version: str) -> StoredObject | None:
    """A version with its bytes' place, or a marker."""
    for _ in range(2):
        found = await objects.find(rows, bucket_id, key)
        if found is not None and found.version == version:
            return found
        former = await formers.find(rows, bucket_id, key, version)
        if former is not None:
            return former
        # It may have become what the key names between the two questions.
    return None


async def page(
    rows: Rows,
    bucket_id: int,
    *,
    prefix: str,
    delimiter: str,
    after_key: str,
    after_version: str,
    limit: int,
) -> VersionListing:
    """One page of versions: in the order of keys, and of a key the newest first.

    With an empty *after_version*, keys greater than *after_key*; otherwise what lies behind that
    version of *after_key* as well.  Of a version that is gone nobody knows where it was: then the
    key is listed from its newest version on, which shows nothing twice to whoever deletes what is
    listed, and again to everybody else.
    """
    end = behind_all(prefix)
    if marker(after_key) != after_key:
        # No key is that one.
        after_key, after_version = marker(after_key), ""
    place = FIRST_PLACE - 1
    if after_version:
        place = await _place(rows, bucket_id, after_key, after_version)

    async def seek(rows: Rows, key: str, inclusive: bool, count: int) -> list[Row]:
        if inclusive and key == after_key and place >= FIRST_PLACE:
            return await rows.all(_BEHIND, bucket_id, key, end, count, place)
        return await rows.all(_FROM if inclusive else _BEHIND_KEY, bucket_id, key, end, count)

    async def behind(rows: Rows, row: Row, count: int) -> list[Row]:
        return await rows.all(_BEHIND, bucket_id, row[0], end, count, row[1])

    found, last = await skip_seek.page(
        rows,
        Index(bucket_id, end, seek, behind, _FIRST),
        prefix,
        delimiter,
        after_key,
        limit,
        including_after=bool(after_version),
    )
    last_key, last_row = last or (None, None)
    return VersionListing(
        versions=list(_listed(bucket_id, found, after_key if place >= FIRST_PLACE else None)),
        prefixes=[name for name, row in found if row is None],
        next_key=last_key,
        next_version=None if last_key is None else "" if last_row is None else last_row[2],
    )


async def _place(rows: Rows, bucket_id: int, key: str, version: str) -> int:
    """Where a version stands among those of its key; before all if it is gone."""
    row = await rows.one(_PLACE, bucket_id, key, version)
    if row is not None:
        return int(row[0])
    named = await objects.find(rows, bucket_id, key)
    return FIRST_PLACE if named is not None and named.version == version else FIRST_PLACE - 1


def _listed(
    bucket_id: int, found: Iterable[Name], continued: str | None
) -> Iterable[ListedVersion]:
    """The first of each key is the latest, but for the key whose first ones were listed before."""
    previous = continued
    for key, row in found:
        if row is not None:
            yield ListedVersion(as_listed(bucket_id, key, row[2:]), key != previous)
            previous = key


# writing


async def delete(
    tx: Transaction, bucket_id: int, removals: Iterable[Removal], guard: Guard | None = None
) -> dict[Removal, bool | None]:
    """Delete versions, or mark keys as deleted; whether what went was a marker.

    None: *guard* says that it must stay.  What is not there is no error.  Nothing happens if the
    bucket is gone.  What is not as it was seen is not in the result.
    """
    gone: dict[Removal, bool | None] = dict.fromkeys(removals, False)
    if not await tx.enter(bucket_id):
        return gone
    # In one order, whoever deletes: two that wait for each other's keys would wait for ever.
    for each in sorted(gone, key=lambda each: each.key):
        if each.seen is not None and not await is_as_seen(tx, bucket_id, each.key, each.seen):
            del gone[each]
            continue
        if each.version:
            gone[each] = await _remove(tx, bucket_id, each.key, each.version, guard)
        elif each.marker:
            if not await _mark(tx, bucket_id, each.key, each.marker, guard):
                gone[each] = None
        elif await objects.delete(tx, bucket_id, [each.key], guard):
            gone[each] = None
    return gone


async def _mark(
    tx: Transaction, bucket_id: int, key: str, version: str, guard: Guard | None
) -> bool:
    """Let *key* name nothing: a marker comes before what it named.

    False: it would take the place of a version that must stay.
    """
    for _ in range(_LOOKS):
        named = await objects.stored(tx, bucket_id, key)
        if named is not None:
            if named.may_have_to_stay and await _stays(tx, bucket_id, key, named, version, guard):
                return False
            if named.version == version:
                await let_go(tx, bucket_id, key, named)
                count_gone(tx, bucket_id, named)
            else:
                await formers.keep(tx, bucket_id, key, named.version)
            await objects.delete_row(tx, bucket_id, key)
            break
        newest = await formers.hold_newest(tx, bucket_id, key)
        # Whoever took the newest away, for whom we waited, may have named another one.
        if newest is None or newest.is_marker:
            break
    # Where something is written by now, it was looked at before.
    if version == NULL_VERSION and await formers.drop(tx, bucket_id, key, version, guard) is None:
        return False
    await formers.mark(tx, bucket_id, key, version, tx.now)
    return True


async def _stays(
    tx: Transaction, bucket_id: int, key: str, named: Stored, version: str, guard: Guard | None
) -> bool:
    """Whether a marker *version* would take the place of one that must stay."""
    old = named if named.version == version else None
    if old is None and version == NULL_VERSION:
        old = await formers.hold(tx, bucket_id, key, version)
    return old is not None and await must_stay(tx, bucket_id, key, old, guard)


async def _remove(
    tx: Transaction, bucket_id: int, key: str, version: str, guard: Guard | None
) -> bool | None:
    """Remove one version; whether it was a marker, None if it must stay.

    What is left of the key may be named again.
    """
    for _ in range(2):
        named = await objects.stored(tx, bucket_id, key)
        if named is not None and named.version == version:
            if await must_stay(tx, bucket_id, key, named, guard):
                return None
            await let_go(tx, bucket_id, key, named)
            await objects.delete_row(tx, bucket_id, key)
            count_gone(tx, bucket_id, named)
            await formers.name_newest(tx, bucket_id, key)
            return False
        dropped = await formers.drop(tx, bucket_id, key, version, guard)
        if dropped is None:
            return None
        if dropped:
            if named is None:
                await formers.name_newest(tx, bucket_id, key)
            return dropped == ObjectType.DELETE_MARKER
        # It may have become what the key names while we waited for its row.
    return False


async def describe(
    tx: Transaction,
    bucket_id: int,
    key: str,
    version: str | None = None,
    *,
    acl: str | None = None,
    tags: dict[str, str] | None = None,
) -> str:
    """Change what is said about what *key* names, or a version, beside bytes and headers.

    Which version that was.  Whatever else is written meanwhile comes before or after it: it is
    never in vain.  Raises `Missing` if there is no such object: a delete marker is none.
    """
    if not await tx.enter(bucket_id):
        raise Missing(bucket_id)
    table, row = await hold(tx, "version, type", bucket_id, key, version)
    if row is None or row[1] == ObjectType.DELETE_MARKER:
        raise Missing(key)
    place = (bucket_id, key, row[0])
    if acl is not None:
        await tx.run(_SET.format(table, "acl"), acl, *place)
    if tags is not None:
        await tx.run(_SET.format(table, "tags"), pack_map(tags), *place)
    return str(row[0])


async def put_restoration(
    tx: Transaction, of: StoredObject, restoration: Restoration | None
) -> None:
    """Note that *of* is being restored, or that it is not any more.

    Raises `Conflict` if there is something else in its place, or its restoration is not what *of*
    says.  Nothing else changes: neither the usage of the bucket nor what a listing is ordered by.
    """
    before = pack_restoration(of.restoration)
    await _put(tx, of, "restoration", before, pack_restoration(restoration))


async def put_headers(tx: Transaction, of: StoredObject, headers: dict[str, str]) -> None:
    """Let *of* have other headers; it stays the version that it is, and as old.

    Raises `Conflict` if there is something else in its place, or its headers are not what *of*
    says.
    """
    await _put(tx, of, "headers", pack_map(of.headers), pack_map(headers))


async def _put(
    tx: Transaction, of: StoredObject, column: str, before: bytes | None, after: bytes | None
) -> None:
    place = (of.bucket_id, of.key, of.version)
    table, row = await hold(tx, f"etag, modified_at, {column}", *place)
    if row is None or tuple(row) != (of.etag, of.modified_at, before):
        raise Conflict(of.key)
    await tx.run(_SET.format(table, column), after, *place)


async def put_retention(
    tx: Transaction, of: StoredObject, before: Retention | None, after: Retention
) -> None:
    """Let the version *of* have another retention than *before*.

    Raises `Missing` if it is gone, `Conflict` if its retention is not *before*.
    """
    place = (of.bucket_id, of.key, of.version)
    if not await tx.enter(of.bucket_id):
        raise Missing(of.bucket_id)
    _, row = await hold(tx, "type", *place)
    if row is None or row[0] == ObjectType.DELETE_MARKER:
        raise Missing(of.key)
    if await retained.find(tx, *place) != before:
        raise Conflict(of.key)
    await retained.put(tx, *place, after)


async def hold(
    tx: Transaction, columns: str, bucket_id: int, key: str, version: str | None
) -> tuple[str, Row | None]:
    """The table and the row of what *key* names, or of a version, for who changes it there."""
    which, named = ("", ()) if version is None else (" and version = $3", (version,))
    # What was waited for may have moved, or another may be named.
    for table in ("object", "object") if version is None else ("object", "former", "object"):
        sql = f"select {columns} from {table} where bucket_id = $1 and key = $2{which}"
        held = await tx.hold(sql, bucket_id, key, *named)
        if held:
            return table, held[0]
    return "", None


async def is_as_seen(tx: Transaction, bucket_id: int, key: str, seen: Seen) -> str:
    """The table of a version, which is held, if it is still what was seen; otherwise nothing."""
    table, row = await hold(tx, _SEEN, bucket_id, key, seen.version)
    if row is None or tuple(row) != seen[1:] or (table == "object") != (seen.where is Where.NAMED):
        return ""
    if seen.where is not Where.LAST:
        return table
    others = await tx.all(
        "select version from object where bucket_id = $1 and key = $2 union all"
        " select version from former where bucket_id = $1 and key = $2 limit 2",
        bucket_id,
        key,
    )
    return table if len(others) == 1 else ""
