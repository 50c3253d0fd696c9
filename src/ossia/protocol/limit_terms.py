"""How much one peer, key or bucket may ask for, as ``--limit-peer`` and its like say it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

REQUESTS: Final = "requests"
CONCURRENT: Final = "concurrent"
_MOST: Final = 1_000_000
_LEAST_RATE: Final = 0.001


@dataclass(frozen=True, slots=True)
class Terms:
    """*rate* requests a second, *burst* of them at once; *concurrent* at a time.  0: any number."""

    rate: float = 0.0
    burst: int = 0
    concurrent: int = 0


def parse_terms(setting: str, texts: Iterable[str]) -> Terms:
    """Each of *texts* is ``requests=RATE``, ``requests=RATE/BURST`` or ``concurrent=NUMBER``.

    Without a burst it is what comes in a second.  What is given last counts.  Raises ValueError.
    """
    rate, burst, concurrent = 0.0, 0, 0
    for text in texts:
        name, _, value = text.partition("=")
        try:
            if name == REQUESTS:
                rate, burst = _rate(value)
            else:
                concurrent = _concurrent(name, value)
        except (ValueError, OverflowError):
            raise ValueError(
                f"{setting} {text!r} is not a limit: write {REQUESTS}=RATE, {REQUESTS}=RATE/BURST "
                f"(requests a second) or {CONCURRENT}=NUMBER."
            ) from None
    return Terms(rate, burst, concurrent)


def _concurrent(name: str, value: str) -> int:
    number = int(value)
    if name != CONCURRENT or not 1 <= number <= _MOST:
        raise ValueError
    return number


def _rate(value: str) -> tuple[float, int]:
    number, _, burst = value.partition("/")
    rate = float(number)
    most = int(burst) if burst else max(1, round(rate))
    if not (_LEAST_RATE <= rate <= _MOST and 1 <= most <= _MOST):
        raise ValueError
    return rate, most
