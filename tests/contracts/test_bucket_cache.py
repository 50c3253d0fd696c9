"""Two stores on one folder, as two workers are: neither serves an old bucket row."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ossia.adapters.sqlite.store import SqliteMetadataStore
from ossia.adapters.system import SystemClock
from ossia.records import Bucket


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[SqliteMetadataStore, SqliteMetadataStore]]:
    one, two = (SqliteMetadataStore(tmp_path, SystemClock()) for _ in range(2))
    yield one, two
    await one.close()
    await two.close()


async def test_a_change_by_one_worker_is_seen_by_the_other(
    pair: tuple[SqliteMetadataStore, SqliteMetadataStore],
) -> None:
    one, two = pair
    made = await one.create_bucket(
        Bucket(id=0, name="bucket", owner="1", created_at=1, region="cn-hangzhou")
    )
    for store in pair:
        assert await store.find_bucket("bucket") == made
    for acl in ("public-read", "private", "public-read-write"):
        current = await two.find_bucket("bucket")
        assert current is not None
        await two.update_bucket(msgspec.structs.replace(current, acl=acl))
        seen = await one.find_bucket("bucket")
        assert seen is not None
        assert seen.acl == acl
    await one.delete_bucket(made.id)
    assert await two.find_bucket("bucket") is None


async def test_a_repeated_find_reads_nothing(
    pair: tuple[SqliteMetadataStore, SqliteMetadataStore],
) -> None:
    one, _ = pair
    await one.create_bucket(
        Bucket(id=0, name="bucket", owner="1", created_at=1, region="cn-hangzhou")
    )
    first = await one.find_bucket("bucket")
    assert await one.find_bucket("bucket") is first
