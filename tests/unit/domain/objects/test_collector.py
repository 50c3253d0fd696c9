"""The collector deletes what nobody can reach, and only that."""

from collections.abc import Sequence

import pytest

from ossia.adapters.memory import MemoryBlobStore
from ossia.domain.objects.collector import Collector
from ossia.ports import BlobTerms, Missing, Unavailable
from stored import in_memory

DAY_MS = 24 * 3600 * 1000


class SetClock:
    at = 10 * DAY_MS

    def now_ms(self) -> int:
        return self.at


class UnreliableBlobStore(MemoryBlobStore):
    """Fails to delete as often as it is told to."""

    failures = 0

    async def delete(self, blob_ids: Sequence[str]) -> None:
        if self.failures:
            self.failures -= 1
            raise Unavailable
        await super().delete(blob_ids)


class World:
    def __init__(self) -> None:
        self.clock = SetClock()
        self.terms = BlobTerms(reader_grace_ms=10, tombstone_ms=1000, claim_ms=50)
        self.metadata = in_memory(self.clock, self.terms)
        self.blobs = UnreliableBlobStore(self.clock)
        self.collector = Collector(self.metadata, self.blobs, self.clock, batch=3)

    async def store(self, *, intend: bool, lease: int = 0) -> str:
        blob_id = self.blobs.new_id()
        if intend:
            await self.metadata.intend_blob(blob_id, self.clock.at + lease)
        staged = self.blobs.stage(blob_id, None)
        staged.write(memoryview(b"x"))
        await self.blobs.publish(staged)
        return blob_id

    def exists(self, blob_id: str) -> bool:
        reader = self.blobs.open(blob_id, 0, 1)
        try:
            reader.fileno()
        except Missing:
            return False
        finally:
            reader.close()
        return True


@pytest.fixture
def world() -> World:
    return World()


async def test_sweep_deletes_every_batch_of_garbage(world: World) -> None:
    garbage = [await world.store(intend=True) for _ in range(10)]
    kept = await world.store(intend=True, lease=1)
    assert await world.collector.sweep() == 10
    assert not any(map(world.exists, garbage))
    assert world.exists(kept)
    assert await world.collector.sweep() == 0


async def test_sweep_forgets_after_the_second_pass(world: World) -> None:
    blob_id = await world.store(intend=True)
    await world.collector.sweep()
    assert await world.metadata.known_blobs([blob_id]) == {blob_id}
    world.clock.at += 1000
    assert await world.collector.sweep() == 1
    assert await world.metadata.known_blobs([blob_id]) == set()


async def test_what_could_not_be_deleted_is_tried_again(world: World) -> None:
    blob_id = await world.store(intend=True)
    world.blobs.failures = 1
    with pytest.raises(Unavailable):
        await world.collector.sweep()
    assert world.exists(blob_id)
    world.clock.at += 50
    assert await world.collector.sweep() == 1
    assert not world.exists(blob_id)


async def test_sifting_deletes_old_blobs_without_a_row(world: World) -> None:
    unknown = [await world.store(intend=False) for _ in range(7)]
    known = [await world.store(intend=True, lease=3 * DAY_MS) for _ in range(7)]
    staged = world.blobs.stage(world.blobs.new_id(), None)
    world.clock.at += DAY_MS + 1
    fresh = await world.store(intend=False)
    assert await world.collector.sift() == 8
    assert not any(map(world.exists, unknown))
    assert all(map(world.exists, [*known, fresh]))
    with pytest.raises(Missing):
        await world.blobs.publish(staged)


async def test_sifting_of_nothing(world: World) -> None:
    assert await world.collector.sift() == 0
