"""The scrub: what is due, where it goes on, what it tells and for how long."""

from typing import Any

import pytest

from ossia.adapters.memory import MemoryBlobStore
from ossia.domain.encryption.kms_keys import KmsKeys
from ossia.domain.identity.store import IdentityStore
from ossia.domain.objects.contents import Verdict
from ossia.domain.objects.encryption import ObjectKeys
from ossia.domain.objects.scrub import Progress, Scrub, progress_of
from ossia.protocol.checksums import crc64
from ossia.protocol.seal import KEY_BYTES, Seal
from ossia.records import Bucket, Extent, StoredObject
from stored import in_memory
from storing import SetClock

DAY_MS = 24 * 3600 * 1000


def a_bucket(name: str) -> Bucket:
    return Bucket(id=0, name=name, owner="1" * 16, created_at=1, region="cn-hangzhou")


def an_object(bucket: Bucket, key: str, **about: Any) -> StoredObject:
    return StoredObject(bucket_id=bucket.id, key=key, etag="E" * 32, modified_at=11, **about)


class World:
    def __init__(self) -> None:
        self.clock = SetClock()
        self.clock.at = 100 * DAY_MS
        self.store = in_memory(self.clock)
        self.blobs = MemoryBlobStore(self.clock)
        self.notes: list[tuple[int, int]] = []
        self.is_mine = True
        self.asked = 0
        kms = KmsKeys(
            IdentityStore(self.store.database, self.clock),
            self.clock,
            Seal(bytes(KEY_BYTES)),
            "1" * 16,
        )
        self.scrub = Scrub(
            self.store.database,
            self.blobs,
            ObjectKeys(kms),
            self.clock,
            period_ms=10 * DAY_MS,
            note=lambda rows, size: self.notes.append((rows, size)),
        )

    async def has_duty(self) -> bool:
        self.asked += 1
        return self.is_mine

    async def run(self) -> Progress:
        await self.scrub.run(self.has_duty)
        progress = await progress_of(self.store.database)
        assert progress is not None
        return progress

    async def put(self, bucket: Bucket, key: str, content: bytes) -> str:
        blob_id = self.blobs.new_id()
        await self.store.intend_blob(blob_id, self.clock.at + DAY_MS)
        staged = self.blobs.stage(blob_id, None)
        staged.write(memoryview(content))
        await self.blobs.publish(staged)
        extents = (Extent(blob_id=blob_id, length=len(content)),)
        await self.store.put_object(
            an_object(
                bucket, key, size=len(content), crc64=crc64(content), inline=None, extents=extents
            )
        )
        return blob_id

    async def lose(self, blob_id: str) -> None:
        await self.blobs.delete([blob_id])


@pytest.fixture
def world() -> World:
    return World()


async def test_everything_is_read_once_in_a_period(world: World) -> None:
    bucket = await world.store.create_bucket(a_bucket("kept"))
    for number in range(3):
        await world.put(bucket, f"{number}", b"x" * 10)
    done = await world.run()
    assert (done.rows, done.bytes, done.damaged) == (3, 30, 0)
    assert sum(rows for rows, _ in world.notes) == 3
    world.clock.at += 10 * DAY_MS - 1
    assert await world.run() == done
    world.clock.at += 1
    again = await world.run()
    assert again.begun_at == world.clock.at
    assert again.done_at == done.ended_at


async def test_lost_bytes_are_told_until_they_are_replaced(world: World) -> None:
    bucket = await world.store.create_bucket(a_bucket("kept"))
    await world.put(bucket, "well", b"x")
    lost = await world.put(bucket, "lost", b"y")
    await world.lose(lost)
    (flaw,) = (await world.run()).flaws
    assert (flaw.bucket, flaw.key, flaw.verdict) == ("kept", "lost", Verdict.GONE)
    assert str(flaw) == "the bytes of kept/lost are not there"
    assert (await world.run()).damaged == 1
    await world.put(bucket, "lost", b"y")
    assert (await world.run()).damaged == 0


async def test_what_was_damaged_stays_told_while_the_next_pass_is_under_way(world: World) -> None:
    bucket = await world.store.create_bucket(a_bucket("kept"))
    await world.lose(await world.put(bucket, "lost", b"y"))
    before = await world.run()
    world.clock.at += 11 * DAY_MS
    world.is_mine = False
    # Who has not the duty begins nothing.
    assert await world.run() == before
    turns = iter([True, False])

    async def has_duty() -> bool:
        return next(turns)

    await world.scrub.run(has_duty)
    under_way = await progress_of(world.store.database)
    assert under_way is not None
    assert (under_way.ended_at, under_way.damaged) == (0, 1)
    assert under_way.since == before.ended_at


async def test_bytes_that_changed_are_told(world: World) -> None:
    bucket = await world.store.create_bucket(a_bucket("kept"))
    await world.store.put_object(an_object(bucket, "small", crc64=1, inline=b"abc", size=3))
    (flaw,) = (await world.run()).flaws
    assert str(flaw) == "the bytes of kept/small are not what was stored"


async def test_it_goes_on_where_another_has_been(world: World) -> None:
    bucket = await world.store.create_bucket(a_bucket("kept"))
    for number in range(120):
        content = b"z"
        await world.store.put_object(
            an_object(bucket, f"{number:03}", crc64=crc64(content), inline=content, size=1)
        )
    turns = iter([True, False])

    async def has_duty() -> bool:
        return next(turns)

    await world.scrub.run(has_duty)
    begun = await progress_of(world.store.database)
    assert begun is not None
    assert not begun.ended_at
    done = await world.run()
    assert done.ended_at
    assert done.begun_at == begun.begun_at
