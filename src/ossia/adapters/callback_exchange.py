# ruff: noqa: D102 - the methods are those of asyncio.Protocol and of the parser
"""One callback request and its answer on one connection.

What arrives is kept only as far as it can matter: a success whose length cannot be accepted is not
read at all, other answers only up to a bound, for people who look for the reason.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import httptools

from ossia.adapters.plain_wire import PlainWire
from ossia.protocol.callback_reply import declared_length

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_REFUSAL_BYTES: Final = 64 * 1024
"""How much of an answer other than 200 is kept."""

_OK: Final = 200
_FINAL: Final = 200
"""Statuses below are interim answers (RFC 9110, 15.2): another one follows."""


class BrokenAnswer(Exception):  # noqa: N818 - a fact about the other side
    """What came is not a whole HTTP answer."""


class Exchange(asyncio.Protocol):
    """Writes *request* when connected; `done` ends with the answer or with `BrokenAnswer`.

    ``status`` is 0 until a final head has arrived.
    """

    # Thousands may wait for slow applications at a time.
    __slots__ = (
        "_has_enough",
        "_head_bytes",
        "_limit",
        "_max_reply_bytes",
        "_parser",
        "_received",
        "_request",
        "body",
        "connected_at",
        "done",
        "first_byte_at",
        "headers",
        "require",
        "status",
        "transport",
    )

    def __init__(self, request: bytes, max_reply_bytes: int) -> None:
        self._request = request
        self._max_reply_bytes = max_reply_bytes
        self.transport: Any = None
        self.require: Callable[[asyncio.BaseTransport], None] | None = None
        """Raises `OSError` where the one at the other end must not hear the request."""
        self._parser: Any = None
        self._received = 0
        self._head_bytes = 0
        self._has_enough = False
        self._limit = MAX_REFUSAL_BYTES
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.connected_at = 0.0
        self.first_byte_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # --- transport events

    def connection_made(self, transport: asyncio.BaseTransport | PlainWire) -> None:
        self.transport = transport
        if self.require is not None:
            try:
                self.require(self.transport)
            except OSError as error:
                self.transport.close()
                self.connection_failed(error)
                return
        self.connected_at = time.monotonic()
        self.transport.write(self._request)
        self._request = b""

    def connection_failed(self, error: OSError) -> None:
        """There is nobody to talk to."""
        if not self.done.done():
            self.done.set_exception(error)

    def data_received(self, data: bytes) -> None:
        if self.done.done():
            return
        if not self.first_byte_at:
            self.first_byte_at = time.monotonic()
            # Whoever waits for a slow application needs none yet.
            self._parser = httptools.HttpResponseParser(self)
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            # Garbage behind an answer changes nothing, in whichever segment it arrives.
            if not self._has_enough:
                self._end(BrokenAnswer(str(error) or type(error).__name__))
                return
        if self._has_enough:
            self._end()
        elif not self.status and self._received > MAX_HEAD_BYTES:
            self._end(BrokenAnswer("the head of the answer is too large"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.status and self._ends_with_connection:
            self._end()
        else:
            self._end(BrokenAnswer(str(exc or "the connection was closed before the answer ended")))

    @property
    def _ends_with_connection(self) -> bool:
        return "content-length" not in self.headers and "transfer-encoding" not in self.headers

    def is_over(self) -> bool:
        """Whether it is known how this ended."""
        return self.done.done()

    def expire(self) -> None:
        """The time is up."""
        if not self.done.done():
            self.done.set_exception(TimeoutError())

    def close(self) -> None:
        """Give the connection up."""
        if self.transport is not None:
            self.transport.abort()
        # Both know this object: without them, nobody has to look for cycles.
        self.transport = self._parser = None

    def _end(self, error: BrokenAnswer | None = None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)

    # --- parser events: those of the final answer; what follows it is no part of it

    def on_message_begin(self) -> None:
        if not self._has_enough:
            self.headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._has_enough:
            return
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise BrokenAnswer("the head of the answer is too large")
        text = str(name, "latin-1").lower()
        shown = str(value, "latin-1").strip(" \t")
        headers = self.headers
        headers[text] = f"{headers[text]}, {shown}" if text in headers else shown

    def on_headers_complete(self) -> None:
        status = int(self._parser.get_status_code())
        if status < _FINAL or self._has_enough:
            return
        self.status = status
        if status == _OK:
            length = declared_length(self.headers)
            if length is None or length > self._max_reply_bytes:
                # The judge refuses it whatever the body is.
                self._has_enough = True
            self._limit = self._max_reply_bytes

    def on_body(self, piece: bytes) -> None:
        if not self._has_enough:
            room = self._limit - len(self.body)
            self.body += piece[:room]
            self._has_enough = len(piece) > room

    def on_message_complete(self) -> None:
        self._has_enough = self._has_enough or bool(self.status)
