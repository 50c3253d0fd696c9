# ruff: noqa: D102 - the docstrings are those of the port
"""Blobs in the memory of one process: everything is gone when it ends."""

import io
import os
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

from ossia.ports import BlobReader, Clock, Missing, StagedBlob


class _StagedInMemory:
    def __init__(self, blob_id: str) -> None:
        self.id = blob_id
        self.bytes_so_far = bytearray()

    def write(self, piece: memoryview) -> None:
        self.bytes_so_far += piece

    async def flow(self) -> None:
        """Memory is never slow."""


class _ReaderInMemory:
    def __init__(self, content: bytes | None, offset: int, length: int) -> None:
        self._content = content
        self._fd: int | None = None
        self.offset = offset
        self.length = length

    async def begin(self) -> None:
        self._there()

    def _there(self) -> bytes:
        if self._content is None:
            raise Missing
        return self._content

    def fileno(self) -> int:
        content = self._there()
        if self._fd is None:
            self._fd = os.memfd_create("blob")
            with io.FileIO(self._fd, "wb", closefd=False) as file, io.BufferedWriter(file) as out:
                out.write(content)
        return self._fd

    async def read(self, offset: int, most: int) -> bytes:
        return self._there()[offset : offset + most]

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    close = release


class MemoryBlobStore:
    """See `ossia.ports.BlobStore`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._staged: dict[str, _StagedInMemory] = {}
        self._published: dict[str, bytes] = {}
        self._changed_at: dict[str, int] = {}

    def new_id(self) -> str:
        return uuid4().hex

    def stage(self, blob_id: str, size_hint: int | None) -> StagedBlob:  # noqa: ARG002 - nothing to reserve
        staged = self._staged[blob_id] = _StagedInMemory(blob_id)
        self._changed_at[blob_id] = self._clock.now_ms()
        return staged

    async def publish(self, staged: StagedBlob) -> None:
        found = self._staged.pop(staged.id, None)
        if found is None:
            raise Missing(staged.id)
        self._published[found.id] = bytes(found.bytes_so_far)
        self._changed_at[found.id] = self._clock.now_ms()

    async def discard(self, staged: StagedBlob) -> None:
        if self._staged.pop(staged.id, None) is not None:
            del self._changed_at[staged.id]

    def open(self, blob_id: str, offset: int, length: int) -> BlobReader:
        return _ReaderInMemory(self._published.get(blob_id), offset, length)

    async def delete(self, blob_ids: Sequence[str]) -> None:
        for blob_id in blob_ids:
            self._staged.pop(blob_id, None)
            self._published.pop(blob_id, None)
            self._changed_at.pop(blob_id, None)

    async def ids(self, *, unchanged_since: int) -> AsyncIterator[str]:
        for blob_id, changed_at in list(self._changed_at.items()):
            if changed_at < unchanged_since:
                yield blob_id

    async def probe(self) -> None:
        pass
