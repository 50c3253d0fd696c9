"""Taking in connections, many in a turn of the event loop.

libuv takes one in each turn (since 1.46).  A turn under load lasts some hundredths of a
second: then who connects waits for seconds, whoever looks after the server included.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

log = logging.getLogger("ossia.http")

_BACKLOG: Final = 2048
_IN_A_TURN: Final = 256
_PAUSE_S: Final = 0.1
_OURS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What is missing here; everything else is of the connection that was to be taken in."""


class Door:
    """Where connections come in: a bound socket, and what serves each of them."""

    def __init__(
        self,
        listening: socket.socket,
        serve: Callable[[], asyncio.BaseProtocol],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._listening = listening
        self._serve = serve
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take connections in from now on."""
        self._listening.setblocking(False)  # noqa: FBT003 - the name of the call says it
        self._listening.listen(_BACKLOG)
        loop.add_reader(self._listening, self._take_in, loop)

    def close(self) -> None:
        """Take no more in."""
        if self._pause is not None:
            self._pause.cancel()
        if self._listening.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()

    def _take_in(self, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(_IN_A_TURN):
            try:
                connected, _ = self._listening.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in _OURS:
                    continue
                # The connection stays where it is, and the socket ready: look again later.
                log.warning("cannot_accept reason=%s", error)
                loop.remove_reader(self._listening)
                self._pause = loop.call_later(_PAUSE_S, self._resume, loop)
                return
            connected.setblocking(False)  # noqa: FBT003 - the name of the call says it
            task = loop.create_task(self._begin(loop, connected))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _resume(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_reader(self._listening, self._take_in, loop)

    async def _begin(self, loop: asyncio.AbstractEventLoop, connected: socket.socket) -> None:
        try:
            await loop.connect_accepted_socket(self._serve, connected, ssl=self._tls)
        except (OSError, TimeoutError) as error:
            # It is gone, or did not agree with us how to encrypt.
            log.debug("connection_failed reason=%s", error)
            connected.close()
