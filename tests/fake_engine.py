"""An S3-speaking engine in memory that fails as it is told to.

What real engines do is seen with one of them (`s3_engine`); this one is for what they do rarely.
"""

import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

BUCKET = "blobs"


@dataclass
class FakeEngine:
    """``faults`` says of each request, by method and name, what goes wrong: see `Handler`."""

    endpoint: str = ""
    names: dict[str, bytes] = field(default_factory=dict)
    modified: dict[str, float] = field(default_factory=dict)
    faults: Callable[[str, str], str] = lambda _method, _name: ""
    seen: Counter[str] = field(default_factory=Counter)
    under_way: int = 0
    most_under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    lie: str = ""
    """What it does although it says that all is well: ``stale keeps range list forgets``."""
    ahead_s: float = 0
    released: threading.Event = field(default_factory=threading.Event)

    def fail(self, *faults: str, method: str = "") -> None:
        """Let the next requests (of *method*) fail in this way, one after the other."""
        waiting = list(faults)

        def next_fault(of: str, _name: str) -> str:
            return waiting.pop(0) if waiting and (not method or of == method) else ""

        self.faults = next_fault

    def always(self, fault: str, method: str = "") -> None:
        """Let every request (of *method*) fail in this way."""
        self.faults = lambda of, _name: fault if not method or of == method else ""


class _Broken(Exception):  # noqa: N818 - what is to happen, no error
    pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine: FakeEngine

    def log_message(self, *_: Any) -> None:
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, _Broken):
            self.close_connection = True

    def _serve(self) -> None:
        engine = self.engine
        parts = urlsplit(self.path)
        _, bucket, *rest = unquote(parts.path).split("/", 2)
        name = rest[0] if rest else ""
        with engine.lock:
            engine.seen[self.command] += 1
            engine.under_way += 1
            engine.most_under_way = max(engine.most_under_way, engine.under_way)
            fault = engine.faults(self.command, name)
        try:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._fail(fault)
            signature = self.headers.get("Authorization", "")
            is_other = "X-Amz-Security-Token" in self.headers
            if is_other or not signature.startswith("AWS4-HMAC-SHA256 Credential=key/"):
                self._error(403, "AccessDenied")
            elif bucket != BUCKET:
                self._error(404, "NoSuchBucket")
            elif self.command == "POST":
                self._delete(body, fault)
            elif not name:
                self._list(parse_qs(parts.query))
            else:
                act = self._put if self.command == "PUT" else self._get
                act(name, body, fault)
        finally:
            with engine.lock:
                engine.under_way -= 1

    do_GET = do_PUT = do_POST = _serve  # noqa: N815 - http.server's names

    def _fail(self, fault: str) -> None:
        if fault == "hang":
            self.engine.released.wait(60)
            raise _Broken
        if fault == "reset":
            raise _Broken
        if fault == "slow":
            time.sleep(0.05)
        if fault.isdigit():
            self._error(int(fault), "AccessDenied" if fault == "403" else "InternalError")
            raise _Broken

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate((timestamp or time.time()) + self.engine.ahead_s, usegmt=True)

    def _put(self, name: str, body: bytes, fault: str) -> None:
        if self.engine.lie == "stale":
            body = bytes(len(body))
        self.engine.names[name] = b"" if self.engine.lie == "forgets" else body
        self.engine.modified[name] = time.time()
        if fault == "unheard":
            raise _Broken
        self._answer(200, b"", {"ETag": '"x"'})

    def _get(self, name: str, _body: bytes, fault: str) -> None:
        found = self.engine.names.get(name)
        if found is None:
            self._error(404, "NoSuchKey")
            return
        first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups())  # type: ignore[union-attr]
        if first >= len(found):
            self._error(416, "InvalidRange")
            return
        piece = found[first : last + 1]
        if self.engine.lie == "range":
            piece = found[: len(piece)]
        if fault == "short":
            piece = piece[: len(piece) // 2]
        headers = {
            "Content-Range": f"bytes {first}-{first + len(piece) - 1}/{len(found)}",
            "ETag": '"x"',
            "Last-Modified": formatdate(usegmt=True),
        }
        self._answer(206, piece, headers, cut=fault == "cut")

    def _delete(self, body: bytes, fault: str) -> None:
        """DeleteObjects."""
        names = [unescape(each) for each in re.findall(r"<Key>(.*?)</Key>", body.decode())]
        failed, gone = (names[-1:], names[:-1]) if fault == "partly" else ([], names)
        for name in gone if self.engine.lie != "keeps" else ():
            self.engine.names.pop(name, None)
        answers = [f"<Deleted><Key>{escape(each)}</Key></Deleted>" for each in gone]
        answers += [
            f"<Error><Key>{escape(each)}</Key><Code>InternalError</Code><Message>x</Message></Error>"
            for each in failed
        ]
        self._answer(200, f"<DeleteResult>{''.join(answers)}</DeleteResult>".encode(), {})

    def _list(self, query: dict[str, list[str]]) -> None:
        prefix = query.get("prefix", [""])[0]
        delimiter = query.get("delimiter", [""])[0]
        after = max(query.get(each, [""])[0] for each in ("start-after", "continuation-token"))
        names = [each for each in sorted(self.engine.names) if each.startswith(prefix)]
        folders: set[str] = set()
        if delimiter:
            folders = {
                prefix + each[len(prefix) :].partition(delimiter)[0] + delimiter for each in names
            }
            names = []
        names = [each for each in names if each > after and self.engine.lie != "list"]
        more = len(names) > 1000
        shown = "".join(
            f"<Contents><Key>{escape(each)}</Key><Size>{len(self.engine.names[each])}</Size>"
            f"<LastModified>{_iso(self.engine.modified[each])}</LastModified><ETag>x</ETag></Contents>"
            for each in names[:1000]
        )
        shown += "".join(
            f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>" for each in folders
        )
        token = f"<NextContinuationToken>{names[999]}</NextContinuationToken>" if more else ""
        self._answer(
            200,
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{shown}"
            "</ListBucketResult>".encode(),
            {"Content-Type": "application/xml"},
        )

    def _error(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code></Error>".encode(), {})

    def _answer(
        self, status: int, body: bytes, headers: dict[str, str], *, cut: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            raise _Broken


def _iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_: Any) -> None:
        pass


@contextmanager
def fake_engine(tls: ssl.SSLContext | None = None) -> Iterator[FakeEngine]:
    """A running one."""
    engine = FakeEngine()
    server = _Server(("127.0.0.1", 0), type("Handler", (Handler,), {"engine": engine}))
    engine.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        engine.endpoint = engine.endpoint.replace("http", "https")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield engine
    finally:
        engine.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
