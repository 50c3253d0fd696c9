"""How many bytes may pass when: the arithmetic of ``x-oss-traffic-limit``.

Pure: times are arguments, in seconds of any clock that only goes forward.
"""

from collections.abc import Sequence
from typing import Final, Protocol

TURNS_PER_SECOND: Final = 10
_LEAST_TURN: Final = 1024
_CREDIT_S: Final = 0.2


class Pacing(Protocol):
    """How fast the bytes of one request may pass."""

    @property
    def turn(self) -> int:
        """How many bytes may pass at once."""

    @property
    def waited_s(self) -> float:
        """How long it has made wait in all."""

    def delay_s(self, count: int, now_s: float) -> float:
        """How long to wait after *count* bytes have passed at *now_s*, before others may."""


class Pace:
    """Lets *rate* bytes a second pass, in turns of a tenth of a second."""

    __slots__ = ("_due_s", "_rate", "turn", "waited_s")

    def __init__(self, rate: int, now_s: float) -> None:
        self._rate = rate
        self._due_s = now_s
        self.turn = max(_LEAST_TURN, rate // TURNS_PER_SECOND)
        """How many bytes may pass at once."""
        self.waited_s = 0.0

    def delay_s(self, count: int, now_s: float) -> float:
        """How long to wait after *count* bytes have passed at *now_s*, before others may."""
        # Who could not use his turns, because the other side was slow, may not make up for all.
        self._due_s = max(self._due_s, now_s - _CREDIT_S) + count / self._rate
        delay_s = max(0.0, self._due_s - now_s)
        self.waited_s += delay_s
        return delay_s


class Slowest:
    """Several at once: the slowest counts."""

    __slots__ = ("_paces", "turn", "waited_s")

    def __init__(self, paces: Sequence[Pacing]) -> None:
        self._paces = paces
        self.turn = min(pace.turn for pace in paces)
        self.waited_s = 0.0

    def delay_s(self, count: int, now_s: float) -> float:
        """How long to wait after *count* bytes have passed at *now_s*, before others may."""
        delay_s = max(pace.delay_s(count, now_s) for pace in self._paces)
        self.waited_s += delay_s
        return delay_s


def slowest(paces: Sequence[Pacing]) -> Pacing | None:
    """All of *paces* together; None where there are none."""
    return Slowest(paces) if len(paces) > 1 else next(iter(paces), None)
