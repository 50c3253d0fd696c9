"""Begin a coroutine at once, and make a task of it only if it has to wait.

Most requests are answered without waiting for anything: reads of small objects, refusals.  They
need neither a task nor another turn of the event loop.
"""

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any


def begin(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    """Run *work* until it ends or waits; the rest goes on in a task.

    Until it first waits, *work* has no current task: what needs one (`asyncio.timeout`) must come
    after an ``await`` that waits.
    """
    try:
        awaited = work.send(None)
    except StopIteration:
        return
    task = loop.create_task(_rest(work, awaited))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


_tasks: set[asyncio.Task[None]] = set()
"""The loop itself keeps only weak references."""


async def _rest(work: Coroutine[Any, Any, None], awaited: Any) -> None:
    await _resume(work, awaited)


@coroutine
def _resume(work: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    while True:
        failure: BaseException | None = None
        sent = None
        try:
            sent = yield awaited
        except BaseException as error:  # noqa: BLE001 - passed on, whatever it is
            failure = error
        try:
            awaited = work.send(sent) if failure is None else work.throw(failure)
        except StopIteration:
            return
