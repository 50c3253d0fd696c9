"""Making the target's rows those of the view: what differs is written, what is too much removed."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from ossia.node.migration.staging import AT_ONCE, all_rows
from ossia.ports import Database, Row, Rows
from ossia.tables import every
from ossia.tables.columns import marks, unpack_extents
from ossia.tables.every import Table

Change = Callable[[Row], Row | None]
"""What a row becomes at the target; None for one that stays here."""

_OWNERS: Final = (*every.VERSIONS, every.PART)
_WHOLE: Final = (every.DELIVERY, every.PENDING, every.NONCE, every.UPLOAD, every.ACCESS)


@dataclass(slots=True)
class Levelled:
    """What a pass has changed at the target."""

    rows: int = 0
    put_off: int = 0
    """Objects and parts whose bytes were gone: the source has changed them meanwhile."""


async def level(
    staging: Rows,
    target: Database,
    gone: set[str],
    note: Callable[[int], None],
) -> Levelled:
    """Make the rows of *target* those of *staging*.

    *gone* are blobs that could not be copied.
    """
    done = Levelled()
    waiting = await _objects_on(staging, gone) if gone else set()

    def of_version(table: Table, row: Row) -> Row | None:
        if table.version_of(row) in waiting:
            done.put_off += 1
            return None
        return row

    def of_part(row: Row) -> Row | None:
        if any(each.blob_id in gone for each in unpack_extents(row[-1])):
            done.put_off += 1
            return None
        return row

    await _level(every.BUCKET, staging, target, done, note)
    await _level(every.IDENTITY, staging, target, done, note)
    # Before what has to stay.
    await _level(every.RETAINING, staging, target, done, note)
    await _level(every.RETENTION, staging, target, done, note)
    for table in every.VERSIONS:
        await _level(table, staging, target, done, note, partial(of_version, table))
    await _level(
        every.EXTENT, staging, target, done, note, lambda row: None if row[:3] in waiting else row
    )
    await _level(every.PART, staging, target, done, note, of_part)
    await _level(
        every.BLOB, staging, target, done, note, lambda row: None if row[0] in gone else row
    )
    for table in _WHOLE:
        await _level(table, staging, target, done, note)
    await _remove_unused_contents(staging, target)
    await target.change(every.put_usage, await every.usage(staging))
    await target.continue_ids()
    return done


async def _objects_on(staging: Rows, gone: set[str]) -> set[Row]:
    """The keys of objects that have bytes in these blobs."""
    found: set[Row] = set()
    ids = sorted(gone)
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        for table in ("object", "former", "extent"):
            found.update(
                await staging.all(
                    f"select bucket_id, key, version from {table}"
                    f" where blob_id in ({marks(len(some))})",
                    *some,
                )
            )
    return found


async def _level(
    table: Table,
    staging: Rows,
    target: Database,
    done: Levelled,
    note: Callable[[int], None],
    change: Change = lambda row: row,
) -> None:
    put: list[Row] = []
    gone: list[Row] = []
    async for wanted, present in _pairs(staging, target, table, change):
        if wanted is None:
            assert present is not None
            gone.append(table.key_of(present))
        elif wanted != present:
            put.append(wanted)
        if len(put) + len(gone) >= AT_ONCE:
            await _write(table, staging, target, put, gone, done, note)
    await _write(table, staging, target, put, gone, done, note)


async def _write(
    table: Table,
    staging: Rows,
    target: Database,
    put: list[Row],
    gone: list[Row],
    done: Levelled,
    note: Callable[[int], None],
) -> None:
    # What goes first frees names that others may have now.
    if gone:
        await target.change(every.drop, table, gone)
    if put and table in _OWNERS:
        # Before the rows: whoever finds a row done after an interruption finds its bytes.
        await _put_contents(table, staging, target, put)
    if put and table in every.VERSIONS:
        await target.change(every.make_place, table, put)
    if put:
        await target.change(every.put, table, put)
    done.rows += len(put) + len(gone)
    note(len(put) + len(gone))
    put.clear()
    gone.clear()


async def _pairs(
    staging: Rows, target: Rows, table: Table, change: Change
) -> AsyncIterator[tuple[Row | None, Row | None]]:
    """(wanted, present) rows of the same key, in the order of keys; None where there is none."""
    wanted_rows, present_rows = _each(staging, table), _each(target, table)
    wanted, present = await anext(wanted_rows, None), await anext(present_rows, None)
    while wanted is not None or present is not None:
        if present is None or (wanted is not None and _key(table, wanted) < _key(table, present)):
            assert wanted is not None
            changed = change(wanted)
            if changed is not None:
                yield changed, None
            wanted = await anext(wanted_rows, None)
        elif wanted is None or _key(table, present) < _key(table, wanted):
            yield None, present
            present = await anext(present_rows, None)
        else:
            yield change(wanted), present
            wanted, present = await anext(wanted_rows, None), await anext(present_rows, None)


def _key(table: Table, row: Row) -> Any:
    return tuple(table.key_of(row))


async def _each(rows: Rows, table: Table) -> AsyncIterator[Row]:
    async for page in all_rows(rows, table):
        for row in page:
            yield tuple(row)


async def _put_contents(
    table: Table, staging: Rows, target: Database, owners: Sequence[Row]
) -> None:
    """Copy the inline bytes of *owners*."""
    at = table.at("content_id")
    ids = [row[at] for row in owners if row[at] is not None]
    for start in range(0, len(ids), AT_ONCE // 5):
        some = ids[start : start + AT_ONCE // 5]
        found = await staging.all(
            f"select id, bytes from content where id in ({marks(len(some))})", *some
        )
        await target.change(every.put, every.CONTENT, found)


async def _remove_unused_contents(staging: Rows, target: Database) -> None:
    """Remove inline bytes that nobody has."""
    only_ids = Table("content", ("id",), ())
    unused: list[Row] = []
    async for wanted, present in _pairs(staging, target, only_ids, lambda row: row):
        if wanted is None and present is not None:
            unused.append(present)
    for start in range(0, len(unused), AT_ONCE):
        await target.change(every.drop, every.CONTENT, unused[start : start + AT_ONCE])
