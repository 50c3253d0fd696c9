"""Sending spans on plain sockets: sendfile from files, pieces from whatever else there is.

A thread moves bytes only while the client takes them; when the socket is full for longer than a
moment the thread is given back and the event loop waits for the client, so slow clients hold no
threads.  One that has taken nothing for some seconds is *parked* (`taking`): it holds its
connection and nothing else, no file, no piece and no second descriptor.
"""

import asyncio
import os
import select
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ossia.http.taking import Floor, Limits, Line, Parking
from ossia.protocol.pace import Pacing

if TYPE_CHECKING:
    from ossia.http.message import Span

_PATIENCE_MS = 50
"""How long a thread waits for a full socket before the event loop does."""
_CHUNK = 256 * 1024
_SLICE = 64 * 1024 * 1024
"""One thread visit sends at most this much, so that downloads share the threads."""


class SpanSender:
    """Sends spans on connections of one event loop with a few shared threads."""

    def __init__(self, threads: int, limits: Limits) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="sendfile")
        self._limits = limits
        self.parking = Parking(limits)

    async def send(
        self, line: Line, head: bytes, spans: "tuple[Span, ...]", pace: Pacing | None = None
    ) -> None:
        """Send *head*, then *spans*, on a plain socket, with *pace* not faster than that.

        Raises `OSError` if the client is gone, or so slow that it counts as such.
        """
        work = _Work(head, spans, _SLICE if pace is None else pace.turn)
        floor = Floor(self._limits, line.fileno(), asyncio.get_running_loop().time())
        while True:
            with line.duplicate() as duplicate:
                if await self._while_it_takes(duplicate, work, floor, pace):
                    return
            await self._park(line, work, floor)

    async def _while_it_takes(
        self, to: socket.socket, work: "_Work", floor: Floor, pace: Pacing | None
    ) -> bool:
        """Send until all is sent (True), or until the client takes nothing for too long."""
        loop = asyncio.get_running_loop()
        work.to = to
        while not await loop.run_in_executor(self._threads, work.advance):
            floor.check(to.fileno(), loop.time())
            if pace is not None:
                delay_s = pace.delay_s(work.in_turn, loop.time())
                await asyncio.sleep(delay_s)
                # That there was nothing to take is no fault of the client's.
                floor.excuse(delay_s)
            if work.wants_piece:
                begun_s = loop.time()
                await work.read_piece()
                floor.excuse(loop.time() - begun_s)
            elif not work.sliced and not await _is_writable(loop, to, self._limits.park_s):
                return False
        return True

    async def _park(self, line: Line, work: "_Work", floor: Floor) -> None:
        """Wait with nothing but the connection until the client takes something again."""
        loop = asyncio.get_running_loop()
        self.parking.enter(line.peer)
        try:
            work.release()
            while not _takes_more(line.fileno()):
                floor.check(line.fileno(), loop.time())
                await asyncio.sleep(self._limits.look_s)
        finally:
            self.parking.leave(line.peer)

    async def in_thread(self, work: Any, *args: Any) -> Any:
        """Run *work* in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Work:
    """What remains to be sent."""

    def __init__(self, head: bytes, spans: "tuple[Span, ...]", turn: int) -> None:
        self.to: socket.socket | None = None
        self._head = memoryview(head)
        self._spans = list(spans)
        self._sent_of_span = 0
        self._turn = turn
        self._piece = memoryview(b"")
        self.in_turn = 0
        self.sliced = False
        self.wants_piece = False

    def release(self) -> None:
        """Hold nothing for now: what is left of a piece is read again."""
        self._piece = memoryview(b"")
        if self._spans:
            self._spans[0].release()

    async def read_piece(self) -> None:
        """Bring what is to be sent next, of a span that is no file."""
        span = self._spans[0]
        left = span.length - self._sent_of_span
        self._piece = memoryview(await span.read(span.offset + self._sent_of_span, left))
        if left and not self._piece:
            raise _too_short()

    def advance(self) -> bool:
        """Send until done (True), or until it is the turn of the client, a reader or a download."""
        assert self.to is not None
        self.in_turn = 0
        self.sliced = self.wants_piece = False
        while self._head or self._spans:
            try:
                self._step(self.to, self._turn - self.in_turn)
            except BlockingIOError:
                if not _takes_more(self.to.fileno(), _PATIENCE_MS):
                    return False
            if self.wants_piece:
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
            count = self._send_of(span, to, min(left, most))
            self._sent_of_span += count
            if self._sent_of_span == span.length:
                self._spans.pop(0).close()
                self._sent_of_span = 0
        self.in_turn += count

    def _send_of(self, span: "Span", to: socket.socket, most: int) -> int:
        if self._piece:
            count = to.send(self._piece[:most])
            self._piece = self._piece[count:]
            return count
        file = span.fileno()
        if file is None:
            self.wants_piece = most > 0
            return 0
        count = os.sendfile(to.fileno(), file, span.offset + self._sent_of_span, most)
        if count == 0 and most:
            raise _too_short()
        return count


def _too_short() -> Exception:
    return ConnectionAbortedError("the bytes are fewer than their record says")


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
