"""Bytes on their way in: counted, digested, verified, stored.

The four moments of a write: *stage* (bytes arrive), *verify* (digest and length), *publish*
(durable), and, by the caller, *record* (visible).  A failure before *record* leaves nothing but an
intent that the collector removes.

Small bodies never become a file: they are digested on the event loop and recorded inline.  Large
ones are read into two buffers in turn; while one is digested, encrypted where it must be, and
written in a thread, the other is filled.
"""

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ossia import tables
from ossia.domain.objects.buffers import Buffers
from ossia.errors import EntityTooLarge, InvalidDigest, OssError
from ossia.http.body import ClientGone
from ossia.ports import BlobStore, Clock, Database, StagedBlob, Unavailable
from ossia.protocol.checksums import crc64, md5_hex, parse_content_md5
from ossia.protocol.object_cipher import IN_ROW, ObjectCipher, Stream, crypt_in_place
from ossia.records import Extent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ossia.http.message import Span

INLINE_LIMIT = 16 * 1024
"""Objects up to this size live in their metadata row (stack.md, "small objects")."""
MAX_OBJECT = 5 * 1024**3
"""PutObject, PostObject, AppendObject and UploadPart take at most 5 GB."""
_DIGEST_CHUNK = 1024 * 1024
LEASE_MS = 24 * 3600 * 1000
"""How long an upload may take before its bytes are garbage."""


def always() -> bool:
    """Of work that is wanted whoever leaves meanwhile."""
    return True


class ByteSource(Protocol):
    """Where bytes come from: a request body or the file part of a form."""

    length: int | None

    async def read_into(self, view: memoryview) -> int:
        """Fill *view*; shorter only at the end."""

    async def read_all(self, limit: int, too_large: Callable[[], OssError]) -> bytes:
        """Everything, if it is at most *limit* bytes."""


@dataclass(slots=True)
class Landed:
    """Bytes that are durable or inline, and what they are; encrypted if they were to be.

    ``crc64`` continues ``crc_before`` of `Ingest.take`.
    """

    size: int
    md5: str
    crc64: int
    inline: bytes | None
    extents: tuple[Extent, ...]


