"""Each row of the conduct table in stack.md, over real sockets."""

import asyncio
import contextlib
import gzip
import os
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import weakref
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPResponse
from ipaddress import ip_network
from pathlib import Path
from typing import Any, ClassVar

import pytest
from over_sockets import in_a_thread, read_answer, read_to_end

import waiting
from ossia.errors import InvalidArgument, OssError
from ossia.http.forwarded import NO_PROXIES, Proxies
from ossia.http.message import Request, Response
from ossia.http.server import HttpServer, Limits

BIG = os.urandom(3_000_000)
HUGE = 32 * 1024 * 1024
"""More than any socket holds."""
PIECE = 300_000


class FileSpan:
    """A run of a temporary file."""

    def __init__(self, path: Path, offset: int, length: int) -> None:
        self._fd = os.open(path, os.O_RDONLY)
        self.offset = offset
        self.length = length
        self.closed = False
        self.released = 0

    def fileno(self) -> int:
        return self._fd

    async def read(self, offset: int, most: int) -> bytes | memoryview:
        return os.pread(self._fd, most, offset)

    def release(self) -> None:
        self.released += 1

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self._fd)


class PieceSpan(FileSpan):
    """The same bytes as an engine behind a network gives them: later, and in pieces."""

    pieces: ClassVar[list[weakref.ref[array]]] = []

    def fileno(self) -> None:  # type: ignore[override]
        return None

    async def read(self, offset: int, most: int) -> memoryview:
        await asyncio.sleep(0)
        piece = array("B", os.pread(self._fd, min(most, PIECE), offset))
        self.pieces.append(weakref.ref(piece))
        return memoryview(piece)


@dataclass
class NotedPace:
    """A pace that notes what passes, and lets the first bytes wait."""

    turn = 50_000
    waited_s = 0.0

    def __init__(self) -> None:
        self.counts: list[int] = []

    def delay_s(self, count: int, now_s: float) -> float:
        del now_s
        self.counts.append(count)
        return 0.3 if len(self.counts) == 1 else 0.01


@dataclass
class Served:
    """A server in a thread, and what its handler saw."""

    port: int = 0
    seen: list[Request] = field(default_factory=list)
    server: HttpServer | None = None
    loop: asyncio.AbstractEventLoop | None = None
    file: Path = Path()
    huge: Path = Path()
    most_buffered: int = 0
    missed: threading.Event = field(default_factory=threading.Event)
    spans: list[FileSpan] = field(default_factory=list)
    span: type[FileSpan] = FileSpan
    pace: NotedPace = field(default_factory=NotedPace)

    def connect(self, timeout: float = 10) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def ask(self, raw: bytes) -> bytes:
        """Send, half-close, read everything."""
        with self.connect() as client:
            client.sendall(raw)
            client.shutdown(socket.SHUT_WR)
            return read_to_end(client)

    def timed(self) -> int:
        """How many connections the server's clock watches."""
        assert self.server is not None
        return len(self.server.timed)


def refuse(error: OssError, request: Request | None = None) -> Response:
    return Response(error.status, [("Content-Type", "text/plain")], error.text.encode())


WAYS_OF_SENDING = ("plain", "tls", "plain-pieces", "tls-pieces")


@pytest.fixture(params=WAYS_OF_SENDING)
def any_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    with running(tmp_path, **sending(request.param, tmp_path)) as served:
        yield served


def sending(way: str, folder: Path) -> dict[str, Any]:
    """How a server of that way runs."""
    return {
        "tls": make_tls(folder) if way.startswith("tls") else None,
        "span": PieceSpan if way.endswith("pieces") else FileSpan,
    }


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with running(tmp_path) as running_server:
        yield running_server


