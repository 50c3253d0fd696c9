"""One gateway, and a bucket in it."""

from collections.abc import Iterator

import pytest
from gateway_world import World


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.ingest.close()


@pytest.fixture
async def bucket(world: World) -> str:
    assert (await world.ask("PUT", "bucket")).status == 200
    return "bucket"
