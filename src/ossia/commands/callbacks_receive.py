"""``ossia callbacks receive``: a receiver to try things with.

It prints what arrives, verifies it as an application should, and answers as it is told.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final
from urllib.parse import parse_qsl

import click

from ossia.commands.terminal import json_line, safe
from ossia.receiver.verify import OSS_KEY_URLS, CallbackNotVerified, verify
from ossia.settings import SettingsError

_MAX_BODY: Final = 64 * 1024 * 1024
_LENGTH_DIGITS: Final = 18
_OK: Final = 200
_TAB: Final = "\t"
_REFUSED: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How to answer, whom to trust, how often.  ``status`` and ``body`` of None depend."""

    status: int | None
    body: bytes | None
    content_type: str
    delay_s: float
    key_urls: tuple[str, ...]
    count: int
    as_json: bool


@dataclass(slots=True, kw_only=True)
class Arrived:
    """One request; ``reason`` is why it is not verified, empty if it is."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    reason: str = ""
    key_url: str = ""
    at: float = field(default_factory=time.time)


@click.command()
@click.option("--port", default=8000, show_default=True, help="Port to listen on; 0 for any.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--status", type=click.IntRange(200, 599), help="Answer with this status.")
@click.option("--delay", default=0.0, metavar="SECONDS", help="Wait before answering.")
@click.option("--body", help="Answer with this body.")
@click.option(
    "--content-type", default="application/json", show_default=True, help="Its Content-Type."
)
@click.option(
    "--endpoint",
    default="http://127.0.0.1:9000",
    show_default=True,
    envvar="OSSIA_ENDPOINT",
    show_envvar=True,
    help="The server whose callback keys are trusted.",
)
@click.option(
    "--key-url",
    "key_urls",
    multiple=True,
    help="Trust this key URL (with a slash at its end: place) instead of the server's and OSS's.",
)
@click.option("--count", default=0, help="End after this many requests.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each request.")
def receive(
    *, port: int, host: str, delay: float, body: str | None, endpoint: str,
    key_urls: tuple[str, ...], **options: Any,
) -> None:  # fmt: skip
    """Receive callbacks: print, verify, and answer as told.

    What is genuine is answered with 200 and {"Status": "OK"}, what is not with 400, unless
    --status and --body say otherwise.
    """
    script = Script(
        body=None if body is None else body.encode(),
        delay_s=delay,
        key_urls=key_urls or (f"{endpoint.rstrip('/')}/-/callback/", *OSS_KEY_URLS),
        **options,
    )
    try:
        server = _Server((host, port), script)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"Cannot listen on {host}:{port}: {error}. Choose another --port."
        ) from error
    bound = server.server_address[1]
    if script.as_json:
        _print_json({"event": "ready", "url": f"http://{host}:{bound}/"})
    else:
        click.echo(
            f"Listening on http://{host}:{bound}/ (any path); keys are trusted at "
            f"{', '.join(script.key_urls)}. Ctrl-C ends.",
            err=True,
        )
    with server:
        try:
            server.serve_forever(0.05)
        except KeyboardInterrupt:
            return


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, address: tuple[str, int], script: Script) -> None:
        self.script = script
        self.printing = threading.Lock()
        self.left = script.count or -1
        super().__init__(address, _Exchange)

    def server_bind(self) -> None:
        """Bind without asking the resolver for this machine's name, as HTTPServer would."""
        TCPServer.server_bind(self)

    def tell(self, arrived: Arrived, answered: str) -> None:
        """Print one request; the last one ends the server."""
        with self.printing:
            if self.script.as_json:
                _print_json(_described(arrived, answered))
            else:
                for text in _lines(arrived, answered):
                    click.echo(text)
            sys.stdout.flush()
            self.left -= 1
            if self.left == 0:
                threading.Thread(target=self.shutdown).start()


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: _Server

    def _serve(self) -> None:
        self.close_connection = True
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or len(length) > _LENGTH_DIGITS or int(length) > _MAX_BODY:
            self.send_error(_REFUSED, "Content-Length is missing or too large")
            return
        arrived = Arrived(
            method=self.command,
            target=self.requestline.split(" ")[1],
            headers=dict(self.headers.items()),
            body=self.rfile.read(int(length)),
        )
        _verify(arrived, self.server.script.key_urls)
        self.server.tell(arrived, self._answer(arrived))

    def _answer(self, arrived: Arrived) -> str:
        """Answer as told; what was answered, in words."""
        script = self.server.script
        status = script.status or (_REFUSED if arrived.reason else _OK)
        body = _body(arrived) if script.body is None else script.body
        time.sleep(script.delay_s)
        try:
            self.send_response(status)
            self.send_header("Content-Type", script.content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            return "nothing: the sender had hung up"
        return f"{status} {body.decode('utf-8', 'replace')}"

    do_POST = do_GET = do_PUT = _serve  # noqa: N815 - names of http.server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
        """Say nothing: `_Server.tell` does."""


def _verify(arrived: Arrived, key_urls: tuple[str, ...]) -> None:
    path, _, query = arrived.target.partition("?")
    try:
        callback = verify(
            path=path,
            query=query,
            headers=arrived.headers,
            body=arrived.body,
            trusted_key_urls=key_urls,
        )
    except CallbackNotVerified as refused:
        arrived.reason = refused.reason
    else:
        arrived.key_url = callback.key_url


def _body(arrived: Arrived) -> bytes:
    answer = {"Status": "OK"}
    if arrived.reason:
        answer = {"Status": "verify not ok", "Reason": arrived.reason}
    return json.dumps(answer).encode()


def _values(arrived: Arrived) -> Mapping[str, Any]:
    """The body's fields, if it has any."""
    content_type = {name.lower(): value for name, value in arrived.headers.items()}.get(
        "content-type", ""
    )
    text = arrived.body.decode("utf-8", "replace")
    if content_type.startswith("application/json"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}
    return dict(parse_qsl(text, keep_blank_values=True))


def _lines(arrived: Arrived, answered: str) -> Iterator[str]:
    at = time.strftime("%H:%M:%S", time.localtime(arrived.at))
    yield click.style(f"{at}  {safe(arrived.method)} {safe(arrived.target)}", bold=True)
    for name, value in arrived.headers.items():
        yield f"  {click.style(safe(name), dim=True)}: {safe(value)}"
    yield ""
    for each in arrived.body.decode("utf-8", "backslashreplace").replace("\r\n", "\n").split("\n"):
        yield f"  {safe(each, keep=_TAB)}"
    values = _values(arrived)
    if values:
        yield ""
        width = max(map(len, map(safe, values)))
        for name, value in values.items():
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"  {safe(name):<{width}} = {safe(shown)}"
    yield ""
    if arrived.reason:
        yield click.style(f"  NOT verified: {safe(arrived.reason)}", fg="red")
    else:
        yield click.style(f"  verified with the key at {safe(arrived.key_url)}", fg="green")
    yield f"  answered {safe(answered)}"
    yield ""


def _described(arrived: Arrived, answered: str) -> dict[str, Any]:
    return {
        "event": "callback",
        "method": arrived.method,
        "target": arrived.target,
        "headers": arrived.headers,
        "body": arrived.body.decode("utf-8", "backslashreplace"),
        "values": _values(arrived),
        "verified": not arrived.reason,
        "reason": arrived.reason,
        "key_url": arrived.key_url,
        "answered": answered,
    }


def _print_json(value: object) -> None:
    click.echo(json_line(value))
    sys.stdout.flush()
