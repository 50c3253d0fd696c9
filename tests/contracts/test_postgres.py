"""PostgreSQL keeps the contract."""

from collections.abc import AsyncIterator
from urllib.parse import SplitResult, urlsplit

import pytest
from cutting_proxy import Cut, CuttingProxy
from naive_listing import check_listings
from tables_contract import (
    TERMS,
    SetClock,
    TablesContract,
    count_former_versions,
    delete_with_its_classes,
)
from tables_machine import Twins, machine_settings

from ossia.adapters.postgres import Place, PostgresDatabase
from ossia.ports import BlobTerms
from postgres_server import PostgresServer
from stored import Stored

EVERYTHING = (
    "truncate bucket, bucket_usage, class_usage, content, object, former, extent, blob, upload, part, identity,"
    " delivery, pending, nonce, outcome restart identity"
)


async def opened(url: str, clock: SetClock, **more: float) -> PostgresDatabase:
    more = {"trusted_s": 0.01, **more}
    database = PostgresDatabase(Place.of(url), clock, BlobTerms(**TERMS), **more)
    await database.open()
    return database


@pytest.fixture(scope="session")
def url(postgres: PostgresServer) -> str:
    """One database for the whole file: making the tables takes longer than most tests."""
    return postgres.fresh()


@pytest.fixture
async def store(url: str) -> AsyncIterator[Stored]:
    store = Stored(await opened(url, SetClock()))
    await store.all(EVERYTHING)
    yield store
    await store.close()


class TestPostgresDatabase(TablesContract):
    @pytest.fixture
    async def store(self, clock: SetClock, url: str) -> AsyncIterator[Stored]:
        store = Stored(await opened(url, clock))
        await store.all(EVERYTHING)
        yield store
        await store.close()

    async def test_a_bucket_takes_its_classes_along(self, store: Stored) -> None:
        await delete_with_its_classes(store)

    async def test_former_versions_count_with_their_class(self, store: Stored) -> None:
        await count_former_versions(store)


def test_listings_are_those_of_every_row(postgres: PostgresServer) -> None:
    async def in_it() -> Stored:
        return Stored(await opened(postgres.fresh(), SetClock()))

    check_listings(in_it, examples=400)


class PostgresTwins(Twins):
    url = ""

    def open_database(self) -> PostgresDatabase:
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        self.proxy = CuttingProxy((parts.hostname, parts.port), b"commit")
        return self.loop.run_until_complete(self.opened(parts))

    async def opened(self, parts: SplitResult) -> PostgresDatabase:
        await self.proxy.start()
        through = parts._replace(netloc=f"{parts.username}@127.0.0.1:{self.proxy.port}")
        database = await opened(through.geturl(), self.clock)
        await database.all(EVERYTHING)
        return database

    def trouble(self, choice: int) -> None:
        """The COMMIT of the next change is cut off; a change is made, once, all the same."""
        self.proxy.cut = {0: Cut.BEFORE, 1: Cut.ANSWER, 2: Cut.LATE}.get(choice, self.proxy.cut)

    def close(self) -> None:
        self.loop.run_until_complete(self.other.close())
        self.loop.run_until_complete(self.proxy.stop())
        self.loop.close()


@pytest.mark.slow
@pytest.mark.usefixtures("machine_url")
class TestPostgresBehavesAsTheModel(PostgresTwins.TestCase):
    settings = machine_settings(30, 40)


@pytest.fixture
def machine_url(url: str) -> None:
    PostgresTwins.url = url
