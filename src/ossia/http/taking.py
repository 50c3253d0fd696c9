"""Whether clients take their answers.

What counts is what the other end has acknowledged, not what the kernel has room for.  Who takes
less than the floor rate is ended.  Who takes nothing for some seconds is *parked*: he holds no file
meanwhile, and there is a bound on how many are.
"""

import os
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ossia.http.message import Span


class Limits:
    """Timers, in seconds; the floor rate of bodies and answers, in bytes per second.

    A client that takes nothing of its answer for *park_s* is parked: *parked_per_peer* of one
    address (behind a proxy: of the client's) and *parked* in all may be at a time.
    """

    def __init__(
        self,
        *,
        head_s: float = 20,
        idle_s: float = 75,
        stall_s: float = 30,
        floor_rate: int = 512,
        drain_s: float = 5,
        park_s: float = 5,
        parked: int = 4096,
        parked_per_peer: int = 512,
    ) -> None:
        self.head_s = head_s
        self.idle_s = idle_s
        self.stall_s = stall_s
        self.floor_rate = floor_rate
        self.drain_s = drain_s
        self.park_s = park_s
        self.parked = parked
        self.parked_per_peer = parked_per_peer

    @property
    def look_s(self) -> float:
        """How often to look at who waits."""
        return min(1.0, self.head_s / 4, self.stall_s / 4, self.park_s / 4)


class Line:
    """A connection as those see it who send on it: *transport*, and who is at the other end."""

    __slots__ = ("peer", "transport")

    def __init__(self, transport: Any, peer: str) -> None:
        self.transport = transport
        self.peer = peer

    def fileno(self) -> int:
        """The descriptor.  Raises `ConnectionResetError` once it may be somebody else's."""
        if self.transport.is_closing():
            raise ConnectionResetError
        number: int = self.transport.get_extra_info("socket").fileno()
        return number

    @contextmanager
    def duplicate(self) -> Iterator[socket.socket]:
        """A descriptor that stays ours, whatever becomes of the connection meanwhile."""
        with socket.socket(fileno=os.dup(self.fileno())) as duplicate:
            yield duplicate


_BYTES_ACKED = 120
"""Where ``tcpi_bytes_acked`` stands in ``struct tcp_info`` (linux/tcp.h, since 4.1)."""


def _taken(fileno: int) -> int:
    """How many bytes the other end has taken since the connection began."""
    line = socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=fileno)
    try:
        known = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
    finally:
        line.detach()
    (count,) = struct.unpack_from("Q", known, _BYTES_ACKED)
    return int(count)


class Parking:
    """Counts the parked connections of one process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_peer: Counter[str] = Counter()
        self._all = 0

    def enter(self, peer: str) -> None:
        """Park one more.  Raises `ConnectionAbortedError` if there are too many already."""
        limits = self._limits
        if self._all >= limits.parked or self._by_peer[peer] >= limits.parked_per_peer:
            raise ConnectionAbortedError("too many clients do not take their answers")
        self._by_peer[peer] += 1
        self._all += 1

    def leave(self, peer: str) -> None:
        """One is parked no more."""
        self._all -= 1
        self._by_peer[peer] -= 1
        if not self._by_peer[peer]:
            del self._by_peer[peer]


class Floor:
    """Ends who takes less than the floor rate of what is sent on a descriptor."""

    def __init__(self, limits: Limits, fileno: int, now_s: float) -> None:
        self._limits = limits
        self._since = now_s
        self._mark = _taken(fileno)

    def excuse(self, waited_s: float) -> None:
        """Do not count a time in which there was nothing to take."""
        self._since += waited_s

    def check(self, fileno: int, now_s: float) -> None:
        """Raise `ConnectionAbortedError` if too little was taken lately."""
        span_s = now_s - self._since
        if span_s < self._limits.stall_s:
            return
        taken_bytes = _taken(fileno)
        if taken_bytes - self._mark < self._limits.floor_rate * span_s:
            raise ConnectionAbortedError("the client does not take its answer")
        self._since, self._mark = now_s, taken_bytes


class Taking:
    """An answer that was written to a transport, and waits for its client; *spans* are to come."""

    __slots__ = ("_floor", "_is_parked", "_limits", "_line", "_parking", "_since", "_spans")

    def __init__(
        self, line: Line, spans: "tuple[Span, ...]", parking: Parking, limits: Limits, now_s: float
    ) -> None:
        self._line = line
        self._spans = spans
        self._parking = parking
        self._limits = limits
        self._since = now_s
        self._floor = Floor(limits, line.fileno(), now_s)
        self._is_parked = False

    def check(self, now_s: float) -> None:
        """Park the client, or raise `OSError` where he is to be ended."""
        self._floor.check(self._line.fileno(), now_s)
        if now_s - self._since > self._limits.park_s and not self._is_parked:
            self._parking.enter(self._line.peer)
            self._is_parked = True
            for span in self._spans:
                span.release()

    def end(self) -> None:
        """It was taken, or nobody is there any more."""
        if self._is_parked:
            self._parking.leave(self._line.peer)
