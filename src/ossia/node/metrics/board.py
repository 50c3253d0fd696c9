"""The numbers of a server: each worker writes its own, and whoever is asked reads those of all.

1. They lie in memory that the supervisor makes and its workers inherit: counting is one addition,
   and nothing has to be brought together before it can be read.  (Requests take a way round,
   `request_count`.)
2. A place in that memory belongs to the worker's number and not to its process.  A worker that
   takes over from one that died counts on from there, so that no counter ever goes back.
3. Which series there can be is known beforehand (`families`): no request can make a new one.

Why not the client library's own values: docs/decisions/2026-11-28-metrics.md.
"""

import mmap
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import product
from math import prod
from typing import Final

_NUMBER: Final = 8
"""Bytes of a number: aligned, so that a reader in another process never sees half of one."""


class Kind(Enum):
    """What a family's numbers mean."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Series of one name.  Its *labels* are names with every value that they can have.

    What is *by_worker* is told of each worker alone, everything else as the sum of all.
    """

    name: str
    text: str
    kind: Kind = Kind.COUNTER
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    bounds: tuple[float, ...] = ()
    by_worker: bool = False

    @property
    def width(self) -> int:
        """How many numbers a series has: a histogram its buckets, and the sum behind them."""
        return len(self.bounds) + 2 if self.kind is Kind.HISTOGRAM else 1

    @property
    def size(self) -> int:
        """How many numbers all its series have."""
        return self.width * prod(len(values) for _, values in self.labels)

    def series(self) -> Iterator[tuple[str, ...]]:
        """The values of the labels of each series, in the order of their places."""
        return product(*(values for _, values in self.labels))

    def place(self, *chosen: str) -> int:
        """Where the series with these values of its labels begins."""
        place = 0
        for (_, values), value in zip(self.labels, chosen, strict=True):
            place = place * len(values) + values.index(value)
        return place * self.width


class Number:
    """A counter or a gauge of one worker."""

    __slots__ = ("_numbers", "_place")

    def __init__(self, numbers: "memoryview[float]", place: int) -> None:
        self._numbers = numbers
        self._place = place

    def add(self, amount: float = 1) -> None:
        """Count so many more."""
        self._numbers[self._place] += amount

    def set(self, value: float) -> None:
        """Be that."""
        self._numbers[self._place] = value


class Histogram:
    """A histogram of one worker."""

    __slots__ = ("_bounds", "_numbers", "_place", "_sum")

    def __init__(self, numbers: "memoryview[float]", place: int, bounds: tuple[float, ...]) -> None:
        self._numbers = numbers
        self._place = place
        self._bounds = bounds
        self._sum = place + len(bounds) + 1

    def observe(self, value: float) -> None:
        """Count one value."""
        numbers = self._numbers
        numbers[self._place + bisect_left(self._bounds, value)] += 1
        numbers[self._sum] += value


class Row:
    """What one worker writes."""

    def __init__(
        self, families: Sequence[Family], starts: dict[str, int], numbers: "memoryview[float]"
    ) -> None:
        self._families = families
        self._starts = starts
        self.numbers = numbers

    def place(self, family: Family, *values: str) -> int:
        """Where the series begins among `numbers`."""
        return self._starts[family.name] + family.place(*values)

    def number(self, family: Family, *values: str) -> Number:
        """The counter or gauge with these values of its labels."""
        return Number(self.numbers, self.place(family, *values))

    def histogram(self, family: Family, *values: str) -> Histogram:
        """The histogram with these values of its labels."""
        return Histogram(self.numbers, self.place(family, *values), family.bounds)

    def forget_gauges(self) -> None:
        """Be a new process: what another one was at its end is not what this one is."""
        for family in self._families:
            if family.kind is Kind.GAUGE:
                start = self._starts[family.name]
                for place in range(start, start + family.size):
                    self.numbers[place] = 0


class Board:
    """The rows of all workers.  Make it before they are forked."""

    def __init__(self, families: Sequence[Family], workers: int = 1) -> None:
        self.families = tuple(families)
        starts: dict[str, int] = {}
        size = 0
        for family in self.families:
            starts[family.name] = size
            size += family.size
        # Shared with every process that is forked from here; only what is written to takes memory.
        whole = memoryview(mmap.mmap(-1, size * workers * _NUMBER)).cast("d")
        self._starts = starts
        self.rows = [
            Row(self.families, starts, whole[worker * size : (worker + 1) * size])
            for worker in range(workers)
        ]

    def of_each(self, family: Family) -> list[list[float]]:
        """The numbers of *family*, worker by worker."""
        start = self._starts[family.name]
        return [list(row.numbers[start : start + family.size]) for row in self.rows]

    def of_all(self, family: Family) -> list[float]:
        """The numbers of *family*, summed up."""
        total = [0.0] * family.size
        first = self._starts[family.name]
        # Of most operations there is nothing: that is seen at once.
        length = family.size // len(family.labels[0][1]) if family.labels else family.size
        nothing = bytes(length * _NUMBER)
        for row in self.rows:
            for start in range(0, family.size, length):
                block = row.numbers[first + start : first + start + length]
                if block.tobytes() != nothing:
                    for place, number in enumerate(block, start):
                        total[place] += number
        return total
