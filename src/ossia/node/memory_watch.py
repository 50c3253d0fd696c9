"""Lets the garbage collector look for cycles seldom, and at once where memory grows.

Requests in flight are many young objects without cycles: with the interpreter's own threshold of
700 the collector takes 5 % of what a small write costs.  But objects that it counts may be small
and hold much; so the memory of the process wakes it, too.
"""

import asyncio
import ctypes
import gc
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_NEW_OBJECTS_PER_COLLECTION: Final = 50_000
_LOOK_EVERY_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 32.0
_GROWTH: Final = 8 * 1024 * 1024
_STATM: Final = Path("/proc/self/statm")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def spare_the_collector() -> None:
    """Look for cycles seldom, and never in what lives as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS_PER_COLLECTION, 10, 10)


def resident_bytes() -> int:
    """The memory that the process occupies."""
    return int(_STATM.read_text().split()[1]) * _PAGE


async def watch_memory() -> None:
    """Collect when memory has grown, and give back to the system what is free then.

    What does not go away is tried again ever more seldom, until it counts as in use; what grows
    beyond it is tried at once.
    """
    least = kept = resident_bytes()
    pause_s = since_s = 0.0
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        since_s += _LOOK_EVERY_S
        now = resident_bytes()
        least = min(least, now)
        if now - kept > _GROWTH or now - least <= _GROWTH:
            pause_s = 0.0
        if now - least <= _GROWTH or since_s < pause_s:
            continue
        gc.collect()
        _give_back()
        kept, since_s = resident_bytes(), 0.0
        if pause_s < _LONGEST_PAUSE_S:
            pause_s = max(_LOOK_EVERY_S, 2 * pause_s)
        else:
            least, pause_s = kept, 0.0


def _give_back() -> None:
    """Ask the C library for what it keeps for later; others than glibc keep nothing."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
