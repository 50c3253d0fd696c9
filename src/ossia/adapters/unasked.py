"""Work that was begun ahead, of which perhaps nobody asks what became."""

import asyncio
from typing import Any


def forget_failure(task: asyncio.Task[Any]) -> None:
    """A callback of *task*: whoever waits hears of its failure; if nobody does, no log does."""
    if not task.cancelled():
        task.exception()
