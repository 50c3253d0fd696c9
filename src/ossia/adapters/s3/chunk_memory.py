# ruff: noqa: D102 - the docstrings are those of `Gathered`
"""Where bytes of uploads wait until they make a chunk: in memory within a budget, else in a file.

An engine takes a chunk as a whole, so it has to be gathered; clients may be slow, and there may be
thousands.  Whoever finds no memory gathers in a file without a name, which goes with the process.
So no upload waits for the client of another.

1. A part of the memory is kept for what was gathered in files, which has to be read to be sent.
2. Memory is used again only after the engine has taken its chunk: of a try that was given up, the
   client library may still hold the bytes, and then it is left to it.
"""

import asyncio
import mmap
import os
import tempfile
import threading
from collections import deque
from pathlib import Path
from typing import Final, Protocol

from ossia.ports import Unavailable

CHUNK: Final = 8 * 1024 * 1024
PATIENCE_S: Final = 60.0


class Gathered(Protocol):
    """The bytes of one chunk so far."""

    size: int

    def append(self, piece: memoryview) -> int:
        """Take what fits of *piece*; how much.  In a thread.  Raises `Unavailable`."""

    async def content(self) -> "InMemory":
        """The bytes in memory, where a call can send them.  Raises `Unavailable`."""

    def drop(self) -> None:
        """Give everything back; nobody uses the bytes any more."""

    def abandon(self) -> None:
        """Give everything back, but the bytes themselves, which somebody may still be sending."""


class ChunkMemory:
    """The memory of all uploads of one process, in chunks."""

    def __init__(
        self, chunks: int, folder: Path | None, *, kept: int = 0, patience_s: float = PATIENCE_S
    ) -> None:
        """*kept* of *chunks* are for what was gathered in files below *folder*."""
        self._free = chunks
        self._kept = kept or max(1, chunks // 4)
        self._folder = folder
        self._patience_s = patience_s
        self._spare: list[mmap.mmap] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._lock = threading.Lock()

    def begin(self) -> Gathered:
        """A place for the next chunk.  In any thread."""
        with self._lock:
            if self._free > self._kept:
                self._free -= 1
                return self._one()
        return InFile(self, self._folder)

    async def wait(self) -> "InMemory":
        """Memory for what was gathered in a file, in the order of asking.  Raises `Unavailable`."""
        with self._lock:
            if self._free and not self._waiting:
                self._free -= 1
                return self._one()
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
        try:
            await asyncio.wait((turn,), timeout=self._patience_s)
        except BaseException:
            if self._ends(turn):
                self.give_back(None)
            raise
        if not self._ends(turn):
            raise Unavailable("the engine is slower than the uploads")
        with self._lock:
            return self._one()

    def _ends(self, turn: asyncio.Future[None]) -> bool:
        """Wait no more; whether memory was given."""
        with self._lock:
            if turn.done():
                return True
            self._waiting.remove(turn)
            return False

    def give_back(self, memory: mmap.mmap | None) -> None:
        """One chunk is free again; None if its bytes are not.  On the event loop."""
        with self._lock:
            if memory is not None and len(self._spare) < self._kept:
                self._spare.append(memory)
            if self._waiting:
                self._waiting.popleft().set_result(None)
            else:
                self._free += 1

    def _one(self) -> "InMemory":
        # Anonymous maps go back to the system when dropped, and cost nothing until they are filled.
        return InMemory(self, self._spare.pop() if self._spare else mmap.mmap(-1, CHUNK))


class InMemory:
    """A chunk in memory."""

    def __init__(self, owner: ChunkMemory, memory: mmap.mmap) -> None:
        self._owner = owner
        self._memory: mmap.mmap | None = memory
        self.size = 0

    def append(self, piece: memoryview) -> int:
        assert self._memory is not None
        count = min(len(piece), CHUNK - self.size)
        self._memory[self.size : self.size + count] = piece[:count]
        self.size += count
        return count

    def fill(self, descriptor: int, size: int) -> None:
        """Take *size* bytes from the beginning of a file."""
        assert self._memory is not None
        while self.size < size:
            view = memoryview(self._memory)[self.size : size]
            count = os.preadv(descriptor, [view], self.size)
            if not count:
                raise Unavailable("what was gathered in a file is not there any more")
            self.size += count

    async def content(self) -> "InMemory":
        return self

    def view(self) -> memoryview:
        """The bytes."""
        assert self._memory is not None
        return memoryview(self._memory)[: self.size]

    def drop(self) -> None:
        if self._memory is not None:
            memory, self._memory = self._memory, None
            self._owner.give_back(memory)

    def abandon(self) -> None:
        if self._memory is not None:
            self._memory = None
            self._owner.give_back(None)


class InFile:
    """A chunk in a file without a name."""

    def __init__(self, owner: ChunkMemory, folder: Path | None) -> None:
        self._owner = owner
        self.size = 0
        try:
            self._file = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 - `drop`
        except OSError as error:
            raise Unavailable(str(error)) from error

    def append(self, piece: memoryview) -> int:
        wanted = piece[: CHUNK - self.size]
        try:
            count = os.pwrite(self._file.fileno(), wanted, self.size)
        except OSError as error:
            raise Unavailable(str(error)) from error
        self.size += count
        return count

    async def content(self) -> InMemory:
        memory = await self._owner.wait()
        try:
            await asyncio.to_thread(memory.fill, self._file.fileno(), self.size)
        except BaseException:
            memory.abandon()
            raise
        self._file.close()
        return memory

    def drop(self) -> None:
        self._file.close()

    abandon = drop
