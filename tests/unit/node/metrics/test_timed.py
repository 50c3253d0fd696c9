import asyncio
from pathlib import Path

import pytest

from ossia.adapters.filesystem import FileBlobStore
from ossia.adapters.memory import MemoryBlobStore
from ossia.adapters.postgres import PostgresDatabase
from ossia.adapters.sqlite.database import MemoryDatabase
from ossia.adapters.system import SystemClock
from ossia.node.metrics.board import Board
from ossia.node.metrics.families import FAMILIES
from ossia.node.metrics.timed import Note, TimedBlobs, TimedDatabase
from ossia.node.metrics.worker import WorkerMetrics
from ossia.node.stores import open_stores
from ossia.ports import BlobStore, Database, Missing, Rows, Transaction, Unavailable
from ossia.settings import load
from ossia.tables.buckets import CHANGED
from stored import in_memory
from storing import SetClock

Noted = list[tuple[str, bool]]


def note(noted: Noted) -> Note:
    return lambda call, _seconds, answered: noted.append((call, answered))


async def ask(rows: Rows) -> int:
    row = await rows.one("select 1")
    assert row is not None
    return int(row[0])


async def change(tx: Transaction, fails: Exception | None = None) -> int:
    if fails is not None:
        raise fails
    return await ask(tx)


async def test_questions_and_changes_are_noted_and_answered_as_before() -> None:
    noted: Noted = []
    database: Database = TimedDatabase(in_memory(SetClock()).database, note(noted))
    assert await database.one("select 2") == (2,)
    assert await database.all("select 3") == [(3,)]
    assert await database.together(ask) == 1
    assert await database.change(change) == 1
    assert await database.stamp(CHANGED) == await database.stamp(CHANGED)
    await database.continue_ids()
    assert noted == [*[("question", True)] * 3, ("change", True)]
    await database.close()


async def test_a_refusal_is_an_answer_and_no_answer_is_not() -> None:
    noted: Noted = []
    database = TimedDatabase(in_memory(SetClock()).database, note(noted))
    with pytest.raises(Missing):
        await database.change(change, Missing())
    with pytest.raises(Unavailable):
        await database.change(change, Unavailable("gone"))
    assert noted == [("change", True), ("change", False)]
    await database.close()


async def test_blobs_are_stored_as_before() -> None:
    noted: Noted = []
    clock = SetClock()
    blobs: BlobStore = TimedBlobs(MemoryBlobStore(clock), note(noted))
    staged = blobs.stage(blobs.new_id(), 3)
    staged.write(memoryview(b"abc"))
    await staged.flow()
    await blobs.publish(staged)
    await blobs.discard(blobs.stage(blobs.new_id(), None))
    assert await blobs.open(staged.id, 1, 2).read(1, 2) == b"bc"
    clock.at += 10
    assert [each async for each in blobs.ids(unchanged_since=clock.at)] == [staged.id]
    await blobs.probe()
    await blobs.delete([staged.id])
    assert noted == [("publish", True), ("delete", True)]


async def test_how_long_it_took_is_noted() -> None:
    took: list[float] = []

    async def slow(_: Rows) -> None:
        await asyncio.sleep(0.02)

    database = TimedDatabase(
        in_memory(SetClock()).database, lambda _, seconds, __: took.append(seconds)
    )
    await database.together(slow)
    assert 0.02 <= took[0] < 1
    await database.close()


def test_who_does_not_watch_gets_the_stores_themselves(tmp_path: Path) -> None:
    """`ossia migrate` opens and closes them, which is beyond the ports."""
    settings = load({"metadata": "memory"}, {})
    plain = open_stores(settings, tmp_path, SystemClock())
    assert [type(each) for each in plain] == [MemoryDatabase, FileBlobStore]
    place = {"metadata": "postgresql://nobody@127.0.0.1:1/none", "master_key_file": "key"}
    shared = load({**place, "blobs": "memory"}, {})
    assert isinstance(open_stores(shared, tmp_path, SystemClock())[0], PostgresDatabase)
    watched = open_stores(shared, tmp_path, SystemClock(), WorkerMetrics(Board(FAMILIES).rows[0]))
    assert [type(each) for each in watched] == [TimedDatabase, TimedBlobs]
