"""What the access log is told of a request.

A request only hands over what is known of it; its line is made later (`gateway.access_lines`), in
the thread that writes (`ossia.logs.outlet`), many at a time.
"""

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any

import msgspec

from ossia.domain.identity.identities import Caller
from ossia.logs.scope import Spent


class Told(msgspec.Struct, frozen=True, gc=False):
    """A request that is answered: what is known of it.

    ``beside`` is the kind of caller that a service beside OSS has found, ``reference`` the id that
    it gave.  ``came``, ``entered`` (it is known who asks, of which bucket), ``allowed`` and
    ``ended`` (the answer began) are moments by the monotonic clock, 0 where it did not come to
    that; ``spent`` is what the time between was spent on; ``sending_s`` is what sending took that
    had to wait for the client.

    Thousands wait to be written: nothing here is looked at by the garbage collector.
    """

    method: str
    target: bytes
    operation: str
    bucket: str
    key: str
    caller: Caller | None
    beside: str
    peer: str
    status: int
    received: int
    sent: int
    came: float
    entered: float
    allowed: float
    ended: float
    spent: Sequence[Spent]
    request_id: str
    reference: str = ""
    sending_s: float | None = None
    is_whole: bool = True

    @property
    def caller_kind(self) -> str:
        """Who asked, in a word; empty where nobody knows."""
        return (self.beside if self.caller is None else self.caller.kind.name).lower()

    def __repr__(self) -> str:
        # What follows the target's path may be a signature.
        return f"Told({self.request_id})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("request_id", self.request_id)]


def phases(told: Told) -> dict[str, float]:
    """Seconds by phase; what is told apart within a stage is not counted in it again."""
    if told.caller is None:
        # A service beside OSS has steps of its own.
        return {}
    found = {}
    last, since = "auth", told.came
    for stage, until in (("permit", told.entered), ("run", told.allowed)):
        if until:
            found[last] = until - since
            last, since = stage, until
    found[last] = told.ended - since
    for name, seconds in _apart(told.spent).items():
        found[name] = seconds
        found[last] -= seconds
    found[last] = max(found[last], 0.0)
    if told.sending_s is not None:
        found["send"] = told.sending_s
    return found


def _apart(spent: Sequence[Spent]) -> dict[str, float]:
    """Seconds by what they were spent on; of what is done side by side what began last counts."""
    if len(spent) == 1:
        # Most uploads: they are small, and only committed.
        ((name, begun, ended),) = spent
        return {name: ended - begun}
    found = {name: 0.0 for name, _, _ in spent}
    to_come = sorted(spent, key=lambda each: each[1], reverse=True)
    under_way: list[tuple[float, float, str]] = []
    for since, until in pairwise(sorted({at for _, *moments in spent for at in moments})):
        while to_come and to_come[-1][1] <= since:
            name, begun, ended = to_come.pop()
            heappush(under_way, (-begun, ended, name))
        while under_way and under_way[0][1] <= since:
            heappop(under_way)
        if under_way:
            found[under_way[0][2]] += until - since
    return found
