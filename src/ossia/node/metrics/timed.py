# ruff: noqa: D102 - the docstrings are those of the ports
"""Ports that note how long they take, around others."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, TypeVar

from ossia.ports import (
    BlobReader,
    BlobStore,
    Database,
    Pace,
    Row,
    Rows,
    StagedBlob,
    Transaction,
    Unavailable,
    Value,
)

_P = ParamSpec("_P")
_T = TypeVar("_T")

Note = Callable[[str, float, bool], None]
"""Hears of each call: what it is, how many seconds it took, and whether there was an answer."""


@contextmanager
def _timed(note: Note, call: str) -> Iterator[None]:
    begun_s = time.monotonic()
    answered = True
    try:
        yield
    except Unavailable:
        answered = False
        raise
    finally:
        note(call, time.monotonic() - begun_s, answered)


class TimedDatabase:
    """See `ossia.ports.Database`: that of *database*, which is far away."""

    def __init__(self, database: Database, note: Note) -> None:
        self._database = database
        self._note = note
        self.position = database.position

    async def one(self, sql: str, *values: Value) -> Row | None:
        with _timed(self._note, "question"):
            return await self._database.one(sql, *values)

    async def all(self, sql: str, *values: Value) -> list[Row]:
        with _timed(self._note, "question"):
            return await self._database.all(sql, *values)

    async def together(
        self,
        question: Callable[Concatenate[Rows, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        with _timed(self._note, "question"):
            return await self._database.together(question, *args, **kwargs)

    async def change(
        self,
        change: Callable[Concatenate[Transaction, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        with _timed(self._note, "change"):
            return await self._database.change(change, *args, **kwargs)

    async def stamp(self, topic: str) -> bytes:
        return await self._database.stamp(topic)

    def flaws(self, pace: Pace) -> AsyncIterator[str]:
        return self._database.flaws(pace)

    async def continue_ids(self) -> None:
        await self._database.continue_ids()

    async def close(self) -> None:
        await self._database.close()


class TimedBlobs:
    """See `ossia.ports.BlobStore`: those of *blobs*."""

    def __init__(self, blobs: BlobStore, note: Note) -> None:
        self._blobs = blobs
        self._note = note

    def new_id(self) -> str:
        return self._blobs.new_id()

    def stage(self, blob_id: str, size_hint: int | None) -> StagedBlob:
        return self._blobs.stage(blob_id, size_hint)

    def open(self, blob_id: str, offset: int, length: int) -> BlobReader:
        return self._blobs.open(blob_id, offset, length)

    async def publish(self, staged: StagedBlob) -> None:
        with _timed(self._note, "publish"):
            await self._blobs.publish(staged)

    async def discard(self, staged: StagedBlob) -> None:
        await self._blobs.discard(staged)

    async def delete(self, blob_ids: Sequence[str]) -> None:
        with _timed(self._note, "delete"):
            await self._blobs.delete(blob_ids)

    def ids(self, *, unchanged_since: int) -> AsyncIterator[str]:
        return self._blobs.ids(unchanged_since=unchanged_since)

    async def probe(self) -> None:
        await self._blobs.probe()
