"""Runs of blobs as they are sent and read: as they lie there, or decrypted on the way."""

import asyncio
from typing import Final

from ossia.errors import InternalError
from ossia.ports import BlobStore, Missing
from ossia.protocol.object_cipher import ObjectCipher, Stream
from ossia.records import Extent

PIECE: Final = 256 * 1024
"""What is decrypted at a time, and so what a reader of an encrypted object holds."""
_AT_ONCE: Final = 16 * 1024
"""Shorter pieces are decrypted in less time than it takes to hand them to a thread."""


class BlobSpan:
    """A run of one blob, which a row says is there."""

    __slots__ = ("_reader", "length", "offset")

    def __init__(self, blobs: BlobStore, run: Extent) -> None:
        self._reader = blobs.open(run.blob_id, run.blob_offset, run.length)
        self.offset = run.blob_offset
        self.length = run.length

    async def begin(self) -> None:
        """Be sure that the first bytes can be had."""
        try:
            await self._reader.begin()
        except Missing as error:
            raise InternalError from error

    def fileno(self) -> int | None:
        """The open file, if there is one."""
        try:
            return self._reader.fileno()
        except Missing as error:
            raise InternalError from error

    async def read(self, offset: int, most: int) -> bytes | memoryview:
        """At most *most* bytes of the blob at *offset*."""
        try:
            return await self._reader.read(offset, most)
        except Missing as error:
            raise InternalError from error

    def release(self) -> None:
        """Hold nothing until it is used again."""
        self._reader.release()

    def close(self) -> None:
        """Hold nothing any more."""
        self._reader.close()


class EncryptedSpan(BlobSpan):
    """The same of an encrypted object: no file that could be sent as it is."""

    __slots__ = ("_at", "_blob_id", "_cipher", "_stream")

    def __init__(self, blobs: BlobStore, run: Extent, cipher: ObjectCipher) -> None:
        super().__init__(blobs, run)
        self._blob_id = run.blob_id
        self._cipher = cipher
        self._stream: Stream | None = None
        self._at = -1

    def fileno(self) -> None:
        """There is none."""

    async def read(self, offset: int, most: int) -> bytes:
        """At most *most* bytes at *offset*, in plain; a piece at a time."""
        piece = await super().read(offset, min(most, PIECE))
        if len(piece) <= _AT_ONCE:
            return self._decrypted(offset, piece)
        return await asyncio.to_thread(self._decrypted, offset, piece)

    def _decrypted(self, offset: int, piece: bytes | memoryview) -> bytes:
        if self._stream is None or offset != self._at:
            self._stream = self._cipher.stream(self._blob_id, offset)
        self._at = offset + len(piece)
        return self._stream.update(piece)
