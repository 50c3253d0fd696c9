"""What keys name: the rows of ``object`` and their extents.

A key has one row, which is what it names.  What else there is of it in a bucket with versioning
lies in ``former`` (`ossia.tables.formers`).
"""

from collections.abc import Sequence

import msgspec

from ossia.ports import Conflict, Exists, Missing, Retained, Row, Rows, Transaction
from ossia.records import (
    NULL_VERSION,
    Extent,
    ObjectType,
    PendingCallback,
    Retention,
    StoredObject,
    said_of,
)
from ossia.tables import formers, retained, skip_seek
from ossia.tables.blob_life import net_references
from ossia.tables.blobs import check_recordable, refer
from ossia.tables.callbacks import owe
from ossia.tables.class_usage import STANDARD, count_object
from ossia.tables.columns import marks, pack_map, pack_restoration, signed
from ossia.tables.content import keep_content
from ossia.tables.key_order import behind_all, marker
from ossia.tables.object_rows import (
    ABOUT,
    EXTENTS_AT,
    OLD,
    TOLD,
    WHERE_BYTES_ARE,
    Stored,
    as_listed,
    as_object,
    count_gone,
    delete_extents,
    extents_of,
    let_go,
    must_stay,
    whole,
)
from ossia.tables.retained import Guard
from ossia.tables.skip_seek import Index

_FIND = f"select {TOLD} from object where bucket_id = $1 and key = $2 and latest = 1"
_SEEK_FROM, _SEEK_BEHIND = (
    f"select key, {ABOUT} from object"
    f" where bucket_id = $1 and key {comparison} $2 and key < $3 and latest = 1"
    " order by key limit $4"
    for comparison in (">=", ">")
)
FIRST = (
    "(select key from object where bucket_id = $1 and key >= {start} and key < $3 and latest = 1"
    " order by key limit 1)"
)
"""As `skip_seek.Index` has it."""
_OLD = f"select {OLD} from object where bucket_id = $1 and key = $2"
_PUT = (
    f"insert into object (bucket_id, key, latest, {ABOUT}, {WHERE_BYTES_ARE})"
    f" values ($1, $2, 1, {marks(16, 3)})"
)
_CHANGE = (
    "update object set "
    + ", ".join(
        f"{column.strip()} = ${number}"
        for number, column in enumerate(f"{ABOUT}, {WHERE_BYTES_ARE}".split(","), 1)
    )
    + " where bucket_id = $17 and key = $18 and version = $19"
)
_INSERT_EXTENT = (
    "insert into extent (bucket_id, key, version, seq, blob_id, blob_offset, length)"
    f" values ({marks(7)})"
)


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a listing: objects and common prefixes, merged in byte order of their names.

    ``next_after`` is the last name on the page (a key or a common prefix) when there is more,
    otherwise None.
    """

    objects: list[StoredObject]
    prefixes: list[str]
    next_after: str | None


# reading


async def find(rows: Rows, bucket_id: int, key: str) -> StoredObject | None:
    """The latest version with its bytes' place (inline or extents)."""
    row = await rows.one(_FIND, bucket_id, key)
    if row is None:
        return None
    if row[EXTENTS_AT]:
        # Two statements: they must see the same commit.
        return await rows.together(whole, _FIND, bucket_id, key)
    return as_object(bucket_id, key, row)


async def page(
    rows: Rows, bucket_id: int, *, prefix: str, delimiter: str, after: str, limit: int
) -> Listing:
    """One page of the latest versions, by skip-seek.

    A name is a key, or, with *delimiter*, the common prefix up to and including the first
    delimiter behind *prefix*.  Names greater than *after* are returned; a common prefix equal
    to *after*, or that *after* lies in, is skipped.  The cost of a page does not depend on how
    many keys a common prefix stands for.  Records carry neither inline bytes nor extents.
    """
    end = behind_all(prefix)

    async def seek(rows: Rows, key: str, inclusive: bool, count: int) -> list[Row]:
        return await rows.all(_SEEK_FROM if inclusive else _SEEK_BEHIND, bucket_id, key, end, count)

    async def behind(rows: Rows, row: Row, count: int) -> list[Row]:
        return await rows.all(_SEEK_BEHIND, bucket_id, row[0], end, count)

    index = Index(bucket_id, end, seek, behind, FIRST)
    found, last = await skip_seek.page(rows, index, prefix, delimiter, marker(after), limit)
    return Listing(
        objects=[as_listed(bucket_id, name, row[1:]) for name, row in found if row is not None],
        prefixes=[name for name, row in found if row is None],
        next_after=None if last is None else last[0],
    )


