"""The faulty receiver against a plain socket: what it claims to do is what happens on the wire.

What a server makes of it is `conformance/test_callback_faults.py`.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from certificates import Issuer
from ossia.testing.faulty_receiver import (
    ACCEPTED,
    FAULTS,
    POSITIONS,
    Ends,
    Fault,
    FaultyReceiver,
    Reads,
    reply,
)

BODY = b"a=b&c=d"
REQUEST = (
    b"POST /callback HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % len(BODY)
) + BODY


@pytest.fixture
def receiver() -> Iterator[FaultyReceiver]:
    with FaultyReceiver(limit_s=0.1) as opened:
        yield opened


def connect(url: str) -> socket.socket:
    target = urlsplit(url)
    return socket.create_connection((target.hostname, target.port), timeout=5)


def exchange(url: str, request: bytes = REQUEST) -> tuple[bytes, str]:
    """What came back, and how the connection ended."""
    said = b""
    try:
        # A reset may come before the connection is even known to stand.
        with connect(url) as connection:
            connection.sendall(request)
            while piece := connection.recv(65536):
                said += piece
    except ConnectionError:
        return said, "reset"
    return said, "closed"


@pytest.mark.parametrize("position", POSITIONS)
def test_positions(receiver: FaultyReceiver, position: str) -> None:
    want = reply()[: POSITIONS[position]]
    assert exchange(receiver.url(f"reset-{position}")) == (want, "reset")
    assert exchange(receiver.url(f"hangup-{position}")) == (want, "closed")
    assert receiver.connections(f"reset-{position}") == 1


def test_positions_are_where_they_say() -> None:
    cut = {name: reply()[:count].decode() for name, count in POSITIONS.items()}
    assert cut["before-status-line"] == ""
    assert cut["in-status-line"] == "HTTP/1.1 2"
    assert cut["after-status-line"] == "HTTP/1.1 200 OK\r\n"
    assert cut["in-header-name"].endswith("\r\nContent-")
    assert cut["in-header-value"].endswith("\r\nContent-Type: applic")
    assert cut["before-empty-line"].endswith("\r\nConnection: close\r\n")
    assert cut["before-body"].endswith("\r\nConnection: close\r\n\r\n")
    assert cut["after-first-byte"].endswith("\r\n\r\n{")
    assert cut["in-body"].endswith('\r\n\r\n{"Statu')
    assert cut["before-last-byte"].endswith('"OK"')


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        ("unread", b""),
        ("after-request-head", REQUEST.removesuffix(BODY)),
        ("in-request-body", REQUEST[:-2]),
    ],
)
def test_request_need_not_be_whole(receiver: FaultyReceiver, fault: str, sent: bytes) -> None:
    assert exchange(receiver.url(f"reset-{fault}"), sent) == (b"", "reset")
    assert exchange(receiver.url(f"hangup-{fault}"), sent) == (b"", "closed")


def test_request_is_waited_for(receiver: FaultyReceiver) -> None:
    receiver.add("mine", Fault((reply(),)))
    with connect(receiver.url("mine")) as connection:
        connection.sendall(REQUEST[:-1])
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.sendall(REQUEST[-1:])
        connection.settimeout(5)
        assert connection.recv(5) == b"HTTP/"


@pytest.mark.parametrize("fault", ["late", "slow-head", "slow-body"])
def test_slow_answers_take_longer_than_the_limit(receiver: FaultyReceiver, fault: str) -> None:
    start = time.monotonic()
    assert exchange(receiver.url(fault)) == (reply(), "closed")
    assert time.monotonic() - start > 0.1


@pytest.mark.parametrize(
    ("fault", "size"), [("silent", 0), ("silent-to-tls", 0), ("length-too-long-and-silent", 1)]
)
def test_silence_lasts_until_the_sender_leaves(
    receiver: FaultyReceiver, fault: str, size: int
) -> None:
    with connect(receiver.url(fault)) as connection:
        connection.sendall(REQUEST)
        assert bool(connection.recv(65536 * size)) is bool(size)
        connection.settimeout(0.15)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_nobody_listens(receiver: FaultyReceiver) -> None:
    with pytest.raises(ConnectionRefusedError):
        connect(receiver.url("refused"))


def test_nobody_is_reached(receiver: FaultyReceiver) -> None:
    target = urlsplit(receiver.url("unreachable"))
    with pytest.raises(TimeoutError):
        socket.create_connection((target.hostname, target.port), timeout=0.15)


def test_nobody_is_known(receiver: FaultyReceiver) -> None:
    assert str(urlsplit(receiver.url("unknown-name")).hostname).endswith(".invalid")


def test_certificate_makes_it_speak_tls(receiver: FaultyReceiver, tmp_path: Path) -> None:
    certificate = tmp_path / "127.0.0.1.pem"
    certificate.write_bytes(Issuer("somebody").issue("127.0.0.1"))
    receiver.add("secured", Fault((reply(),)), certificate=certificate)
    assert receiver.url("secured").startswith("https://")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with connect(receiver.url("secured")) as plain, context.wrap_socket(plain) as secured:
        secured.sendall(REQUEST)
        assert secured.recv(65536) == reply()


def test_own_faults(receiver: FaultyReceiver) -> None:
    said = reply(b"{}", "X-One: 1", status="418 Teapot", version="HTTP/1.0")
    receiver.add("teapot", Fault((said,), reads=Reads.HEAD, ends=Ends.RESET))
    assert exchange(receiver.url("teapot")) == (said, "reset")
    assert said.startswith(b"HTTP/1.0 418 Teapot\r\n")
    assert b"\r\nContent-Length: 2\r\nX-One: 1\r\n" in said
    with pytest.raises(ValueError, match="teapot"):
        receiver.add("teapot", Fault())


def test_url_of_a_fault_that_does_not_exist(receiver: FaultyReceiver) -> None:
    with pytest.raises(ValueError, match="There is no fault 'no-such-fault'"):
        receiver.url("no-such-fault")


def test_every_fault_has_a_place(receiver: FaultyReceiver) -> None:
    urls = {receiver.url(name) for name in FAULTS}
    assert len(urls) == len(FAULTS)
    assert all(receiver.connections(name) == 0 for name in FAULTS)
    assert {urlsplit(url).scheme for url in urls} == {"http", "https"}


def test_closing_ends_what_is_under_way() -> None:
    with FaultyReceiver(limit_s=60) as receiver:
        waiting = connect(receiver.url("late"))
        waiting.sendall(REQUEST)
        while not receiver.connections("late"):
            time.sleep(0.01)
        start = time.monotonic()
    assert time.monotonic() - start < 10
    with waiting:
        assert waiting.recv(1) == b""


def test_answer_is_one_that_oss_accepts() -> None:
    assert ACCEPTED == b'{"Status":"OK"}'
    assert b"\r\nContent-Length: 15\r\n" in reply()
