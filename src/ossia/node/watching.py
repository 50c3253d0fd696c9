"""Who is told what a worker does for its requests: the access log, and traces.

What nobody wants to know costs nothing: the parts of the worker are then themselves.
"""

from typing import TYPE_CHECKING

from ossia.gateway.access_log import Told
from ossia.gateway.exchange import Tell
from ossia.http.server import Handler
from ossia.logs.outlet import Outlet
from ossia.node.observed import ObservedBlobs, ObservedDatabase, ObservedSender, noting_phase
from ossia.node.tracing.open import open_traces
from ossia.ports import BlobStore, CallbackSender, Database
from ossia.settings import Settings

if TYPE_CHECKING:
    from ossia.node.tracing.traces import Traces


def _telling(one: Tell | None, other: Tell | None) -> Tell | None:
    """What tells both; each itself where it is alone."""
    if one is None or other is None:
        return one or other

    def tell(told: Told) -> None:
        one(told)
        other(told)

    return tell


class Watching:
    """Puts those who watch around what they watch; with *logs_requests* *outlet* is one."""

    def __init__(
        self,
        outlet: Outlet | None = None,
        traces: "Traces | None" = None,
        *,
        logs_requests: bool = False,
    ) -> None:
        self._outlet = outlet
        self._traces = traces
        self._logs = outlet is not None and logs_requests
        log = outlet.note if outlet is not None and logs_requests else None
        self.tell = _telling(log, None if traces is None else traces.tell)

    def lines_lost(self) -> int:
        """How many log lines this process has lost so far."""
        return 0 if self._outlet is None else self._outlet.lost

    def stores(self, database: Database, blobs: BlobStore) -> tuple[Database, BlobStore]:
        """Both, with changes and new bytes watched."""
        if self._logs:
            database = ObservedDatabase(database, noting_phase)
            blobs = ObservedBlobs(blobs, noting_phase)
        if self._traces is not None:
            database = ObservedDatabase(database, self._traces.around)
            blobs = self._traces.blobs(blobs)
        return database, blobs

    def sender(self, sender: CallbackSender) -> CallbackSender:
        """What sends callbacks, watched."""
        if self._logs:
            sender = ObservedSender(sender, noting_phase)
        return sender if self._traces is None else self._traces.sender(sender)

    def handler(self, handle: Handler) -> Handler:
        """What answers requests, watched."""
        return handle if self._traces is None else self._traces.traced(handle)

    async def close(self) -> None:
        """Pass on what is left."""
        if self._traces is not None:
            await self._traces.close()


NOBODY = Watching()


def watching(settings: Settings, outlet: Outlet) -> Watching:
    """Who watches a worker by its settings.  In the process of the worker only."""
    return Watching(outlet, open_traces(settings), logs_requests=settings.access_log)
