"""Fetching an issuer's documents: what is judged, what is not followed, what is too much."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from ossia.adapters.document_client import DocumentClient
from ossia.adapters.document_fetch import MAX_DOCUMENT_BYTES
from ossia.ports import Unavailable
from ossia.protocol.address_policy import AddressPolicy

LOOPBACK = AddressPolicy.parse(["loopback"])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def serving(
    answer: bytes,
    heard: list[bytes] | None = None,
    *,
    end: Callable[[], Awaitable[Any]] | None = None,
) -> AsyncIterator[str]:
    """A server that says *answer* to every request; where it is."""

    talks: list[asyncio.Task[None]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        this = asyncio.current_task()
        assert this is not None
        talks.append(this)
        with suppress(ConnectionError):
            request = await reader.readuntil(b"\r\n\r\n")
            if heard is not None:
                heard.append(request)
            writer.write(answer)
            await writer.drain()
            if end is not None:
                await end()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*talks)


async def test_a_document_is_fetched_without_a_trace() -> None:
    heard: list[bytes] = []
    answer = OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n")
    async with serving(answer, heard) as url:
        client = DocumentClient(LOOPBACK)
        assert await client.fetch(url + "/a/b?c") == b"{}"
        assert await client.fetch(url + "/a/b?c") == b"{}"
    assert heard[0].startswith(b"GET /a/b?c HTTP/1.1\r\n")
    assert all(b"cookie" not in each.lower() for each in heard)


async def test_names_are_judged_by_what_they_resolve_to() -> None:
    async with serving(OK) as url:
        named = url.replace("127.0.0.1", "localhost")
        assert await DocumentClient(LOOPBACK).fetch(named) == b"{}"
        with pytest.raises(Unavailable, match="--oidc-allow"):
            await DocumentClient(AddressPolicy()).fetch(named)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "0x7f.1", "2130706433", "0"]
)
async def test_addresses_that_are_not_public_are_refused(host: str) -> None:
    with pytest.raises(Unavailable, match="--oidc-allow"):
        await DocumentClient(AddressPolicy()).fetch(f"http://{host}/")


async def test_a_name_that_changes_its_mind_is_judged_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def inside(*_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", inside)
    with pytest.raises(Unavailable, match=r"10\.1\.2\.3"):
        await DocumentClient(LOOPBACK).fetch("http://issuer.example.com/")


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"404 No", b"500 No", b"204 None"])
async def test_only_success_is_a_document(status: bytes) -> None:
    elsewhere: list[bytes] = []
    async with (
        serving(OK, elsewhere) as other,
        serving(
            b"HTTP/1.1 %b\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % (status, other.encode())
        ) as url,
    ):
        with pytest.raises(Unavailable, match=status[:3].decode()):
            await DocumentClient(LOOPBACK).fetch(url)
    assert elsewhere == []


async def test_a_document_that_is_too_large_is_none() -> None:
    endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * (MAX_DOCUMENT_BYTES + 1)
    async with serving(endless) as url:
        with pytest.raises(Unavailable, match="more than"):
            await DocumentClient(LOOPBACK).fetch(url)
    async with serving(endless[:-1]) as url:
        assert len(await DocumentClient(LOOPBACK).fetch(url)) == MAX_DOCUMENT_BYTES


async def test_a_slow_issuer_is_not_waited_for() -> None:
    drip = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx"
    async with serving(drip, end=lambda: asyncio.sleep(0.5)) as url:
        with pytest.raises(Unavailable, match=r"0\.2 seconds"):
            await DocumentClient(LOOPBACK, timeout_s=0.2).fetch(url)


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "http://", "http://me@127.0.0.1/", "file:///etc/passwd", "x"]
)
async def test_what_is_no_url(url: str) -> None:
    with pytest.raises(Unavailable):
        await DocumentClient(LOOPBACK).fetch(url)


async def test_nobody_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Unavailable):
        await DocumentClient(LOOPBACK).fetch(f"http://127.0.0.1:{port}/")
