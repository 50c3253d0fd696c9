"""A few things at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

AT_ONCE: Final = 4

_T = TypeVar("_T")


async def together(work: Callable[[_T], Awaitable[None]], items: Iterable[_T]) -> None:
    """Do *work* for each of *items*, `AT_ONCE` at a time; raises what the first that fails raises.

    The others are given up then.
    """
    slots = asyncio.Semaphore(AT_ONCE)

    async def do(item: _T) -> None:
        async with slots:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(do(item))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
