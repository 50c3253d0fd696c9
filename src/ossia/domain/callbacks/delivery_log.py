"""What happened to every callback, for people who look.

Rows are gathered for a moment and written together, behind the answer to the client: the log costs
an upload no time, and a crash may lose its last tenth of a second.
"""

import asyncio
import logging
from typing import Final

from ossia import tables
from ossia.logs.scope import behind
from ossia.ports import Clock, Database, Unavailable
from ossia.protocol.dates import DAY_MS
from ossia.records import Delivery
from ossia.tables.callbacks import DeliveryFilter

log = logging.getLogger(__name__)

_GATHER_S: Final = 0.1
_MOST_WAITING: Final = 10_000


class DeliveryLog:
    """The rows of all workers; those of this one are written by it.

    Rows older than *keep_days* or beyond the newest *keep* are removed by `prune`.
    """

    def __init__(
        self, database: Database, clock: Clock, *, keep_days: float = 7, keep: int = 100_000
    ) -> None:
        self._database = database
        self._clock = clock
        self._keep_ms = round(keep_days * DAY_MS)
        self._keep = keep
        self._waiting: list[Delivery] = []
        self._flushing: asyncio.Task[None] | None = None

    def note(self, delivery: Delivery) -> None:
        """Write one row soon."""
        if len(self._waiting) >= _MOST_WAITING:
            log.warning("delivery_log_overflow lost=%d", len(self._waiting))
            self._waiting.clear()
        self._waiting.append(delivery)
        if self._flushing is None:
            self._flushing = behind(self._flush_soon())

    async def _flush_soon(self) -> None:
        await asyncio.sleep(_GATHER_S)
        # What is noted from here on needs another flush.
        self._flushing = None
        await self.flush()

    async def flush(self) -> None:
        """Write what waits."""
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        try:
            await self._database.change(tables.callbacks.add, batch)
        except Unavailable as error:
            log.warning("delivery_log_unavailable lost=%d reason=%s", len(batch), error)

    async def find(self, delivery_id: str) -> Delivery | None:
        """One row."""
        await self.flush()
        return await tables.callbacks.find(self._database, delivery_id)

    async def list(
        self, wanted: DeliveryFilter, *, before: str = "", after: str = "", limit: int
    ) -> "list[Delivery]":
        """Rows that match, newest first; see `tables.callbacks.page`."""
        await self.flush()
        return await tables.callbacks.page(
            self._database, wanted, before=before, after=after, limit=limit
        )

    async def prune(self) -> int:
        """Remove what is too old or too much; the number of rows removed."""
        removed = 0
        oldest = self._clock.now_ms() - self._keep_ms
        while gone := await self._database.change(
            tables.callbacks.prune, older_than=oldest, keep=self._keep
        ):
            removed += gone
        return removed
