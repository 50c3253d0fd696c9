"""A small application server for tests: it records callbacks and answers as it is told.

::

    with Inbox() as inbox:
        inbox.answer(b'{"Status":"OK"}')
        ...upload with the headers inbox.callback(), or with a callback to inbox.url...
        inbox.one().assert_values(object="a.txt")

Only the standard library; a thread listens until `close`, and each connection has its own.
"""

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final
from urllib.parse import parse_qsl

from ossia.testing.callback_headers import USUAL_BODY, callback_headers
from ossia.testing.closing import Closing
from ossia.testing.differences import differing

_TIMEOUT_S: Final = 10.0
_EXPECTED_WITHIN_S: Final = 2.0
_SHOWN_BYTES: Final = 300


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came; header names are in lower case, ``target`` is not decoded."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target up to its query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query with its ``?``; empty where there is none."""
        _, mark, query = self.target.partition("?")
        return mark + query

    def values(self) -> Any:
        """The body's content: a dict of a form, or whatever the JSON says."""
        if self.headers.get("content-type", "").startswith("application/json"):
            return json.loads(self.body)
        return dict(parse_qsl(self.body.decode("utf-8"), keep_blank_values=True))

    def assert_values(self, **expected: Any) -> None:
        """Assert that the body says so; what else it says does not matter."""
        __tracebackhide__ = True
        try:
            found = self.values()
        except ValueError as error:
            raise AssertionError(f"The body cannot be read ({error}): {self.line()}") from error
        if not isinstance(found, dict):
            raise AssertionError(f"The body has no names: {self.line()}")  # noqa: TRY004 - a failed test
        lines = differing(expected, found)
        if lines:
            told = "\n  ".join(lines)
            raise AssertionError(f"The callback says something else:\n  {told}\n  in {self.line()}")

    def line(self) -> str:
        """All of it but the headers, for people."""
        shown = self.body[:_SHOWN_BYTES].decode("utf-8", "replace")
        return f"{self.method} {self.target} {shown}{'…' * (len(self.body) > _SHOWN_BYTES)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How to answer; ``has_length`` False leaves Content-Length out."""

    body: bytes = b'{"Status":"OK"}'
    status: int = 200
    content_type: str = "application/json"
    delay_s: float = 0
    headers: dict[str, str] = field(default_factory=dict)
    has_length: bool = True


Explain = Callable[[str], Iterable[str]]
"""Lines about why callbacks to a URL did not come, or who sent them."""


class Inbox(Closing):
    """Listens on a free port of loopback from construction to `close`.

    What *explain* knows is told where an expectation fails.
    """

    def __init__(self, path: str = "/callback", *, explain: Explain = lambda _: ()) -> None:
        self._explain = explain
        self._arrived = threading.Condition()
        self._received: list[Received] = []
        self._scripted: list[Answer] = []
        self._standing = Answer()
        self._closing = threading.Event()
        self._server = _Server(self)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}{path}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="inbox", daemon=True
        )
        self._thread.start()

    def answer(
        self,
        body: bytes = b'{"Status":"OK"}',
        *,
        status: int = 200,
        content_type: str = "application/json",
        delay_s: float = 0,
        headers: dict[str, str] | None = None,
        has_length: bool = True,
    ) -> None:
        """Answer like this from here on."""
        self._standing = Answer(
            body=body,
            status=status,
            content_type=content_type,
            delay_s=delay_s,
            headers=headers or {},
            has_length=has_length,
        )

    def script(self, *answers: Answer) -> None:
        """Answer the next requests with *answers*, in order, then as before."""
        with self._arrived:
            self._scripted += answers

    @property
    def received(self) -> list[Received]:
        """Everything that has arrived, oldest first."""
        with self._arrived:
            return list(self._received)

    def wait(self, count: int = 1, *, timeout_s: float = _TIMEOUT_S) -> list[Received]:
        """Wait until at least *count* requests have arrived; raises `TimeoutError`."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._received) >= count, timeout_s):
                raise TimeoutError(f"{len(self._received)} of {count} callbacks arrived")
            return list(self._received)

    def callback(self, body: str = USUAL_BODY, **variables: str) -> dict[str, str]:
        """Headers of an upload whose callback comes here.

        *variables* are what ``${x:name}`` in *body* stands for.
        """
        return callback_headers(self.url, body, variables)

    def one(self, *, timeout_s: float = _EXPECTED_WITHIN_S) -> Received:
        """The only callback that arrives; anything else is an `AssertionError` that tells why."""
        __tracebackhide__ = True
        return self.expect(1, timeout_s=timeout_s)[0]

    def expect(self, count: int, *, timeout_s: float = _EXPECTED_WITHIN_S) -> list[Received]:
        """Exactly *count* callbacks, waited for; otherwise an `AssertionError` that tells why.

        None are not waited for: an upload is answered after its callback.
        """
        __tracebackhide__ = True
        with self._arrived:
            self._arrived.wait_for(lambda: len(self._received) >= count, timeout_s)
            found = list(self._received)
        if len(found) != count:
            raise AssertionError("\n".join(self._unexpected(count, found)))
        return found

    def _unexpected(self, count: int, found: list[Received]) -> Iterable[str]:
        yield f"{len(found)} callbacks arrived at {self.url}, {count} expected."
        yield from (f"  arrived: {each.line()}" for each in found)
        yield from self._explain(self.url)

    def clear(self) -> None:
        """Forget what has arrived and what was scripted."""
        with self._arrived:
            self._received.clear()
            self._scripted.clear()

    def close(self) -> None:
        """Stop listening; answers that are being delayed are cut short."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _accept(self, received: Received) -> Answer:
        with self._arrived:
            self._received.append(received)
            self._arrived.notify_all()
            return self._scripted.pop(0) if self._scripted else self._standing

    def _pause(self, delay_s: float) -> None:
        self._closing.wait(delay_s)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind without asking the resolver for this machine's name, as HTTPServer would."""
        TCPServer.server_bind(self)

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        super().__init__(("127.0.0.1", 0), _Exchange)


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        inbox = self.server.inbox
        length = int(self.headers.get("Content-Length") or 0)
        answer = inbox._accept(  # noqa: SLF001 - the other half of the same thing
            Received(
                self.command,
                self.requestline.split(" ")[1],
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
            )
        )
        inbox._pause(answer.delay_s)  # noqa: SLF001 - same
        self.close_connection = True
        try:
            self._write(answer)
        except OSError:
            # The sender has given up, which is what a test with a delay wants.
            return

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.content_type:
            self.send_header("Content-Type", answer.content_type)
        if answer.has_length:
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in {"Connection": "close", **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    do_POST = do_GET = do_PUT = _serve  # noqa: N815 - names of http.server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
        """Say nothing."""
