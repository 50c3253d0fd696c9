"""Several processes on one file, and processes that are killed while they write."""

import asyncio
import multiprocessing
import os
import random
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from shutil import copy
from typing import Any

import apsw
import pytest
from blob_store import content_of
from tables_contract import SetClock, a_bucket, an_object, on_blobs

from ossia.adapters.filesystem import FileBlobStore
from ossia.domain.objects.collector import Collector
from ossia.records import Bucket
from stored import Stored, in_file

_SPAWN = multiprocessing.get_context("spawn")

pytestmark = pytest.mark.slow


def start(
    target: Callable[..., Any], *args: Any
) -> tuple["multiprocessing.process.BaseProcess", Connection]:
    receiving, sending = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=target, args=(*args, sending))
    process.start()
    sending.close()
    return process, receiving


async def with_store(folder: Path) -> tuple[Stored, Bucket]:
    store = in_file(folder, SetClock(), log_pages=100)
    bucket = await store.find_bucket("bucket")
    return store, bucket or await store.create_bucket(a_bucket())


# two processes that write the same counters and the same keys


def increment(folder: Path, name: str, sending: Connection) -> None:
    async def run() -> None:
        store, bucket = await with_store(folder)

        async def one(waiter: int) -> None:
            for i in range(20):
                await store.put_object(an_object(bucket, f"{name}-{waiter}-{i}"))
                await store.put_object(an_object(bucket, f"shared-{i}", etag=name))
                if i % 2:
                    await store.delete_objects(bucket.id, [f"{name}-{waiter}-{i}"])

        await asyncio.gather(*(one(waiter) for waiter in range(8)))
        await store.close()

    asyncio.run(run())
    sending.send("done")


async def test_two_processes_write_one_file(tmp_path: Path) -> None:
    store, bucket = await with_store(tmp_path)
    children = [start(increment, tmp_path, name) for name in ("p", "q")]
    for process, receiving in children:
        assert await asyncio.to_thread(receiving.recv) == "done"
        process.join()
    usage = await store.bucket_usage(bucket.id)
    assert usage.objects == 2 * 8 * 10 + 20
    assert usage.storage_bytes == 5 * usage.objects
    page = await store.list_objects(bucket.id, prefix="", delimiter="", after="", limit=1000)
    assert len(page.objects) == usage.objects
    await store.close()


# kill -9


def write_until_killed(folder: Path, cycle: int, sending: Connection) -> None:
    async def run() -> None:
        store, bucket = await with_store(folder)
        blobs = FileBlobStore(folder)

        async def one(waiter: int) -> None:
            for i in range(100_000):
                key = f"{cycle}-{waiter}-{i}"
                content = key.encode()
                if waiter % 2:
                    await store.put_object(an_object(bucket, key, inline=content))
                else:
                    blob_id = blobs.new_id()
                    await store.intend_blob(blob_id, 10**15)
                    staged = blobs.stage(blob_id, len(content))
                    staged.write(memoryview(content))
                    await blobs.publish(staged)
                    await store.put_object(on_blobs(bucket, key, blob_id))
                sending.send_bytes(content)

        await asyncio.gather(*(one(waiter) for waiter in range(8)))

    asyncio.run(run())


def acknowledged_before(process: Any, receiving: Connection, wait_s: float) -> list[str]:
    """What the child was told is stored, until it is killed *wait_s* after its first word."""
    keys = [receiving.recv_bytes().decode()]
    killer = threading.Timer(wait_s, lambda: os.kill(process.pid, signal.SIGKILL))
    killer.start()
    try:
        while True:
            keys.append(receiving.recv_bytes().decode())
    except EOFError:
        process.join()
        killer.join()
        assert process.exitcode == -signal.SIGKILL
        return keys


