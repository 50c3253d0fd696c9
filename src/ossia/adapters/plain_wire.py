"""A TCP connection that carries one request and its answer, without TLS.

It is to an `asyncio.Protocol` what a transport is, for as little as an upload callback needs.  With
the loop's own transport, connecting is a wait of its own under a time limit of its own: together
they cost more than the kernel does for the whole connection.  Here everything ends in one event.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import Final, Protocol

_READ_BYTES: Final = 64 * 1024
_NOTHING: Final = memoryview(b"")


class Talk(Protocol):
    """What `PlainWire` tells about: an `asyncio.Protocol` that also hears why nobody answers."""

    def connection_made(self, transport: "PlainWire") -> None:
        """The other side is there; now is the time to write."""

    def connection_failed(self, error: OSError) -> None:
        """The other side is not there."""

    def data_received(self, data: bytes) -> None:
        """Bytes came."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""

    def is_over(self) -> bool:
        """Whether no more bytes are wanted."""


class PlainWire:
    """Connects to *address*, which is an IP address, and tells *talk*, maybe at once.

    Raises `OSError` where connecting cannot even begin.
    """

    # Thousands may wait for slow applications at a time.
    __slots__ = ("_is_writing", "_loop", "_socket", "_talk", "_unsent")

    def __init__(self, talk: Talk, address: str, port: int) -> None:
        self._talk = talk
        self._loop = asyncio.get_running_loop()
        self._unsent = _NOTHING
        self._is_writing = False
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self._connect(address, port)
        except BaseException:
            self.abort()
            raise

    def _connect(self, address: str, port: int) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        failed = self._socket.connect_ex((address, port))
        if failed not in (0, errno.EINPROGRESS):
            raise _error_of(failed)
        if self._is_there():
            # On one machine the other side is there before the call returns.
            self._begin()
        else:
            self._watch_writing(self._on_connected)

    def write(self, data: bytes) -> None:
        """Send *data*, once, as fast as the other side takes it."""
        sent = self._send(data)
        if sent < len(data):
            self._unsent = memoryview(data)[sent:]
            self._watch_writing(self._on_writable)

    def abort(self) -> None:
        """Hang up.  Nothing is told any more."""
        descriptor = self._socket.fileno()
        if descriptor >= 0:
            self._stop_watching()
            self._loop.remove_reader(descriptor)
            self._socket.close()

    # --- events

    def _is_there(self) -> bool:
        try:
            self._socket.getpeername()
        except OSError:
            return False
        return True

    def _on_connected(self) -> None:
        self._stop_watching()
        failed = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            self.abort()
            self._talk.connection_failed(_error_of(failed))
        else:
            self._begin()

    def _begin(self) -> None:
        self._loop.add_reader(self._socket.fileno(), self._on_readable)
        self._talk.connection_made(self)

    def _send(self, data: bytes | memoryview) -> int:
        try:
            return self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            # Whoever hung up may have answered before: reading finds out.
            return len(data)

    def _on_writable(self) -> None:
        self._unsent = self._unsent[self._send(self._unsent) :]
        if not self._unsent:
            self._stop_watching()

    def _watch_writing(self, then: Callable[[], None]) -> None:
        self._loop.add_writer(self._socket.fileno(), then)
        self._is_writing = True

    def _stop_watching(self) -> None:
        if self._is_writing:
            self._loop.remove_writer(self._socket.fileno())
            self._is_writing = False

    def _on_readable(self) -> None:
        # uvloop tells of bytes and of the reset behind them by one event, and of nothing after it.
        while not self._talk.is_over():
            try:
                data = self._socket.recv(_READ_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._end(error)
                return
            if not data:
                self._end(None)
                return
            self._talk.data_received(data)

    def _end(self, error: OSError | None) -> None:
        self.abort()
        self._talk.connection_lost(error)


def _error_of(number: int) -> OSError:
    return OSError(number, os.strerror(number))
