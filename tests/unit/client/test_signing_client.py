"""The small client of scripts and tests, where a server does not do what it would like."""

import socket
import threading

import pytest

from ossia.client.signing_client import SigningClient

ANSWER = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 25\r\n\r\n<Code>AccessDenied</Code>"


def served_once(answer: bytes) -> str:
    """A server that reads a little of what comes, answers, and ends with the rest unread."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as client:
            client.recv(1000)
            client.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


LARGE = b"x" * 64 * 1024 * 1024
"""More than any two sockets hold between them."""


def test_an_answer_is_read_though_the_request_was_not() -> None:
    client = SigningClient(served_once(ANSWER), "k", "s", "cn-hangzhou")
    reply = client.request("PUT", "bucket", "k", body=LARGE)
    assert (reply.status, reply.code) == (403, "AccessDenied")


def test_who_only_ends_has_not_answered() -> None:
    client = SigningClient(served_once(b""), "k", "s", "cn-hangzhou")
    with pytest.raises(ConnectionError):
        client.request("PUT", "bucket", "k", body=LARGE)


def test_nobody_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = SigningClient(f"http://127.0.0.1:{port}", "k", "s", "cn-hangzhou")
    with pytest.raises(ConnectionRefusedError):
        client.request("GET", "bucket")
