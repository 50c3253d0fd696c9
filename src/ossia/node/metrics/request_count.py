"""Counts requests.  Every request pays for it, so it is written for speed (bench/metrics.py).

A request is only noted when it is answered; a few times a second all that was noted is put on the
board, those that are alike in one go.  Between two requests the processor's caches are full of
other things, and whatever is touched costs ten times what it does in a loop.  A worker that is
killed loses its last quarter of a second.
"""

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from ossia.gateway.exchange import Answered
from ossia.node.metrics import families
from ossia.node.metrics.board import Row

_MOST = 100_000
"""More than can be answered before they are put on the board."""


class RequestCount:
    """The requests of one worker: `note` hears of each, `write` puts them on the board."""

    def __init__(self, row: Row) -> None:
        self._noted = deque[Answered](maxlen=_MOST)
        self.note = self._noted.append
        self._count = _counting(row)

    def write(self) -> None:
        """Put on the board what was noted since."""
        alike: defaultdict[tuple[str, int, str], list[Answered]] = defaultdict(list)
        for each in self._noted:
            alike[each[:3]].append(each)
        self._noted.clear()
        for what, requests in alike.items():
            self._count(*what, requests)


def _counting(row: Row) -> Callable[[str, int, str, Sequence[Answered]], None]:
    """What puts requests of one operation, status and kind of caller on the board."""
    numbers = row.numbers
    bounds = families.REQUEST_SECONDS.bounds
    width = len(families.CALLERS)
    statuses = {
        int(status): width * index
        for index, status in enumerate(families.STATUSES)
        if status != families.OTHER
    }
    other = width * families.STATUSES.index(families.OTHER)
    callers = {name.upper(): index for index, name in enumerate(families.CALLERS)}
    first = (families.STATUSES[0], families.CALLERS[0])
    places = {
        operation: (
            row.place(families.REQUESTS, operation, *first),
            row.place(families.REQUEST_SECONDS, operation),
            row.place(families.RECEIVED_BYTES, operation),
            row.place(families.SENT_BYTES, operation),
        )
        for operation in families.OPERATIONS
    }
    unknown = places[families.UNKNOWN]

    def count(operation: str, status: int, caller: str, requests: Sequence[Answered]) -> None:
        counts, durations, ins, outs = places.get(operation, unknown)
        # Who is nobody known counts as a stranger, who stands first.
        numbers[counts + statuses.get(status, other) + callers.get(caller, 0)] += len(requests)
        took_s = sorted([each[3] for each in requests])
        counted = 0
        for place, bound in enumerate(bounds, durations):
            upto = bisect_right(took_s, bound, counted)
            if upto > counted:
                numbers[place] += upto - counted
                counted = upto
        place = durations + len(bounds)
        numbers[place] += len(requests) - counted
        numbers[place + 1] += sum(took_s)
        numbers[ins] += sum([each[4] for each in requests])
        numbers[outs] += sum([each[5] for each in requests])

    return count
