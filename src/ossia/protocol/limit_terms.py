"""How much one peer, key or bucket may ask for, as ``--limit-peer`` and its like say it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

_MOST: Final = 1_000_000
_LEAST_RATE: Final = 0.001
_LEAST_BYTES: Final = 1024
_MOST_BYTES: Final = 1 << 50
_SIZE: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?)(|[KMG]i?B)")
_UNITS: Final = {
    "": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}


@dataclass(frozen=True, slots=True)
class Speed:
    """*rate* bytes a second, and *burst* of them at once."""

    rate: int
    burst: int


@dataclass(frozen=True, slots=True)
class Terms:
    """*rate* requests a second, *burst* of them at once; *concurrent* and *connections* at a time.

    0 is any number; None is any speed.
    """

    rate: float = 0.0
    burst: int = 0
    concurrent: int = 0
    connections: int = 0
    upload: Speed | None = None
    download: Speed | None = None


def parse_terms(setting: str, texts: Iterable[str], *, has_connections: bool = True) -> Terms:
    """What *texts* say, each a name, ``=`` and a value.

    Without a burst it is what comes in a second.  What is given last counts.  Raises ValueError.
    """
    terms = Terms()
    for text in texts:
        name, _, value = text.partition("=")
        if name == "connections" and not has_connections:
            raise ValueError(
                f"{setting} {text!r}: a connection has no key and no bucket before its requests "
                "have; bound the requests of each at a time, with concurrent=NUMBER."
            )
        try:
            terms = _with(terms, name, value)
        except (ValueError, OverflowError):
            connections = ", connections=NUMBER" if has_connections else ""
            raise ValueError(
                f"{setting} {text!r} is not a limit: write requests=RATE, requests=RATE/BURST "
                f"(requests a second), concurrent=NUMBER{connections}, upload=RATE or "
                f"download=RATE (bytes a second such as 10MiB, at least 1KiB; RATE/BURST as "
                "well)."
            ) from None
    return terms


def _with(terms: Terms, name: str, value: str) -> Terms:
    match name:
        case "requests":
            rate, burst = _rate(value)
            return replace(terms, rate=rate, burst=burst)
        case "concurrent":
            return replace(terms, concurrent=_number(value))
        case "connections":
            return replace(terms, connections=_number(value))
        case "upload":
            return replace(terms, upload=_speed(value))
        case "download":
            return replace(terms, download=_speed(value))
    raise ValueError(name)


def _number(value: str) -> int:
    number = int(value)
    if not 1 <= number <= _MOST:
        raise ValueError
    return number


def _rate(value: str) -> tuple[float, int]:
    number, _, burst = value.partition("/")
    rate = float(number)
    most = int(burst) if burst else max(1, round(rate))
    if not (_LEAST_RATE <= rate <= _MOST and 1 <= most <= _MOST):
        raise ValueError
    return rate, most


def _speed(value: str) -> Speed:
    number, slash, burst = value.partition("/")
    rate = _size(number)
    return Speed(rate, _size(burst) if slash else rate)


def _size(text: str) -> int:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    size = round(float(found[1]) * _UNITS[found[2]])
    if not _LEAST_BYTES <= size <= _MOST_BYTES:
        raise ValueError(text)
    return size
