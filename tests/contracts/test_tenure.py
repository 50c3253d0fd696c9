"""A primary that has lost its place is not believed, also where nobody can tell it so."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from tables_contract import SetClock

from ossia.adapters.postgres import Place, PostgresDatabase
from ossia.ports import NotEmpty, Transaction, Unavailable
from postgres_server import PostgresServer, running_postgres

VALID_S = 0.4
SAID = "select said from place"


class Patroni:
    """Answers ``GET /primary`` as it is told, or not at all."""

    def __init__(self, status: int | None) -> None:
        self.status = status
        self.asked = 0
        self.url = ""

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        while self.status is None:
            await asyncio.sleep(0.01)
        writer.write(b"HTTP/1.1 %d .\r\nContent-Length: 0\r\n\r\n" % self.status)
        writer.close()


@dataclass
class World:
    """Two servers that were the same, and the Patroni of each."""

    database: PostgresDatabase
    old: Patroni
    new: Patroni

    async def said(self) -> str:
        row = await self.database.one(SAID)
        assert row is not None
        return str(row[0])

    def fail_over(self) -> None:
        """The Patroni of the old primary hangs; another has taken its place."""
        self.old.status, self.new.status = None, 200


@asynccontextmanager
async def answering(patroni: Patroni) -> AsyncIterator[Patroni]:
    server = await asyncio.start_server(patroni.accept, "127.0.0.1", 0)
    patroni.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield patroni
    patroni.status = 503
    await asyncio.sleep(0.05)
    server.close()


@pytest.fixture(scope="module")
def other() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
async def world(postgres: PostgresServer, other: PostgresServer) -> AsyncIterator[World]:
    name = postgres.fresh().rpartition("/")[2]
    other.ask(f"create database {name}")
    hosts = ",".join(f"127.0.0.1:{each.port}" for each in (postgres, other))
    for server, said in ((postgres, "old"), (other, "new")):
        alone = PostgresDatabase(Place.of(server.url(name)), SetClock())
        await alone.open()
        await alone.all("create table place (said text)")
        await alone.all("insert into place values ($1)", said)
        await alone.close()
    async with answering(Patroni(200)) as old, answering(Patroni(503)) as new:
        place = Place.of(f"postgresql://postgres@{hosts}/{name}", (old.url, new.url))
        database = PostgresDatabase(place, SetClock(), deadline_s=3, valid_s=VALID_S)
        yield World(database, old, new)
        await database.close()


async def test_what_a_patroni_has_said_holds_for_a_while(world: World) -> None:
    assert await world.said() == "old"
    asked = world.old.asked
    for _ in range(200):
        assert await world.said() == "old"
    assert world.old.asked - asked <= 5
    world.old.status = None
    assert await world.said() == "old"


async def test_nothing_is_read_from_the_past_when_the_time_has_run_out(world: World) -> None:
    assert await world.said() == "old"
    world.fail_over()
    failed_over = time.monotonic()
    seen = []
    while time.monotonic() < failed_over + 4 * VALID_S:
        begun = time.monotonic()
        seen.append((begun - failed_over, await world.said()))
        await asyncio.sleep(0.01)
    assert {said for after, said in seen if after > VALID_S} == {"new"}


async def test_an_answer_that_comes_too_late_is_not_passed_on(world: World) -> None:
    assert await world.said() == "old"
    asking = asyncio.create_task(world.database.one(f"{SAID}, pg_sleep({2 * VALID_S})"))
    await asyncio.sleep(0.05)
    world.fail_over()
    row = await asking
    assert row is not None
    assert row[0] == "new"


async def test_what_takes_longer_is_passed_on_if_nothing_has_changed(world: World) -> None:
    row = await world.database.one(f"{SAID}, pg_sleep({2 * VALID_S})")
    assert row is not None
    assert row[0] == "old"


async def test_a_refusal_that_comes_too_late_is_not_passed_on(world: World) -> None:
    async def refuse_if_old(tx: Transaction) -> str:
        ((said,),) = await tx.hold(SAID)
        await asyncio.sleep(2 * VALID_S if said == "old" else 0)
        if said == "old":
            raise NotEmpty
        return str(said)

    assert await world.said() == "old"
    changing = asyncio.create_task(world.database.change(refuse_if_old))
    await asyncio.sleep(0.05)
    world.fail_over()
    assert await changing == "new"


async def test_where_nobody_is_the_primary_there_is_no_answer(world: World) -> None:
    assert await world.said() == "old"
    world.old.status = None
    await asyncio.sleep(VALID_S)
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        await world.said()
    assert time.monotonic() - begun < 5
    world.old.status = 200
    assert await world.said() == "old"
