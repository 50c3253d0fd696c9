"""What is in the memory of one process keeps the contracts; so does the naive model."""

from collections.abc import AsyncIterator

import pytest
from blob_store import BlobStoreContract
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


class TestMemoryBlobStore(BlobStoreContract):
    @pytest.fixture
    def blobs(self) -> MemoryBlobStore:
        return MemoryBlobStore(SetClock())
