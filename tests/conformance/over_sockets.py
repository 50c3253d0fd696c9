"""An `HttpServer` in a thread, and what a plain socket hears of it."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvloop

from ossia.http.server import HttpServer


@contextmanager
def in_a_thread(
    make: Callable[[], HttpServer], tls: ssl.SSLContext | None = None
) -> Iterator[tuple[HttpServer, int]]:
    """What *make* makes in a loop of its own, and its port."""
    found: list[tuple[HttpServer, int]] = []
    started, stop = threading.Event(), threading.Event()

    async def main() -> None:
        server, listening = make(), socket.create_server(("127.0.0.1", 0))
        await server.listen(listening, tls)
        found.append((server, listening.getsockname()[1]))
        started.set()
        while not stop.is_set():
            await asyncio.sleep(0.02)
        await server.close(2)

    thread = threading.Thread(target=lambda: uvloop.run(main()))
    thread.start()
    assert started.wait(10)
    try:
        yield found[0]
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


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
