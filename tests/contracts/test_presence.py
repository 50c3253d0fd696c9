"""Of gateways that share a database one has a duty; none keeps it that is gone or stood still."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from tables_contract import SetClock
from test_postgres import opened

from ossia.adapters.postgres.presence import Presence
from ossia.ports import Unavailable
from postgres_server import PostgresServer

LASTS_S = 2.0
BEAT_S = 0.1


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.fresh()


@asynccontextmanager
async def gateway(url: str, clock_ms: int = 10**12) -> AsyncIterator[Presence]:
    """One that does not attend by itself."""
    clock = SetClock()
    clock.at = clock_ms
    database = await opened(url, clock)
    yield Presence(database, "gw", beat_s=BEAT_S, lasts_s=LASTS_S)
    await database.close()


async def until_it_has(presence: Presence, duty: str) -> None:
    async with asyncio.timeout(20):
        while not await presence.has(duty):
            await asyncio.sleep(BEAT_S)


async def test_one_has_it_whoever_asks_at_the_same_time(url: str) -> None:
    async with AsyncExitStack() as held:
        several = [await held.enter_async_context(gateway(url)) for _ in range(5)]
        await asyncio.gather(*(each.beat() for each in several))
        found = await asyncio.gather(*(each.has("sweep") for each in several))
        assert sum(found) == 1
        assert await asyncio.gather(*(each.has("sweep") for each in several)) == found
        others = await asyncio.gather(*(each.has("another") for each in several))
        assert sum(others) == 1


async def test_one_that_beats_keeps_it_however_long_it_is_asked_for(url: str) -> None:
    async with gateway(url) as first, gateway(url) as second, first.attending(), second.attending():
        await until_it_has(first, "sweep")
        for _ in range(round(2 * LASTS_S / BEAT_S)):
            await asyncio.sleep(BEAT_S)
            assert not await second.has("sweep")


async def test_one_that_is_gone_gives_it_up_by_time(url: str) -> None:
    # A clock that is wrong by a year, either way, changes nothing.
    async with gateway(url) as first, gateway(url, 2 * 10**12) as second, gateway(url, 1) as third:
        await first.beat()
        assert await first.has("sweep")
        async with second.attending(), third.attending():
            begun = asyncio.get_running_loop().time()
            assert not await second.has("sweep")
            assert not await third.has("sweep")
            async with asyncio.timeout(20):
                while not (await second.has("sweep") or await third.has("sweep")):
                    await asyncio.sleep(BEAT_S)
            assert not (await second.has("sweep") and await third.has("sweep"))
            assert asyncio.get_running_loop().time() - begun > LASTS_S
        # It was only frozen, and knows by its own time that another may have it.
        assert not await first.has("sweep")
        await first.beat()


async def test_one_that_stood_still_has_nothing_before_it_has_asked_again(url: str) -> None:
    async with gateway(url) as first, gateway(url) as second:
        await first.beat()
        await second.beat()
        assert await first.has("sweep")
        await asyncio.sleep(LASTS_S * 0.6)
        assert not await first.has("sweep")
        await first.beat()
        assert await first.has("sweep"), "nobody has taken it"
        await second.beat()
        assert not await second.has("sweep")
        await asyncio.sleep(LASTS_S * 1.1)
        await second.beat()
        assert await second.has("sweep")
        await first.beat()
        assert not await first.has("sweep")


async def test_one_that_leaves_leaves_it_at_once(url: str) -> None:
    async with gateway(url) as first, gateway(url) as second:
        async with first.attending():
            await until_it_has(first, "sweep")
        await second.beat()
        assert await second.has("sweep")


async def test_the_rows_of_who_is_gone_go_and_come_back_with_who_only_stood_still(
    url: str,
) -> None:
    async with gateway(url) as gone, gateway(url) as still:
        await gone.beat()

        async def there() -> set[str]:
            return {row[0] for row in await still._database.all("select id from gateway")}

        async with still.attending():
            await until_it_has(still, "sweep")
            async with asyncio.timeout(20):
                while await there() != {still.id}:
                    await asyncio.sleep(BEAT_S)
            await gone.beat()
            assert await there() == {still.id, gone.id}
        assert await there() == {gone.id}


async def test_an_outage_is_survived(
    url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway(url) as first:
        whole: Any = first._database.change
        is_out = True

        async def change(*args: object) -> object:
            if is_out:
                raise Unavailable("out")
            return await whole(*args)

        monkeypatch.setattr(first._database, "change", change)
        async with first.attending():
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(first.has("sweep"), 3 * BEAT_S)
            is_out = False
            await until_it_has(first, "sweep")
        assert "beat_failed reason=out" in caplog.text
