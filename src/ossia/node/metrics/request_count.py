"""Counts requests.  Every request pays for it, so it is written for speed (bench/metrics.py).

What is counted goes into lists, one for each operation, and from there to the board a few times a
second: numbers in memory that processes share cost more to change.  A worker that is killed loses
what it has counted in the last quarter of a second.
"""

from array import array
from bisect import bisect_left

from ossia.gateway.pipeline import Count
from ossia.node.metrics import families
from ossia.node.metrics.board import Family, Row

_STATUSES = len(families.STATUSES) * len(families.CALLERS)
_BUCKETS = len(families.REQUEST_SECONDS.bounds) + 1
# What a list holds: requests by status and caller, buckets, and three sums.
_SECONDS = _STATUSES + _BUCKETS
_RECEIVED = _SECONDS + 1
_SENT = _RECEIVED + 1
_PARTS: tuple[tuple[Family, int, int], ...] = (
    (families.REQUESTS, 0, _STATUSES),
    (families.REQUEST_SECONDS, _STATUSES, _RECEIVED),
    (families.RECEIVED_BYTES, _RECEIVED, _SENT),
    (families.SENT_BYTES, _SENT, _SENT + 1),
)


class RequestCount:
    """The requests of one worker: `count` hears of each, `write` puts them on the board."""

    def __init__(self, row: Row) -> None:
        self._numbers = row.numbers
        first = (families.STATUSES[0], families.CALLERS[0])
        self._places = {
            operation: [
                (row.place(family, operation, *(first if start == 0 else ())), start, end)
                for family, start, end in _PARTS
            ]
            for operation in families.OPERATIONS
        }
        # A worker that takes over counts on.
        self._lists = {
            operation: [
                number
                for place, start, end in parts
                for number in self._numbers[place : place + end - start]
            ]
            for operation, parts in self._places.items()
        }
        self._written = {operation: self._told(operation) for operation in self._lists}
        self.count = self._counting()

    def _told(self, operation: str) -> list[float]:
        """What is another after each request."""
        return self._lists[operation][_STATUSES:_SECONDS]

    def _counting(self) -> Count:
        lists = self._lists
        unknown = lists[families.UNKNOWN]
        bounds = families.REQUEST_SECONDS.bounds
        width = len(families.CALLERS)
        statuses = {
            int(status): width * index
            for index, status in enumerate(families.STATUSES)
            if status != families.OTHER
        }
        other = width * families.STATUSES.index(families.OTHER)
        callers = {name.upper(): index for index, name in enumerate(families.CALLERS)}

        def count(
            operation: str, status: int, caller: str, seconds: float, received: int, sent: int
        ) -> None:
            # A look that is sure to find is half as dear as `get`.
            try:
                numbers = lists[operation]
            except KeyError:
                numbers = unknown
            try:
                place = statuses[status] + callers[caller]
            except KeyError:
                # Who is nobody known counts as a stranger, who stands first.
                place = statuses.get(status, other) + callers.get(caller, 0)
            numbers[place] += 1.0
            numbers[_STATUSES + bisect_left(bounds, seconds)] += 1.0
            numbers[_SECONDS] += seconds
            if received:
                numbers[_RECEIVED] += received
            if sent:
                numbers[_SENT] += sent

        return count

    def write(self) -> None:
        """Put on the board what was counted since."""
        for operation, written in self._written.items():
            told = self._told(operation)
            if told != written:
                self._written[operation] = told
                numbers = array("d", self._lists[operation])
                for place, start, end in self._places[operation]:
                    self._numbers[place : place + end - start] = memoryview(numbers[start:end])
