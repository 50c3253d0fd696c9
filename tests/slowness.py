"""How much slower the machine is right now than one on which bounds of processor time were set.

Whatever else runs on a core's other half, or on the host beneath, makes the same work cost twice as
much: a bound that holds on an idle machine says nothing on a busy one, unless it is told.
"""

import statistics
import time
from typing import Final

_NOMINAL_S: Final = 0.0026
"""What a piece takes on an idle machine (AMD EPYC, CPython 3.11)."""
_PIECES: Final = 15


def slowness() -> float:
    """1 on a machine that is as quick as that one or quicker, 2 where all takes twice as long."""
    return max(1.0, statistics.median(_piece_s() for _ in range(_PIECES)) / _NOMINAL_S)


def _piece_s() -> float:
    begun_s = time.thread_time()
    sum(number * number for number in range(50_000))
    return time.thread_time() - begun_s