def make_tls(folder: Path) -> ssl.SSLContext:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@contextlib.contextmanager
def running(  # noqa: C901 - one handler, many behaviours
    folder: Path,
    *,
    limits: Limits | None = None,
    tls: ssl.SSLContext | None = None,
    span: type[FileSpan] = FileSpan,
    proxies: Proxies = NO_PROXIES,
) -> Iterator[Served]:
    served = Served(file=folder / "big", span=span)
    served.file.write_bytes(BIG)
    served.huge = folder / "huge"
    with served.huge.open("wb") as huge:
        huge.truncate(HUGE)

    async def handle(request: Request) -> Response:  # noqa: C901, PLR0912 - see above
        served.seen.append(request)
        path = request.target.partition(b"?")[0]
        if path == b"/refuse":
            raise_refusal = refuse(InvalidArgument("no"))
            raise_refusal.status = 403
            return raise_refusal
        if path == b"/file":
            return Response(200, [], b"", (served.span(served.file, 0, len(BIG)),))
        if path == b"/huge":
            served.spans.append(served.span(served.huge, 0, HUGE))
            return Response(200, [], b"", (served.spans[-1],))
        if path == b"/huge-body":
            return Response(200, [], bytes(HUGE))
        if path == b"/slowly":
            return Response(200, [], b"x" * 20_000, rate=40_000)
        if path == b"/slow-file":
            return Response(200, [], b"", (served.span(served.file, 0, 20_000),), rate=40_000)
        if path in (b"/paced", b"/paced-body"):
            is_body = path.endswith(b"body")
            spans = () if is_body else (served.span(served.file, 0, 200_000),)
            return Response(200, [], BIG[:200_000] if is_body else b"", spans, pace=served.pace)
        if path == b"/gzip":
            spans = (served.span(served.file, 0, 1_500_000), served.span(served.file, 5, 7))
            return Response(200, [("Content-Encoding", "gzip")], b"begin", spans, gzip=True)
        if path == b"/spans":
            spans = (
                served.span(served.file, 10, 100),
                served.span(served.file, 1_000_000, 1_500_000),
            )
            return Response(206, [], b"begin", spans)
        if path == b"/broken":
            broken = served.span(served.file, 0, 100)
            broken.close()
            return Response(200, [], b"", (broken,))
        if path == b"/short":
            return Response(200, [], b"", (served.span(served.file, len(BIG) - 50, 100),))
        if path == b"/slow":
            await asyncio.sleep(0.3)
        if path == b"/wanted":
            while not request.client.has_left:
                await asyncio.sleep(0.01)
            served.missed.set()
        if path == b"/sip":
            total = 0
            while piece := await request.body.read_some():
                total += len(piece)
                served.most_buffered = max(served.most_buffered, len(piece), request.body.held())
                await asyncio.sleep(0.002)
            return Response(200, [], str(total).encode())
        try:
            body = await request.body.read_all(1 << 30, InvalidArgument)
        except OssError as error:
            return refuse(error)
        return Response(200, [("x-oss-Case", "as given")], request.method + b" " + body[:20])

    def make() -> HttpServer:
        return HttpServer(handle, refuse, limits=limits, proxies=proxies)

    with in_a_thread(make, tls) as (server, port):
        served.server, served.loop, served.port = server, server.loop, port
        yield served


@pytest.mark.parametrize(
    "target",
    [b"/a%2Fb", b"/a+b", b"/a//b", b"/a/../b", b"/%ff%fe", b"/?a=b&a=c&d"],
)
def test_raw_path_is_kept_byte_for_byte(served: Served, target: bytes) -> None:
    answer = served.ask(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target)
    assert answer.startswith(b"HTTP/1.1 200")
    assert served.seen[0].target == target


