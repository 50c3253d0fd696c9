"""A consistent view of the source's rows, in a file beside."""

from collections.abc import AsyncIterator, Iterable
from typing import Final

from ossia.ports import Database, Row, Rows, Transaction
from ossia.tables import backups, every, holds
from ossia.tables.blob_life import BlobState
from ossia.tables.class_usage import recount
from ossia.tables.columns import unpack_extents
from ossia.tables.every import Table

AT_ONCE: Final = 500

OF_THIS_ONE: Final = frozenset({holds.KIND, backups.KIND})
"""What identities say of this deployment, and of none that is made from it."""
_LENGTHS: Final = {every.OBJECT: "size", every.FORMER: "size", every.EXTENT: "length"}
"""How long the run of a blob is that a row names."""
_END = every.Table("blob_end", ("id",), ("size",))
_GREATER = (
    "insert into blob_end (id, size, refs) values ($1, $2, 1) on conflict (id) do update"
    " set refs = blob_end.refs + 1,"
    " size = case when excluded.size > blob_end.size then excluded.size else blob_end.size end"
)


async def all_rows(rows: Rows, table: Table) -> AsyncIterator[list[Row]]:
    """Every row of a table, in pages."""
    page: list[Row] | None = None
    while page is None or len(page) == AT_ONCE:
        page = await every.page(rows, table, page[-1] if page else None, AT_ONCE)
        if page:
            yield page


async def stage(source: Rows, staging: Database) -> None:
    """Copy every row of *source* into *staging*, all of the same commit.

    But for what ends with whoever it belongs to: garbage, holds on it, and when it was backed up.
    Beside them stands where the bytes end that somebody uses of each blob, and how many do.
    """
    await staging.change(_make_ends)
    await source.together(_stage, staging)
    # Of a source that was not upgraded to the end, some is not counted.
    await staging.change(recount)


async def stage_as_counted(source: Rows, staging: Database) -> None:
    """The same; what is counted stays as the source counts it."""
    await staging.change(_make_ends)
    await source.together(_stage, staging)


async def _make_ends(tx: Transaction) -> None:
    await tx.run(
        "create table blob_end (id text primary key, size bigint not null, refs bigint not null)"
    )


async def _stage(source: Rows, staging: Database) -> None:
    # A line to the source may be lost on the way; then this is asked again, of another commit.
    await staging.change(_empty)
    for table in every.EVERY:
        async for page in all_rows(source, table):
            await staging.change(every.put, table, [row for row in page if _is_kept(table, row)])
            ends = list(_ends(table, page))
            if ends:
                await staging.change(_note_ends, ends)
    await staging.change(every.put_usage, await every.usage(source))


async def _empty(tx: Transaction) -> None:
    for table in (*every.EVERY, _END):
        await tx.run(f"delete from {table.name}")


def _is_kept(table: Table, row: Row) -> bool:
    if table is every.BLOB:
        return bool(row[1] == BlobState.LIVE)
    return table is not every.IDENTITY or row[0] not in OF_THIS_ONE


async def _note_ends(tx: Transaction, ends: list[Row]) -> None:
    await tx.run_each(_GREATER, ends)


def _ends(table: Table, page: Iterable[Row]) -> Iterable[Row]:
    """(blob id, where the bytes that somebody uses end)."""
    if table is every.PART:
        at = table.at("extents")
        for row in page:
            for extent in unpack_extents(row[at]):
                yield extent.blob_id, extent.blob_offset + extent.length
    elif table in _LENGTHS:
        blob, offset, length = map(table.at, ("blob_id", "blob_offset", _LENGTHS[table]))
        for row in page:
            if row[blob] is not None:
                yield row[blob], row[offset] + row[length]


async def ends(staging: Rows) -> AsyncIterator[list[Row]]:
    """(blob id, size) of every blob, in pages."""
    async for page in all_rows(staging, _END):
        yield page
