"""The HTTP/1.1 server: connections in, requests to one handler, responses out.

Rules (each is a test in ``tests/conformance/test_http_conduct.py``):

1. The target and header values reach the handler byte for byte.
2. Small bodies arrive with their request; large ones are read straight into the consumer's buffer.
3. ``100 Continue`` is sent only when the handler reads the body.
4. An early refusal stays readable: what the client still sends is drained up to a bound.
5. Malformed framing is refused with 400 and the connection closed; a head over 32 KiB or 200
   lines with 431.
6. A slow head, an idle connection, and a body or an answer below the floor rate are ended by
   timers.  Who takes nothing of his answer for some seconds holds nothing but his connection.
7. Memory per connection is bounded: a handler slower than its client pauses reading, and so do
   requests that wait for others of the same connection.
8. What a worker cannot do in time is refused at once, requests and connections (`load`).
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate

from ossia.http.accepting import Door
from ossia.http.connection import SMALL_BODY, Connection, Peers, Refuser
from ossia.http.forwarded import NO_PROXIES, Proxies, revealing
from ossia.http.load import Load, busy
from ossia.http.message import Request, Response
from ossia.http.sending import SpanSender
from ossia.http.taking import Limits

REQUEST_ID = "x-oss-request-id"
Handler = Callable[[Request], Awaitable[Response]]


class HttpServer:
    """Serves one handler on any number of listening sockets of one event loop.

    What *proxies* say of their clients is believed (`forwarded`).  With *refuse_again* a refusal is
    made once a second and used again: it counts one more of so many bytes, and gives its id.
    *peers* bounds the connections of each peer; a proxy's are those of its clients, and unbounded.
    """

    def __init__(
        self,
        handler: Handler,
        refuse: Refuser,
        *,
        refuse_again: Callable[[int], str] | None = None,
        limits: Limits | None = None,
        load: Load | None = None,
        threads: int = 8,
        proxies: Proxies = NO_PROXIES,
        peers: Peers | None = None,
    ) -> None:
        self._handler = handler
        self._revealing = revealing(handler, proxies)
        self._proxies = proxies
        self._peers = peers
        self.refuse = refuse
        self._refuse_again = refuse_again
        self._busy_second = 0
        self._busy_parts: list[bytes] = []
        self._busy_size = 0
        self.limits = limits or Limits()
        self.connections: set[Connection] = set()
        self.timed: set[Connection] = set()
        self.scratch = memoryview(bytearray(SMALL_BODY))
        self.sender = SpanSender(threads, self.limits)
        self.closing = False
        self.now = time.monotonic()
        self._date_second = 0
        self._date_line = ""
        self.loop = asyncio.get_running_loop()
        self.load = load or Load(self.loop)
        self._doors: list[Door] = []
        self._sweeper: asyncio.TimerHandle | None = None

    async def listen(self, listening: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Accept connections on a bound socket."""
        door = Door(listening, lambda: Connection(self), tls)
        door.open(self.loop)
        self._doors.append(door)
        if self._sweeper is None:
            self._sweep()

    def handler_for(self, peer: str) -> Handler:
        """What answers requests of connections from the address *peer*."""
        return self._revealing if peer in self._proxies else self._handler

    def peers_of(self, peer: str) -> Peers | None:
        """What connections from the address *peer* count in, if they do."""
        return None if self._peers is None or peer in self._proxies else self._peers

    async def close(self, deadline_s: float = 30) -> None:
        """Stop accepting, finish what is in flight up to a deadline, close the rest."""
        self.closing = True
        for door in self._doors:
            door.close()
        for connection in list(self.connections):
            connection.close_when_idle()
        end = time.monotonic() + deadline_s
        while self.connections and time.monotonic() < end:  # noqa: ASYNC110 - ends once, at exit
            await asyncio.sleep(0.02)
        for connection in list(self.connections):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()
        self.sender.close()

    def date_line(self) -> str:
        """The ``Server`` and ``Date`` lines, made once a second."""
        second = int(time.time())
        if second != self._date_second:
            self._date_second = second
            date = formatdate(second, usegmt=True)
            self._date_line = f"Server: AliyunOSS\r\nDate: {date}"
        return self._date_line

    @property
    def hurries(self) -> bool:
        """Whether there is a `busy_answer`."""
        return self._refuse_again is not None

    def busy_answer(self) -> bytes:
        """That there is no room, ready to be sent; made once a second, but for its id."""
        second = int(time.time())
        if second != self._busy_second:
            self._busy_second = second
            response = self.refuse(busy())
            answer = response.head(self.date_line(), keeps=True) + response.body
            request_id = dict(response.headers)[REQUEST_ID].encode()
            self._busy_parts, self._busy_size = answer.split(request_id), len(response.body)
            return answer
        assert self._refuse_again is not None
        return self._refuse_again(self._busy_size).encode().join(self._busy_parts)

    def _sweep(self) -> None:
        self.now = time.monotonic()
        for connection in list(self.timed):
            connection.check_timers(self.now)
        self._sweeper = self.loop.call_later(self.limits.look_s, self._sweep)