def test_unencoded_bytes_in_the_target_are_400(served: Served) -> None:
    """RFC 3986 has no such URLs; llhttp refuses them, and so every client encodes."""
    assert served.ask(b"GET /\xff\xe4 HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_header_values_keep_their_bytes_and_duplicates_their_order(served: Served) -> None:
    served.ask(
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Oss-Meta-A:  \xe4\xb8\xad \r\nx-tag: 1\r\nX-TAG: 2\r\n\r\n"
    )
    headers = served.seen[0].headers
    assert headers[b"x-oss-meta-a"] == "中".encode()
    assert headers[b"x-tag"] == b"1,2"


def test_header_names_on_the_way_out_keep_their_case(served: Served) -> None:
    assert b"\r\nx-oss-Case: as given\r\n" in served.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


def test_100_continue_is_sent_when_the_handler_reads(served: Served) -> None:
    with served.connect() as client:
        client.sendall(
            b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello")
        assert read_answer(client)[1] == b"PUT hello"


def test_a_refusal_goes_out_without_100_continue(served: Served) -> None:
    with served.connect() as client:
        client.sendall(
            b"PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        head, body = read_answer(client)
    assert head.startswith(b"HTTP/1.1 403")
    assert body == b"no"


@pytest.mark.parametrize("length", [500_000, 50_000_000])
def test_an_early_refusal_is_readable_while_the_client_still_sends(
    served: Served, length: int
) -> None:
    with served.connect() as client:
        client.sendall(b"PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length)
        sent = 0
        with contextlib.suppress(OSError):
            while sent < length:
                sent += client.send(b"x" * min(65536, length - sent))
        head, body = read_answer(client)
    assert head.startswith(b"HTTP/1.1 403")
    assert body == b"no"
    assert sent == length or sent < 12_000_000


def test_after_a_drained_refusal_the_connection_serves_on(served: Served) -> None:
    with served.connect() as client:
        client.sendall(b"PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n")
        client.sendall(b"x" * 200_000)
        assert read_answer(client)[0].startswith(b"HTTP/1.1 403")
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(client)[0].startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", id="length-twice"),
        pytest.param(
            b"Content-Length: -3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            id="no-length-and-chunked",
        ),
        pytest.param(
            b"Content-Length: 3\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            id="length-and-codings",
        ),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n", id="bad-chunk"),
        pytest.param(b"Transfer-Encoding: gzip\r\n\r\n", id="unknown-coding"),
        pytest.param(b"Content-Length: -1\r\n\r\n", id="negative-length"),
        pytest.param(b"Content-Length: 99999999999999999999999\r\n\r\n", id="huge-length"),
        pytest.param(b"Host: y\r\n\r\n", id="host-twice"),
        pytest.param(b"bad header\r\n\r\n", id="no-colon"),
        pytest.param(b"a\x00b: 1\r\n\r\n", id="nul-in-name"),
    ],
)
def test_bad_framing_is_400_and_closes(served: Served, head: bytes) -> None:
    with served.connect() as client:
        client.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\n" + head)
        answer = read_to_end(client)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"Connection: close" in answer


LENGTHS = (
    b"Content-Length: %d\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: %d",
)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("length", [0, 3, 5, 100_000_000])
def test_of_both_lengths_the_chunks_count_and_the_connection_ends(
    served: Served, lengths: bytes, length: int
) -> None:
    """W3: the C SDK sends both.  RFC 9112, 6.1: what follows may be somebody's smuggled request."""
    with served.connect() as client:
        client.sendall(
            b"PUT / HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n5\r\nhello\r\n0\r\n\r\n" % (lengths % length)
            + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        answer = read_to_end(client)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"PUT hello")
    assert b"\r\nConnection: close\r\n" in answer
    assert b"/smuggled" not in {each.target for each in served.seen}


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE"])
@pytest.mark.parametrize("length", [1, 100, 70_000, 5_000_000])
def test_an_announced_body_that_nobody_reads_is_not_waited_for(
    served: Served, method: bytes, length: int
) -> None:
    """W4: the handler is asked at once, and what it does not read is not asked for."""
    with served.connect(3) as client:
        client.sendall(
            b"%b /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (method, length)
        )
        begun = time.monotonic()
        assert client.recv(12) == b"HTTP/1.1 403"
        assert time.monotonic() - begun < 1


def test_a_body_of_get_that_comes_is_read(served: Served) -> None:
    with served.connect() as client:
        for _ in range(2):
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
            assert read_answer(client)[1] == b"GET hello"
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n")
        client.sendall(b"x" * 70_000)
        assert read_answer(client)[1].startswith(b"GET xxx")


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"PUT /refuse HTTP/1.1\r\nContent-Length: 500000\r\n", id="short"),
        pytest.param(b"PUT /refuse HTTP/1.1\r\nContent-Length: 50000000\r\n", id="long"),
        pytest.param(b"PUT /refuse HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", id="chunked"),
        pytest.param(
            b"PUT /refuse HTTP/1.1\r\nContent-Length: 500000\r\nExpect: 100-continue\r\n",
            id="expects",
        ),
        pytest.param(b"GET /refuse HTTP/1.1\r\nContent-Length: 5\r\n", id="get"),
    ],
)
def test_after_an_early_refusal_the_connection_ends_where_no_body_comes(
    tmp_path: Path, head: bytes
) -> None:
    """D5."""
    with running(tmp_path, limits=Limits(drain_s=0.3)) as served, served.connect() as client:
        client.sendall(head + b"Host: x\r\n\r\n")
        begun = time.monotonic()
        assert read_to_end(client).startswith(b"HTTP/1.1 403")
        assert time.monotonic() - begun < 3