# writing


async def put(
    tx: Transaction,
    new: StoredObject,
    *,
    forbid_overwrite: bool = False,
    replaces: StoredObject | None = None,
    owed: PendingCallback | None = None,
    suspended: bool = False,
    guard: Guard | None = None,
    retention: Retention | None = None,
) -> None:
    """Record *new* as what its key names, and *owed* with it; it has *retention*.

    What the key named is replaced if it is the same version, and kept as a former one otherwise;
    *suspended*: a null version may lie behind it, which *new* replaces, too.  Raises `Exists` if
    *forbid_overwrite* and the key names something; `Conflict` if *replaces* is given and is not,
    in every field, what it names; `Missing` if the bucket is gone; `Retained` if *guard* says that
    what is replaced must stay; `Fenced` if a blob of *new* is neither an intent nor live.  A
    metadata change that keeps the extents of the object it replaces
    leaves their reference counts as they are.
    """
    if not await tx.enter(new.bucket_id):
        raise Missing(new.bucket_id)
    old = await stored(tx, new.bucket_id, new.key)
    check_overwrite(new.key, old, forbid_overwrite=forbid_overwrite)
    if replaces is not None and await whole(tx, _FIND, new.bucket_id, new.key) != replaces:
        raise Conflict(new.key)
    await store(tx, new, old, (), suspended=suspended, guard=guard, retention=retention)
    if owed is not None:
        await owe(tx, owed)


async def stored(tx: Transaction, bucket_id: int, key: str) -> Stored | None:
    """What a key names, as far as replacing it needs to know."""
    found = await tx.hold(_OLD, bucket_id, key)
    return Stored(*found[0]) if found else None


def check_overwrite(key: str, old: Stored | None, *, forbid_overwrite: bool) -> None:
    """Raise `Exists` as `put` promises."""
    if forbid_overwrite and old is not None:
        raise Exists(key)


async def store(
    tx: Transaction,
    new: StoredObject,
    old: Stored | None,
    released: Sequence[Extent],
    *,
    suspended: bool = False,
    guard: Guard | None = None,
    retention: Retention | None = None,
) -> None:
    """Put *new* in the place of *old*, as `put` says; *released* lose their references with it."""
    is_kept = old is not None and old.version != new.version
    replaced = None if is_kept else old
    behind = None
    if replaced is None and new.version == NULL_VERSION and (suspended or is_kept):
        behind = await formers.hold(tx, new.bucket_id, new.key, NULL_VERSION)
    before = released
    if behind is not None or (replaced is not None and not replaced.is_plain):
        before = (*released, *await _replaced_extents(tx, new, (replaced, behind), guard))
    if new.extents or before:
        change = net_references(new.extents, before)
        await check_recordable(tx, (each for each, count in change.items() if count > 0))
        await refer(tx, change)
    if old is not None and is_kept:
        await formers.keep(tx, new.bucket_id, new.key, old.version)
    if behind is not None:
        await formers.remove(tx, new.bucket_id, new.key, behind)
    if replaced is not None and replaced.extents:
        await delete_extents(tx, new.bucket_id, new.key, replaced.version)
    single = new.extents[0] if len(new.extents) == 1 and new.extents[0].length == new.size else None
    extent_rows = 0 if single else len(new.extents)
    content_id = None
    if new.inline is not None or (replaced is not None and replaced.content_id is not None):
        content_id = await keep_content(tx, replaced.content_id if replaced else None, new.inline)
    await _write_row(tx, new, old, content_id, single, extent_rows)
    if extent_rows:
        await _insert_extents(tx, new, 0, new.extents)
    if retention is not None or (replaced is not None and replaced.may_have_to_stay):
        await retained.put(tx, new.bucket_id, new.key, new.version, retention)
    _count(tx, new, replaced)


async def _replaced_extents(
    tx: Transaction, new: StoredObject, gone: Sequence[Stored | None], guard: Guard | None
) -> list[Extent]:
    """The extents of what *new* replaces.  Raises `Retained` if something of it must stay."""
    extents: list[Extent] = []
    for each in gone:
        if each is None:
            continue
        if await must_stay(tx, new.bucket_id, new.key, each, guard):
            raise Retained(new.key)
        if each.extents or each.blob_id is not None:
            extents += await extents_of(tx, new.bucket_id, new.key, each)
    return extents


