# ruff: noqa: D102 - the docstrings are those of the port
"""The bytes of one blob on their way out of an engine, piece by piece.

A piece is a range of one chunk, got by one call: who is slow holds no connection to the engine.
The next one is under way while the client takes the last.

1. A piece is about what its reader takes in half a second, so who is slow holds little.
2. What all readers hold beyond a least piece each is bounded by a budget; when it is spent, nobody
   reads ahead.
3. Nothing is read beyond the run.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from ossia.adapters.s3.chunk_memory import CHUNK
from ossia.adapters.s3.engine import Engine
from ossia.adapters.unasked import forget_failure

LEAST: Final = 64 * 1024
FIRST: Final = 512 * 1024
MOST: Final = 4 * 1024 * 1024
"""A request of this size costs an engine half as much by the byte as one of 256 KiB."""
_FAST_S: Final = 0.25
_SLOW_S: Final = 1.0


class Budget:
    """How many bytes may be held beyond the least."""

    def __init__(self, total: int) -> None:
        self._free = total

    def take(self, wanted: int) -> int:
        """Half of what is free, if *wanted* is more, and not less than `LEAST`."""
        granted = min(wanted, max(LEAST, self._free // 2 // LEAST * LEAST))
        self._free -= granted
        return granted

    @property
    def is_spent(self) -> bool:
        """Whether nobody should hold more than he needs now."""
        return self._free <= 0

    def give_back(self, granted: int) -> None:
        """What was taken is held no more."""
        self._free += granted


class ChunkReader:
    """See `ossia.ports.BlobReader`.  *name* makes the name of a chunk of its number."""

    def __init__(
        self, engine: Engine, budget: Budget, name: Callable[[int], str], offset: int, length: int
    ) -> None:
        self._engine = engine
        self._budget = budget
        self._name = name
        self.offset = offset
        self.length = length
        self._size = FIRST
        self._piece: _Piece | None = None
        self._next: _Piece | None = None
        self._given_at = 0.0

    async def begin(self) -> None:
        if self.length:
            await self._bring(self.offset)

    def fileno(self) -> None:
        return None

    async def read(self, offset: int, most: int) -> memoryview:
        piece = self._piece
        if piece is None or not piece.offset <= offset < piece.end:
            piece = await self._bring(offset)
        start = offset - piece.offset
        return piece.content[start : start + most]

    def release(self) -> None:
        self._drop(self._piece, self._next)
        self._piece = self._next = None
        self._size = LEAST

    close = release

    async def _bring(self, offset: int) -> "_Piece":
        """The piece that begins at *offset*; the one behind it is under way then."""
        self._adapt()
        piece, self._next = self._next, None
        self._drop(self._piece)
        self._piece = None
        if piece is None or piece.offset != offset:
            self._drop(piece)
            piece = self._ask_for(offset)
        try:
            piece.content = await piece.coming
        except BaseException:
            self._drop(piece)
            raise
        self._piece = piece
        self._given_at = asyncio.get_running_loop().time()
        reads_ahead = self._size > LEAST and not self._budget.is_spent
        if reads_ahead and piece.end < self.offset + self.length:
            self._next = self._ask_for(piece.end)
        return piece

    def _adapt(self) -> None:
        """Let pieces grow for who is fast, and shrink for who is slow."""
        if self._piece is None:
            return
        took_s = asyncio.get_running_loop().time() - self._given_at
        if took_s < _FAST_S:
            self._size = min(MOST, 2 * self._size)
        elif took_s > _SLOW_S:
            self._size = max(LEAST, self._size // 2)

    def _ask_for(self, offset: int) -> "_Piece":
        number, start = divmod(offset, CHUNK)
        left = max(1, self.offset + self.length - offset)
        granted = self._budget.take(min(self._size, left, CHUNK - start))
        coming = asyncio.ensure_future(self._engine.get(self._name(number), start, granted))
        coming.add_done_callback(forget_failure)
        return _Piece(offset, granted, coming)

    def _drop(self, *pieces: "_Piece | None") -> None:
        for piece in pieces:
            if piece is not None:
                piece.coming.cancel()
                self._budget.give_back(piece.granted)


class _Piece:
    """A range of a chunk that was asked for."""

    __slots__ = ("coming", "content", "granted", "offset")

    def __init__(self, offset: int, granted: int, coming: asyncio.Task[memoryview]) -> None:
        self.offset = offset
        self.granted = granted
        self.coming = coming
        self.content = memoryview(b"")

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.offset + len(self.content)
