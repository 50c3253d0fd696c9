"""Many write, mark and remove the versions of one key at the same time: what it names stays right (`ossia.tables.formers`)."""

import asyncio
import random
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from tables_contract import SetClock, a_bucket, an_object
from test_postgres import opened

from ossia.records import Bucket, StoredObject
from ossia.tables.versions import Removal
from postgres_server import PostgresServer
from stored import Stored

ROUNDS, AT_ONCE = 60, 8


async def versions_of(store: Stored, bucket: Bucket, key: str) -> list[StoredObject]:
    page = await store.list_versions(
        bucket.id, prefix=key, delimiter="", after_key="", after_version="", limit=1000
    )
    assert [each.is_latest for each in page.versions] == [
        number == 0 for number in range(len(page.versions))
    ]
    return [each.stored for each in page.versions]


async def check(store: Stored, bucket: Bucket, key: str) -> list[StoredObject]:
    """What is listed is what is found and counted."""
    found = await versions_of(store, bucket, key)
    assert len({each.version for each in found}) == len(found)
    named = await store.find_object(bucket.id, key)
    if not found or found[0].type == "DeleteMarker":
        assert named is None
    else:
        assert named is not None, [each.version for each in found]
        assert named.version == found[0].version
    usage = await store.bucket_usage(bucket.id)
    assert usage.objects == sum(each.type != "DeleteMarker" for each in found)
    assert usage.storage_bytes == sum(each.size for each in found)
    return found


def deeds(
    store: Stored,
    bucket: Bucket,
    found: list[StoredObject],
    ids: Iterator[int],
    chance: random.Random,
) -> list[Any]:
    """Some of everything that changes the versions of ``key``."""
    chosen = []
    for _ in range(AT_ONCE):
        number = chance.randrange(6)
        version = f"v{next(ids)}"
        if number == 0:
            chosen.append(store.put_object(an_object(bucket, version=version)))
        elif number == 1:
            chosen.append(store.delete_versions(bucket.id, [Removal("key", marker=version)]))
        elif number == 2 and found:
            chosen.append(store.describe_object(bucket.id, "key", found[0].version, acl="private"))
        elif found:
            # Mostly the newest, for which the others have to make room.
            gone = found[min(chance.randrange(4), len(found) - 1)].version
            chosen.append(store.delete_versions(bucket.id, [Removal("key", gone)]))
    return chosen


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_a_key_names_the_newest_of_its_versions(postgres: PostgresServer, seed: int) -> None:
    store = Stored(await opened(postgres.fresh(), SetClock()))
    bucket = await store.create_bucket(a_bucket("races"))
    chance, ids = random.Random(seed), count(1)
    for _ in range(3):
        await store.put_object(an_object(bucket, version=f"v{next(ids)}"))
    for _ in range(ROUNDS):
        found = await check(store, bucket, "key")
        done = await asyncio.gather(
            *deeds(store, bucket, found, ids, chance), return_exceptions=True
        )
        # What was to be described may be gone.
        assert {type(each).__name__ for each in done} <= {"NoneType", "dict", "str", "Missing"}
    found = await check(store, bucket, "key")
    # Whoever deletes afterwards is heard, and his marker can be taken away again.
    await store.delete_versions(bucket.id, [Removal("key", marker="last")])
    assert await store.find_object(bucket.id, "key") is None
    await store.delete_versions(bucket.id, [Removal("key", "last")])
    assert await check(store, bucket, "key") == found
    await store.close()
