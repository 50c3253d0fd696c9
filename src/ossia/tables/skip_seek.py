"""Listing with a delimiter: one search per name, whatever a common prefix stands for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ossia.ports import Row, Rows
from ossia.tables.key_order import common_prefix, successor

_FEW = 2
"""Rows of the first search where a delimiter may make the rest useless; it doubles each time."""

Name = tuple[str, Row | None]
"""A name of a listing and its row; a common prefix has none."""


@dataclass(frozen=True, slots=True)
class Index:
    """How rows are asked for in the order of a listing; the key is the first column.

    ``seek`` gives so many rows from a key on (the key itself included or not), ``behind`` those
    behind a row, and ``probe`` the first key from a key on, cheaper than a row.
    """

    seek: Callable[[Rows, str, bool, int], Awaitable[list[Row]]]
    behind: Callable[[Rows, Row, int], Awaitable[list[Row]]]
    probe: Callable[[Rows, str], Awaitable[str | None]]


async def names(
    asked: Rows,
    index: Index,
    prefix: str,
    delimiter: str,
    after: str,
    limit: int,
    *,
    including_after: bool = False,
) -> list[Name]:
    """At most *limit* names behind *after*, in order.

    With *including_after* the key *after* itself is also a name, unless it is rolled up.
    """
    found: list[Name] = []
    start, inclusive = _start(prefix, delimiter, after, including_after)
    while start is not None and len(found) < limit:
        count = min(_FEW, limit) if delimiter else limit
        rows = await index.seek(asked, start, inclusive, count)
        start = None
        while rows:
            rolled_up = _take(rows, found, prefix, delimiter, limit)
            if rolled_up is not None:
                start, inclusive = await _pass(
                    asked, index, rolled_up, found, prefix, delimiter, limit
                )
                break
            if len(rows) < count or len(found) >= limit:
                break
            count = min(2 * count, limit)
            rows = await index.behind(asked, rows[-1], count)
    return found


async def page(
    asked: Rows,
    index: Index,
    prefix: str,
    delimiter: str,
    after: str,
    limit: int,
    *,
    including_after: bool = False,
) -> tuple[list[Name], Name | None]:
    """The same, and the last of them if there are more.

    With a delimiter it is many statements, which are cheaper together; and they see one commit.
    """
    about = (index, prefix, delimiter, after, limit + 1)
    if delimiter:
        found = await asked.together(names, *about, including_after=including_after)
    else:
        found = await names(asked, *about, including_after=including_after)
    shown = found[: max(limit, 0)]
    return shown, shown[-1] if shown and len(found) > limit else None


def _take(
    rows: list[Row], found: list[Name], prefix: str, delimiter: str, limit: int
) -> str | None:
    """Add rows to *found* up to the first that is rolled up; what it is rolled up to."""
    for row in rows[: limit - len(found)]:
        rolled_up = common_prefix(row[0], prefix, delimiter)
        if rolled_up is not None:
            return rolled_up
        found.append((row[0], row))
    return None


async def _pass(
    asked: Rows,
    index: Index,
    rolled_up: str,
    found: list[Name],
    prefix: str,
    delimiter: str,
    limit: int,
) -> tuple[str | None, bool]:
    """Add a common prefix and those right behind it; where the next key is looked for."""
    behind: str | None = None
    name: str | None = rolled_up
    while name is not None and len(found) < limit:
        found.append((name, None))
        behind = successor(name)
        key = None if behind is None else await index.probe(asked, behind)
        if key is None:
            return None, True
        name = common_prefix(key, prefix, delimiter)
    return behind, True


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
