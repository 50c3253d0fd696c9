"""What can go wrong between a gateway and PostgreSQL: nothing is lost, nothing happens twice."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from cutting_proxy import Cut, CuttingProxy, cutting_proxy
from tables_contract import TERMS, SetClock, a_bucket, an_object
from test_postgres import opened

from ossia import tables
from ossia.adapters.postgres import Place, PostgresDatabase
from ossia.adapters.system import SystemClock
from ossia.domain.buckets.public_access import PublicAccess
from ossia.domain.buckets.remembered import RememberedBuckets
from ossia.http.eager import begin
from ossia.ports import BlobTerms, NotEmpty, Rows, Transaction, Unavailable
from ossia.records import Bucket
from postgres_server import PostgresServer, running_postgres
from stored import Stored

COUNTED = "select id, epoch from bucket where name = $1"


async def count_up(tx: Transaction) -> int:
    """A change that shows how often it was made."""
    ((bucket_id, epoch),) = await tx.hold(COUNTED, "bucket")
    await tx.run("update bucket set epoch = $1 where id = $2", epoch + 1, bucket_id)
    return int(epoch + 1)


async def put_slowly(tx: Transaction, bucket: Bucket, entered: asyncio.Event) -> None:
    """A change that is in the bucket for a while before it writes."""
    await tx.enter(bucket.id)
    entered.set()
    await asyncio.sleep(0.2)
    await tables.objects.put(tx, an_object(bucket))


async def counted(database: PostgresDatabase) -> int:
    row = await database.one(COUNTED, "bucket")
    assert row is not None
    return int(row[1])


@pytest.fixture
async def pair(postgres: PostgresServer) -> AsyncIterator[tuple[Stored, Stored]]:
    """Two gateways on one database that is fresh."""
    url = postgres.fresh()
    one, two = [Stored(await opened(url, SetClock())) for _ in range(2)]
    yield one, two
    await one.close()
    await two.close()


@pytest.fixture
async def cut(
    postgres: PostgresServer,
) -> AsyncIterator[tuple[CuttingProxy, PostgresDatabase, Bucket]]:
    """A gateway whose COMMITs may be cut off, and a bucket."""
    url = postgres.fresh()
    async with cutting_proxy(("127.0.0.1", postgres.port), b"commit") as proxy:
        through = urlsplit(url)._replace(netloc=f"postgres@127.0.0.1:{proxy.port}").geturl()
        database = await opened(through, SetClock())
        bucket = await database.change(tables.buckets.create, a_bucket())
        yield proxy, database, bucket
        await database.close()


@pytest.mark.parametrize("how", [Cut.BEFORE, Cut.ANSWER, Cut.LATE])
async def test_a_commit_that_nobody_heard_is_found_out(
    cut: tuple[CuttingProxy, PostgresDatabase, Bucket], how: Cut
) -> None:
    proxy, database, _ = cut
    for expected in range(1, 6):
        proxy.cut = how
        assert await database.change(count_up) == expected
        assert proxy.cuts == expected
        assert await counted(database) == expected


async def test_the_block_of_the_account_holds_at_the_other_gateway(
    pair: tuple[Stored, Stored],
) -> None:
    one, two = (PublicAccess(store, SystemClock()) for store in pair)
    for is_blocked in (True, False, True):
        assert await two.is_blocked_everywhere() is not is_blocked
        await one.block_everywhere(is_blocked=is_blocked)
        assert await two.is_blocked_everywhere() is is_blocked


async def test_a_change_whose_caller_has_left_is_made(pair: tuple[Stored, Stored]) -> None:
    one, two = pair
    bucket = await one.create_bucket(a_bucket())
    entered = asyncio.Event()
    task = asyncio.create_task(one.change(put_slowly, bucket, entered))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(100):
        if await two.find_object(bucket.id, "key") is not None:
            break
        await asyncio.sleep(0.02)
    assert await two.find_object(bucket.id, "key") == an_object(bucket)


async def test_who_removes_a_bucket_waits_for_who_is_in_it(pair: tuple[Stored, Stored]) -> None:
    one, two = pair
    bucket = await one.create_bucket(a_bucket())
    entered = asyncio.Event()
    putting = asyncio.create_task(one.change(put_slowly, bucket, entered))
    await entered.wait()
    with pytest.raises(NotEmpty):
        await two.delete_bucket(bucket.id)
    await putting
    assert await two.find_object(bucket.id, "key") is not None


async def test_writers_of_a_bucket_do_not_wait_for_each_other(pair: tuple[Stored, Stored]) -> None:
    bucket = await pair[0].create_bucket(a_bucket())
    inside = 0
    together = asyncio.Event()

    async def put(tx: Transaction, key: str) -> None:
        nonlocal inside
        await tables.objects.put(tx, an_object(bucket, key))
        inside += 1
        if inside == 12:
            together.set()
        await asyncio.wait_for(together.wait(), 5)

    await asyncio.gather(*(pair[n % 2].change(put, f"k{n}") for n in range(12)))
    usage = await pair[0].bucket_usage(bucket.id)
    assert (usage.objects, usage.storage_bytes) == (12, 60)


async def test_changes_that_wait_for_each_other_are_made_one_by_one(
    pair: tuple[Stored, Stored],
) -> None:
    for name in ("a", "b"):
        await pair[0].create_bucket(a_bucket(name))

    async def both(tx: Transaction, first: str, second: str) -> None:
        for name in (first, second):
            await tx.hold(COUNTED, name)
            await asyncio.sleep(0.05)
            await tx.run("update bucket set epoch = epoch + 1 where name = $1", name)

    await asyncio.gather(*(pair[n].change(both, *("ab", "ba")[n]) for n in range(2)))
    for name in ("a", "b"):
        assert await pair[0].one("select epoch from bucket where name = $1", name) == (2,)


async def test_one_key_written_by_many_has_one_row(pair: tuple[Stored, Stored]) -> None:
    bucket = await pair[0].create_bucket(a_bucket())
    for _ in range(5):
        await asyncio.gather(
            *(pair[n % 2].put_object(an_object(bucket, etag=f"{n}"))
              for n in range(20)),
            *(pair[n % 2].delete_objects(bucket.id, ["key"]) for n in range(5)),
        )  # fmt: skip
        rows = await pair[0].all("select version, content_id from object")
        assert len(rows) <= 1
        assert await pair[0].all("select id from content") == [(row[1],) for row in rows]
        usage = await pair[0].bucket_usage(bucket.id)
        assert usage.objects == len(rows)


async def test_a_change_of_a_bucket_holds_everywhere_once_it_is_told(
    pair: tuple[Stored, Stored],
) -> None:
    one, two = pair
    made = await one.create_bucket(a_bucket())
    remembered = RememberedBuckets(two)
    for _ in range(20):
        assert await remembered.find("bucket") == made
        made = await one.update_bucket(made)
    assert await remembered.find("bucket") == made
    await one.delete_bucket(made.id)
    assert await remembered.find("bucket") is None


async def test_what_is_remembered_costs_no_statement(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.fresh()
    database = await opened(url, SetClock(), trusted_s=0.25)
    await database.change(tables.buckets.create, a_bucket())
    remembered = RememberedBuckets(database)
    assert await remembered.find("bucket") is not None
    asked: list[str] = []
    really = database._lines.one

    def noting(deadline: float) -> object:
        asked.append("")
        return really(deadline)

    monkeypatch.setattr(database._lines, "one", noting)
    for _ in range(200):
        await remembered.find("bucket")
        await asyncio.sleep(0.001)
    assert len(asked) <= 4, "the stamps, now and then, in the background"
    monkeypatch.undo()
    await database.close()


@pytest.mark.slow
async def test_a_server_that_hangs_is_told_of_in_time() -> None:
    with running_postgres() as server:
        database = await opened(server.fresh(), SetClock(), deadline_s=1.0)
        await database.change(tables.buckets.create, a_bucket())
        server.send(signal.SIGSTOP)
        for ask in (database.one(COUNTED, "bucket"), database.change(count_up)):
            begun = time.monotonic()
            with pytest.raises(Unavailable):
                await ask
            assert time.monotonic() - begun < 2
        server.send(signal.SIGCONT)
        before = await counted(database)
        assert await database.change(count_up) == before + 1
        await database.close()


@pytest.mark.slow
async def test_a_line_that_ends_between_preparing_and_executing_is_a_lost_one(
    pair: tuple[Stored, Stored], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = pair[0].database
    assert isinstance(database, PostgresDatabase)
    prepare = asyncpg.Connection._get_statement
    ended = 0

    async def prepare_and_end(connection: asyncpg.Connection, *args: Any, **kwargs: Any) -> Any:
        nonlocal ended
        prepared = await prepare(connection, *args, **kwargs)
        if ended < 2:
            ended += 1
            connection.terminate()
        return prepared

    monkeypatch.setattr(asyncpg.Connection, "_get_statement", prepare_and_end)
    bucket = await database.change(tables.buckets.create, a_bucket())
    assert ended == 2
    assert await tables.buckets.find(database, bucket.name) is not None


async def test_a_view_has_a_deadline_for_each_statement(postgres: PostgresServer) -> None:
    database = await opened(postgres.fresh(), SetClock(), deadline_s=0.7)

    async def look(rows: Rows, *seconds: float) -> int:
        for each in seconds:
            await rows.one(f"select pg_sleep({each})")
            await rows.all("select 1")
        return len(seconds)

    assert await database.together(look, 0.4, 0.4, 0.4) == 3
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        await database.together(look, 0.1, 5)
    assert time.monotonic() - begun < 2
    assert await database.one("select 1") == (1,)
    await database.close()


@pytest.mark.slow
async def test_what_was_told_outlives_a_server_that_is_killed() -> None:
    with running_postgres(fsync=True) as server:
        database = await opened(server.fresh(), SetClock())
        await database.change(tables.buckets.create, a_bucket())
        told = 0
        goes_on = True

        async def count_on() -> None:
            nonlocal told
            while goes_on:
                told = await database.change(count_up)

        for _ in range(5):
            goes_on = True
            counting = asyncio.create_task(count_on())
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.kill_and_start)
            goes_on = False
            await counting
            assert await counted(database) == told
        await database.close()


@pytest.mark.parametrize(
    ("url", "patroni", "reason"),
    [
        ("mysql://h/db", (), "postgresql://"),
        ("postgresql:///db", (), "HOST"),
        ("postgresql://h1:1", (), "DATABASE"),
        ("postgresql://h1:1,h2:2/db", ("http://h1:8008",), "2 hosts and 1"),
    ],
)
def test_a_place_that_cannot_be_is_told(url: str, patroni: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Place.of(url, patroni)


def test_a_place_is_shown_without_its_secret() -> None:
    place = Place.of("postgresql://me:secret@h1:1,h2/db?sslmode=require")
    assert place.hosts == (("h1", 1), ("h2", 5432))
    assert "secret" not in f"{place.shown()} {place!r}"
    assert place.shown() == "postgresql://me@h1:1,h2:5432/db"


async def test_nobody_there_is_told_in_time() -> None:
    place = Place.of("postgresql://postgres@127.0.0.1:1/x")
    database = PostgresDatabase(place, SetClock(), BlobTerms(**TERMS), deadline_s=0.5)
    with pytest.raises(Unavailable, match="does not answer"):
        await database.one("select 1")
    await database.close()


@pytest.mark.parametrize("most", [1, 16], ids=["others-have-every-line", "lines-are-to-be-opened"])
async def test_a_request_that_is_no_task_yet_gets_its_line(
    postgres: PostgresServer, most: int
) -> None:
    """`http.eager` begins a request before it makes a task of it."""
    database = await opened(postgres.fresh(), SetClock(), most_lines=most)
    answers: list[object] = []

    async def ask() -> None:
        try:
            answers.append(await database.all("select 1"))
        except Exception as error:  # noqa: BLE001 - what it is is what is asked
            answers.append(error)

    loop = asyncio.get_running_loop()
    for _ in range(8):
        # As a connection does: in a callback of the loop, where there is no task.
        loop.call_soon(begin, loop, ask())
    until = time.monotonic() + 5
    while len(answers) < 8 and time.monotonic() < until:
        await asyncio.sleep(0.01)
    await database.close()
    assert [str(each) for each in answers] == ["[<Record ?column?=1>]"] * 8
