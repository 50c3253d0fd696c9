"""Sending bytes of files: sendfile on plain sockets, read and write under TLS.

A thread moves bytes only while the client takes them; when the socket is full for longer than a
moment the thread is given back and the event loop waits for the client, so slow clients hold no
threads.  One that has taken nothing for some seconds is *parked*: it holds its connection and
nothing else, no file and no second descriptor, and there is a bound on how many are (`Limits`).
Who takes less than the floor rate is ended.
"""

import asyncio
import os
import select
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ossia.protocol.pace import Pace

if TYPE_CHECKING:
    from ossia.http.message import Span

_PATIENCE_MS = 50
"""How long a thread waits for a full socket before the event loop does."""
_CHUNK = 256 * 1024
_SLICE = 64 * 1024 * 1024
"""One thread visit sends at most this much, so that downloads share the threads."""


class Limits:
    """Timers, in seconds; the floor rate of bodies and answers, in bytes per second.

    A client that takes nothing of its answer for *park_s* is parked: *parked_per_peer* of one
    address and *parked* in all may be at a time.
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


def taken(fileno: int) -> int:
    """How many bytes the other end has taken since the connection began."""
    line = socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=fileno)
    try:
        known = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
    finally:
        line.detach()
    (count,) = struct.unpack_from("Q", known, _BYTES_ACKED)
    return int(count)


class SpanSender:
    """Sends spans on connections of one event loop with a few shared threads."""

    def __init__(self, threads: int, limits: Limits) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="sendfile")
        self._limits = limits
        self.parking = Parking(limits)

    async def send(
        self, line: Line, head: bytes, spans: "tuple[Span, ...]", pace: Pace | None = None
    ) -> None:
        """Send *head*, then *spans*, on a plain socket, with *pace* not faster than that.

        Raises `OSError` if the client is gone, or so slow that it counts as such.
        """
        work = _Work(head, spans, _SLICE if pace is None else pace.turn)
        floor = _Floor(self._limits, taken(line.fileno()), asyncio.get_running_loop().time())
        while True:
            with line.duplicate() as duplicate:
                if await self._while_it_takes(duplicate, work, floor, pace):
                    return
            await self._park(line, work, floor)

    async def _while_it_takes(
        self, to: socket.socket, work: "_Work", floor: "_Floor", pace: Pace | None
    ) -> bool:
        """Send until all is sent (True), or until the client takes nothing for too long."""
        loop = asyncio.get_running_loop()
        work.to = to
        while not await loop.run_in_executor(self._threads, work.advance):
            floor.check(taken(to.fileno()), loop.time())
            if pace is not None:
                await asyncio.sleep(pace.delay_s(work.in_turn, loop.time()))
            if not work.sliced and not await _is_writable(loop, to, self._limits.park_s):
                return False
        return True

    async def _park(self, line: Line, work: "_Work", floor: "_Floor") -> None:
        """Wait with nothing but the connection until the client takes something again."""
        loop = asyncio.get_running_loop()
        self.parking.enter(line.peer)
        try:
            work.release()
            while not _takes_more(line.fileno()):
                floor.check(taken(line.fileno()), loop.time())
                await asyncio.sleep(self._limits.look_s)
        finally:
            self.parking.leave(line.peer)

    async def in_thread(self, work: Any, *args: Any) -> Any:
        """Run *work* in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)


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


class _Floor:
    """Ends who takes less than the floor rate."""

    def __init__(self, limits: Limits, taken_bytes: int, now_s: float) -> None:
        self._limits = limits
        self._since = now_s
        self._mark = taken_bytes

    def check(self, taken_bytes: int, now_s: float) -> None:
        """Raise `ConnectionAbortedError` if too little was taken lately."""
        span_s = now_s - self._since
        if span_s < self._limits.stall_s:
            return
        if taken_bytes - self._mark < self._limits.floor_rate * span_s:
            raise ConnectionAbortedError("the client does not take its answer")
        self._since, self._mark = now_s, taken_bytes


class _Work:
    """What remains to be sent."""

    def __init__(self, head: bytes, spans: "tuple[Span, ...]", turn: int) -> None:
        self.to: socket.socket | None = None
        self._head = memoryview(head)
        self._spans = list(spans)
        self._sent_of_span = 0
        self._turn = turn
        self.in_turn = 0
        self.sliced = False

    def release(self) -> None:
        """Close the file for now."""
        if self._spans:
            self._spans[0].release()

    def advance(self) -> bool:
        """Send until done (True), or until the client or another download should have a turn."""
        assert self.to is not None
        self.in_turn = 0
        self.sliced = False
        while self._head or self._spans:
            try:
                self._step(self.to, self._turn - self.in_turn)
            except BlockingIOError:
                if not _takes_more(self.to.fileno(), _PATIENCE_MS):
                    return False
            if self.in_turn >= self._turn:
                self.sliced = True
                return False
        return True

    def _step(self, to: socket.socket, most: int) -> None:
        if self._head:
            # MSG_MORE: the head leaves in one packet with the first bytes of the file.
            count = to.send(self._head[:most], socket.MSG_MORE if self._spans else 0)
            self._head = self._head[count:]
        else:
            span = self._spans[0]
            left = span.length - self._sent_of_span
            count = os.sendfile(
                to.fileno(), span.fileno(), span.offset + self._sent_of_span, min(left, most)
            )
            if count == 0 and left:
                raise ConnectionAbortedError("the file is shorter than its record")
            self._sent_of_span += count
            if self._sent_of_span == span.length:
                self._spans.pop(0).close()
                self._sent_of_span = 0
        self.in_turn += count


def _takes_more(fileno: int, wait_ms: int = 0) -> bool:
    poll = select.poll()
    poll.register(fileno, select.POLLOUT)
    return bool(poll.poll(wait_ms))


async def _is_writable(
    loop: asyncio.AbstractEventLoop, waiting: socket.socket, patience_s: float
) -> bool:
    """Wait until *waiting* takes more; False if it does not for *patience_s*."""
    ready = loop.create_future()

    def settle(*, is_writable: bool) -> None:
        if not ready.done():
            ready.set_result(is_writable)

    loop.add_writer(waiting.fileno(), lambda: settle(is_writable=True))
    timer = loop.call_later(patience_s, lambda: settle(is_writable=False))
    try:
        return bool(await ready)
    finally:
        timer.cancel()
        loop.remove_writer(waiting.fileno())


class Drained:
    """Whether the transport takes more; ``wait`` returns when it does."""

    __slots__ = ("_waiter", "gone", "has_left", "paused")

    def __init__(self) -> None:
        self.paused = False
        self.gone = False
        self.has_left = False
        self._waiter: asyncio.Future[None] | None = None

    def pause(self) -> None:
        """The transport's buffer is full."""
        self.paused = True

    def resume(self) -> None:
        """The transport's buffer has room."""
        self.paused = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def lost(self) -> None:
        """The connection is gone: waiting ends with an error."""
        self.gone = self.has_left = True
        self.resume()

    async def wait(self) -> None:
        """Return when there is room.  Raises `ConnectionResetError` if the client is gone."""
        while self.paused and not self.gone:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
            self._waiter = None
        if self.gone:
            raise ConnectionResetError


def is_tls(transport: asyncio.BaseTransport) -> bool:
    """Whether bytes on this transport are encrypted."""
    return isinstance(transport.get_extra_info("ssl_object"), ssl.SSLObject)
