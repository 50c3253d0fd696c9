"""Counts requests.  Every request pays for it, so it is written for speed (bench/metrics.py)."""

from bisect import bisect_left

from ossia.gateway.pipeline import Count
from ossia.node.metrics import families
from ossia.node.metrics.board import Row


def request_count(row: Row) -> Count:
    """What counts the requests of one worker."""
    numbers = row.numbers
    bounds = families.REQUEST_SECONDS.bounds
    buckets = len(bounds) + 1
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

    def count(
        operation: str, status: int, caller: str, seconds: float, received: int, sent: int
    ) -> None:
        requests, durations, ins, outs = places.get(operation, unknown)
        # Who is nobody known counts as a stranger, who stands first.
        numbers[requests + statuses.get(status, other) + callers.get(caller, 0)] += 1
        numbers[durations + bisect_left(bounds, seconds)] += 1
        numbers[durations + buckets] += seconds
        if received:
            numbers[ins] += received
        if sent:
            numbers[outs] += sent

    return count
