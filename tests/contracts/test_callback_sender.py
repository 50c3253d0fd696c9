"""The contract of `CallbackSender`, against real servers on loopback."""

import asyncio
import datetime as dt
import gc
import ipaddress
import socket
import ssl
import struct
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ossia.adapters import callback_sender
from ossia.adapters.callback_exchange import Exchange
from ossia.adapters.callback_sender import CallbackClient
from ossia.ports import CallbackAnswer, CallbackAttempt, CallbackFailure, CallbackFault
from ossia.protocol.address_policy import AddressPolicy
from ossia.protocol.callback_reply import Accepted, judge_reply
from ports import free_port

LOOPBACK = AddressPolicy.parse(["loopback"])
Respond = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """A server that records requests and answers with raw bytes."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    sni: list[str | None] = field(default_factory=list)


def answering(*pieces: bytes, pause_s: float = 0, stay_s: float = 0) -> Respond:
    async def respond(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            await asyncio.sleep(pause_s)
            writer.write(piece)
            await writer.drain()
        await asyncio.sleep(stay_s)

    return respond


def reply(
    body: bytes, *headers: bytes, status: bytes = b"200 OK", length: int | None = None
) -> bytes:
    size = len(body) if length is None else length
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % size, *headers, b"", body]
    return b"\r\n".join(lines)


OK = reply(b'{"Status":"OK"}', b"Content-Type: application/json")
REFUSAL = reply(b"no", b"Content-Type: text/plain", status=b"500 Error")


@asynccontextmanager
async def serving(respond: Respond, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            server.requests.append(head + await reader.readexactly(length))
            await respond(writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: server.sni.append(name)
    listener = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


def attempt(port: int, **changes: object) -> CallbackAttempt:
    fields: dict[str, object] = {
        "scheme": "http",
        "host": "127.0.0.1",
        "port": port,
        "target": "/cb?x=1",
        "headers": {"Host": f"127.0.0.1:{port}", "Connection": "close", "x-oss-tag": "CALLBACK"},
        "body": b"a=b",
    }
    return CallbackAttempt(**(fields | changes))  # type: ignore[arg-type]


class Table:
    """A resolver with a fixed table."""

    def __init__(self, **names: list[str]) -> None:
        self.names = {name.replace("_", "."): addresses for name, addresses in names.items()}

    async def __call__(self, host: str, _bucket: str) -> list[str]:
        if host not in self.names:
            raise OSError(f"{host} is not in the table")
        return self.names[host]


@asynccontextmanager
async def sender(
    policy: AddressPolicy = LOOPBACK,
    *,
    timeout_s: float = 5.0,
    max_reply_bytes: int = 1024 * 1024,
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    resolver: Table | None = None,
) -> AsyncIterator[CallbackClient]:
    client = CallbackClient(
        policy, timeout_s=timeout_s, max_reply_bytes=max_reply_bytes, tls=tls, resolve=resolver
    )
    try:
        yield client
    finally:
        await client.close()


async def outcome_of(
    respond: Respond, *, timeout_s: float = 5.0, max_reply_bytes: int = 1024 * 1024
) -> CallbackAnswer | CallbackFailure:
    async with (
        serving(respond) as server,
        sender(timeout_s=timeout_s, max_reply_bytes=max_reply_bytes) as client,
    ):
        return await client.send(attempt(server.port))


async def answer_of(respond: Respond, **limits: int) -> CallbackAnswer:
    outcome = await outcome_of(respond, **limits)
    assert isinstance(outcome, CallbackAnswer), outcome
    return outcome


async def fault_of(respond: Respond, *, timeout_s: float = 5.0) -> CallbackFault:
    outcome = await outcome_of(respond, timeout_s=timeout_s)
    assert isinstance(outcome, CallbackFailure), outcome
    return outcome.fault


def is_accepted(answer: CallbackAnswer) -> bool:
    return isinstance(judge_reply(answer.status, answer.headers, answer.body), Accepted)


# --- what is sent ---------------------------------------------------------------


async def test_answer_comes_back_as_it_is() -> None:
    answer = await answer_of(answering(OK))
    assert (answer.status, answer.body) == (200, b'{"Status":"OK"}')
    assert answer.headers == {"content-length": "15", "content-type": "application/json"}
    assert is_accepted(answer)


async def test_request_on_the_wire() -> None:
    async with serving(answering(OK)) as server, sender() as client:
        headers = {
            "Host": "callback.host:81",
            "Connection": "close",
            "Content-Type": "application/json",
            "User-Agent": "aliyun-oss-callback",
            "authorization": "c2ln",
            "x-oss-requester": "",
        }
        await client.send(attempt(server.port, headers=headers, body="中".encode()))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    line, *lines = head.split(b"\r\n")
    assert line == b"POST /cb?x=1 HTTP/1.1"
    assert sorted(lines) == sorted(
        [f"{name}: {value}".encode() for name, value in headers.items()] + [b"Content-Length: 3"]
    )
    assert body == "中".encode()


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/cb?",
        "/?x=1",
        "/a%2Fb%2e%2e/../c//d/./e",
        '/%E4%B8%AD%e4?a=+%20&b=%zz&c[]={1}|\\^`"<>',
        "/a;b=c,d:@!$&'()*+?q?r=/",
    ],
)
async def test_target_is_not_normalised(target: str) -> None:
    async with serving(answering(OK)) as server, sender() as client:
        await client.send(attempt(server.port, target=target))
    assert server.requests[0].split(b" HTTP/1.1\r\n")[0] == b"POST " + target.encode()


async def test_large_and_empty_bodies() -> None:
    async with serving(answering(OK)) as server, sender() as client:
        for body in (b"", b"x" * 3_000_000):
            assert isinstance(await client.send(attempt(server.port, body=body)), CallbackAnswer)
    assert [len(request.partition(b"\r\n\r\n")[2]) for request in server.requests] == [0, 3_000_000]


async def test_each_request_has_its_own_connection() -> None:
    async with serving(answering(OK)) as server, sender() as client:
        await asyncio.gather(*(client.send(attempt(server.port)) for _ in range(10)))
        await client.send(attempt(server.port))
    assert server.connections == 11


@pytest.mark.parametrize("respond", [answering(OK), answering(REFUSAL)])
async def test_exchange_leaves_nothing_to_the_garbage_collector(respond: Respond) -> None:
    # What holds itself stays until a collection, and thousands of exchanges may end a second.
    ended: list[weakref.ref[Exchange]] = []

    class Watched(Exchange):
        __slots__ = ("__weakref__",)

        def close(self) -> None:
            super().close()
            ended.append(weakref.ref(self))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(callback_sender, "Exchange", Watched)
        gc.disable()
        try:
            await outcome_of(respond)
            assert [alive() for alive in ended] == [None]
        finally:
            gc.enable()


async def test_cookies_are_not_kept() -> None:
    with_cookie = reply(b"{}", b"Set-Cookie: a=b; Path=/")
    async with serving(answering(with_cookie)) as server, sender() as client:
        for _ in range(2):
            await client.send(attempt(server.port))
    assert b"ookie" not in server.requests[1]


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert is_accepted(await answer_of(answering(OK)))


async def test_redirects_are_not_followed() -> None:
    async with serving(answering(OK)) as other:
        location = b"Location: http://127.0.0.1:%d/" % other.port
        answer = await answer_of(answering(reply(b"", location, status=b"301 Moved")))
    assert answer.status == 301
    assert other.connections == 0


# --- answers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(reply(b"\xef\xbb\xbf{}"), id="bom"),
        pytest.param(reply(b"<html></html>", b"Content-Type: text/html"), id="html"),
        pytest.param(reply(b""), id="empty"),
        pytest.param(reply(b"", status=b"204 No Content"), id="204"),
        pytest.param(reply(b"{}", status=b"201 Created"), id="201"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            id="chunked",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n{}", id="no-length"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n{}", id="http-1.0"),
        pytest.param(reply(b"\x1f\x8b\x08", b"Content-Encoding: gzip"), id="gzip"),
    ],
)
async def test_answers_that_the_judge_rejects(raw: bytes) -> None:
    assert not is_accepted(await answer_of(answering(raw)))


async def test_answer_in_pieces() -> None:
    answer = await answer_of(answering(*(OK[n : n + 1] for n in range(len(OK)))))
    assert is_accepted(answer)


async def test_answer_without_length_is_not_waited_for() -> None:
    answer = await answer_of(answering(b"HTTP/1.1 200 OK\r\n\r\n{}", stay_s=10))
    assert answer.body == b""


async def test_answer_that_is_too_big_is_not_read() -> None:
    announced = await answer_of(answering(reply(b"[", length=1 << 40), stay_s=10))
    assert announced.body == b""
    assert not is_accepted(announced)
    fits = reply(b" " * 9 + b"1")
    assert len((await answer_of(answering(fits), max_reply_bytes=10)).body) == 10
    assert (await answer_of(answering(fits), max_reply_bytes=9)).body == b""


async def test_reason_of_a_refusal_is_kept_as_far_as_it_came() -> None:
    raw = reply(b"because", status=b"403 Forbidden", length=1000)
    whole = await answer_of(answering(raw))
    assert (whole.status, whole.body) == (403, b"because")
    slow = await outcome_of(answering(raw, stay_s=10), timeout_s=0.1)
    assert isinstance(slow, CallbackAnswer)
    assert (slow.status, slow.body) == (403, b"because")


async def test_endless_refusal_is_cut() -> None:
    raw = reply(b"x" * 1_000_000, status=b"500 Error")
    assert len((await answer_of(answering(raw))).body) == 64 * 1024


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="hangs-up"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="head-cut"),
        pytest.param(reply(b"{}", length=10), id="shorter-than-announced"),
        pytest.param(b"nonsense\r\n\r\n", id="not-http"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", id="huge-head"),
        pytest.param(reply(b"{}", b"Content-Length: 3"), id="two-lengths"),
        pytest.param(reply(b"{}").replace(b": 2", b": two"), id="length-not-a-number"),
    ],
)
async def test_broken_answers(raw: bytes) -> None:
    assert await fault_of(answering(raw)) is CallbackFault.BROKEN


@pytest.mark.parametrize("behind", [b"\r\n", b"garbage", b"<!-- by a host -->", REFUSAL])
@pytest.mark.parametrize("headers", [(), (b"Connection: close",)], ids=["", "close"])
async def test_what_follows_the_announced_length_is_ignored(
    behind: bytes, headers: tuple[bytes, ...]
) -> None:
    # In the same segment and in another one: what the network does must not decide.
    whole = reply(b"{}", *headers)
    for pieces in ((whole + behind,), (whole, behind), (whole[:-1], whole[-1:] + behind)):
        answer = await answer_of(answering(*pieces, pause_s=0.01))
        assert (answer.status, answer.body) == (200, b"{}")
        assert answer.headers["content-length"] == "2"
        assert "content-type" not in answer.headers


async def test_connection_torn_down_while_a_long_body_is_sent() -> None:
    async def tear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(100_000)
        writer.transport.abort()

    listener = await asyncio.start_server(tear, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with sender() as client:
        found = await failed(client, attempt(port, body=b"x" * 5_000_000))
    listener.close()
    assert found.fault is CallbackFault.BROKEN


# --- time -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "respond",
    [
        pytest.param(answering(stay_s=10), id="no-head"),
        pytest.param(
            answering(*(OK[n : n + 1] for n in range(len(OK))), pause_s=0.05), id="slow-head"
        ),
        pytest.param(answering(reply(b"{", length=2), stay_s=10), id="slow-body"),
    ],
)
async def test_whole_exchange_has_one_limit(respond: Respond) -> None:
    outcome = await outcome_of(respond, timeout_s=0.15)
    assert isinstance(outcome, CallbackFailure)
    assert outcome.fault is CallbackFault.REPLY_TIMEOUT
    assert 140_000 <= outcome.timings.total_us < 1_000_000
    assert outcome.detail.endswith("reply timeout, cost:150ms, timeout:150ms")


async def test_connecting_counts_towards_the_limit() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)  # noqa: FBT003 - no keyword there
                filler.connect_ex(("127.0.0.1", port))
            async with sender(timeout_s=0.15) as client:
                outcome = await client.send(attempt(port))
        finally:
            for filler in fillers:
                filler.close()
    assert isinstance(outcome, CallbackFailure)
    assert outcome.fault is CallbackFault.CONNECT_TIMEOUT
    assert outcome.detail == f"127.0.0.1:{port} reply timeout, cost:150ms, timeout:150ms"


@pytest.mark.parametrize("cut", [0, 1, 30, len(OK) - 1])
async def test_reset_right_behind_what_came_is_noticed(cut: int) -> None:
    asked, go = threading.Event(), threading.Event()

    def answer_and_reset(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            asked.set()
            go.wait(5)
            connection.sendall(OK[:cut])
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=answer_and_reset, args=(listening,))
        server.start()
        async with sender() as client:
            task = asyncio.create_task(client.send(attempt(listening.getsockname()[1])))
            while not asked.is_set():
                await asyncio.sleep(0.01)
            go.set()
            # The loop looks away: it hears of the bytes and of the reset at once.
            server.join()
            outcome = await task
    assert isinstance(outcome, CallbackFailure)
    assert outcome.fault is CallbackFault.BROKEN
    assert outcome.timings.total_us < 2_000_000


async def test_cancellation_passes_through() -> None:
    async with serving(answering(stay_s=10)) as server, sender() as client:
        task = asyncio.create_task(client.send(attempt(server.port)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# --- connecting --------------------------------------------------------------------


async def failed(client: CallbackClient, of: CallbackAttempt) -> CallbackFailure:
    outcome = await client.send(of)
    assert isinstance(outcome, CallbackFailure), outcome
    return outcome


async def test_refused_connection() -> None:
    async with sender() as client:
        assert (await failed(client, attempt(free_port()))).fault is CallbackFault.NOT_CONNECTED


async def test_name_that_does_not_exist() -> None:
    async with sender(resolver=Table()) as client:
        found = await failed(client, attempt(80, host="nowhere.example"))
    assert found.fault is CallbackFault.NAME_NOT_FOUND


async def test_system_resolver_does_not_know_an_invalid_name() -> None:
    async with sender() as client:
        found = await failed(client, attempt(80, host="a" * 64 + ".invalid"))
    assert found.fault is CallbackFault.NAME_NOT_FOUND


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "127.1",
        "::1",
        "::ffff:127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
    ],
)
async def test_forbidden_hosts(host: str) -> None:
    async with serving(answering(OK)) as server, sender(AddressPolicy()) as client:
        found = await failed(client, attempt(server.port, host=host))
    assert found.fault is CallbackFault.FORBIDDEN
    assert "--callback-allow" in found.detail
    assert server.connections == 0


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0"],
)
async def test_names_of_forbidden_addresses(address: str) -> None:
    resolver = Table(innocent_example=[address])
    async with (
        serving(answering(OK)) as server,
        sender(AddressPolicy(), resolver=resolver) as client,
    ):
        found = await failed(client, attempt(server.port, host="innocent.example"))
    assert found.fault is CallbackFault.FORBIDDEN
    assert address in found.detail
    assert server.connections == 0


async def test_name_that_changes_its_mind() -> None:
    # The second answer is judged like the first, although the name was fine before.
    policy = AddressPolicy.parse(["127.0.0.1"])
    async with serving(answering(OK)) as server:
        for addresses, is_reached in ((["127.0.0.1"], True), (["127.0.0.2"], False)):
            async with sender(policy, resolver=Table(app_example=addresses)) as client:
                outcome = await client.send(attempt(server.port, host="app.example"))
                assert isinstance(outcome, CallbackAnswer) is is_reached


async def test_allowed_address_is_used_beside_forbidden_ones() -> None:
    policy = AddressPolicy.parse(["127.0.0.1"])
    resolver = Table(app_example=["10.0.0.1", "::1", "127.0.0.1"])
    async with serving(answering(OK)) as server, sender(policy, resolver=resolver) as client:
        outcome = await client.send(attempt(server.port, host="app.example"))
    assert isinstance(outcome, CallbackAnswer)


async def test_next_address_is_tried_where_nobody_listens() -> None:
    resolver = Table(app_example=["127.0.0.2", "127.0.0.1"])
    async with serving(answering(OK)) as server, sender(resolver=resolver) as client:
        outcome = await client.send(attempt(server.port, host="app.example"))
        assert isinstance(outcome, CallbackAnswer)
        assert outcome.address == f"127.0.0.1:{server.port}"
        nobody = await failed(client, attempt(free_port(), host="app.example"))
    assert nobody.fault is CallbackFault.NOT_CONNECTED
    assert "refused" in nobody.detail


async def test_next_address_is_not_tried_after_an_answer_that_broke_off() -> None:
    resolver = Table(app_example=["127.0.0.1", "127.0.0.1"])
    async with serving(answering(OK[:30])) as server, sender(resolver=resolver) as client:
        found = await failed(client, attempt(server.port, host="app.example"))
    assert found.fault is CallbackFault.BROKEN
    assert server.connections == 1


async def test_name_is_looked_up_within_the_limit() -> None:
    class Slow(Table):
        async def __call__(self, host: str, _bucket: str) -> list[str]:
            await asyncio.sleep(10)
            return await super().__call__(host)

    async with sender(timeout_s=0.1, resolver=Slow()) as client:
        found = await failed(client, attempt(80, host="app.example"))
    assert found.fault is CallbackFault.CONNECT_TIMEOUT


async def test_origin_opens_one_name_and_port() -> None:
    async with serving(answering(OK)) as server, serving(answering(OK)) as other:
        policy = AddressPolicy.parse([f"http://app.example:{server.port}"])
        resolver = Table(app_example=["127.0.0.1"], evil_example=["127.0.0.1"])
        async with sender(policy, resolver=resolver) as client:
            outcomes = await asyncio.gather(
                client.send(attempt(server.port, host="app.example")),
                client.send(attempt(other.port, host="app.example")),
                client.send(attempt(server.port, host="evil.example")),
                client.send(attempt(server.port)),
            )
    assert isinstance(outcomes[0], CallbackAnswer)
    for outcome in outcomes[1:]:
        assert isinstance(outcome, CallbackFailure)
        assert outcome.fault is CallbackFault.FORBIDDEN
    assert (server.connections, other.connections) == (1, 0)


async def test_sending_after_closing_is_a_failure() -> None:
    async with serving(answering(OK)) as server, sender() as client:
        await client.send(attempt(server.port))
        await client.close()
        assert isinstance(await client.send(attempt(server.port)), CallbackFailure)


async def test_header_injection_is_a_failure() -> None:
    async with serving(answering(OK)) as server, sender() as client:
        outcome = await client.send(attempt(server.port, headers={"a": "b\r\nc: d"}))
    assert isinstance(outcome, CallbackFailure)
    assert server.requests == []


# --- TLS ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Authority:
    """A self-signed certificate for ``app.example`` and 127.0.0.1."""

    pem: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem)
        return context

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.pem))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "app.example")])
    now = dt.datetime.now(dt.UTC)
    names: list[x509.GeneralName] = [
        x509.DNSName("app.example"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return Authority(pem)


async def test_tls_with_server_name(authority: Authority) -> None:
    resolver = Table(app_example=["127.0.0.1"])
    async with (
        serving(answering(OK), authority.server()) as server,
        sender(tls=authority.client, resolver=resolver) as client,
    ):
        headers = {"Host": "another.host"}
        outcome = await client.send(
            attempt(server.port, scheme="https", host="app.example", headers=headers)
        )
    assert isinstance(outcome, CallbackAnswer), outcome
    assert is_accepted(outcome)
    # Absent SNI is the usual cause of "Error status : 502." (Cloudreve 2100).
    assert server.sni == ["app.example"]
    assert b"Host: another.host\r\n" in server.requests[0]


async def test_tls_without_server_name(authority: Authority) -> None:
    """W30: nothing tells whom we ask for, and the certificate must be his all the same."""
    resolver = Table(app_example=["127.0.0.1"], other_example=["127.0.0.1"])
    async with (
        serving(answering(OK), authority.server()) as server,
        sender(tls=authority.client, resolver=resolver) as client,
    ):
        asked = {"scheme": "https", "sni": False}
        outcome = await client.send(attempt(server.port, host="app.example", **asked))
        assert isinstance(outcome, CallbackAnswer), outcome
        assert is_accepted(outcome)
        found = await failed(client, attempt(server.port, host="other.example", **asked))
    assert found.fault is CallbackFault.NOT_CONNECTED
    assert "certificate is not for other.example" in found.detail
    assert server.sni == [None, None]
    assert len(server.requests) == 1


async def test_an_unknown_issuer_without_server_name(authority: Authority) -> None:
    resolver = Table(app_example=["127.0.0.1"])
    async with (
        serving(answering(OK), authority.server()) as server,
        sender(resolver=resolver) as client,
    ):
        asked = attempt(server.port, scheme="https", host="app.example", sni=False)
        found = await failed(client, asked)
    assert "certificate" in found.detail.lower()
    assert server.requests == []


@pytest.mark.parametrize(
    ("host", "is_trusted"),
    [("app.example", False), ("other.example", True)],
    ids=["issuer", "name"],
)
async def test_bad_certificates(authority: Authority, host: str, is_trusted: bool) -> None:
    resolver = Table(app_example=["127.0.0.1"], other_example=["127.0.0.1"])
    async with (
        serving(answering(OK), authority.server()) as server,
        sender(
            tls=authority.client if is_trusted else ssl.create_default_context, resolver=resolver
        ) as client,
    ):
        found = await failed(client, attempt(server.port, scheme="https", host=host))
    assert found.fault is CallbackFault.NOT_CONNECTED
    assert "certificate" in found.detail.lower()
    assert server.requests == []


async def test_plain_server_asked_for_tls() -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        writer.close()

    listener = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with sender() as client:
        found = await failed(client, attempt(port, scheme="https"))
    listener.close()
    assert found.fault is CallbackFault.NOT_CONNECTED
