"""Pairs of page-aligned buffers for large uploads, within a budget.

An upload reads into one buffer of its pair while the other is digested and written.  Memory is
bounded twice: by the buffer size of one upload and by the budget of all.  While much of the
budget is free, uploads get large buffers (fewer hops, better writes); when it is scarce, small
ones, which are granted without limit so that no upload waits for another.
"""

import mmap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LARGE = 1024 * 1024
SMALL = 64 * 1024
_KEPT = 8


class Buffers:
    """Hands out pairs of buffers."""

    def __init__(self, budget: int = 32 * 1024 * 1024) -> None:
        self._free_budget = budget
        self._spare: dict[int, list[mmap.mmap]] = {LARGE: [], SMALL: []}

    @asynccontextmanager
    async def pair(self) -> AsyncIterator[list[memoryview]]:
        """Two equal buffers, page-aligned, whose size is a multiple of the page size."""
        size = LARGE if self._free_budget >= 2 * LARGE else SMALL
        self._free_budget -= 2 * size
        maps = [self._take(size), self._take(size)]
        try:
            yield [memoryview(each) for each in maps]
        finally:
            self._free_budget += 2 * size
            self._spare[size].extend(maps[: max(0, _KEPT - len(self._spare[size]))])

    def _take(self, size: int) -> mmap.mmap:
        spare = self._spare[size]
        # Anonymous maps are page-aligned and go back to the system when dropped.
        return spare.pop() if spare else mmap.mmap(-1, size)
