# ruff: noqa: D102 - the methods are those of asyncio.BufferedProtocol and of the parser
"""One client connection: bytes in, requests to the handler, responses out.

The rules it follows are listed in `http.server`, which it shares everything with that connections
have in common.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import httptools

from ossia.errors import InvalidArgument, OssError, RequestHeaderTooLarge
from ossia.http.body import NO_BODY, Body, ClientGone, FixedBody, too_slow
from ossia.http.eager import begin
from ossia.http.load import EXTRA, EXTRA_OF_PEER, EXTRA_PATIENCE_S, Load, busy, is_beside, is_whole
from ossia.http.message import Request, Response, Span
from ossia.http.sending import Drained, SpanSender, is_tls
from ossia.http.streaming import Write, paced, send_gzip, send_pieces
from ossia.http.taking import Limits, Line, Taking
from ossia.protocol.pace import Pace, Pacing, slowest

log = logging.getLogger("ossia.http")

MAX_HEAD_BYTES = 32 * 1024
MAX_HEAD_LINES = 200
MAX_LENGTH_DIGITS = 18
SMALL_BODY = 64 * 1024
"""Bodies up to this size are gathered before the handler runs."""
_POLL_S = 0.01
_TLS_BUFFER = 64 * 1024
DRAIN_BYTES = 1024 * 1024
"""How much of an unread body is swallowed so that the connection can be used again."""


class _Refused(Exception):  # noqa: N818 - carries a refusal out of the parser
    def __init__(self, error: OssError) -> None:
        self.error = error


class Refuser(Protocol):
    """Makes the answer to what is not served."""

    def __call__(self, error: OssError, request: Request | None = None) -> Response:
        """The response of *error*; None: what came is not even a request."""


class Crowd(Protocol):
    """Who says that there are too many connections."""

    def refuse_connection(self) -> OssError:
        """Note that there is no room for one, and say so."""


class Peers(Crowd, Protocol):
    """The connections of each peer."""

    def enter(self, peer: str) -> int:
        """Count one more of *peer*; how many there are beyond what there may be."""

    def leave(self, peer: str) -> None:
        """One of *peer* is gone."""


class Server(Protocol):
    """What connections have in common."""

    refuse: Refuser
    load: Load
    limits: Limits
    connections: "set[Connection]"
    timed: "set[Connection]"
    """Those that wait for their client.  Of thousands that wait for an application, looking
    at each once a second would cost the others their caches."""
    scratch: memoryview
    sender: SpanSender
    loop: asyncio.AbstractEventLoop
    closing: bool
    now: float

    def handler_for(self, peer: str) -> Callable[[Request], Awaitable[Response]]:
        """What answers requests of connections from the address *peer*."""

    def peers_of(self, peer: str) -> Peers | None:
        """What connections from the address *peer* count in, if they do."""

    def date_line(self) -> str:
        """The ``Server`` and ``Date`` lines."""

    @property
    def hurries(self) -> bool:
        """Whether there is a `busy_answer`."""

    def busy_answer(self) -> bytes:
        """That there is no room, ready to be sent."""


class Connection(asyncio.BufferedProtocol):
    """One client connection.  There may be tens of thousands: hence the slots."""

    __slots__ = (
        "_body",
        "_busy",
        "_closing",
        "_crowd",
        "_direct",
        "_discarding",
        "_drain_bound",
        "_drained",
        "_ended",
        "_expects",
        "_gathered",
        "_handle",
        "_head_bytes",
        "_head_complete",
        "_head_lines",
        "_headers",
        "_in_head",
        "_into_body",
        "_is_timed",
        "_parser",
        "_peer",
        "_peers",
        "_progress",
        "_progress_mark",
        "_queue",
        "_reading",
        "_remaining",
        "_secure",
        "_server",
        "_since",
        "_stall_since",
        "_taking",
        "_transport",
        "_url",
    )

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: Any = None
        self._drained = Drained()
        self._queue: list[tuple[Request, bool]] = []
        self._busy = False
        self._closing = False
        self._ended = False
        self._is_timed = False
        self._crowd: Crowd | None = None
        """Who says that there is one too many; it is answered, and closed."""
        self._peers: Peers | None = None
        self._drain_bound = 0
        self._taking: Taking | None = None
        self._reading = True
        self._since = server.now
        self._new_parser()

    def _new_parser(self) -> None:
        self._parser: Any = httptools.HttpRequestParser(self)
        # witnessed.md, W3: the C SDK sends both lengths with every PUT.
        self._parser.set_dangerous_leniencies(lenient_chunked_length=True)
        self._in_head = False
        self._gathered: list[bytes] | None = None
        self._body: Body | None = None
        self._remaining = 0
        self._direct = False
        self._into_body = False
        self._discarding = False
        self._expects = False
        self._progress = 0
        self._progress_mark = 0
        self._stall_since = 0.0

    # --- transport events ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        self._handle = self._server.handler_for(self._peer)
        self._secure = is_tls(transport)
        if self._secure:
            # uvloop holds 512 KB of a TLS client that takes nothing, and what that becomes.
            self._transport.set_write_buffer_limits(_TLS_BUFFER)
        self._since = self._server.now
        is_far_beyond = self._is_far_beyond()
        self._server.connections.add(self)
        self._watch_time()
        if is_far_beyond:
            # It may not hear of it: who sends while he is closed is reset.
            self._end_with(self._no_room())
        elif self._server.closing:
            self._transport.close()

    def _is_far_beyond(self) -> bool:
        """Note who says that there are too many connections; whether there are far too many."""
        server = self._server
        beyond = 1 + len(server.connections) - server.load.connections
        if beyond > 0:
            self._crowd = server.load
        self._peers = server.peers_of(self._peer)
        if self._peers is None:
            return beyond > EXTRA
        beyond_of_peer = self._peers.enter(self._peer)
        if beyond_of_peer > 0:
            self._crowd = self._peers
        return beyond > EXTRA or beyond_of_peer > EXTRA_OF_PEER

    def connection_lost(self, _exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._server.timed.discard(self)
        if self._peers is not None:
            self._peers.leave(self._peer)
            self._peers = None
        self._closing = True
        self._queue.clear()
        self._drained.lost()
        if self._body is not None:
            self._body.fail(ClientGone())
        # Both hold this connection, as it holds them.
        self._body = self._parser = None

    def eof_received(self) -> bool:
        """The client sends no more; what it has asked for is still answered."""
        self._ended = self._drained.has_left = True
        if self._body is not None and not self._body.complete:
            # objects.md, section 2: a body shorter than Content-Length is 400 RequestTimeout.
            self._body.fail(too_slow())
        # TLS has no half-close.
        return self._busy and not self._secure

    def pause_writing(self) -> None:
        self._drained.pause()

    def resume_writing(self) -> None:
        self._drained.resume()

    def get_buffer(self, _sizehint: int) -> memoryview:
        if self._direct and not self._discarding and self._body is not None:
            window = self._body.window()
            if window is not None:
                self._into_body = True
                return window[: self._remaining]
        self._into_body = False
        if self._direct:
            return self._server.scratch[: self._remaining]
        return self._server.scratch

    def buffer_updated(self, nbytes: int) -> None:
        if self._direct:
            self._take_direct(nbytes)
            return
        if not self._in_head and self._body is None and not self._busy:
            self._since = self._server.now
            if self._server.load.is_tight and self._is_refused_unread(nbytes):
                return
            self._in_head = True
        try:
            self._feed(self._server.scratch[:nbytes])
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._refuse(cause.error if isinstance(cause, _Refused) else _malformed())
        except httptools.HttpParserError as error:
            self._refuse(_malformed(str(error)))
        else:
            self._after_feed()

    def _feed(self, data: memoryview) -> None:
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as asked:
                if self._parser.get_method() == b"CONNECT":
                    raise httptools.HttpParserError("CONNECT is not supported.") from None
                # RFC 9110, 7.8: who does not speak the other protocol goes on with this one.
                data = self._behind_upgrade(data[asked.args[0] :])
            else:
                return

    def _behind_upgrade(self, data: memoryview) -> memoryview:
        """Take the body, of which the parser wants to know nothing; what comes behind it."""
        if self._body is None:
            self._new_parser()
            return data
        piece, rest = data[: self._remaining], data[self._remaining :]
        self.on_body(bytes(piece))
        if not self._remaining:
            self._end_of_body()
        return rest

    def _is_refused_unread(self, nbytes: int) -> bool:
        """Whether a request is refused before it is parsed: what that costs, others wait for."""
        server = self._server
        is_plain = not (self._crowd is not None or self._closing or self._ended or server.closing)
        is_between = self._gathered is None and not self._queue and not self._drained.paused
        if not (is_plain and is_between and server.hurries):
            return False
        if not is_whole(bytes(server.scratch[:nbytes])) or server.load.has_room():
            return False
        self._transport.write(server.busy_answer())
        return True

    def _after_feed(self) -> None:
        body = self._body
        if body is not None and not body.complete and body.length is not None:
            # The rest of a body of known length needs no parser.
            self._direct = True
            self._parser = None
        waits = body is not None and not body.complete and self._has_enough(body)
        # What is read while a request is served waits in memory: one read of it, no more.
        if waits or (self._queue and self._busy):
            self._pause()
        self._begin_work()

    def _begin_work(self) -> None:
        if self._queue and not self._busy:
            self._busy = True
            begin(self._server.loop, self._work())

    def _take_direct(self, count: int) -> None:
        self._remaining -= count
        self._progress += count
        body = self._body
        assert body is not None
        if not self._discarding:
            if self._into_body:
                body.advance(count)
            else:
                body.give(self._server.scratch[:count])
        if self._remaining == 0:
            self._end_of_body()
        elif self._has_enough(body):
            self._pause()

    def _has_enough(self, body: Body) -> bool:
        """Whether what the client sends now is for nobody."""
        if self._discarding:
            return self._progress > self._drain_bound
        return not body.wanted

    def _end_of_body(self) -> None:
        body = self._body
        self._new_parser()
        if body is not None:
            body.finish()

    # --- parser events ---

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_bytes = 0
        self._head_lines = 0
        self._head_complete = False

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > MAX_HEAD_BYTES:
            raise _Refused(RequestHeaderTooLarge())

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value) + 4
        self._head_lines += 1
        if self._head_bytes > MAX_HEAD_BYTES or self._head_lines > MAX_HEAD_LINES:
            raise _Refused(RequestHeaderTooLarge())
        if self._head_complete:
            # A trailer: counted, and never merged into the head (RFC 9110, 6.5.1).
            return
        name = name.lower()
        value = value.strip(b" \t")
        headers = self._headers
        if name not in headers:
            headers[name] = value
        elif name in _SINGLE:
            raise _Refused(_malformed("The header is given twice.", name))
        else:
            headers[name] += b"," + value

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_complete = True
        headers = self._headers
        length_text = headers.get(b"content-length")
        chunked = b"transfer-encoding" in headers
        if chunked and headers[b"transfer-encoding"].lower() != b"chunked":
            raise _Refused(_malformed("Only chunked is understood.", b"transfer-encoding"))
        if length_text is not None and not (
            length_text.isdigit() and len(length_text) <= MAX_LENGTH_DIGITS
        ):
            raise _Refused(_malformed("Not a length.", b"content-length"))
        length = 0 if length_text is None or chunked else int(length_text)
        self._expects = headers.get(b"expect", b"").lower() == b"100-continue"
        if not chunked and (length == 0 or (length <= SMALL_BODY and self._is_awaited())):
            self._gathered = []
            return
        if chunked and self._parser.should_upgrade():
            raise _Refused(_malformed("Upgrade is not supported.", b"upgrade"))
        self._remaining = length
        self._body = Body(None if chunked else length, self)
        self._progress = self._progress_mark = 0
        self._stall_since = self._server.now
        self._watch_time()
        self._enqueue(self._body)

    def _is_awaited(self) -> bool:
        """Whether a small body is waited for before anybody is asked whether he wants it."""
        # witnessed.md, W4: clients announce bodies of GET and DELETE and never send them.
        parser = self._parser
        if self._expects or parser.should_upgrade():
            return False
        return parser.get_method() not in _RARELY_WITH_BODY

    def on_body(self, piece: bytes) -> None:
        if self._gathered is not None:
            self._gathered.append(piece)
            return
        assert self._body is not None
        self._remaining -= len(piece)
        self._progress += len(piece)
        if not self._discarding:
            self._body.give(piece)

    def on_message_complete(self) -> None:
        gathered, self._gathered = self._gathered, None
        if gathered is not None:
            self._enqueue(_fixed(gathered))
            return
        if self._remaining and self._parser.should_upgrade():
            # The parser leaves the body to the other protocol (`_behind_upgrade`).
            return
        body, self._body = self._body, None
        self._discarding = False
        if body is not None:
            body.finish()

    def _enqueue(self, body: Body) -> None:
        parser = self._parser
        is_old = parser.get_http_version() == "1.0"
        request = Request(
            parser.get_method(),
            self._url,
            self._headers,
            body,
            self._peer,
            self._secure,
            is_old,
            self._drained,
        )
        keeps = parser.should_keep_alive() and not is_old
        if b"transfer-encoding" in self._headers and b"content-length" in self._headers:
            # RFC 9112, 6.1: the chunks count, and whatever follows is not trusted.
            keeps = False
        self._queue.append((request, keeps))

    # --- the body's flow ---

    def want_body(self) -> None:
        """Begin or resume to read the body."""
        if self._expects:
            self._expects = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._stall_since = self._server.now
        self._progress_mark = self._progress
        self._resume()

    def enough_body(self) -> None:
        """Stop reading until the consumer asks again."""
        if not self._discarding:
            self._pause()

    def _pause(self) -> None:
        if self._reading and not self._closing:
            self._reading = False
            self._transport.pause_reading()

    def _resume(self) -> None:
        if not self._reading and not self._transport.is_closing():
            self._reading = True
            self._transport.resume_reading()

    # --- requests to responses ---

    async def _work(self) -> None:
        server = self._server
        try:
            while self._queue:
                request, keeps = self._queue.pop(0)
                response = self._refusal(request)
                if response is None:
                    try:
                        response = await self._handle(request)
                    finally:
                        server.load.leave(request)
                keeps = keeps and not self._closing and not server.closing and self._crowd is None
                keeps = keeps and (not self._ended or bool(self._queue))
                if not request.body.complete:
                    keeps = keeps and self._can_drain(request)
                head = response.head(server.date_line(), keeps=keeps)
                if request.method != b"HEAD" and response.is_plain():
                    self._transport.write(head + response.body if response.body else head)
                    if self._drained.paused:
                        await self._taken(request.peer, ())
                else:
                    await self._respond(request, response, head)
                if not request.body.complete:
                    keeps = await self._see_out(request.body, keeps=keeps)
                if not keeps or (self._ended and not self._queue):
                    self._transport.close()
                    return
                if not self._queue:
                    self._resume()
        except Exception as error:  # noqa: BLE001 - is logged there
            self._give_up(error)
        finally:
            self._busy = False
            self._since = server.now
            self._watch_time()

    def _refusal(self, request: Request) -> Response | None:
        """That there is no room for *request*, if there is none; otherwise it is taken on."""
        server = self._server
        if self._crowd is not None and not is_beside(request):
            return self._no_room(request)
        return None if server.load.takes(request) else server.refuse(busy(), request)

    def _no_room(self, request: Request | None = None) -> Response:
        crowd = self._crowd or self._server.load
        return self._server.refuse(crowd.refuse_connection(), request)

    def _give_up(self, error: Exception) -> None:
        """End where half an answer may be out: nothing that follows could be understood."""
        # That the client is gone (`ClientGone` too) is no failure.  uvloop says so in its own way.
        is_gone = isinstance(error, RuntimeError) and self._transport.is_closing()
        if not (is_gone or isinstance(error, OSError)):
            log.error("answer_failed", exc_info=error)
        self.abort()

    def _can_drain(self, request: Request) -> bool:
        """Whether what is still to come of the body can be told from the next request."""
        if self._expects or request.method in _RARELY_WITH_BODY:
            # It may never come, and then the next request would be taken for it.
            return False
        return request.body.length is not None and self._remaining <= DRAIN_BYTES

    async def _see_out(self, body: Body, *, keeps: bool) -> bool:
        """Swallow the rest of a body; whether the connection can be used again."""
        await self._drain(body)
        return keeps and not self._closing

    async def _drain(self, body: Body) -> None:
        """Swallow what the client still sends, so that it reads the answer."""
        if self._body is not body or self._closing or self._ended:
            return
        self._discarding = True
        self._expects = False
        self._drain_bound = self._progress + DRAIN_BYTES
        end = time.monotonic() + self._server.limits.drain_s
        self._resume()
        while not body.complete and not self._closing and not self._ended:
            if self._progress > self._drain_bound or time.monotonic() > end:
                self._closing = True
                return
            await asyncio.sleep(_POLL_S)

    async def _respond(self, request: Request, response: Response, head: bytes) -> None:
        """Send an answer that is more, or less, than its head and body."""
        sender, spans = self._server.sender, response.spans
        pace = self._pace_of(response)
        is_whole = False
        try:
            if response.pace is not None:
                await asyncio.sleep(response.pace.delay_s(0, self._server.loop.time()))
            if request.method == b"HEAD":
                self._transport.write(head)
            elif response.gzip or self._secure:
                send = send_gzip if response.gzip else send_pieces
                write = self._writer(request.peer, spans)
                write = write if pace is None else paced(write, pace)
                await send(head, response.body, spans, write, sender)
            else:
                await self._flushed(request.peer)
                line = Line(self._transport, request.peer)
                await sender.send(line, head + response.body, spans, pace)
            is_whole = True
        finally:
            for span in spans:
                span.close()
            if response.sent is not None:
                response.sent(is_whole=is_whole)

    def _pace_of(self, response: Response) -> Pacing | None:
        if response.rate is None:
            return response.pace
        own = Pace(response.rate, self._server.loop.time())
        return own if response.pace is None else slowest((own, response.pace))

    def _writer(self, peer: str, spans: tuple[Span, ...]) -> Write:
        async def write(piece: bytes | memoryview) -> None:
            self._transport.write(piece)
            if self._drained.paused:
                await self._taken(peer, spans)

        return write

    async def _flushed(self, peer: str) -> None:
        """Wait until earlier answers have left, so that nothing overtakes them; not under TLS."""
        if self._transport.get_write_buffer_size():
            self._transport.set_write_buffer_limits(0)
            await self._taken(peer, ())
            self._transport.set_write_buffer_limits()

    async def _taken(self, peer: str, spans: tuple[Span, ...]) -> None:
        """Wait until the client *peer* has taken what was written; if it takes long *spans* close.

        Raises `ConnectionResetError` if it is gone, or so slow that it was ended.
        """
        server = self._server
        line = Line(self._transport, peer)
        taking = Taking(line, spans, server.sender.parking, server.limits, server.now)
        self._taking = taking
        self._watch_time()
        try:
            await self._drained.wait()
        finally:
            self._taking = None
            taking.end()

    def _refuse(self, error: OssError) -> None:
        """Answer what cannot be parsed; nothing after it can be trusted."""
        if self._body is not None and not self._body.complete:
            self._body.fail(error)
            self._body = None
            self._closing = True
            self._begin_work()
            return
        if self._closing:
            return
        self._closing = True
        self._pause_for_good()
        self._end_with(self._server.refuse(error))

    def _end_with(self, response: Response) -> None:
        head = response.head(self._server.date_line(), keeps=False)
        self._transport.write(head + response.body)
        self._transport.close()

    def _pause_for_good(self) -> None:
        if self._reading:
            self._reading = False
            self._transport.pause_reading()

    # --- timers and the end ---

    def _watch_time(self) -> None:
        if not self._is_timed and self in self._server.connections:
            self._is_timed = True
            self._server.timed.add(self)

    def check_timers(self, now: float) -> None:
        """End what is too slow; where only we ourselves can be, look no more."""
        limits = self._server.limits
        if not self._busy:
            patience = limits.head_s if self._in_head else limits.idle_s
            if self._crowd is not None:
                patience = min(patience, EXTRA_PATIENCE_S)
            if now - self._since > patience:
                self._end()
            return
        body = self._body
        if self._taking is not None:
            try:
                self._taking.check(now)
            except OSError:
                self.abort()
        elif body is None or not body.wanted:
            self._stall_since = now
            self._progress_mark = self._progress
            if body is None or body.complete:
                self._is_timed = False
                self._server.timed.discard(self)
        elif now - self._stall_since > limits.stall_s:
            if self._progress - self._progress_mark < limits.floor_rate * limits.stall_s:
                self._closing = True
                body.fail(too_slow())
            self._stall_since = now
            self._progress_mark = self._progress

    def _end(self) -> None:
        """Close, and without waiting where the last answer was not taken in all that time."""
        if self._transport.is_closing() or self._transport.get_write_buffer_size():
            self.abort()
        else:
            self._transport.close()

    def close_when_idle(self) -> None:
        """Close now if nothing is in flight; otherwise after the response."""
        if not self._busy:
            self._transport.close()

    def abort(self) -> None:
        """Close without a word."""
        self._closing = True
        self._transport.abort()


_RARELY_WITH_BODY = frozenset({b"GET", b"HEAD", b"DELETE", b"OPTIONS"})
_SINGLE = frozenset({b"content-length", b"transfer-encoding", b"host", b"authorization"})
"""Headers that may stand only once."""


def _fixed(gathered: list[bytes]) -> Body:
    if not gathered:
        return NO_BODY
    return FixedBody(gathered[0] if len(gathered) == 1 else b"".join(gathered))


def _malformed(reason: str = "The request is malformed.", name: bytes | None = None) -> OssError:
    if name is None:
        return InvalidArgument(f"The HTTP request could not be understood: {reason}")
    return InvalidArgument(
        f"The HTTP request could not be understood: {reason}", ArgumentName=name.decode("latin-1")
    )
