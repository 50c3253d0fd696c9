# ruff: noqa: D102 - the docstrings are those of the port
"""Blobs as immutable chunks of 8 MiB, each an object of the engine, written by one PUT.

``<prefix>/ab/abcd…/00000``, ``…/00001`` and so on: names are made of the blob's id and the chunk's
number and of nothing that a client sent.  A process that is killed leaves chunks of a blob that no
row can refer to, and no unfinished multipart upload in the engine.

1. A blob is published when the engine has acknowledged every chunk.
2. A name is written by one upload only, and never again after that.
3. Of the engine nothing is asked but put, get of a range, delete, and list in the order of names.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from ossia.adapters.s3.chunk_memory import CHUNK, ChunkMemory
from ossia.adapters.s3.engine import Engine
from ossia.adapters.s3.reading import Budget, ChunkReader
from ossia.adapters.s3.upload import StagedChunks
from ossia.ports import BlobReader, StagedBlob, Unavailable

UPLOAD_MEMORY: Final = 192 * 1024 * 1024
READ_MEMORY: Final = 64 * 1024 * 1024
"""Of a whole server: its workers divide them."""
_FEWEST_CHUNKS: Final = 4
_LEAST_READ: Final = 16 * 1024 * 1024
_ID: Final = re.compile(r"[0-9a-f]{32}")
_NAME: Final = re.compile(r"(?:.*/)?([0-9a-f]{2})/(\1[0-9a-f]{30})/[0-9]{5}")
_FOLDER: Final = re.compile(r"(?:^|/)[0-9a-f]{2}/$")
_AT_A_TIME: Final = 16
_TIDY_UP_S: Final = 5.0


class S3BlobStore:
    """See `ossia.ports.BlobStore`."""

    def __init__(
        self, engine: Engine, prefix: str, folder: Path | None = None, *, workers: int = 1
    ) -> None:
        """*folder* takes what waits for memory; None: where the system has temporary files."""
        self._engine = engine
        self._root = f"{prefix}/" if prefix else ""
        self._memory = ChunkMemory(max(_FEWEST_CHUNKS, UPLOAD_MEMORY // CHUNK // workers), folder)
        self._budget = Budget(max(_LEAST_READ, READ_MEMORY // workers))

    def new_id(self) -> str:
        return uuid4().hex

    def stage(self, blob_id: str, size_hint: int | None) -> StagedBlob:  # noqa: ARG002 - an engine reserves nothing
        return StagedChunks(blob_id, self._engine, self._memory, self._naming(blob_id))

    async def publish(self, staged: StagedBlob) -> None:
        assert isinstance(staged, StagedChunks)
        await staged.finish()

    async def discard(self, staged: StagedBlob) -> None:
        assert isinstance(staged, StagedChunks)
        # Whoever gave up is answered soon; what stays is collected by its row.
        if staged.give_up() and staged.begun and not staged.has_failed:
            tidying = asyncio.ensure_future(self._delete(staged.id))
            with suppress(Unavailable, TimeoutError):
                await asyncio.wait_for(tidying, _TIDY_UP_S)

    def open(self, blob_id: str, offset: int, length: int) -> BlobReader:
        return ChunkReader(self._engine, self._budget, self._naming(blob_id), offset, length)

    async def delete(self, blob_ids: Sequence[str]) -> None:
        await _each(blob_ids, self._delete)

    async def _delete(self, blob_id: str) -> None:
        folder = self._folder(blob_id)
        await self._engine.delete([name.text async for name in self._engine.names(folder)])

    async def ids(self, *, unchanged_since: int) -> AsyncIterator[str]:
        for folder in filter(_FOLDER.search, await self._engine.folders(self._root)):
            changed: dict[str, int] = {}
            async for name in self._engine.names(folder):
                if found := _NAME.fullmatch(name.text):
                    changed[found[2]] = max(changed.get(found[2], 0), name.modified_at)
            for blob_id, at in changed.items():
                if at < unchanged_since:
                    yield blob_id

    async def probe(self) -> None:
        await self._engine.probe(f"{self._root}probe/")

    def _folder(self, blob_id: str) -> str:
        if _ID.fullmatch(blob_id) is None:
            raise ValueError(f"not a blob id: {blob_id!r}")
        return f"{self._root}{blob_id[:2]}/{blob_id}/"

    def _naming(self, blob_id: str) -> Callable[[int], str]:
        folder = self._folder(blob_id)
        return lambda number: f"{folder}{number:05d}"


async def _each(items: Iterable[str], work: Callable[[str], Awaitable[None]]) -> None:
    """Do *work* with every item, some at a time.  Raises the first failure when all have ended."""
    waiting = iter(items)

    async def some() -> None:
        for item in waiting:
            await work(item)

    done = await asyncio.gather(*(some() for _ in range(_AT_A_TIME)), return_exceptions=True)
    for failure in done:
        if failure is not None:
            raise failure
