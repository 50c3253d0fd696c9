# ruff: noqa: D102 - the docstrings are those of the ports
"""Ports around others, for those who want to know when something that lasts is done.

Only where it is asked for: a database or a store that nobody watches is itself.  Questions are
handed on as they are: a small GET has nothing but one of them.
"""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from ossia.logs.scope import SPENT
from ossia.ports import (
    BlobReader,
    BlobStore,
    CallbackAnswer,
    CallbackAttempt,
    CallbackFailure,
    CallbackSender,
    Database,
    StagedBlob,
    Transaction,
)

_P = ParamSpec("_P")
_T = TypeVar("_T")

Around = Callable[[str], AbstractContextManager[object]]
"""What something is done in, given its name: ``commit``, ``publish`` or ``callback``."""


@contextmanager
def noting_phase(name: str) -> Iterator[None]:
    """Tell the access log what the request's time was spent on."""
    spent = SPENT.get()
    begun_s = time.monotonic()
    try:
        yield
    finally:
        if spent is not None:
            spent.append((name, begun_s, time.monotonic()))


class ObservedDatabase:
    """See `ossia.ports.Database`: that of *database*, whose changes are made in *around*."""

    def __init__(self, database: Database, around: Around) -> None:
        self._database = database
        self._around = around
        self.position = database.position
        self.one = database.one
        self.all = database.all
        self.together: Any = database.together
        self.stamp = database.stamp
        self.flaws = database.flaws
        self.continue_ids = database.continue_ids
        self.close = database.close

    async def change(
        self,
        change: Callable[Concatenate[Transaction, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        with self._around("commit"):
            return await self._database.change(change, *args, **kwargs)


class ObservedBlobs:
    """See `ossia.ports.BlobStore`: those of *blobs*, which are published in *around*."""

    def __init__(self, blobs: BlobStore, around: Around) -> None:
        self._blobs = blobs
        self._around = around
        self.new_id = blobs.new_id
        self.discard = blobs.discard
        self.delete = blobs.delete
        self.ids = blobs.ids
        self.probe = blobs.probe

    def stage(self, blob_id: str, size_hint: int | None) -> StagedBlob:
        return self._blobs.stage(blob_id, size_hint)

    def open(self, blob_id: str, offset: int, length: int) -> BlobReader:
        return self._blobs.open(blob_id, offset, length)

    async def publish(self, staged: StagedBlob) -> None:
        with self._around("publish"):
            await self._blobs.publish(staged)


class ObservedSender:
    """See `ossia.ports.CallbackSender`: that of *sender*, who sends in *around*."""

    def __init__(self, sender: CallbackSender, around: Around) -> None:
        self._sender = sender
        self._around = around

    async def send(self, attempt: CallbackAttempt) -> CallbackAnswer | CallbackFailure:
        with self._around("callback"):
            return await self._sender.send(attempt)
