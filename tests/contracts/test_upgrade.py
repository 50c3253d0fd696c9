"""A version and the one before stand beside each other on one database, until the older is gone."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest
from tables_contract import SetClock, a_bucket, an_object
from test_postgres import opened

from ossia.adapters.postgres import Place, PostgresDatabase, schema, upgrade
from ossia.adapters.postgres.presence import Presence
from ossia.adapters.postgres.schema import KNOWN_VERSION, STEPS, Step
from ossia.adapters.postgres.upgrade import OlderGatewaysError
from ossia.adapters.schema_version import SchemaTooNewError
from ossia.ports import Transaction
from ossia.records import ClassUsage
from ossia.tables.class_usage import RECOUNT, recount
from postgres_server import PostgresServer
from stored import Stored

LASTS_S = 1.0
NEXT = Step(
    expand="alter table nonce add column shown text",
    fill="update nonce set shown = 'x' where mark in"
    " (select mark from nonce where shown is null order by mark limit 10)",
    contract="alter table nonce drop column until",
)
NEXT_VERSION = KNOWN_VERSION + 1


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.fresh()


@pytest.fixture
async def old(url: str) -> AsyncIterator[PostgresDatabase]:
    """What a gateway of this version has open."""
    database = await opened(url, SetClock())
    yield database
    await database.close()


@pytest.fixture
async def new(old: PostgresDatabase, url: str) -> AsyncIterator[PostgresDatabase]:
    """What one of the next version has open beside it."""
    await old.change(write, range(25))
    database = await opened_by_next(url)
    yield database
    await database.close()


async def opened_by_next(url: str) -> PostgresDatabase:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "STEPS", (*STEPS, NEXT))
        patch.setattr(schema, "KNOWN_VERSION", NEXT_VERSION)
        return await opened(url, SetClock())


async def write(tx: Transaction, marks: Sequence[int]) -> None:
    """As the version before does."""
    for mark in marks:
        await tx.run("insert into nonce (mark, until) values ($1, 7)", b"%04d" % mark)


async def unfilled(database: PostgresDatabase) -> int:
    row = await database.one("select count(*) from nonce where shown is null")
    assert row is not None
    return int(row[0])


async def finish(database: PostgresDatabase) -> tuple[int, list[tuple[int, int]]]:
    notes: list[tuple[int, int]] = []
    done = await upgrade.finish(
        database,
        lambda version, rows: notes.append((version, rows)),
        steps=(*STEPS, NEXT),
        lasts_s=LASTS_S,
    )
    return done, notes


async def test_a_new_database_has_nothing_left_to_do(url: str) -> None:
    database = await opened_by_next(url)
    assert await finish(database) == (NEXT_VERSION, [])
    with pytest.raises(asyncpg.UndefinedColumnError):
        await database.one("select until from nonce")
    await database.close()


async def test_what_only_adds_leaves_nothing_to_do(old: PostgresDatabase) -> None:
    version = await upgrade.finish(old, lambda *_: pytest.fail("there is nothing to fill"))
    assert version == KNOWN_VERSION


async def test_what_is_left_is_filled_in_pieces_and_taken_away(new: PostgresDatabase) -> None:
    assert await unfilled(new) == 25
    done, notes = await finish(new)
    assert done == NEXT_VERSION
    assert notes == [(NEXT_VERSION, 10), (NEXT_VERSION, 20), (NEXT_VERSION, 25)]
    assert await unfilled(new) == 0
    with pytest.raises(asyncpg.UndefinedColumnError):
        await new.one("select until from nonce")
    assert await finish(new) == (NEXT_VERSION, [])


async def test_the_version_before_serves_on_and_may_even_be_started(
    old: PostgresDatabase, new: PostgresDatabase, url: str
) -> None:
    await old.change(write, range(30, 35))
    another = await opened(url, SetClock())
    await another.close()
    assert await unfilled(new) == 30
    await finish(new)
    another = PostgresDatabase(Place.of(url), SetClock())
    with pytest.raises(SchemaTooNewError, match="start the newer Ossia"):
        await another.open()
    await another.close()


async def test_nothing_is_taken_away_while_it_serves(
    old: PostgresDatabase, new: PostgresDatabase
) -> None:
    before = Presence(old, "gw1 :9000", beat_s=LASTS_S / 10, lasts_s=LASTS_S)
    after = Presence(new, "gw2 :9000", beat_s=LASTS_S / 10, lasts_s=LASTS_S, knows=NEXT_VERSION)
    async with before.attending(), after.attending():
        async with asyncio.timeout(20):
            await before.has("a duty")
        with pytest.raises(OlderGatewaysError, match=r"gw1 :9000$"):
            await finish(new)
        assert await unfilled(new) == 0
        await old.change(write, range(30, 35))
    done, notes = await finish(new)
    assert done == NEXT_VERSION
    assert notes == [(NEXT_VERSION, 5)], "what it wrote after the first time"


async def test_what_older_gateways_have_written_is_counted_by_class(url: str) -> None:
    """`RECOUNT` adds what is missing, and no more however often it is run."""
    store = Stored(await opened(url, SetClock()))
    bucket = await store.create_bucket(a_bucket())
    counted = an_object(bucket, "new", storage_class="Archive")
    await store.put_object(counted)
    before = await store.bucket_usage(bucket.id)
    for key, size in (("a", 10), ("b", 70_000)):
        await store.put_object(an_object(bucket, key, storage_class="IA", size=size))
    await store.change(as_if_not_counted)
    # One that nobody counted goes, and one that is counted now stays.
    await store.delete_objects(bucket.id, ["a"])
    assert (await store.bucket_usage(bucket.id)).classes == before.classes
    await store.put_object(an_object(bucket, "c", storage_class="IA", size=1))
    expected = {
        **before.classes,
        "IA": ClassUsage(storage_bytes=70_001, billed_bytes=70_000 + 65_536, objects=2),
    }
    assert any(each.contract == RECOUNT for each in STEPS), "upgrade does it"
    for _ in range(2):
        await store.change(recount)
        assert (await store.bucket_usage(bucket.id)).classes == expected
    await store.close()


async def as_if_not_counted(tx: Transaction) -> None:
    await tx.run("delete from class_usage where storage_class = 'IA'")


async def test_one_that_was_killed_is_waited_for_no_longer_than_it_may_last(
    old: PostgresDatabase, new: PostgresDatabase
) -> None:
    killed = Presence(old, "gw1 :9000")
    await killed.beat()
    begun = asyncio.get_running_loop().time()
    await finish(new)
    assert asyncio.get_running_loop().time() - begun > LASTS_S
