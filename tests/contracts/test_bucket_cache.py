"""Two stores on one folder, as two workers are: neither serves an old bucket row."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ossia.adapters.sqlite.store import SqliteMetadataStore
from ossia.adapters.system import SystemClock
from ossia.ports import Conflict, Exists, IdentityChange
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


async def test_a_change_of_identities_is_told_to_the_other(
    pair: tuple[SqliteMetadataStore, SqliteMetadataStore],
) -> None:
    one, two = pair
    stamp = two.identity_stamp()
    assert one.identity_stamp() == stamp
    change = IdentityChange(kind="user", name="a", record=b"1")
    await one.change_identities([change], epoch=await two.identity_epoch())
    assert two.identity_stamp() == one.identity_stamp() != stamp
    assert await two.find_identity("user", "a") == b"1"
    with pytest.raises(Conflict):
        await two.change_identities([change], epoch=0)


async def test_a_nonce_is_used_once_among_workers(
    pair: tuple[SqliteMetadataStore, SqliteMetadataStore],
) -> None:
    one, two = pair
    await one.use_nonce(b"n", now=1, until=9)
    with pytest.raises(Exists):
        await two.use_nonce(b"n", now=2, until=10)


async def test_nonces_that_are_over_are_removed(
    pair: tuple[SqliteMetadataStore, SqliteMetadataStore],
) -> None:
    one, _ = pair
    for number in range(50):
        await one.use_nonce(b"%d" % number, now=number, until=number + 5)
    assert one._cursor.execute("select count(*) from nonce").get == 6
