"""What is in the memory of one process keeps the contracts; so does the naive model."""

from collections.abc import AsyncIterator

import pytest
from blob_store import BlobStoreContract
from naive_listing import check_listings
from naive_model import NaiveModel
from tables_contract import TERMS, SetClock, TablesContract
from tables_machine import Twins, machine_settings

from ossia.adapters.memory import MemoryBlobStore
from ossia.adapters.sqlite import MemoryDatabase
from ossia.ports import BlobTerms
from stored import Stored


class TestNaiveModel(TablesContract):
    @pytest.fixture
    def store(self, clock: SetClock) -> NaiveModel:
        return NaiveModel(clock, BlobTerms(**TERMS))


class TestMemoryDatabase(TablesContract):
    @pytest.fixture
    async def store(self, clock: SetClock) -> AsyncIterator[Stored]:
        store = Stored(MemoryDatabase(clock, BlobTerms(**TERMS)))
        yield store
        await store.close()


class MemoryTwins(Twins):
    def open_database(self) -> MemoryDatabase:
        return MemoryDatabase(self.clock, self.terms)


TestMemoryBehavesAsTheModel = pytest.mark.slow(MemoryTwins.TestCase)
TestMemoryBehavesAsTheModel.settings = machine_settings(200, 50)


@pytest.mark.slow
def test_listings_are_those_of_every_row() -> None:
    async def opened() -> Stored:
        return Stored(MemoryDatabase(SetClock(), BlobTerms(**TERMS)))

    check_listings(opened, examples=1500)


class TestMemoryBlobStore(BlobStoreContract):
    @pytest.fixture
    def blobs(self) -> MemoryBlobStore:
        return MemoryBlobStore(SetClock())
