"""A consistent view of the source's rows, in a file beside."""

from collections.abc import AsyncIterator, Iterable
from typing import Final

from ossia.ports import Database, Row, Rows, Transaction
from ossia.tables import every
from ossia.tables.blob_life import BlobState
from ossia.tables.columns import unpack_extents
from ossia.tables.every import Table

AT_ONCE: Final = 500

_END = every.Table("blob_end", ("id",), ("size",))
_GREATER = (
    "insert into blob_end (id, size) values ($1, $2) on conflict (id) do update"
    " set size = case when excluded.size > blob_end.size then excluded.size else blob_end.size end"
)


async def all_rows(rows: Rows, table: Table) -> AsyncIterator[list[Row]]:
    """Every row of a table, in pages."""
    page: list[Row] | None = None
    while page is None or len(page) == AT_ONCE:
        page = await every.page(rows, table, page[-1] if page else None, AT_ONCE)
        if page:
            yield page


async def stage(source: Rows, staging: Database) -> None:
    """Copy every row of *source* into *staging*, all of the same commit."""
    await staging.change(_make_ends)
    await source.together(_stage, staging)


async def _make_ends(tx: Transaction) -> None:
    await tx.run("create table blob_end (id text primary key, size bigint not null)")


async def _stage(source: Rows, staging: Database) -> None:
    for table in every.EVERY:
        async for page in all_rows(source, table):
            kept = page
            if table is every.BLOB:
                kept = [row for row in page if row[1] == BlobState.LIVE]
            await staging.change(every.put, table, kept)
            ends = list(_ends(table, page))
            if ends:
                await staging.change(_note_ends, ends)
    await staging.change(every.put_usage, await every.usage(source))


async def _note_ends(tx: Transaction, ends: list[Row]) -> None:
    await tx.run_each(_GREATER, ends)


def _ends(table: Table, page: Iterable[Row]) -> Iterable[Row]:
    """(blob id, where the bytes that somebody uses end)."""
    at = {column: number for number, column in enumerate(table.columns)}
    for row in page:
        if table is every.OBJECT and row[at["blob_id"]] is not None:
            yield row[at["blob_id"]], row[at["blob_offset"]] + row[at["size"]]
        elif table is every.EXTENT:
            yield row[at["blob_id"]], row[at["blob_offset"]] + row[at["length"]]
        elif table is every.PART:
            for extent in unpack_extents(row[at["extents"]]):
                yield extent.blob_id, extent.blob_offset + extent.length


async def ends(staging: Rows) -> AsyncIterator[list[Row]]:
    """(blob id, size) of every blob, in pages."""
    async for page in all_rows(staging, _END):
        yield page
