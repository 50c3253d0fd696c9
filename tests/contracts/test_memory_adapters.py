"""The memory adapters keep the contracts."""

import pytest
from blob_store import BlobStoreContract
from metadata_store import TERMS, MetadataStoreContract, SetClock

from ossia.adapters.blob_life import BlobTerms
from ossia.adapters.memory import MemoryBlobStore, MemoryMetadataStore


class TestMemoryMetadataStore(MetadataStoreContract):
    @pytest.fixture
    def store(self, clock: SetClock) -> MemoryMetadataStore:
        return MemoryMetadataStore(clock, BlobTerms(**TERMS))


class TestMemoryBlobStore(BlobStoreContract):
    @pytest.fixture
    def blobs(self) -> MemoryBlobStore:
        return MemoryBlobStore(SetClock())
