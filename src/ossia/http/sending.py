"""Sending bytes of files: sendfile on plain sockets, read and write under TLS.

A thread moves bytes only while the client takes them; when the socket is full for longer
than a moment the thread is given back and the event loop waits for the client, so slow
clients hold no threads.
"""

import asyncio
import os
import select
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

from ossia.http.message import Span

_PATIENCE_MS = 50
"""How long a thread waits for a full socket before the event loop does."""
_CHUNK = 256 * 1024
_SLICE = 64 * 1024 * 1024
"""One thread visit sends at most this much, so that downloads share the threads."""


class SpanSender:
    """Sends spans on connections of one event loop with a few shared threads."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="sendfile")

    async def send(self, plain: socket.socket, head: bytes, spans: tuple[Span, ...]) -> None:
        """Send *head*, then *spans*, on a non-blocking plain socket.

        Raises `OSError` if the client is gone.
        """
        loop = asyncio.get_running_loop()
        duplicate = socket.socket(fileno=os.dup(plain.fileno()))
        try:
            work = _Work(duplicate, head, spans)
            while not await loop.run_in_executor(self._threads, work.advance):
                if not work.sliced:
                    await _writable(loop, duplicate)
        finally:
            duplicate.close()

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Work:
    """What remains to be sent."""

    def __init__(self, to: socket.socket, head: bytes, spans: tuple[Span, ...]) -> None:
        self._to = to
        self._head = memoryview(head)
        self._spans = list(spans)
        self._sent = 0
        self.sliced = False
        self._poll = select.poll()
        self._poll.register(to.fileno(), select.POLLOUT)

    def advance(self) -> bool:
        """Send until done (True), or until the client or another download should have a turn."""
        budget = _SLICE
        self.sliced = False
        while self._head or self._spans:
            try:
                budget -= self._step()
            except BlockingIOError:
                if not self._poll.poll(_PATIENCE_MS):
                    return False
            if budget <= 0:
                self.sliced = True
                return False
        return True

    def _step(self) -> int:
        if self._head:
            # MSG_MORE: the head leaves in one packet with the first bytes of the file.
            count = self._to.send(self._head, socket.MSG_MORE if self._spans else 0)
            self._head = self._head[count:]
            return count
        span = self._spans[0]
        count = os.sendfile(
            self._to.fileno(),
            span.fileno(),
            span.offset + self._sent,
            min(span.length - self._sent, _SLICE),
        )
        if count == 0 and span.length > self._sent:
            raise ConnectionAbortedError("the file is shorter than its record")
        self._sent += count
        if self._sent == span.length:
            self._spans.pop(0).close()
            self._sent = 0
        return count


async def _writable(loop: asyncio.AbstractEventLoop, waiting: socket.socket) -> None:
    ready = loop.create_future()

    def arrived() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_writer(waiting.fileno(), arrived)
    try:
        await ready
    finally:
        loop.remove_writer(waiting.fileno())


async def read_spans(
    spans: tuple[Span, ...], write: "asyncio.WriteTransport", drained: "Drained"
) -> None:
    """Send *spans* through a transport that cannot use sendfile (TLS)."""
    for span in spans:
        done = 0
        while done < span.length:
            piece = await asyncio.to_thread(
                span.pread, min(_CHUNK, span.length - done), span.offset + done
            )
            if not piece:
                raise ConnectionAbortedError("the file is shorter than its record")
            done += len(piece)
            write.write(piece)
            await drained.wait()
        span.close()


class Drained:
    """Whether the transport takes more; ``wait`` returns when it does."""

    __slots__ = ("_waiter", "gone", "paused")

    def __init__(self) -> None:
        self.paused = False
        self.gone = False
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
        self.gone = True
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