async def test_killed_process_loses_nothing_acknowledged(tmp_path: Path) -> None:
    dice = random.Random(9)
    acknowledged: list[str] = []
    for cycle in range(10):
        process, receiving = start(write_until_killed, tmp_path, cycle)
        acknowledged += await asyncio.to_thread(
            acknowledged_before, process, receiving, dice.random() * 0.1
        )
    store, bucket = await with_store(tmp_path)
    blobs = FileBlobStore(tmp_path)
    assert len(acknowledged) > 10
    stored = [key async for key in every_key(store, bucket)]
    assert set(acknowledged) <= set(stored)
    for key in stored:  # what was not acknowledged is whole or absent
        found = await store.find_object(bucket.id, key)
        assert found is not None
        content = found.inline
        if content is None:
            content = await content_of(blobs, found.extents[0].blob_id, len(key))
        assert content == key.encode()
    assert (await store.bucket_usage(bucket.id)).objects == len(stored)
    assert store._connection.execute("pragma integrity_check").get == "ok"
    await no_blob_is_leaked(store, blobs, bucket)
    await store.close()
    blobs.close()


async def every_key(store: Stored, bucket: Bucket) -> Any:
    after: str | None = ""
    while after is not None:
        page = await store.list_objects(bucket.id, prefix="", delimiter="", after=after, limit=1000)
        for each in page.objects:
            yield each.key
        after = page.next_after


async def no_blob_is_leaked(store: Stored, blobs: FileBlobStore, bucket: Bucket) -> None:
    clock = SetClock()
    clock.at = 10**16
    await Collector(store, blobs, clock).sweep()
    used = 0
    async for key in every_key(store, bucket):
        found = await store.find_object(bucket.id, key)
        used += found is not None and found.inline is None
    assert len([each async for each in blobs.ids(unchanged_since=10**16)]) == used


# loss of power


async def test_acknowledged_changes_lie_in_what_was_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a machine without power would find: the files as they were at the last flush."""
    live, at_flush = tmp_path / "live", tmp_path / "at_flush"
    live.mkdir()
    at_flush.mkdir()
    store, bucket = await with_store(live)
    flush = os.fdatasync

    def flush_and_keep(descriptor: int) -> None:
        flush(descriptor)
        for each in live.iterdir():
            if each.suffix == ".sqlite3" or each.name.endswith("-wal"):
                copy(each, at_flush)

    monkeypatch.setattr(os, "fdatasync", flush_and_keep)
    for i in range(5):
        await asyncio.gather(*(store.put_object(an_object(bucket, f"{i}-{n}")) for n in range(10)))
    monkeypatch.undo()
    await store.close()
    again, _ = await with_store(at_flush)
    assert (await again.bucket_usage(bucket.id)).objects == 50
    await again.close()


async def test_nothing_is_acknowledged_before_the_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, bucket = await with_store(tmp_path)
    flush, may_flush, begun = os.fdatasync, threading.Event(), threading.Event()

    def wait_and_flush(descriptor: int) -> None:
        begun.set()
        may_flush.wait()
        flush(descriptor)

    monkeypatch.setattr(os, "fdatasync", wait_and_flush)
    put = asyncio.ensure_future(store.put_object(an_object(bucket)))
    await asyncio.to_thread(begun.wait)
    await asyncio.sleep(0)
    assert not put.done()
    may_flush.set()
    await put
    await store.close()


async def test_foreign_lock_holds_writers_back_and_then_lets_them(tmp_path: Path) -> None:
    store, bucket = await with_store(tmp_path)
    other = in_file(tmp_path, SetClock())
    assert other._commits._disk.try_acquire()
    put = asyncio.ensure_future(store.put_object(an_object(bucket)))
    await asyncio.sleep(0.03)  # polls are over: a thread waits
    assert not put.done()
    other._commits._disk.release()
    await put
    await other.close()
    await store.close()


def test_engine_is_one_without_the_known_log_bug() -> None:
    assert tuple(map(int, apsw.sqlite_lib_version().split("."))) >= (3, 51, 3)