def _count(tx: Transaction, new: StoredObject, old: Stored | None) -> None:
    tx.count(new.bucket_id, storage_bytes=new.size - (old.size if old else 0), objects=old is None)
    # Asked here, too: nearly always both are of the class that is not counted.
    if old is not None and old.storage_class != STANDARD:
        count_object(tx, new.bucket_id, old.storage_class, old.size, -1)
    if new.storage_class != STANDARD:
        count_object(tx, new.bucket_id, new.storage_class, new.size, 1)


async def _write_row(
    tx: Transaction,
    new: StoredObject,
    old: Stored | None,
    content_id: int | None,
    single: Extent | None,
    extent_rows: int,
) -> None:
    said = (
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
        None if new.restoration is None else pack_restoration(new.restoration),
        content_id,
        single.blob_id if single else None,
        single.blob_offset if single else None,
        extent_rows,
    )
    if old is None:
        await tx.run(_PUT, new.bucket_id, new.key, *said)
    else:
        # The row stays the same one: whoever waits for it sees what becomes of it.
        await tx.run(_CHANGE, *said, new.bucket_id, new.key, old.version)


async def _insert_extents(
    tx: Transaction, of: StoredObject, first: int, extents: Sequence[Extent]
) -> None:
    await tx.run_each(
        _INSERT_EXTENT,
        [
            (of.bucket_id, of.key, of.version, seq, each.blob_id, each.blob_offset, each.length)
            for seq, each in enumerate(extents, first)
        ],
    )


async def delete_row(tx: Transaction, bucket_id: int, key: str) -> None:
    """Let a key name nothing."""
    await tx.run("delete from object where bucket_id = $1 and key = $2", bucket_id, key)


async def delete(
    tx: Transaction, bucket_id: int, keys: Sequence[str], guard: Guard | None = None
) -> set[str]:
    """Remove what keys name, in a bucket without versions; the keys of what must stay.

    Unknown keys are no error.
    """
    staying: set[str] = set()
    if not await tx.enter(bucket_id):
        return staying
    # In one order, whoever deletes: two that wait for each other's keys would wait for ever.
    for key in sorted(keys):
        old = await stored(tx, bucket_id, key)
        if old is None:
            continue
        if await must_stay(tx, bucket_id, key, old, guard):
            staying.add(key)
            continue
        await let_go(tx, bucket_id, key, old)
        await delete_row(tx, bucket_id, key)
        count_gone(tx, bucket_id, old)
    return staying


async def _check_growing(
    tx: Transaction, new: StoredObject, old: Stored, position: int, guard: Guard | None
) -> None:
    if old.type != ObjectType.APPENDABLE or old.size != position:
        raise Conflict(new.key)
    if await must_stay(tx, new.bucket_id, new.key, old, guard):
        raise Retained(new.key)


async def append(
    tx: Transaction,
    new: StoredObject,
    *,
    position: int,
    added: Extent | None,
    replaces: StoredObject | None = None,
    versioned: bool = False,
    guard: Guard | None = None,
) -> None:
    """Grow an appendable object to *new*, which keeps its version.

    ``new.extents`` is empty: *added* (the bytes of this append, None for none) goes behind
    the extents stored so far; ``new.inline`` must be None.  At position 0 a missing or empty
    appendable object is created; in a *versioned* bucket only where the key has no former versions.
    Raises `Conflict` unless the stored size equals *position* and the stored object is appendable,
    and if *replaces* is given and says anything else of the object (`records.said_of`) than what
    is stored; `Missing` if the bucket is gone; `Retained` and `Fenced` as `put`.  The extents
    stored so far are not read: an append costs the same at any length.
    """
    if not await tx.enter(new.bucket_id):
        raise Missing(new.bucket_id)
    old = await stored(tx, new.bucket_id, new.key)
    if old is None:
        if position or (versioned and await formers.newest(tx, new.bucket_id, new.key)):
            raise Conflict(new.key)
    else:
        await _check_growing(tx, new, old, position, guard)
    if replaces is not None:
        row = await tx.one(_FIND, new.bucket_id, new.key)
        if row is None or said_of(as_object(new.bucket_id, new.key, row, ())) != said_of(replaces):
            raise Conflict(new.key)
    if added is not None:
        await check_recordable(tx, (added.blob_id,))
        await refer(tx, {added.blob_id: 1})
    content_id = await keep_content(tx, old.content_id, None) if old else None
    extent_rows = old.extents if old else 0
    extents: list[Extent] = []
    if old is not None and old.blob_id is not None:
        extents = list(await extents_of(tx, new.bucket_id, new.key, old))
    if added is not None:
        extents.append(added)
    await _insert_extents(tx, new, extent_rows, extents)
    await _write_row(tx, new, old, content_id, None, extent_rows + len(extents))
    _count(tx, new, old)
