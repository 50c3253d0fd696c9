"""What a line is about: set by who begins a request, read by who logs or times something below.

Both are set anew by each request and never taken back by token: a request may begin in the context
of its connection and go on in that of a task (`http.eager`).
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The request that is being served, or on whose behalf something is done; empty for none."""

Spent = tuple[str, float, float]
"""What time was spent on, and from when until when by the monotonic clock."""

SPENT: ContextVar[list[Spent] | None] = ContextVar("spent", default=None)
"""Where a request gathers what its time was spent on; None where nobody asks."""


@contextmanager
def about(request_id: str) -> Iterator[None]:
    """Do something on behalf of the request *request_id*."""
    before = REQUEST_ID.get()
    REQUEST_ID.set(request_id)
    try:
        yield
    finally:
        REQUEST_ID.set(before)


def behind(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """Begin what the present request does not wait for: it is done in its name, not in its time."""
    context = copy_context()
    context.run(SPENT.set, None)
    task = asyncio.get_running_loop().create_task(work, context=context)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


_tasks: set[asyncio.Task[None]] = set()
"""The loop itself keeps only weak references."""
