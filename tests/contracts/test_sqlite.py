"""The SQLite adapter keeps the contract, and what only a file can break."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import pytest
from tables_contract import (
    TERMS,
    SetClock,
    TablesContract,
    a_bucket,
    a_delivery,
    an_object,
    blob,
    count_former_versions,
    delete_with_its_classes,
    intend,
    on_blobs,
)
from tables_machine import Twins, machine_settings

from ossia.adapters.schema_version import SchemaTooNewError
from ossia.adapters.sqlite import SqliteDatabase, schema
from ossia.domain.buckets.buckets import Buckets
from ossia.ports import BlobTerms, Exists, Unavailable
from ossia.records import ClassUsage
from stored import Stored, in_file


class TestSqliteDatabase(TablesContract):
    @pytest.fixture
    async def store(self, clock: SetClock, tmp_path: Path) -> AsyncIterator[Stored]:
        store = in_file(tmp_path, clock, BlobTerms(**TERMS))
        yield store
        await store.close()

    async def test_a_bucket_takes_its_classes_along(self, store: Stored) -> None:
        await delete_with_its_classes(store)

    async def test_former_versions_count_with_their_class(self, store: Stored) -> None:
        await count_former_versions(store)


class SqliteTwins(Twins):
    def open_database(self) -> SqliteDatabase:
        self.folder = TemporaryDirectory()
        return SqliteDatabase(Path(self.folder.name), self.clock, self.terms)

    def trouble(self, choice: int) -> None:
        if choice == 0:
            self.crash()

    def crash(self) -> None:
        """Go on with the files as they are, which nobody has closed."""
        before, kept = self.folder, self.other
        self.folder = TemporaryDirectory()
        shutil.copytree(before.name, self.folder.name, dirs_exist_ok=True)
        self.other = Stored(SqliteDatabase(Path(self.folder.name), self.clock, self.terms))
        self.loop.run_until_complete(kept.close())
        before.cleanup()

    def close(self) -> None:
        super().close()
        self.folder.cleanup()


TestSqliteBehavesAsTheModel = pytest.mark.slow(SqliteTwins.TestCase)
TestSqliteBehavesAsTheModel.settings = machine_settings(60, 40)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Stored]:
    store = in_file(tmp_path, SetClock(), log_pages=50)
    yield store
    await store.close()


async def test_state_survives_a_new_start(tmp_path: Path) -> None:
    first = in_file(tmp_path, SetClock())
    bucket = await first.create_bucket(a_bucket())
    await first.put_object(an_object(bucket))
    await first.close()
    again = in_file(tmp_path, SetClock())
    assert await again.find_bucket("bucket") == bucket
    assert await again.find_object(bucket.id, "key") == an_object(bucket)
    await again.close()


class NotedCommits:
    """Hears how long commits take."""

    def __init__(self) -> None:
        self.changes: list[int] = []
        self.seconds: list[float] = []
        self.flushed_s: list[float] = []

    def committed(self, changes: int, seconds: float) -> None:
        self.changes.append(changes)
        self.seconds.append(seconds)

    def flushed(self, seconds: float) -> None:
        self.flushed_s.append(seconds)


async def test_whoever_watches_hears_how_long_commits_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = NotedCommits()
    store = in_file(tmp_path, SetClock(), watch=watch)
    bucket = await store.create_bucket(a_bucket())
    really = os.fdatasync

    def slowly(file: int) -> None:
        time.sleep(0.05)
        really(file)

    monkeypatch.setattr(os, "fdatasync", slowly)
    await asyncio.gather(*(store.put_object(an_object(bucket, f"{n}")) for n in range(9)))
    await store.close()
    assert sum(watch.changes) >= 10
    assert max(watch.changes) > 1, "changes are made together"
    assert len(watch.changes) == len(watch.seconds) == len(watch.flushed_s)
    assert max(watch.seconds) < 0.05 <= max(watch.flushed_s)


async def test_two_stores_see_each_other(tmp_path: Path) -> None:
    first = in_file(tmp_path, SetClock())
    second = in_file(tmp_path, SetClock())
    bucket = await first.create_bucket(a_bucket())
    await asyncio.gather(
        *(each.put_object(an_object(bucket, f"{i}{n}")) for i in range(50) for n, each in
          enumerate((first, second)))
    )  # fmt: skip
    assert (await first.bucket_usage(bucket.id)).objects == 100
    assert (await second.bucket_usage(bucket.id)).objects == 100
    await first.close()
    await second.put_object(an_object(bucket, "more"))
    await second.close()


async def test_a_checkpoint_without_files_to_open_is_put_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = in_file(tmp_path, SetClock(), log_pages=1)
    connect = store._checkpoints._connect

    def refuse() -> apsw.Connection:
        raise apsw.CantOpenError("unable to open database file")

    monkeypatch.setattr(store._checkpoints, "_connect", refuse)
    bucket = await store.create_bucket(a_bucket())
    for number in range(5):
        await store.put_object(an_object(bucket, f"k{number}"))
    store._checkpoints.wait()
    assert caplog.text.count("checkpoint_put_off") == 1
    monkeypatch.setattr(store._checkpoints, "_connect", connect)
    monkeypatch.setattr(store._checkpoints, "_not_before", 0.0)
    await store.put_object(an_object(bucket, "k9"))
    store._checkpoints.wait()
    assert (await store.find_object(bucket.id, "k0")) == an_object(bucket, "k0")
    await store.close()


async def test_a_file_of_the_first_version_is_brought_up(tmp_path: Path) -> None:
    old = apsw.Connection(str(tmp_path / "metadata.sqlite3"))
    old.execute("create table schema_version (version integer not null) strict")
    old.execute(schema._MIGRATIONS[0])
    old.execute("insert into schema_version values (1)")
    old.execute("insert into identity values ('user', 'a', x'31')")
    old.close()
    store = in_file(tmp_path, SetClock())
    await store.add_deliveries([a_delivery(1)])
    assert await store.find_delivery("1") == a_delivery(1)
    assert await store.find_identity("user", "a") == b"1"
    await store.close()


async def test_what_an_older_file_holds_is_counted_by_class(tmp_path: Path) -> None:
    old = apsw.Connection(str(tmp_path / "metadata.sqlite3"))
    old.execute("create table schema_version (version integer not null) strict")
    before = 4
    for script in schema._MIGRATIONS[:before]:
        old.execute(script)
    old.execute("insert into schema_version values (?)", (before,))
    old.execute(
        "insert into bucket values (1, 'old', '1', 0, 'r', 'private', 'IA', 'LRS', '', null, 0);"
        "insert into bucket_usage values (1, 65760, 3, 1, 1, 9, 0);"
    )
    for key, size, kind in (("a", 10, "IA"), ("b", 65737, "IA"), ("c", 6, "Standard")):
        old.execute(
            "insert into object values (1, ?, 'null', 1, 'Normal', ?, 'E', '', 0, 0, ?, 'default',"
            " null, null, null, null, null, 0)",
            (key, size, kind),
        )
    old.execute(
        "insert into upload values (1, 'k', 'u1', 0, 'IA', 'default', null, null, 0, 0);"
        "insert into part values ('u1', 1, 7, 'E', 0, 0, null, null)"
    )
    old.close()
    store = in_file(tmp_path, SetClock())
    assert (await store.bucket_usage(1)).classes == {
        "IA": ClassUsage(storage_bytes=65754, billed_bytes=65536 + 65737 + 7, objects=2)
    }
    found = await store.find_object(1, "a")
    assert found is not None
    assert found.restoration is None
    await store.delete_objects(1, ["a", "b"])
    await store.abort_upload("u1")
    assert (await store.bucket_usage(1)).classes == {}
    await store.close()


async def test_newer_schema_is_refused(tmp_path: Path) -> None:
    await in_file(tmp_path, SetClock()).close()
    connection = apsw.Connection(str(tmp_path / "metadata.sqlite3"))
    connection.execute("update schema_version set version = 99")
    connection.close()
    with pytest.raises(SchemaTooNewError, match="version 99"):
        in_file(tmp_path, SetClock())


# group commit


async def test_refused_operations_do_not_disturb_their_batch(store: Stored) -> None:
    bucket = await store.create_bucket(a_bucket())
    outcomes = await asyncio.gather(
        *(
            store.put_object(an_object(bucket, f"{i // 2}"), forbid_overwrite=True)
            for i in range(40)
        ),
        return_exceptions=True,
    )
    assert [type(each) for each in outcomes] == [type(None), Exists] * 20
    assert (await store.bucket_usage(bucket.id)).objects == 20


async def test_faulty_operation_fails_alone(store: Stored) -> None:
    bucket = await store.create_bucket(a_bucket())
    faulty = an_object(bucket, "faulty", etag=None)
    outcomes = await asyncio.gather(
        store.put_object(an_object(bucket, "a")),
        store.put_object(faulty),
        store.put_object(an_object(bucket, "b")),
        return_exceptions=True,
    )
    assert [type(each) for each in outcomes] == [type(None), Unavailable, type(None)]
    assert (await store.bucket_usage(bucket.id)).objects == 2
    assert await store.find_object(bucket.id, "faulty") is None


async def test_cancelled_caller_does_not_disturb_the_batch(store: Stored) -> None:
    bucket = await store.create_bucket(a_bucket())
    tasks = [asyncio.ensure_future(store.put_object(an_object(bucket, str(i)))) for i in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await store.find_object(bucket.id, "0") is not None
    assert await store.find_object(bucket.id, "2") is not None


async def test_nothing_is_acknowledged_once_the_log_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = in_file(tmp_path, SetClock())
    bucket = await store.create_bucket(a_bucket())
    with monkeypatch.context() as patched:

        def fail(_: int) -> None:
            raise OSError(5, "Input/output error")

        patched.setattr(os, "fdatasync", fail)
        with pytest.raises(Unavailable):
            await store.put_object(an_object(bucket))
    with pytest.raises(Unavailable):
        await store.put_object(an_object(bucket, "later"))
    assert await store.find_object(bucket.id, "later") is None
    await store.close()


async def test_close_finishes_what_is_queued(tmp_path: Path) -> None:
    store = in_file(tmp_path, SetClock())
    bucket = await store.create_bucket(a_bucket())
    tasks = [
        asyncio.ensure_future(store.put_object(an_object(bucket, str(i)))) for i in range(1000)
    ]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*tasks)


@pytest.mark.slow
async def test_log_is_bounded(store: Stored, tmp_path: Path) -> None:
    bucket = await store.create_bucket(a_bucket())
    for start in range(0, 4000, 100):
        keys = [f"{i * 7919 % 4000:05}" for i in range(start, start + 100)]
        await asyncio.gather(*(store.put_object(an_object(bucket, key)) for key in keys))
    # Fifty pages, and what is written while a checkpoint runs.
    assert (tmp_path / "metadata.sqlite3-wal").stat().st_size < 8 * 1024 * 1024


async def test_reads_hold_no_view_of_the_log(store: Stored) -> None:
    bucket = await store.create_bucket(a_bucket())
    await intend(store, blob(1), blob(2))
    await store.put_object(on_blobs(bucket, "a/b", blob(1), blob(2)))
    await store.put_object(an_object(bucket, "c"))
    await store.find_object(bucket.id, "a/b")
    await store.find_object(bucket.id, "c")
    await store.list_objects(bucket.id, prefix="", delimiter="/", after="", limit=1)
    await store.list_buckets("", "", 10)
    for cursor in ("_cursor",):
        assert not getattr(store, cursor).connection.in_transaction
    assert store._connection.txn_state() == apsw.SQLITE_TXN_NONE


async def test_large_page_lets_other_requests_run(store: Stored) -> None:
    bucket = await store.create_bucket(a_bucket())
    await fill(store, bucket.id, "k", 1000)
    order = []

    buckets = Buckets(store, SetClock(), "cn-hangzhou")

    async def listing() -> None:
        page = await buckets.objects(bucket, prefix="", delimiter="", after="", limit=999)
        assert [each.key for each in page.objects] == [f"k{i:07}" for i in range(999)]
        assert page.next_after == "k0000998"
        order.append("page")

    async def other() -> None:
        order.append("other")

    await asyncio.gather(listing(), other())
    assert order == ["other", "page"]


# cost


_OF_A_ROW = 30
"""Instructions that one row of a page takes, and some."""


class Steps:
    """Counts what the engine does: instructions of its virtual machine."""

    def __init__(self, store: Stored) -> None:
        self.count = 0
        store._connection.set_progress_handler(self._step, 1)

    def _step(self) -> bool:
        self.count += 1
        return False


async def steps_of_a_page(store: Stored, bucket: int, **asked: Any) -> int:
    asked = {"prefix": "", "delimiter": "/", "after": "", "limit": 10, **asked}
    # The first time it also takes what a connection learns of its statements.
    await store.list_objects(bucket, **asked)
    steps = Steps(store)
    await store.list_objects(bucket, **asked)
    store._connection.set_progress_handler(None)
    return steps.count


async def fill(store: Stored, bucket: int, prefix: str, count: int) -> None:
    """Many rows at once, past the port: what is measured is reading."""
    store._connection.execute(
        "with recursive n(i) as (select 0 union all select i + 1 from n where i < ?)"
        " insert into object select ?, ? || printf('%07d', i), 'null', 1, 'Normal', 1, 'E', '', 0,"
        " 0, 'Standard', 'default', null, null, null, null, null, 0, null from n",
        (count - 1, bucket, prefix),
    )


@pytest.mark.parametrize("delimiter", ["", "/"])
async def test_statements_are_compiled_once(store: Stored, delimiter: str) -> None:
    bucket = await store.create_bucket(a_bucket())
    for number in range(9):
        await fill(store, bucket.id, f"{number}/" if number % 3 else f"{number}", 5)
    compiled: list[Any] = []

    def note(*about: Any) -> int:
        compiled.append(about)
        return apsw.SQLITE_OK

    async def walk() -> None:
        asked = {"prefix": "", "delimiter": delimiter, "limit": 7}
        after: str | None = ""
        while after is not None:
            await store.list_versions(bucket.id, after_key=after, after_version="", **asked)
            after = (await store.list_objects(bucket.id, after=after, **asked)).next_after

    store._connection.authorizer = note
    await walk()
    assert compiled
    compiled.clear()
    await walk()
    assert compiled == []


@pytest.mark.slow
async def test_page_costs_the_same_whatever_a_common_prefix_stands_for(
    store: Stored,
) -> None:
    few, many = await store.create_bucket(a_bucket("few")), await store.create_bucket(a_bucket())
    for bucket, count in ((few.id, 100), (many.id, 100_000)):
        await fill(store, bucket, "a/", count)
        await fill(store, bucket, "b/", count)
        await fill(store, bucket, "c", 5)
    for asked in ({}, {"after": "a/"}, {"after": "a/0000050"}, {"prefix": "b"}, {"limit": 1}):
        cost = await steps_of_a_page(store, many.id, **asked)
        # The end of the bucket is a row more or less.
        assert abs(cost - await steps_of_a_page(store, few.id, **asked)) < _OF_A_ROW
        assert cost < 1000


async def test_page_costs_what_it_shows(store: Stored) -> None:
    bucket = await store.create_bucket(a_bucket())
    await fill(store, bucket.id, "k", 10_000)
    ten = await steps_of_a_page(store, bucket.id, limit=10)
    assert ten < 1000
    later = await steps_of_a_page(store, bucket.id, limit=10, after="k0009000")
    assert abs(later - ten) < _OF_A_ROW


async def test_usage_costs_the_same_for_any_number_of_objects(store: Stored) -> None:
    bucket = await store.create_bucket(a_bucket())
    await fill(store, bucket.id, "k", 10_000)
    steps = Steps(store)
    await store.bucket_usage(bucket.id)
    assert steps.count < 100


async def test_append_costs_the_same_at_any_length(store: Stored) -> None:
    bucket = await store.create_bucket(a_bucket())
    costs = []
    for i in range(60):
        await intend(store, blob(i))
        new = on_blobs(bucket, "key", blob(i))
        new = an_object(bucket, type="Appendable", inline=None, size=10 * (i + 1))
        added = on_blobs(bucket, "key", blob(i)).extents[0]
        steps = Steps(store)
        await store.append_object(new, position=10 * i, added=added)
        store._connection.set_progress_handler(None)
        costs.append(steps.count)
    assert costs[1] == costs[-1]