def test_garbage_is_400(served: Served) -> None:
    assert served.ask(b"\x16\x03\x01\x02\x00\x01\r\n\r\n").startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("chunk", [1, 7, 1000, 100_000])
def test_chunked_bodies_arrive_whole(served: Served, chunk: int) -> None:
    content = BIG[: 20 * chunk]
    with served.connect() as client:
        client.sendall(b"PUT /sip HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(content), chunk):
            piece = content[start : start + chunk]
            client.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        client.sendall(b"0\r\n\r\n")
        assert read_answer(client)[1] == str(len(content)).encode()


def test_http_1_0_is_answered_and_closed(served: Served) -> None:
    with served.connect() as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = read_to_end(client)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Connection: close" in answer


def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    one = b"PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na"
    two = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nb"
    answer = served.ask(one + two + two.replace(b"\r\n\r\nb", b"\r\n\r\nc"))
    positions = [answer.find(b"PUT " + letter) for letter in (b"a", b"b", b"c")]
    assert positions == sorted(positions)
    assert -1 not in positions


def test_many_pipelined_requests_are_all_answered(served: Served) -> None:
    answer = served.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
    assert answer.count(b"HTTP/1.1 200") == 500


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"


@pytest.mark.parametrize(
    ("method", "more"),
    [
        (b"GET", b"\r\n"),
        (b"PUT", b"Content-Length: 2\r\n\r\nok"),
        (b"PUT", b"Content-Length: 200000\r\n\r\n" + b"k" * 200_000),
        (b"PUT", b"Content-Length: 0\r\n\r\n"),
    ],
    ids=["no-body", "small", "large", "empty"],
)
def test_who_asks_for_another_protocol_is_served_in_this_one(
    served: Served, method: bytes, more: bytes
) -> None:
    """Java's HttpClient does, and ``curl --http2``; RFC 9110, 7.8."""
    asked = method + b" / HTTP/1.1\r\nHost: x\r\n" + UPGRADE + more
    answer = served.ask(asked * 3 + b"DELETE /last HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200") == 4
    body = more.partition(b"\r\n\r\n")[2][:20]
    assert answer.count(b"\r\n\r\n" + method + b" " + body) == 3
    assert b"HTTP/1.1 1" not in answer
    assert [request.target for request in served.seen] == [b"/", b"/", b"/", b"/last"]


def test_whose_end_is_in_the_other_protocol_is_refused(served: Served) -> None:
    chunked = b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    answer = served.ask(b"PUT / HTTP/1.1\r\nHost: x\r\n" + UPGRADE + chunked)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


def test_a_tunnel_is_refused(served: Served) -> None:
    answer = served.ask(b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


def test_a_half_closed_client_still_gets_its_answer(served: Served) -> None:
    answer = served.ask(b"PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok")
    assert answer.endswith(b"PUT ok")


def test_a_body_that_ends_early_is_request_timeout(served: Served) -> None:
    """objects.md, section 2: a body shorter than Content-Length is 400 RequestTimeout."""
    answer = served.ask(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\nshort")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"timeout period" in answer


def test_a_head_over_32_kib_is_431(served: Served) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"x-a: %b\r\n" % (b"y" * 33_000)
    assert served.ask(head + b"\r\n").startswith(b"HTTP/1.1 431")


def test_a_head_over_200_lines_is_431(served: Served) -> None:
    lines = b"".join(b"x-%d: y\r\n" % number for number in range(201))
    assert served.ask(b"GET / HTTP/1.1\r\n" + lines + b"\r\n").startswith(b"HTTP/1.1 431")


def test_an_endless_target_is_refused(served: Served) -> None:
    with served.connect() as client:
        with contextlib.suppress(OSError):
            client.sendall(b"GET /" + b"a" * 200_000)
        assert read_to_end(client)[:12] in (b"HTTP/1.1 431", b"")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n", b"", id="slow-head"),
        pytest.param(b"", b"", id="idle"),
        pytest.param(
            b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nab",
            b"HTTP/1.1 400",
            id="slow-body",
        ),
    ],
)
def test_what_is_too_slow_is_ended(tmp_path: Path, sent: bytes, answer: bytes) -> None:
    limits = Limits(head_s=0.3, idle_s=0.3, stall_s=0.3)
    with running(tmp_path, limits=limits) as served, served.connect() as client:
        client.sendall(sent)
        begun = time.monotonic()
        assert read_to_end(client)[:12] == answer
        assert time.monotonic() - begun < 5


SLOW_BODY = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nab"


@pytest.mark.parametrize(
    ("meanwhile", "after", "last"),
    [
        pytest.param(b"", b"", b"", id="idle"),
        pytest.param(b"", b"GET / HTTP/1.1\r\nHost", b"", id="slow-head"),
        pytest.param(b"", SLOW_BODY, b"HTTP/1.1 400", id="slow-body"),
        pytest.param(SLOW_BODY, b"", b"HTTP/1.1 400", id="slow-body-in-line"),
    ],
)
def test_time_counts_again_after_an_answer_that_took_long(
    tmp_path: Path, meanwhile: bytes, after: bytes, last: bytes
) -> None:
    # The sweep comes several times while the handler is busy, and looks at nobody then.
    limits = Limits(head_s=0.1, idle_s=0.1, stall_s=0.1)
    with running(tmp_path, limits=limits) as served, served.connect() as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
        assert not served.timed()
        client.sendall(meanwhile)
        assert read_answer(client)[0].startswith(b"HTTP/1.1 200")
        begun = time.monotonic()
        client.sendall(after)
        assert read_to_end(client)[:12] == last
        assert time.monotonic() - begun < 3
        assert not served.timed()


def test_a_slow_handler_pauses_its_client(served: Served) -> None:
    with served.connect(30) as client:
        client.sendall(b"PUT /sip HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
        client.sendall(BIG)
        assert read_answer(client)[1] == b"3000000"
    assert served.most_buffered <= 2 * 64 * 1024


def test_files_are_sent_whole(any_server: Served) -> None:
    head, body = exchange(any_server, b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body == BIG


def test_spans_follow_the_body_in_order(any_server: Served) -> None:
    _, body = exchange(any_server, b"GET /spans HTTP/1.1\r\nHost: x\r\n\r\n")
    assert body == b"begin" + BIG[10:110] + BIG[1_000_000:2_500_000]


def test_head_sends_the_length_and_no_file(any_server: Served) -> None:
    with contextlib.closing(connect_any(any_server)) as client:
        client.sendall(b"HEAD /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = read_to_end(client)
    assert b"Content-Length: 3000000\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_head_has_no_body_whatever_the_handler_says(served: Served) -> None:
    answer = served.ask(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"Content-Length: 5\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("target", ["/broken", "/short"])
def test_an_answer_that_breaks_off_ends_the_connection(any_server: Served, target: str) -> None:
    request = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target.encode()
    with contextlib.closing(connect_any(any_server)) as client, contextlib.suppress(OSError):
        client.sendall(request)
        answer = read_to_end(client)
        assert len(answer.partition(b"\r\n\r\n")[2]) < 100
    head, _ = exchange(any_server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")


def test_large_bodies_arrive_over_any_transport(any_server: Served) -> None:
    request = b"PUT /sip HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + BIG
    assert exchange(any_server, request)[1] == b"3000000"


def exchange(served: Served, request: bytes) -> tuple[bytes, bytes]:
    with contextlib.closing(connect_any(served)) as client:
        client.sendall(request)
        return read_answer(client)


def connect_any(served: Served, receives: int = 0) -> socket.socket:
    plain = socket.socket()
    plain.settimeout(30)
    if receives:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    plain.connect(("127.0.0.1", served.port))
    certificate = served.file.parent / "cert.pem"
    if not certificate.exists():
        return plain
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    return context.wrap_socket(plain, server_hostname="localhost")


def test_a_client_that_leaves_during_a_download_harms_nobody(served: Served) -> None:
    for _ in range(20):
        client = served.connect()
        client.sendall(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(10)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    _, body = exchange(served, b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
    assert body == BIG


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_handler_learns_that_its_client_has_left(any_server: Served, how: str) -> None:
    """D2: nobody goes on with long work for those who only closed their end."""
    with connect_any(any_server) as client:
        client.sendall(b"GET /wanted HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: bool(any_server.seen))
        assert not any_server.missed.is_set()
        if how == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert any_server.missed.wait(5)


def test_slow_downloads_hold_no_threads(served: Served) -> None:
    with tempfile.TemporaryDirectory():
        stuck = [served.connect() for _ in range(40)]
        for client in stuck:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
        _, body = exchange(served, b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
        assert body == BIG
        for client in stuck:
            client.close()


def test_closing_finishes_what_is_in_flight(served: Served) -> None:
    assert served.server is not None
    assert served.loop is not None
    with served.connect() as client, served.connect() as idle:
        client.sendall(b"PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok")
        time.sleep(0.1)
        closing = asyncio.run_coroutine_threadsafe(served.server.close(5), served.loop)
        assert read_answer(client)[1] == b"PUT ok"
        assert read_to_end(idle) == b""
        closing.result(5)
        with pytest.raises(OSError):
            served.connect(1)


# --- clients that do not take their answers (D4) ---

WAYS = ("/huge", "/huge-body")


until = partial(waiting.until, within_s=30)


@contextlib.contextmanager
def stuck(
    served: Served, target: str, receives: int = 4096, lines: bytes = b""
) -> Iterator[socket.socket]:
    """A client that asks and does not read."""
    with contextlib.closing(connect_any(served, receives)) as client:
        client.sendall(b"GET %b HTTP/1.1\r\nHost: x\r\n%b\r\n" % (target.encode(), lines))
        yield client


def connections(served: Served) -> int:
    assert served.server is not None
    return len(served.server.connections)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS_OF_SENDING)
@pytest.mark.parametrize("target", WAYS)
def test_who_takes_nothing_is_ended(tmp_path: Path, target: str, way: str) -> None:
    limits = Limits(stall_s=0.6, park_s=0.1, idle_s=0.6)
    how = sending(way, tmp_path)
    with running(tmp_path, limits=limits, **how) as served, stuck(served, target):
        until(lambda: connections(served) == 1)
        until(lambda: connections(served) == 0)
        assert all(span.closed for span in served.spans)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS_OF_SENDING)
def test_who_takes_little_but_enough_is_served(tmp_path: Path, way: str) -> None:
    limits = Limits(stall_s=1, park_s=0.1)
    # The system tells the sender of room in steps: less would take it seconds to notice.
    with (
        running(tmp_path, limits=limits, **sending(way, tmp_path)) as served,
        stuck(served, "/huge", receives=128 * 1024) as client,
    ):
        for _ in range(25):
            assert all(client.recv(16_384) for _ in range(6))
            time.sleep(0.1)
        assert connections(served) == 1


@pytest.mark.slow
@pytest.mark.parametrize("span", [FileSpan, PieceSpan])
def test_who_is_parked_goes_on_where_he_stopped(tmp_path: Path, span: type[FileSpan]) -> None:
    limits = Limits(stall_s=60, park_s=0.1)
    with running(tmp_path, limits=limits, span=span) as served, stuck(served, "/huge") as client:
        until(lambda: bool(served.spans) and served.spans[0].released > 0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        # Windows open slowly after they were small: the rest comes, and that is enough.
        received = sum(len(client.recv(1 << 20)) for _ in range(100))
        assert received > 1_000_000


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS_OF_SENDING)
def test_who_is_parked_holds_his_connection_and_nothing_else(tmp_path: Path, way: str) -> None:
    limits = Limits(stall_s=60, park_s=0.1)
    how = sending(way, tmp_path)
    PieceSpan.pieces.clear()
    # What earlier tests left open in this process may be at a port of the same number.
    before = set(Path("/proc/self/fd").iterdir())
    with running(tmp_path, limits=limits, **how) as served, stuck(served, "/huge"):
        until(lambda: bool(served.spans) and served.spans[0].released > 0)
        # Both ends are in this process.
        now = set(Path("/proc/self/fd").iterdir()) - before
        sockets = [each for each in now if is_socket_of(served, each)]
        assert len(sockets) == 1 + 1 + 1, "listening, the client's end, the server's end"
        assert waiting_bytes(served) <= 192 * 1024
        kept = [piece for each in PieceSpan.pieces if (piece := each()) is not None]
        assert sum(map(len, kept)) <= 128 * 1024


def waiting_bytes(served: Served) -> int:
    """What the transports hold for clients."""
    assert served.server is not None
    return sum(each._transport.get_write_buffer_size() for each in served.server.connections)


def is_socket_of(served: Served, descriptor: Path) -> bool:
    try:
        end = socket.socket(fileno=os.dup(int(descriptor.name)))
    except OSError:
        return False
    with end:
        try:
            ports = {end.getsockname()[1]}
            with contextlib.suppress(OSError):
                ports.add(end.getpeername()[1])
        except (OSError, IndexError):
            return False
        return served.port in ports


@pytest.mark.slow
@pytest.mark.parametrize("bound", [{"parked": 2}, {"parked_per_peer": 2}], ids=["all", "peer"])
@pytest.mark.parametrize("target", WAYS)
def test_of_those_who_take_nothing_there_are_so_many(
    tmp_path: Path, target: str, bound: dict[str, int]
) -> None:
    limits = Limits(stall_s=60, park_s=0.2, **bound)  # type: ignore[arg-type]
    with running(tmp_path, limits=limits) as served, contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(stuck(served, target))
        # Not five at one moment: on a busy machine the first are parked before the last is heard.
        until(lambda: len(served.seen) == 5)
        until(lambda: connections(served) == 2)
        time.sleep(0.3)
        assert connections(served) == 2
        assert b" 200" in served.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


@pytest.mark.slow
@pytest.mark.parametrize(("clients", "stay"), [(5, 5), (1, 2)], ids=["many", "one"])
@pytest.mark.parametrize("target", WAYS)
def test_behind_a_proxy_each_client_has_a_bound_of_its_own(
    tmp_path: Path, target: str, clients: int, stay: int
) -> None:
    limits = Limits(stall_s=60, park_s=0.2, parked_per_peer=2)
    proxies = Proxies([ip_network("127.0.0.1")])
    with (
        running(tmp_path, limits=limits, proxies=proxies) as served,
        contextlib.ExitStack() as stack,
    ):
        for number in range(5):
            lines = b"X-Forwarded-For: 192.0.2.%d\r\n" % (number % clients)
            stack.enter_context(stuck(served, target, lines=lines))
        until(lambda: len(served.seen) == 5)
        until(lambda: connections(served) == stay)
        time.sleep(0.5)
        assert connections(served) == stay
        assert {each.peer for each in served.seen} == {f"192.0.2.{n}" for n in range(clients)}


def test_who_leaves_before_his_answer_is_no_failure(
    any_server: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with connect_any(any_server) as client:
        client.sendall(b"GET /wanted HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: bool(any_server.seen))
        reset = struct.pack("ii", 1, 0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    assert any_server.missed.wait(5)
    with connect_any(any_server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200" in client.recv(65_536)
    assert "answer_failed" not in caplog.text


# --- rates and codings ---


@pytest.mark.slow
@pytest.mark.parametrize("target", ["/slowly", "/slow-file"])
def test_an_answer_with_a_rate_takes_its_time(any_server: Served, target: str) -> None:
    """W17."""
    begun = time.monotonic()
    request = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target.encode()
    _, body = exchange(any_server, request)
    assert len(body) == 20_000
    # Half a second at 40 000 bytes a second, less what may come at once.
    assert 0.25 < time.monotonic() - begun < 3


@pytest.mark.slow
@pytest.mark.parametrize("target", ["/paced", "/paced-body"])
def test_an_answer_waits_for_what_others_leave_it(any_server: Served, target: str) -> None:
    begun = time.monotonic()
    request = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target.encode()
    _, body = exchange(any_server, request)
    assert body == BIG[:200_000]
    # Before its first byte as well.
    assert time.monotonic() - begun > 0.3
    counts = any_server.pace.counts
    assert counts[0] == 0
    assert max(counts) <= NotedPace.turn
    # What was sent last is followed by nothing.
    assert sum(counts) >= 200_000 - NotedPace.turn


def test_coded_answers_come_in_chunks(any_server: Served) -> None:
    """W16."""
    with contextlib.closing(connect_any(any_server)) as client:
        for _ in range(2):
            client.sendall(b"GET /gzip HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = HTTPResponse(client)
            answer.begin()
            assert answer.headers["Transfer-Encoding"] == "chunked"
            assert "Content-Length" not in answer.headers
            content = gzip.decompress(answer.read())
            assert content == b"begin" + BIG[:1_500_000] + BIG[5:12]


def test_head_of_a_coded_answer_has_no_length(served: Served) -> None:
    answer = served.ask(b"HEAD /gzip HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"Content-Length" not in answer
    assert b"\r\nTransfer-Encoding: chunked\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


# --- what waits in memory ---


def test_pipelined_requests_wait_in_the_network(served: Served) -> None:
    """B: of what a client sends while it is served, no more than one read is held."""
    with served.connect() as client:
        client.sendall(b"PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na")
        client.settimeout(0.2)
        request = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000
        with contextlib.suppress(TimeoutError):
            for _ in range(200):
                client.sendall(request)
        assert served.server is not None
        (connection,) = served.server.connections
        waiting = sum(
            len(each._content) for (each, _) in ((r.body, k) for r, k in connection._queue)
        )
        assert waiting <= 2 * 64 * 1024
