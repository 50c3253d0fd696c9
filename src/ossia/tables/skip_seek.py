"""Listing with a delimiter: one search per name, whatever a common prefix stands for.

Rows are looked at until one is rolled up.  If another common prefix follows, one statement finds it
and those behind it: the engine itself goes from the first key of one to that of the next, until a
key lies in none.  From there on rows are looked at again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache

from ossia.ports import Row, Rows
from ossia.tables.key_order import behind_all, common_prefix, successor

_FEW = 2
"""Rows of the first search where a delimiter may make the rest useless; it doubles each time."""

Name = tuple[str, Row | None]
"""A name of a listing and its row; a common prefix has none."""


@dataclass(frozen=True, slots=True)
class Index:
    """How rows are asked for in the order of a listing; the key is the first column.

    ``seek`` gives so many rows from a key on (the key itself included or not), ``behind`` those
    behind a row.  ``first`` is a scalar question for the first key of the bucket ``$1`` from
    ``{start}`` on and less than ``$3``, which are *bucket_id* and *end*.
    """

    bucket_id: int
    end: str
    seek: Callable[[Rows, str, bool, int], Awaitable[list[Row]]]
    behind: Callable[[Rows, Row, int], Awaitable[list[Row]]]
    first: str


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
                start = await _pass(asked, index, rolled_up, found, prefix, delimiter, limit)
                inclusive = True
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
) -> str | None:
    """Add a common prefix and those right behind it; the next key, if there is one to look at."""
    found.append((rolled_up, None))
    start = successor(rolled_up)
    if start is None or len(found) >= limit:
        return None
    # Where keys and common prefixes take turns there is nothing to go on to, and this is cheaper.
    first = f"select {index.first.format(start='$2')}"
    row = await asked.one(first, index.bucket_id, start, index.end)
    following: str | None = None if row is None else row[0]
    if following is None or common_prefix(following, prefix, delimiter) is None:
        return following
    leaps = _leaps(index.first, asked.position)
    about = (len(prefix), delimiter, behind_all(delimiter), limit - len(found))
    for (key,) in await asked.all(leaps, index.bucket_id, following, index.end, *about):
        following = key
        name = None if following is None else common_prefix(following, prefix, delimiter)
        if name is None:
            return following
        found.append((name, None))
    return None


@cache
def _leaps(first: str, position: str) -> str:
    """Of each common prefix from ``$2`` on the first key; at last one that is in none, or null.

    A prefix has ``$4`` characters, and ``$5`` is the delimiter.  Behind every key of a common
    prefix lies what comes before its delimiter with ``$6``, which is behind every text that begins
    with a delimiter.
    """
    place = f"{position}(substr(leap.key, $4 + 1), $5)"
    behind = f"substr(leap.key, 1, $4 + {place} - 1) || $6"
    return (
        f"with recursive leap(key) as (select {first.format(start='$2')}"
        f" union all select {first.format(start=behind)} from leap where {place} > 0)"
        " select key from leap limit $7"
    )


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
