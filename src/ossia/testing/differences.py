"""How what was found differs from what was expected, in lines for who reads a failure."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

_SHOWN: Final = 24
_MISSING: Final = object()


def differing(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """A line for each name whose value in *found* is not the expected one."""
    return [
        _line(name, value, found) for name, value in expected.items() if found.get(name) != value
    ]


def _line(name: str, expected: Any, found: Mapping[str, Any]) -> str:
    there = found.get(name, _MISSING)
    if there is not _MISSING:
        return f"{name}: expected {expected!r}, found {there!r}"
    others = f"; there are {', '.join(sorted(found))}" if found else "; there are none at all"
    return f"{name}: expected {expected!r}, and there is no {name}{others}"


def differing_bytes(expected: bytes, found: bytes) -> list[str]:
    """Where *found* begins to be something else, and how long both are; nothing where it is not."""
    if expected == found:
        return []
    pairs = enumerate(zip(expected, found, strict=False))
    at = next((index for index, (one, other) in pairs if one != other), None)
    if at is None:
        at = min(len(expected), len(found))
    return [
        f"content: expected {len(expected)} bytes, found {len(found)}; from byte {at} on:",
        f"  expected {_around(expected, at)}",
        f"  found    {_around(found, at)}",
    ]


def _around(content: bytes, at: int) -> str:
    begin = max(0, at - _SHOWN // 2)
    end = begin + _SHOWN
    return f"{'…' * (begin > 0)}{content[begin:end]!r}{'…' * (end < len(content))}"


def similar(name: str, names: Iterable[str]) -> list[str]:
    """Those of *names* that somebody may have meant, the closest first, in whatever case."""
    folded: dict[str, list[str]] = {}
    for each in names:
        folded.setdefault(each.casefold(), []).append(each)
    close = difflib.get_close_matches(name.casefold(), folded, n=5, cutoff=0.6)
    return [each for found in close for each in folded[found]]
