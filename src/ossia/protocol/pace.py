"""How many bytes may pass when: the arithmetic of ``x-oss-traffic-limit``.

Pure: times are arguments, in seconds of any clock that only goes forward.
"""

from typing import Final

TURNS_PER_SECOND: Final = 10
_LEAST_TURN: Final = 1024
_CREDIT_S: Final = 0.2


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
