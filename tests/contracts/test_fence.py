"""The fence between slow writers and the collector (scale.md, "PUT").

A writer whose lease ran out while it stored bytes must not be able to record them: the collector
may have deleted them.  The same schedule runs with and without the fence, so that the test shows
what the fence is for.
"""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from blob_store import content_of, is_missing, write
from tables_contract import TERMS, SetClock, a_bucket, on_blobs

from ossia.adapters.filesystem import FileBlobStore
from ossia.adapters.memory import MemoryBlobStore
from ossia.domain.objects.collector import Collector
from ossia.ports import BlobStore, BlobTerms, Fenced, Missing
from ossia.records import Bucket
from ossia.tables import objects
from stored import Stored, in_file, in_memory

LEASE = 100


@dataclass
class Storage:
    metadata: Stored
    blobs: BlobStore
    clock: SetClock


@pytest.fixture(params=["memory", "sqlite"])
async def fenced(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    clock = SetClock()
    if request.param == "memory":
        yield Storage(in_memory(clock, BlobTerms(**TERMS)), MemoryBlobStore(clock), clock)
        return
    metadata, blobs = (
        in_file(tmp_path, clock, BlobTerms(**TERMS)),
        FileBlobStore(tmp_path),
    )
    yield Storage(metadata, blobs, clock)
    await metadata.close()
    blobs.close()


@pytest.fixture
def unfenced(fenced: Storage, monkeypatch: pytest.MonkeyPatch) -> Storage:
    async def pass_all(*_: object) -> None:
        pass

    # The one place where our own code is patched: there is no setting that turns the fence off.
    monkeypatch.setattr(objects, "check_recordable", pass_all)
    return fenced


@dataclass
class Seen:
    recorded: int = 0
    refused: int = 0
    damaged: int = 0


async def race(storage: Storage) -> Seen:
    """Twenty writers, half of them slower than their lease, and a collector in between."""
    metadata, blobs, clock = storage.metadata, storage.blobs, storage.clock
    bucket = await metadata.create_bucket(a_bucket())
    collector = Collector(metadata, blobs, clock)
    dice = random.Random(4)
    seen = Seen()
    staged = []
    for i in range(20):
        blob_id = blobs.new_id()
        await metadata.intend_blob(blob_id, clock.at + LEASE)
        each = blobs.stage(blob_id, 10)
        await write(each, b"%010d" % i)
        staged.append((each, i))
        clock.at += dice.randrange(10)
    dice.shuffle(staged)
    for each, i in staged:
        clock.at += dice.randrange(12)
        try:
            await blobs.publish(each)
            await collector.sweep()
            await metadata.put_object(on_blobs(bucket, f"{i}", each.id))
            seen.recorded += 1
        except (Fenced, Missing):
            seen.refused += 1
            await blobs.discard(each)
    clock.at += TERMS["tombstone_ms"]
    await collector.sweep()
    seen.damaged = await damaged(storage, bucket)
    return seen


async def damaged(storage: Storage, bucket: Bucket) -> int:
    """How many objects are listed but cannot be read as they were written."""
    count = 0
    page = await storage.metadata.list_objects(
        bucket.id, prefix="", delimiter="", after="", limit=1000
    )
    for listed in page.objects:
        found = await storage.metadata.find_object(bucket.id, listed.key)
        assert found is not None
        try:
            content = await content_of(storage.blobs, found.extents[0].blob_id, 10)
        except Missing:
            content = b""
        count += content != b"%010d" % int(listed.key)
    return count


async def test_late_commit_is_refused_and_nothing_is_damaged(fenced: Storage) -> None:
    seen = await race(fenced)
    assert seen.recorded + seen.refused == 20
    assert seen.recorded >= 5
    assert seen.refused >= 5
    assert seen.damaged == 0


async def test_without_the_fence_a_late_commit_damages_data(unfenced: Storage) -> None:
    seen = await race(unfenced)
    assert seen.damaged > 0


async def test_bytes_that_arrive_after_the_first_pass_go_in_the_second(fenced: Storage) -> None:
    metadata, blobs, clock = fenced.metadata, fenced.blobs, fenced.clock
    collector = Collector(metadata, blobs, clock)
    blob_id = blobs.new_id()
    await metadata.intend_blob(blob_id, clock.at)
    assert await collector.sweep() == 1  # before the writer even began
    staged = blobs.stage(blob_id, None)
    await write(staged, b"late")
    await blobs.publish(staged)
    assert await content_of(blobs, blob_id, 4) == b"late"
    clock.at += TERMS["tombstone_ms"]
    assert await collector.sweep() == 1
    assert await is_missing(blobs, blob_id)
    assert await metadata.known_blobs([blob_id]) == set()
