"""The copy of the rows that a pass or a backup works on."""

from collections.abc import Awaitable, Callable
from typing import Any

from ossia.adapters.sqlite import MemoryDatabase
from ossia.adapters.system import SystemClock
from ossia.node.migration.staging import all_rows, ends, stage
from ossia.ports import Rows
from ossia.tables import backups, every, holds
from ossia.tables.blob_life import BlobState

IDENTITY = ("user", "alice", b"1")


class AskedAgain:
    """What loses its line once it was asked everything; another commit is there after that."""

    position = "instr"

    def __init__(self, before: MemoryDatabase, after: MemoryDatabase) -> None:
        self._views = (before, after)

    async def one(self, sql: str, *values: Any) -> Any:
        return await self._views[-1].one(sql, *values)

    async def all(self, sql: str, *values: Any) -> Any:
        return await self._views[-1].all(sql, *values)

    async def together(self, question: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        for view in self._views:
            answer = await view.together(question, *args)
        return answer


async def a_database(*blobs: tuple[str, BlobState], size: int = 10) -> MemoryDatabase:
    database = MemoryDatabase(SystemClock())
    await database.change(every.put, every.BLOB, [(name, state, 1, 0) for name, state in blobs])
    extents = [(1, "key", name, 0, name, 0, size) for name, state in blobs if state == 1]
    await database.change(every.put, every.EXTENT, extents)
    return database


async def rows_of(rows: Rows, table: every.Table) -> list[Any]:
    return [tuple(row) async for page in all_rows(rows, table) for row in page]


async def test_a_view_that_is_asked_for_again_is_of_one_commit() -> None:
    before = await a_database(("a", BlobState.LIVE), ("b", BlobState.LIVE), size=90)
    after = await a_database(("b", BlobState.LIVE), ("c", BlobState.LIVE))
    staging = MemoryDatabase(SystemClock())
    await stage(AskedAgain(before, after), staging)
    for table in every.EVERY:
        assert await rows_of(staging, table) == await rows_of(after, table)
    assert [tuple(row) async for page in ends(staging) for row in page] == [("b", 10), ("c", 10)]


async def test_what_is_of_the_source_alone_stays_where_it_is() -> None:
    source = await a_database(("a", BlobState.LIVE), ("b", BlobState.DOOMED))
    await source.change(every.put, every.IDENTITY, [IDENTITY])
    await source.change(holds.hold, "somebody", 1000)
    await source.change(backups.note, 5)
    staging = MemoryDatabase(SystemClock())
    await stage(source, staging)
    assert [row[0] for row in await rows_of(staging, every.BLOB)] == ["a"]
    assert await rows_of(staging, every.IDENTITY) == [IDENTITY]
