"""Two stores on one folder, as two workers are: neither serves an old bucket row."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ossia import tables
from ossia.adapters.system import SystemClock
from ossia.domain.buckets.public_access import PublicAccess
from ossia.domain.buckets.remembered import RememberedBuckets
from ossia.ports import Conflict, Exists
from ossia.records import Bucket
from ossia.tables.identities import IdentityChange
from stored import Stored, in_file


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Stored, Stored]]:
    one, two = (in_file(tmp_path, SystemClock()) for _ in range(2))
    yield one, two
    await one.close()
    await two.close()


async def test_a_change_by_one_worker_is_seen_by_the_other(
    pair: tuple[Stored, Stored],
) -> None:
    one, two = pair
    remembered = [RememberedBuckets(store) for store in pair]
    made = await one.create_bucket(
        Bucket(id=0, name="bucket", owner="1", created_at=1, region="cn-hangzhou")
    )
    for each in remembered:
        assert await each.find("bucket") == made
    for acl in ("public-read", "private", "public-read-write"):
        current = await two.find_bucket("bucket")
        assert current is not None
        await two.update_bucket(msgspec.structs.replace(current, acl=acl))
        seen = await remembered[0].find("bucket")
        assert seen is not None
        assert seen.acl == acl
    await one.delete_bucket(made.id)
    assert await remembered[1].find("bucket") is None


async def test_the_block_of_the_account_is_seen_by_the_other(pair: tuple[Stored, Stored]) -> None:
    one, two = (PublicAccess(store, SystemClock()) for store in pair)
    for is_blocked in (True, False, True):
        assert await two.is_blocked_everywhere() is not is_blocked
        await one.block_everywhere(is_blocked=is_blocked)
        assert await two.is_blocked_everywhere() is is_blocked


async def test_a_repeated_find_reads_nothing(
    pair: tuple[Stored, Stored],
) -> None:
    one, _ = pair
    await one.create_bucket(
        Bucket(id=0, name="bucket", owner="1", created_at=1, region="cn-hangzhou")
    )
    remembered = RememberedBuckets(one)
    first = await remembered.find("bucket")
    assert await remembered.find("bucket") is first


async def test_a_change_of_identities_is_told_to_the_other(
    pair: tuple[Stored, Stored],
) -> None:
    one, two = pair
    stamp = await two.stamp(tables.identities.CHANGED)
    assert await one.stamp(tables.identities.CHANGED) == stamp
    change = IdentityChange(kind="user", name="a", record=b"1")
    await one.change_identities([change], since=await two.identity_epoch())
    renewed = await two.stamp(tables.identities.CHANGED)
    assert renewed == await one.stamp(tables.identities.CHANGED) != stamp
    assert await two.find_identity("user", "a") == b"1"
    with pytest.raises(Conflict):
        await two.change_identities([change], since=0)


async def test_a_nonce_is_used_once_among_workers(
    pair: tuple[Stored, Stored],
) -> None:
    one, two = pair
    await one.use_nonce(b"n", now=1, until=9)
    with pytest.raises(Exists):
        await two.use_nonce(b"n", now=2, until=10)


async def test_nonces_that_are_over_are_removed(
    pair: tuple[Stored, Stored],
) -> None:
    one, _ = pair
    for number in range(50):
        await one.use_nonce(b"%d" % number, now=number, until=number + 5)
    assert await one.one("select count(*) from nonce") == (6,)
