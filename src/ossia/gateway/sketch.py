"""What many names have used, in memory that does not grow and that all workers share.

A name has a cell in each of three rows, by its hash, and what counts is the least of its cells:
two names are taken for one only where they meet in all three.  However many names somebody makes
up, that is all there is.

Requests ask for this up to eight times each, so it is written for speed: `min`, `max` and loops
over the rows take two or three times as long.

Workers are forked, so that they hash alike and nobody outside knows how.  Two that write a cell at
a time may lose one request of it.
"""

import mmap
from functools import lru_cache
from typing import Final

_ROWS: Final = 3
_BITS: Final = 16
_CELLS: Final = 1 << _BITS
_MASK: Final = _CELLS - 1
_ROUNDING_S: Final = 1e-6
"""What rounding leaves over is no reason to wait."""
_REMEMBERED: Final = 1024

_Places = tuple[int, int, int]


@lru_cache(_REMEMBERED)
def _places(name: str) -> _Places:
    number = hash(name)
    return (
        number & _MASK,
        _CELLS + (number >> _BITS & _MASK),
        2 * _CELLS + (number >> 2 * _BITS & _MASK),
    )


def _least(one: float, two: float, three: float) -> float:
    least = one if one < two else two
    return least if least < three else three


class Rates:
    """When each name has used up what it may: the generic cell rate algorithm."""

    def __init__(self) -> None:
        self._due: memoryview[float] = memoryview(mmap.mmap(-1, _ROWS * _CELLS * 8)).cast("d")

    def wait_s(self, name: str, rate: float, burst: int, now_s: float) -> float:
        """0, and it is counted, if *name* may have one more; else how long until it may."""
        places = _places(name)
        used = self._used(places)
        used_s = _least(*used)
        due_s = (used_s if used_s > now_s else now_s) + 1 / rate
        wait_s = due_s - now_s - burst / rate
        if wait_s > _ROUNDING_S:
            return wait_s
        self._raise(places, used, due_s)
        return 0.0

    def reserve_s(self, name: str, rate: float, burst: int, count: int, now_s: float) -> float:
        """Count *count* more of *name*, whatever it has used; how long until they are due."""
        places = _places(name)
        used = self._used(places)
        used_s = _least(*used)
        due_s = (used_s if used_s > now_s else now_s) + count / rate
        self._raise(places, used, due_s)
        wait_s = due_s - now_s - burst / rate
        return wait_s if wait_s > 0 else 0.0

    def backlog_s(self, name: str, rate: float, burst: int, now_s: float) -> float:
        """How long until all is due that is reserved for *name*."""
        wait_s = _least(*self._used(_places(name))) - now_s - burst / rate
        return wait_s if wait_s > 0 else 0.0

    def _used(self, places: _Places) -> tuple[float, float, float]:
        cells, (first, second, third) = self._due, places
        return cells[first], cells[second], cells[third]

    def _raise(self, places: _Places, used: tuple[float, float, float], due_s: float) -> None:
        # No more than this name has used: others in the cell are not added up.
        cells, (first, second, third) = self._due, places
        one, two, three = used
        if one < due_s:
            cells[first] = due_s
        if two < due_s:
            cells[second] = due_s
        if three < due_s:
            cells[third] = due_s


class Counts:
    """How many each name has at a time.  Each worker writes a part of its own, and reads all."""

    def __init__(self, workers: int) -> None:
        size = _ROWS * _CELLS
        whole = memoryview(mmap.mmap(-1, workers * size * 4)).cast("I")
        self._parts = [whole[worker * size : (worker + 1) * size] for worker in range(workers)]

    def forget(self, worker: int) -> None:
        """What a worker had that is no more."""
        self._parts[worker][:] = memoryview(bytes(_ROWS * _CELLS * 4)).cast("I")

    def count(self, name: str) -> int:
        """How many there are of *name*."""
        first, second, third = _places(name)
        one = two = three = 0
        for part in self._parts:
            one += part[first]
            two += part[second]
            three += part[third]
        return min(one, two, three)

    def change(self, worker: int, name: str, by: int) -> None:
        """One more, or one less."""
        part, (first, second, third) = self._parts[worker], _places(name)
        part[first] += by
        part[second] += by
        part[third] += by
