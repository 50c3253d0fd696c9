"""How the engines are asked: seldom, together, and never waited for."""

import asyncio
from collections.abc import Iterable

from ossia.gateway.readiness import NO_ANSWER, TRUSTED_S, WRONG_ANSWER, Readiness


class Engine:
    """Counts who asks; hangs until `freed` is set, fails with `fault`."""

    def __init__(self) -> None:
        self.asked = 0
        self.fault: Exception | None = None
        self.freed = asyncio.Event()
        self.freed.set()

    async def probe(self) -> None:
        self.asked += 1
        await self.freed.wait()
        if self.fault is not None:
            raise self.fault


class Hours:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


def readiness_of(hours: Hours, engines: Iterable[Engine]) -> Readiness:
    probes = {f"engine-{number}": each.probe for number, each in enumerate(engines)}
    return Readiness(probes, deadline_s=0.02, monotonic=hours.monotonic)


async def test_engines_are_asked_once_a_second_however_many_ask() -> None:
    hours, engine = Hours(), Engine()
    readiness = readiness_of(hours, [engine])
    for turn in range(1, 4):
        answers = await asyncio.gather(*(readiness.missing() for _ in range(50)))
        assert answers == [{}] * 50
        hours.now += TRUSTED_S * 0.99
        assert not await readiness.missing()
        assert engine.asked == turn
        hours.now += TRUSTED_S * 0.01


async def test_one_that_fails_is_named_and_the_others_are_not() -> None:
    hours, engines = Hours(), [Engine(), Engine(), Engine()]
    readiness = readiness_of(hours, engines)
    engines[1].fault = RuntimeError("no")
    assert await readiness.missing() == {"engine-1": WRONG_ANSWER}
    engines[1].fault = None
    hours.now += TRUSTED_S
    assert not await readiness.missing()


async def test_one_that_hangs_is_not_waited_for_and_not_asked_again() -> None:
    hours, engines = Hours(), [Engine(), Engine()]
    readiness = readiness_of(hours, engines)
    engines[0].freed.clear()
    for turn in range(1, 4):
        assert await asyncio.wait_for(readiness.missing(), 5) == {"engine-0": NO_ANSWER}
        hours.now += TRUSTED_S
        assert (engines[0].asked, engines[1].asked) == (1, turn)
    engines[0].freed.set()
    assert not await readiness.missing()
    hours.now += TRUSTED_S
    assert not await readiness.missing()
    assert engines[0].asked == 2


async def test_the_first_to_ask_may_go_away() -> None:
    hours, engine = Hours(), Engine()
    readiness = readiness_of(hours, [engine])
    engine.freed.clear()
    first = asyncio.create_task(readiness.missing())
    second = asyncio.create_task(readiness.missing())
    await asyncio.sleep(0)
    first.cancel()
    engine.freed.set()
    assert await second == {}
    assert engine.asked == 1
