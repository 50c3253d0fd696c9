"""What a worker cannot do in time is refused at once, over real sockets (`ossia.http.load`)."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network

import pytest
from over_sockets import in_a_thread, read_answer

from ossia.errors import OssError
from ossia.gateway.peer_connections import PeerConnections
from ossia.gateway.sketch import Counts
from ossia.http import load as bounds
from ossia.http.forwarded import NO_PROXIES, Proxies
from ossia.http.load import Load
from ossia.http.message import Request, Response
from ossia.http.server import HttpServer
from ossia.http.taking import Limits

PUT = b"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"


@dataclass
class Busy:
    """A server of which requests for ``/b/wait`` wait until they are let go."""

    port: int = 0
    refused: list[str] = field(default_factory=list)
    ids: int = 0
    go: threading.Event = field(default_factory=threading.Event)
    held: int = 0

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port))
        client.settimeout(5)
        return client

    def ask(self, data: bytes) -> bytes:
        """The answer on a connection of its own, which the server ends or not."""
        with self.connect() as client:
            client.sendall(data)
            return answer(client)

    def hold(self, client: socket.socket) -> None:
        """Have a request in work."""
        before = self.held
        client.sendall(b"GET /b/wait HTTP/1.1\r\nHost: h\r\n\r\n")
        until = time.monotonic() + 5
        while self.held == before and time.monotonic() < until:
            time.sleep(0.005)
        assert self.held == before + 1


def answer(client: socket.socket) -> bytes:
    """One answer."""
    return b"\r\n\r\n".join(read_answer(client))


@contextmanager
def busy_server(
    *,
    in_work: int = 1,
    connections: int = 1000,
    hurries: bool = True,
    of_peer: int = 0,
    proxies: Proxies = NO_PROXIES,
) -> Iterator[Busy]:
    busy = Busy()

    def refuse(error: OssError, request: Request | None = None) -> Response:
        del request
        headers = [*error.headers.items(), ("x-oss-request-id", "FIRST")]
        return Response(error.status, headers, b"busy FIRST")

    def refuse_again(size: int) -> str:
        assert size == len(b"busy FIRST")
        busy.ids += 1
        return f"N{busy.ids:04d}"

    async def handle(request: Request) -> Response:
        if request.target == b"/b/wait":
            busy.held += 1
            while not busy.go.is_set():
                await asyncio.sleep(0.005)
        return Response(200, [], await request.body.read_all(1 << 20, OssError))

    def make() -> HttpServer:
        loop = asyncio.get_running_loop()
        load = Load(loop, in_work=in_work, connections=connections, note=busy.refused.append)
        again = refuse_again if hurries else None
        limits = Limits(idle_s=30)
        peers = PeerConnections(of_peer, Counts(1), 0, busy.refused.append) if of_peer else None
        return HttpServer(
            handle,
            refuse,
            refuse_again=again,
            load=load,
            limits=limits,
            proxies=proxies,
            peers=peers,
        )

    with in_a_thread(make) as (_, busy.port):
        try:
            yield busy
        finally:
            busy.go.set()


@pytest.mark.parametrize("hurries", [True, False])
def test_a_connection_is_kept_over_refusals(hurries: bool) -> None:
    with busy_server(hurries=hurries) as busy, busy.connect() as one, busy.connect() as other:
        busy.hold(one)
        ids = set()
        for _ in range(5):
            other.sendall(PUT)
            refusal = answer(other)
            assert refusal.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: 1\r\n" in refusal
            assert b"\r\nConnection: keep-alive\r\n" in refusal
            request_id = refusal.partition(b"x-oss-request-id: ")[2].partition(b"\r\n")[0]
            assert refusal.endswith(b"busy " + request_id)
            ids.add(request_id)
        assert len(ids) >= 4 or not hurries
        busy.go.set()
        assert answer(one).startswith(b"HTTP/1.1 200 ")
        other.sendall(PUT)
        assert answer(other).endswith(b"\r\n\r\nhello")
        assert busy.refused == ["in_work"] * 5


def test_requests_in_a_row_and_in_pieces_are_told_apart() -> None:
    with busy_server() as busy, busy.connect() as one, busy.connect() as other:
        busy.hold(one)
        other.sendall(PUT + PUT)
        assert [answer_of(other) for _ in range(2)] == [b"503", b"503"]
        for piece in (PUT[:10], PUT[10:-3], PUT[-3:]):
            other.sendall(piece)
            time.sleep(0.03)
        assert answer_of(other) == b"503"
        # A body that looks like a request is none.
        inner = b"GET /b/inner HTTP/1.1\r\nHost: h\r\n\r\n"
        other.sendall(b"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(inner))
        time.sleep(0.03)
        other.sendall(inner)
        assert answer_of(other) == b"503"
        other.setblocking(False)  # noqa: FBT003 - the name of the call says it
        time.sleep(0.1)
        with pytest.raises(BlockingIOError):
            other.recv(1)
        busy.go.set()
        assert answer(one).startswith(b"HTTP/1.1 200 ")
        other.settimeout(5)
        other.sendall(PUT)
        assert answer(other).endswith(b"\r\n\r\nhello")


def answer_of(client: socket.socket) -> bytes:
    """The status of the next answer, read byte by byte so that the one behind it stays."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += client.recv(1)
    length = int(data.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while length:
        length -= len(client.recv(length))
    return data[9:12]


def test_who_waits_with_his_body_is_not_asked_for_it() -> None:
    with busy_server() as busy, busy.connect() as one:
        busy.hold(one)
        head = b"PUT /b/k HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        refusal = busy.ask(head)
        assert refusal.startswith(b"HTTP/1.1 503 ")


def test_uploads_under_way_hold_nobody_up() -> None:
    with busy_server() as busy, ExitStack() as held:
        for _ in range(3):
            client = held.enter_context(busy.connect())
            client.sendall(b"PUT /b/k HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\nbegin")
        time.sleep(0.05)
        assert busy.ask(PUT).startswith(b"HTTP/1.1 200 ")


def test_health_is_told_whatever_there_is_to_do() -> None:
    with busy_server(connections=1) as busy, busy.connect() as one:
        busy.hold(one)
        assert busy.ask(b"GET /-/health HTTP/1.1\r\nHost: h\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def kept_by(busy: Busy, held: ExitStack, count: int) -> list[socket.socket]:
    """So many connections, each of which was answered."""
    kept = [held.enter_context(busy.connect()) for _ in range(count)]
    for each in kept:
        each.sendall(PUT)
        assert answer(each).startswith(b"HTTP/1.1 200 ")
    return kept


def is_answered_and_closed(busy: Busy) -> None:
    with busy.connect() as extra:
        extra.sendall(PUT)
        refusal = answer(extra)
        assert refusal.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 1\r\n" in refusal
        assert b"\r\nConnection: close\r\n" in refusal
        assert extra.recv(1) == b""


def test_connections_beyond_the_bound_are_answered_and_closed() -> None:
    with busy_server(in_work=100, connections=3) as busy, ExitStack() as held:
        kept = kept_by(busy, held, 3)
        is_answered_and_closed(busy)
        assert busy.refused == ["connections"]
        kept.pop().close()
        time.sleep(0.05)
        assert busy.ask(PUT).startswith(b"HTTP/1.1 200 ")


def test_connections_of_a_peer_beyond_its_bound_are_answered_and_closed() -> None:
    with busy_server(in_work=100, of_peer=2) as busy, ExitStack() as held:
        kept = kept_by(busy, held, 2)
        is_answered_and_closed(busy)
        health = busy.ask(b"GET /-/health HTTP/1.1\r\nHost: h\r\n\r\n")
        assert health.startswith(b"HTTP/1.1 200 ")
        assert busy.refused == ["peer"]
        # Whoever was beyond the bound is none of those that count any more, nor is who has left.
        kept.pop().close()
        time.sleep(0.05)
        assert busy.ask(PUT).startswith(b"HTTP/1.1 200 ")


def is_told_before_it_asks(busy: Busy, held: ExitStack, count: int) -> None:
    """Who comes when there are *count* already."""
    for _ in range(count):
        held.enter_context(busy.connect())
    time.sleep(0.05)
    with busy.connect() as client:
        assert answer(client).startswith(b"HTTP/1.1 503 ")
        assert client.recv(1) == b""


def test_far_more_of_a_peer_are_told_before_they_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ossia.http.connection.EXTRA_OF_PEER", 2)
    with busy_server(of_peer=1) as busy, ExitStack() as held:
        is_told_before_it_asks(busy, held, 3)


def test_connections_of_a_proxy_are_not_bounded() -> None:
    proxies = Proxies([ip_network("127.0.0.0/8")])
    with busy_server(of_peer=1, proxies=proxies) as busy, ExitStack() as held:
        for _ in range(4):
            client = held.enter_context(busy.connect())
            client.sendall(PUT)
            assert answer(client).startswith(b"HTTP/1.1 200 ")


def test_more_than_can_be_heard_are_told_before_they_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ossia.http.connection.EXTRA", 2)
    with busy_server(connections=1) as busy, ExitStack() as held:
        is_told_before_it_asks(busy, held, 3)


def test_an_extra_connection_that_asks_nothing_is_ended() -> None:
    with busy_server(connections=1) as busy, busy.connect(), busy.connect() as extra:
        begun = time.monotonic()
        assert extra.recv(1) == b""
        assert time.monotonic() - begun < bounds.EXTRA_PATIENCE_S + 2.5
