# ruff: noqa: D102 - the docstrings are those of the port
"""The bytes of one blob on their way into an engine, chunk by chunk."""

import asyncio
from collections.abc import Callable
from typing import Final

from ossia.adapters.s3.chunk_memory import CHUNK, ChunkMemory, Gathered
from ossia.adapters.s3.engine import Engine
from ossia.adapters.unasked import forget_failure
from ossia.ports import Unavailable

_AT_A_TIME: Final = 3
"""Chunks of one upload under way: enough to fill a line while others have their turns."""


class StagedChunks:
    """See `ossia.ports.StagedBlob`.  *name* makes the name of a chunk of its number."""

    def __init__(
        self, blob_id: str, engine: Engine, memory: ChunkMemory, name: Callable[[int], str]
    ) -> None:
        self.id = blob_id
        self._engine = engine
        self._memory = memory
        self._name = name
        self._gathering: Gathered | None = None
        self._full: list[Gathered] = []
        self._putting: set[asyncio.Task[None]] = set()
        self._is_over = False
        self.begun = 0
        """How many chunks the engine may have heard of."""
        self.has_failed = False
        """Whether it did not take one of them."""

    def write(self, piece: memoryview) -> None:
        while len(piece):
            if self._gathering is None:
                self._gathering = self._memory.begin()
            piece = piece[self._gathering.append(piece) :]
            if self._gathering.size == CHUNK:
                self._full.append(self._gathering)
                self._gathering = None

    async def flow(self) -> None:
        self._put_full()
        await self._until_at_most(_AT_A_TIME)

    async def finish(self) -> None:
        """Bring what is left, and wait until the engine has everything.  Raises `Unavailable`."""
        if self._gathering is None and not self._full and not self.begun:
            self._gathering = self._memory.begin()
        if self._gathering is not None:
            self._full.append(self._gathering)
            self._gathering = None
        self._put_full()
        await self._until_at_most(0)
        self._is_over = True

    def give_up(self) -> bool:
        """Let go of everything; whether there was anything to give up."""
        was_over, self._is_over = self._is_over, True
        for task in self._putting:
            task.cancel()
        waiting = [*self._full, self._gathering]
        self._full, self._gathering = [], None
        for gathered in waiting:
            if gathered is not None:
                gathered.drop()
        return not was_over

    def _put_full(self) -> None:
        full, self._full = self._full, []
        for gathered in full:
            task = asyncio.ensure_future(self._put(self._name(self.begun), gathered))
            task.add_done_callback(forget_failure)
            self.begun += 1
            self._putting.add(task)

    async def _put(self, name: str, gathered: Gathered) -> None:
        try:
            gathered = await gathered.content()
            is_ours = await self._engine.put(name, gathered.view())
        except BaseException as error:
            gathered.abandon()
            self.has_failed = self.has_failed or isinstance(error, Unavailable)
            raise
        if is_ours:
            gathered.drop()
        else:
            gathered.abandon()

    async def _until_at_most(self, count: int) -> None:
        while True:
            for task in [each for each in self._putting if each.done()]:
                self._putting.discard(task)
                task.result()
            if len(self._putting) <= count:
                return
            await asyncio.wait(self._putting, return_when=asyncio.FIRST_COMPLETED)
