"""Waiting for what comes about by itself."""

import time
from collections.abc import Callable


def until(
    holds: Callable[[], bool], what: str = "it does not come about", within_s: float = 10
) -> None:
    """Return once *holds* does; fail, and say *what* is wrong, if it never does."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)
