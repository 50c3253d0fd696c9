"""Blobs in a repository: copied into it, and read from it as from where they were stored."""

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from ossia.domain.objects.contents import BlobSource, pieces
from ossia.node.backup.repository import BLOBS, Repository
from ossia.ports import Unavailable
from ossia.protocol.sealed_pieces import PIECE

if TYPE_CHECKING:
    from ossia.node.backup.sealed_files import SealedFile


def place_of(blob_id: str) -> str:
    """Where a blob lies."""
    return f"{BLOBS}/{blob_id}"


async def keep_blob(repository: Repository, source: BlobSource, blob_id: str, size: int) -> None:
    """Copy the first *size* bytes of a blob.  Raises `Missing`, `Unavailable`, `OSError`."""
    writer = await asyncio.to_thread(repository.writer, place_of(blob_id))
    try:
        async with aclosing(pieces(source, blob_id, 0, size)) as run:
            async for piece in run:
                await asyncio.to_thread(writer.write, piece)
        await asyncio.to_thread(writer.finish)
    finally:
        writer.discard()


class KeptBlobs:
    """See `BlobSource`: those in a repository.  What does not open is `DamagedError`."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def open(self, blob_id: str, offset: int, length: int) -> "_KeptReader":
        """See `BlobStore.open`."""
        return _KeptReader(self._repository, place_of(blob_id), offset, length)


class _KeptReader:
    """See `ossia.ports.BlobReader`."""

    def __init__(self, repository: Repository, place: str, offset: int, length: int) -> None:
        self._repository = repository
        self._place = place
        self._file: SealedFile | None = None
        self._number = -1
        self._piece = b""
        self.offset = offset
        self.length = length

    async def begin(self) -> None:
        """A folder does not go away."""

    def fileno(self) -> None:
        """What lies there is of no use as it is."""

    async def read(self, offset: int, most: int) -> memoryview:
        """See `BlobReader`."""
        return await asyncio.to_thread(self._read, offset, most)

    def _read(self, offset: int, most: int) -> memoryview:
        number, within = divmod(offset, PIECE)
        try:
            if self._file is None:
                self._file = self._repository.open(self._place)
            if number >= self._file.count:
                return memoryview(b"")
            if number != self._number:
                self._piece, self._number = self._file.piece(number), number
        except OSError as error:
            raise Unavailable(f"{self._place} of the repository: {error.strerror}") from error
        return memoryview(self._piece)[within : within + most]

    def release(self) -> None:
        """See `BlobReader`."""
        if self._file is not None:
            self._file.close()
            self._file = None

    close = release
