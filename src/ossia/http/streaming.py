"""Sending spans through a transport: under TLS, or coded on the way.

Everything here writes a piece and waits until the client has taken it, so that the memory of one
answer is bounded by a piece, whatever its size.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol

from ossia.protocol.pace import Pacing

if TYPE_CHECKING:
    from ossia.http.message import Span

_CHUNK: Final = 64 * 1024
_LEVEL: Final = 6
_GZIP: Final = 16 + zlib.MAX_WBITS
_LAST: Final = b"0\r\n\r\n"


class Threads(Protocol):
    """Where blocking work is done."""

    async def in_thread(self, work: Callable[..., bytes], *args: object) -> bytes:
        """Run *work* there."""


Write = Callable[[bytes | memoryview], Awaitable[None]]
"""Writes a piece and returns when the next may come."""


async def send_pieces(
    head: bytes, body: bytes, spans: "tuple[Span, ...]", write: Write, _threads: Threads
) -> None:
    """Send *head*, *body* and *spans* as they are."""
    await write(head + body)
    async for piece in _pieces(spans):
        await write(piece)


async def send_gzip(
    head: bytes, body: bytes, spans: "tuple[Span, ...]", write: Write, threads: Threads
) -> None:
    """Send *head*, then *body* and *spans* coded with gzip, in chunks (RFC 9112, 7.1)."""
    await write(head)
    coder = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    if body:
        await _write_chunk(write, await threads.in_thread(coder.compress, body))
    async for piece in _pieces(spans):
        await _write_chunk(write, await threads.in_thread(coder.compress, piece))
    await _write_chunk(write, await threads.in_thread(coder.flush))
    await write(_LAST)


async def _write_chunk(write: Write, piece: bytes) -> None:
    # An empty chunk would end the body.
    if piece:
        await write(b"%x\r\n%b\r\n" % (len(piece), piece))


async def _pieces(spans: "tuple[Span, ...]") -> AsyncIterator[bytes | memoryview]:
    for span in spans:
        done = 0
        while done < span.length:
            piece = await span.read(span.offset + done, min(_CHUNK, span.length - done))
            if not piece:
                raise ConnectionAbortedError("the bytes are fewer than their record says")
            done += len(piece)
            yield piece
        span.close()


def paced(write: Write, pace: Pacing) -> Write:
    """*write*, not faster than *pace*."""

    async def write_slowly(piece: bytes | memoryview) -> None:
        now_s = asyncio.get_running_loop().time
        for start in range(0, len(piece), pace.turn):
            part = piece[start : start + pace.turn]
            await write(part)
            await asyncio.sleep(pace.delay_s(len(part), now_s()))

    return write_slowly
