"""Rows of a migration that is interrupted."""

import asyncio
from typing import Any

import pytest

from ossia.adapters.sqlite import MemoryDatabase
from ossia.adapters.system import SystemClock
from ossia.node.migration.levelling import level
from ossia.node.migration.staging import stage
from ossia.node.migration.together import together
from ossia.ports import Database, Unavailable
from ossia.records import ClassUsage, Restoration, StoredObject
from ossia.tables import buckets, every, objects, versions

BUCKET = (1, "a", "me", 0, "r", "private", "Standard", "LRS", "", None, 0)
OBJECT = (1, "key", "v", 1, "Normal", 3, "e", "m", 0, 0, "Standard", "default", None, None, 7, None,
          None, 0, None)  # fmt: skip


class DyingAt:
    """A database that is not there any more once a table is written to."""

    def __init__(self, database: Database, table: every.Table) -> None:
        self._database = database
        self._table = table

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def change(self, change: Any, *args: Any, **named: Any) -> Any:
        if args and args[0] is self._table:
            raise Unavailable("it was killed")
        return await self._database.change(change, *args, **named)


@pytest.mark.parametrize("table", [every.CONTENT, every.OBJECT, every.EXTENT, every.PENDING])
def test_a_pass_goes_on_wherever_the_one_before_was_interrupted(table: every.Table) -> None:
    async def run() -> None:
        clock = SystemClock()
        staging, target = MemoryDatabase(clock), MemoryDatabase(clock)
        rows = {
            every.BUCKET: BUCKET,
            every.CONTENT: (7, b"abc"),
            every.OBJECT: OBJECT,
            every.EXTENT: (1, "key", "v", 0, "blob", 0, 3),
            every.PENDING: ("id", 0, 0, b"record"),
        }
        for each, row in rows.items():
            await staging.change(every.put, each, [row])
        with pytest.raises(Unavailable):
            await level(staging, DyingAt(target, table), set(), lambda _: None)
        await level(staging, target, set(), lambda _: None)
        for each, row in rows.items():
            assert await every.page(target, each, None, 10) == [row], each.name
        again = await level(staging, target, set(), lambda _: None)
        assert not again.rows
        for database in (staging, target):
            await database.close()

    asyncio.run(run())


def test_classes_and_restorings_come_along() -> None:
    async def run() -> None:
        clock = SystemClock()
        source, staging, target = (MemoryDatabase(clock) for _ in range(3))
        await source.change(every.put, every.BUCKET, [BUCKET])
        await source.change(every.put_usage, ([(1, 0, 0, 0, 0, 0)], []))
        for key in ("a", "b"):
            new = StoredObject(bucket_id=1, key=key, size=3, etag="e", crc64=0, modified_at=0,
                               storage_class="Archive", inline=b"abc")  # fmt: skip
            await source.change(objects.put, new)
        restored = Restoration(tier="Standard", ready_at=5, until=9)
        await source.change(versions.put_restoration, new, restored)
        # As where `upgrade` was not run.
        await source.change(lambda tx: tx.run("update class_usage set objects = 1"))
        await stage(source, staging)
        await level(staging, target, set(), lambda _: None)
        found = await objects.find(target, 1, "b")
        assert found is not None
        assert found.restoration == restored
        usage = await buckets.usage(target, 1)
        assert (usage.objects, usage.storage_bytes) == (2, 6)
        counted = ClassUsage(storage_bytes=6, billed_bytes=2 * 65536, objects=2)
        assert usage.classes == {"Archive": counted}
        for database in (source, staging, target):
            await database.close()

    asyncio.run(run())


def test_what_fails_first_is_what_is_told() -> None:
    async def work(item: int) -> None:
        if item == 2:
            raise Unavailable("the engine is gone")
        await asyncio.sleep(0)

    with pytest.raises(Unavailable, match="the engine is gone"):
        asyncio.run(together(work, range(5)))
