"""How many connections each peer has, at all workers together."""

from collections.abc import Callable
from typing import Final

from ossia.errors import OssError, ServiceUnavailable
from ossia.gateway.limits import PEER, network_of
from ossia.gateway.sketch import Counts

_SOON_S: Final = 1


class PeerConnections:
    """Those of every peer, as one worker sees them: *most* of each, in *counts*."""

    def __init__(
        self, most: int, counts: Counts, worker: int, note: Callable[[str], object]
    ) -> None:
        self._most = most
        self._counts = counts
        self._worker = worker
        self._note = note
        counts.forget(worker)

    def enter(self, peer: str) -> int:
        """Count one more of *peer*; how many there are beyond what there may be."""
        name = network_of(peer)
        self._counts.change(self._worker, name, 1)
        return self._counts.count(name) - self._most

    def leave(self, peer: str) -> None:
        """One of *peer* is gone."""
        self._counts.change(self._worker, network_of(peer), -1)

    def refuse_connection(self) -> OssError:
        """Note that there is no room for a connection, and say so."""
        self._note(PEER)
        return ServiceUnavailable(headers={"Retry-After": str(_SOON_S)}, Limit=PEER)
