"""Listing with a delimiter: one search per name, whatever a common prefix stands for."""

from collections.abc import Callable, Iterator
from typing import Any

from ossia.adapters.key_order import common_prefix, successor

Row = tuple[Any, ...]
Seek = Callable[[str, bool], Iterator[Row]]
"""Rows in order from a key on (the key itself included or not); the key is the first column."""
Probe = Callable[[str], str | None]
"""The first key from a key on; cheaper than the row."""


def walk(
    seek: Seek,
    probe: Probe,
    prefix: str,
    delimiter: str,
    after: str,
    *,
    including_after: bool = False,
) -> Iterator[tuple[str, Row | None]]:
    """(name, row) of the names behind *after*, in order; a common prefix has no row.

    With *including_after* the key *after* itself is also a name, unless it is rolled up.
    """
    start, inclusive = _start(prefix, delimiter, after, including_after)
    while start is not None:
        behind = start
        start = None
        for row in seek(behind, inclusive):
            rolled_up = common_prefix(row[0], prefix, delimiter)
            if rolled_up is None:
                yield row[0], row
                continue
            # Behind a common prefix there is often another one.
            while rolled_up is not None:
                yield rolled_up, None
                start, inclusive = successor(rolled_up), True
                key = None if start is None else probe(start)
                if key is None:
                    return
                rolled_up = common_prefix(key, prefix, delimiter)
            break


def _start(
    prefix: str, delimiter: str, after: str, including_after: bool
) -> tuple[str | None, bool]:
    if after < prefix:
        return prefix, True
    if after.startswith(prefix):
        rolled_up = common_prefix(after, prefix, delimiter)
        if rolled_up is not None:
            return successor(rolled_up), True
    return after, including_after or not after
