"""The SQLite adapter keeps the contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from metadata_store import TERMS, MetadataStoreContract, SetClock

from ossia.adapters.blob_life import BlobTerms
from ossia.adapters.sqlite import SqliteMetadataStore


class TestSqliteMetadataStore(MetadataStoreContract):
    @pytest.fixture
    async def store(self, clock: SetClock, tmp_path: Path) -> AsyncIterator[SqliteMetadataStore]:
        store = SqliteMetadataStore(tmp_path, clock, BlobTerms(**TERMS))
        yield store
        await store.close()
