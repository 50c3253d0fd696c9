"""Each row of the conduct table in stack.md, over real sockets."""

import asyncio
import contextlib
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop

from ossia.errors import InvalidArgument, OssError
from ossia.http.message import Request, Response
from ossia.http.server import HttpServer, Limits

BIG = os.urandom(3_000_000)


class FileSpan:
    """A run of a temporary file."""

    def __init__(self, path: Path, offset: int, length: int) -> None:
        self._fd = os.open(path, os.O_RDONLY)
        self.offset = offset
        self.length = length
        self.closed = False

    def fileno(self) -> int:
        return self._fd

    def pread(self, length: int, offset: int) -> bytes:
        return os.pread(self._fd, length, offset)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self._fd)


@dataclass
class Served:
    """A server in a thread, and what its handler saw."""

    port: int = 0
    seen: list[Request] = field(default_factory=list)
    server: HttpServer | None = None
    loop: asyncio.AbstractEventLoop | None = None
    file: Path = Path()
    most_buffered: int = 0

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


def read_to_end(client: socket.socket) -> bytes:
    pieces = []
    with contextlib.suppress(ConnectionResetError):
        while piece := client.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def read_answer(client: socket.socket) -> tuple[bytes, bytes]:
    """One response with a Content-Length: head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(65536)
        if not piece:
            return data, b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += client.recv(65536)
    return head, body


def refuse(error: OssError) -> Response:
    return Response(error.status, [("Content-Type", "text/plain")], error.text.encode())


@pytest.fixture(params=["plain", "tls"])
def any_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    tls = make_tls(tmp_path) if request.param == "tls" else None
    with running(tmp_path, tls=tls) as served:
        yield served


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
    folder: Path, *, limits: Limits | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[Served]:
    served = Served(file=folder / "big")
    served.file.write_bytes(BIG)
    started, stop = threading.Event(), threading.Event()

    async def handle(request: Request) -> Response:
        served.seen.append(request)
        path = request.target.partition(b"?")[0]
        if path == b"/refuse":
            raise_refusal = refuse(InvalidArgument("no"))
            raise_refusal.status = 403
            return raise_refusal
        if path == b"/file":
            return Response(200, [], b"", (FileSpan(served.file, 0, len(BIG)),))
        if path == b"/spans":
            spans = (FileSpan(served.file, 10, 100), FileSpan(served.file, 1_000_000, 1_500_000))
            return Response(206, [], b"begin", spans)
        if path == b"/broken":
            span = FileSpan(served.file, 0, 100)
            span.close()
            return Response(200, [], b"", (span,))
        if path == b"/slow":
            await asyncio.sleep(0.3)
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

    async def main() -> None:
        served.loop = asyncio.get_running_loop()
        served.server = HttpServer(handle, refuse, limits=limits)
        listening = socket.create_server(("127.0.0.1", 0))
        served.port = listening.getsockname()[1]
        await served.server.listen(listening, tls)
        started.set()
        while not stop.is_set():
            await asyncio.sleep(0.02)
        await served.server.close(2)

    thread = threading.Thread(target=lambda: uvloop.run(main()))
    thread.start()
    assert started.wait(10)
    try:
        yield served
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


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


def test_an_answer_that_breaks_off_ends_the_connection(served: Served) -> None:
    answer = served.ask(b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
    assert len(answer.partition(b"\r\n\r\n")[2]) < 100
    assert b"HTTP/1.1 200" in served.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


def test_large_bodies_arrive_over_any_transport(any_server: Served) -> None:
    request = b"PUT /sip HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + BIG
    assert exchange(any_server, request)[1] == b"3000000"


def exchange(served: Served, request: bytes) -> tuple[bytes, bytes]:
    with contextlib.closing(connect_any(served)) as client:
        client.sendall(request)
        return read_answer(client)


def connect_any(served: Served) -> socket.socket:
    plain = served.connect(30)
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
