"""The hold on the collector of what is backed up, for as long as bytes are copied."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import uuid4

from ossia import tables
from ossia.ports import Database, Fenced, Unavailable
from ossia.settings import SettingsError

log = logging.getLogger("ossia")

LEASE_MS: Final = 5 * 60_000
"""After so long a backup that was killed holds nothing any more."""
RENEW_EVERY_S: Final = 60.0
_LOST: Final = (
    "The server could not be kept from removing bytes that this backup needs (its database was "
    "away for too long): run it again, it goes on where it was."
)


class Hold:
    """One of that name; it holds as long as nothing is raised."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._is_lost = False

    async def begin(self) -> None:
        """The collector stands still from now on."""
        await self._database.change(tables.holds.hold, self._name, LEASE_MS)

    async def release(self) -> None:
        """It need not any more."""
        await self._database.change(tables.holds.release, self._name)

    async def prove(self) -> None:
        """Renew it: it has held without a gap until now.  Raises `SettingsError`."""
        try:
            await self._database.change(tables.holds.renew, self._name, LEASE_MS)
        except Fenced as error:
            self._is_lost = True
            raise SettingsError(_LOST) from error

    def check(self) -> None:
        """Raise `SettingsError` if it is known to be lost."""
        if self._is_lost:
            raise SettingsError(_LOST)

    async def go_on(self) -> None:
        """Renew it again and again, until it is lost or this is cancelled."""
        with suppress(SettingsError):
            while True:
                await asyncio.sleep(RENEW_EVERY_S)
                try:
                    await self.prove()
                except Unavailable as error:
                    log.warning("hold_not_renewed reason=%s", error)


@asynccontextmanager
async def holding(database: Database) -> AsyncIterator[Hold]:
    """The collector of *database* stands still.  Raises `Unavailable`."""
    hold = Hold(database, uuid4().hex)
    renewal: asyncio.Task[None] | None = None
    try:
        await hold.begin()
        renewal = asyncio.create_task(hold.go_on())
        yield hold
    finally:
        # Also if this was interrupted while it began.
        if renewal is not None:
            renewal.cancel()
        # It ends by itself where it cannot be released.
        with suppress(Unavailable):
            await hold.release()
