"""PostgreSQL keeps the contract."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import settings
from tables_contract import TERMS, SetClock, TablesContract
from tables_machine import Twins

from ossia.adapters.postgres import Place, PostgresDatabase
from ossia.ports import BlobTerms
from postgres_server import PostgresServer
from stored import Stored

EVERYTHING = (
    "truncate bucket, bucket_usage, content, object, extent, blob, upload, part, identity,"
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


class PostgresTwins(Twins):
    url = ""

    def open_database(self) -> PostgresDatabase:
        database: PostgresDatabase = self.loop.run_until_complete(opened(self.url, self.clock))
        self.loop.run_until_complete(database.all(EVERYTHING))
        return database


@pytest.mark.slow
@pytest.mark.usefixtures("machine_url")
class TestPostgresBehavesAsTheModel(PostgresTwins.TestCase):
    settings = settings(derandomize=True, deadline=None, max_examples=30, stateful_step_count=40)


@pytest.fixture
def machine_url(url: str) -> None:
    PostgresTwins.url = url
