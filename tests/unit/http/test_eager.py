import asyncio

import pytest

from ossia.http.eager import begin


async def test_work_that_does_not_wait_is_done_at_once() -> None:
    seen = []

    async def work() -> None:
        seen.append(asyncio.current_task())

    before = asyncio.current_task()
    begin(asyncio.get_running_loop(), work())
    assert seen == [before]


async def test_work_that_waits_goes_on_in_a_task() -> None:
    future = asyncio.get_running_loop().create_future()
    seen: list[object] = []
    ended = asyncio.Event()

    async def work() -> None:
        seen.append(await future)
        seen.append(asyncio.current_task() is not None)
        await asyncio.sleep(0)
        async with asyncio.timeout(1):
            await asyncio.sleep(0.001)
        ended.set()

    begin(asyncio.get_running_loop(), work())
    assert seen == []
    future.set_result("result")
    await asyncio.wait_for(ended.wait(), 2)
    assert seen == ["result", True]


async def test_a_failure_that_is_awaited_reaches_the_work() -> None:
    future = asyncio.get_running_loop().create_future()
    ended = asyncio.Event()

    async def work() -> None:
        with pytest.raises(RuntimeError, match="broken"):
            await future
        ended.set()

    begin(asyncio.get_running_loop(), work())
    future.set_exception(RuntimeError("broken"))
    await asyncio.wait_for(ended.wait(), 2)


async def test_a_future_that_is_done_meanwhile_is_no_problem() -> None:
    future = asyncio.get_running_loop().create_future()
    ended = asyncio.Event()

    async def work() -> None:
        assert await future == 1
        ended.set()

    begin(asyncio.get_running_loop(), work())
    future.set_result(1)
    await asyncio.wait_for(ended.wait(), 2)
