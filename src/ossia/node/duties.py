"""What is done by one process, of however many serve the same."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from ossia.node.shared_database import present
from ossia.ports import Clock
from ossia.settings import Settings

HasDuty = Callable[[str], Awaitable[bool]]
"""Whether it is this process that does what is named, for now; raises `Unavailable`."""


@asynccontextmanager
async def duties(settings: Settings, clock: Clock) -> AsyncIterator[HasDuty]:
    """Who asks is told as long as the context lasts.

    What is stored on one machine belongs to one supervisor, who chooses the process himself.
    """
    if not settings.is_shared:
        yield _always
        return
    async with present(settings, clock) as presence, presence.attending():
        yield presence.has


async def _always(duty: str) -> bool:
    del duty
    return True