class Ingest:
    """Takes the bytes of uploads."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        clock: Clock,
        buffers: Buffers,
        *,
        threads: int = 8,
        inline_limit: int = INLINE_LIMIT,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._buffers = buffers
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="ingest")
        self.inline_limit = inline_limit

    async def take(
        self,
        source: ByteSource,
        *,
        content_md5: str | None = None,
        crc_before: int = 0,
        limit: int = MAX_OBJECT,
        too_large: Callable[[], OssError] = EntityTooLarge,
        check_size: Callable[[int], None] | None = None,
        keep_inline: bool = True,
        cipher: ObjectCipher | None = None,
    ) -> Landed:
        """Read *source* to its end and make it durable (or inline), encrypted by *cipher*.

        *content_md5* is a Content-MD5 header to verify; *check_size* may refuse the final size.
        Raises `InvalidDigest` and what the callables raise; then nothing is kept.
        """
        expected = None if content_md5 is None else parse_content_md5(content_md5)
        length = source.length
        if length is not None and length > limit:
            raise too_large()
        if length is not None and length <= self.inline_limit:
            content = await source.read_all(self.inline_limit, too_large)
            return await self._small(content, expected, crc_before, check_size, keep_inline, cipher)
        first = bytearray()
        if length is None:
            probe = bytearray(self.inline_limit + 1)
            count = await source.read_into(memoryview(probe))
            if count <= self.inline_limit:
                if count > limit:
                    raise too_large()
                small = bytes(probe[:count])
                return await self._small(
                    small, expected, crc_before, check_size, keep_inline, cipher
                )
            first = probe
        return await self._large(
            source, first, expected, crc_before, limit, too_large, check_size, cipher
        )

    async def _small(
        self,
        content: bytes,
        expected: str | None,
        crc_before: int,
        check_size: Callable[[int], None] | None,
        keep_inline: bool,
        cipher: ObjectCipher | None,
    ) -> Landed:
        if check_size is not None:
            check_size(len(content))
        digest = md5_hex(content)
        _verify(digest, expected)
        crc = crc64(content, crc_before)
        if keep_inline or not content:
            kept = content if cipher is None else cipher.crypt(IN_ROW, content)
            return Landed(len(content), digest, crc, kept, ())
        async with self._staged(len(content)) as staged:
            if cipher is not None:
                content = cipher.crypt(staged.id, content)
            await asyncio.get_running_loop().run_in_executor(
                self._threads, staged.write, memoryview(content)
            )
            await self._blobs.publish(staged)
        extent = Extent(blob_id=staged.id, length=len(content))
        return Landed(len(content), digest, crc, None, (extent,))

    async def _large(
        self,
        source: ByteSource,
        first: bytearray,
        expected: str | None,
        crc_before: int,
        limit: int,
        too_large: Callable[[], OssError],
        check_size: Callable[[int], None] | None,
        cipher: ObjectCipher | None,
    ) -> Landed:
        async with self._staged(source.length) as staged, self._buffers.pair() as pair:
            stream = None if cipher is None else cipher.stream(staged.id)
            pump = _Pump(staged, crc_before, self._threads, stream)
            pair[0][: len(first)] = first
            try:
                await _pour(source, pair, len(first), pump, limit, too_large)
            finally:
                # Neither the buffers nor the file may go while a thread works on them.
                await pump.settle()
            if check_size is not None:
                check_size(pump.size)
            _verify(pump.md5(), expected)
            await self._blobs.publish(staged)
        extent = Extent(blob_id=staged.id, length=pump.size)
        return Landed(pump.size, pump.md5(), pump.crc64, None, (extent,))

    async def digest(
        self, spans: "Sequence[Span]", is_wanted: Callable[[], bool] = always
    ) -> tuple[str, int]:
        """MD5 and CRC-64 of bytes that are stored already.

        Others have their turns in between.  Raises `ClientGone` once it *is_wanted* no more.
        """
        md5, crc = hashlib.md5(usedforsecurity=False), 0
        buffer = memoryview(bytearray(_DIGEST_CHUNK))
        loop = asyncio.get_running_loop()
        with closing(StoredSource(spans, is_wanted)) as source:
            while count := await source.read_into(buffer):
                crc = await loop.run_in_executor(self._threads, _add, md5, crc, buffer[:count])
        return md5.hexdigest().upper(), crc

    async def copy(
        self,
        spans: "Sequence[Span]",
        is_wanted: Callable[[], bool] = always,
        cipher: ObjectCipher | None = None,
    ) -> Landed:
        """Take bytes that are stored already once more, as `digest` reads them."""
        with closing(StoredSource(spans, is_wanted)) as source:
            return await self.take(source, keep_inline=False, cipher=cipher)

    @asynccontextmanager
    async def _staged(self, size: int | None) -> "AsyncIterator[StagedBlob]":
        blob_id = self._blobs.new_id()
        # The intent is recorded while the bytes arrive; it must be there before they are recorded.
        intent = asyncio.ensure_future(
            self._database.change(tables.blobs.intend, blob_id, self._clock.now_ms() + LEASE_MS)
        )
        loop = asyncio.get_running_loop()
        try:
            staged = await loop.run_in_executor(self._threads, self._blobs.stage, blob_id, size)
            try:
                yield staged
            except BaseException:
                await self._blobs.discard(staged)
                raise
        finally:
            try:
                await intent
            except BaseException:
                # Of bytes without a row the collector would know nothing.
                await self._blobs.delete([blob_id])
                raise

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def _pour(
    source: ByteSource,
    pair: list[memoryview],
    filled: int,
    pump: "_Pump",
    limit: int,
    too_large: Callable[[], OssError],
) -> None:
    while True:
        view = pair[0]
        filled += await source.read_into(view[filled:])
        if pump.size + filled > limit:
            raise too_large()
        await pump.push(view[:filled])
        if filled < len(view):
            return
        filled = 0
        pair.reverse()


class _Pump:
    """Digests, encrypts by *stream* and writes one buffer while the next is filled."""

    def __init__(
        self,
        staged: StagedBlob,
        crc_before: int,
        threads: ThreadPoolExecutor,
        stream: Stream | None,
    ) -> None:
        self._staged = staged
        self._threads = threads
        self._stream = stream
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._running: asyncio.Future[None] | None = None
        self.crc64 = crc_before
        self.size = 0

    async def push(self, piece: memoryview) -> None:
        """Hand *piece* to a thread, once the piece before it is done and more may come."""
        if self._running is not None:
            await self.settle()
            await self._staged.flow()
        if len(piece):
            self.size += len(piece)
            loop = asyncio.get_running_loop()
            self._running = loop.run_in_executor(self._threads, self._step, piece)

    async def settle(self) -> None:
        """Wait for the piece under way."""
        running, self._running = self._running, None
        if running is not None:
            await running

    def _step(self, piece: memoryview) -> None:
        self._md5.update(piece)
        self.crc64 = crc64(piece, self.crc64)
        if self._stream is not None:
            # The buffer is ours, and nobody reads it again.
            crypt_in_place(self._stream, piece)
        self._staged.write(piece)

    def md5(self) -> str:
        return self._md5.hexdigest().upper()


def _add(md5: "hashlib._Hash", crc: int, piece: memoryview) -> int:
    """CRC-64 with *piece*; *md5* takes it as well."""
    md5.update(piece)
    return crc64(piece, crc)


class StoredSource:
    """Bytes of blobs as a source.  Raises `ClientGone` once it *is_wanted* no more."""

    def __init__(self, spans: "Sequence[Span]", is_wanted: Callable[[], bool] = always) -> None:
        self._spans = list(spans)
        self._is_wanted = is_wanted
        self._done = 0
        self.length: int | None = sum(span.length for span in spans)

    async def read_into(self, view: memoryview) -> int:
        """Fill *view*; shorter only at the end."""
        filled = 0
        while filled < len(view) and self._spans:
            if not self._is_wanted():
                raise ClientGone
            filled += await self._read_into(view[filled:])
        return filled

    async def read_all(self, limit: int, too_large: Callable[[], OssError]) -> bytes:
        """Everything, if it is at most *limit* bytes."""
        buffer = memoryview(bytearray(limit + 1))
        count = await self.read_into(buffer)
        if count > limit:
            raise too_large()
        return bytes(buffer[:count])

    def close(self) -> None:
        """Close what is open."""
        for span in self._spans:
            span.close()

    async def _read_into(self, view: memoryview) -> int:
        """Some bytes of the present span."""
        span = self._spans[0]
        wanted = min(len(view), span.length - self._done)
        piece = await span.read(span.offset + self._done, wanted)
        if not piece:
            raise Unavailable("a blob is shorter than its record")
        view[: len(piece)] = piece
        self._done += len(piece)
        if self._done == span.length:
            self._spans.pop(0).close()
            self._done = 0
        return len(piece)


def _verify(digest: str, expected: str | None) -> None:
    if expected is not None and digest != expected:
        raise InvalidDigest(ClientComputedContentMD5=expected, ServerComputedContentMD5=digest)
