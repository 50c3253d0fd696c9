"""The memory adapters keep the contracts."""

import pytest
from metadata_store import TERMS, MetadataStoreContract, SetClock

from ossia.adapters.blob_life import BlobTerms
from ossia.adapters.memory import MemoryMetadataStore


class TestMemoryMetadataStore(MetadataStoreContract):
    @pytest.fixture
    def store(self, clock: SetClock) -> MemoryMetadataStore:
        return MemoryMetadataStore(clock, BlobTerms(**TERMS))
