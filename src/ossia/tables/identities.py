"""Identities' rows, and the marks of requests that may come only once."""

from collections.abc import Sequence

from ossia.ports import Conflict, Exists, Missing, Rows, Transaction
from ossia.records import Reticent
from ossia.tables.key_order import marker

CHANGED = "identities"
"""The topic that a change of identities renews."""

_EPOCH = ("epoch", "")
"""The row that counts changes."""
_PRUNED_AT_ONCE = 100

_FIND = "select record from identity where kind = $1 and name = $2"
_PAGE = "select name, record from identity where kind = $1 and name > $2 order by name limit $3"
_INSERT = "insert into identity (record, kind, name) values ($1, $2, $3)"
_UPDATE = "update identity set record = $1 where kind = $2 and name = $3"


class IdentityChange(Reticent, frozen=True, kw_only=True):
    """One row of identities to be: its stored form, or None to remove it."""

    HIDDEN = frozenset({"record"})

    kind: str
    name: str
    record: bytes | None


async def find(rows: Rows, kind: str, name: str) -> bytes | None:
    """The stored form of an identity (kinds: user, group, access_key, role, policy, …)."""
    row = await rows.one(_FIND, kind, name)
    return None if row is None else row[0]


async def hold(tx: Transaction, kind: str, name: str) -> bytes | None:
    """The same, which nobody else changes until the change is made."""
    held = await tx.hold(_FIND, kind, name)
    return held[0][0] if held else None


async def page(rows: Rows, kind: str, after: str, limit: int) -> list[tuple[str, bytes]]:
    """(name, stored form) of one kind with a name greater than *after*, in order."""
    found = await rows.all(_PAGE, kind, marker(after), max(limit, 0))
    return [(name, record) for name, record in found]


async def put(
    tx: Transaction, kind: str, name: str, record: bytes, *, create: bool = False
) -> None:
    """Insert or replace a row that no other row depends on.

    With *create*, raises `Exists` if there is one.
    """
    if await tx.hold(_FIND, kind, name):
        if create:
            raise Exists(name)
        await tx.run(_UPDATE, record, kind, name)
    else:
        await tx.run(_INSERT, record, kind, name)


async def delete(tx: Transaction, kind: str, name: str) -> None:
    """Remove.  Raises `Missing`."""
    if not await tx.run("delete from identity where kind = $1 and name = $2", kind, name):
        raise Missing(name)


async def epoch(rows: Rows) -> int:
    """How often `change` has succeeded."""
    return int(await find(rows, *_EPOCH) or 0)


async def change(tx: Transaction, changes: Sequence[IdentityChange], *, since: int) -> None:
    """Make every change, provided that none was made since the epoch *since* was read.

    What was read after the epoch is therefore still true when the changes are made.  Raises
    `Conflict`.  A row to be removed that does not exist is no error.
    """
    held = await tx.hold(_FIND, *_EPOCH)
    if int(held[0][0] if held else 0) != since:
        raise Conflict(since)
    for each in changes:
        if each.record is None:
            await tx.run("delete from identity where kind = $1 and name = $2", each.kind, each.name)
        else:
            await put(tx, each.kind, each.name, each.record)
    # Not `put`, which would look once more, and find what somebody else has made of none.
    await tx.run(_UPDATE if held else _INSERT, b"%d" % (since + 1), *_EPOCH)
    tx.renew(CHANGED)


async def use_nonce(tx: Transaction, mark: bytes, *, now: int, until: int) -> None:
    """Remember *mark* until that time, for all processes.

    Raises `Exists` while it is remembered.
    """
    known = await tx.hold("select until from nonce where mark = $1", mark)
    if known and known[0][0] >= now:
        raise Exists(mark)
    await tx.run(
        "delete from nonce where mark in (select mark from nonce where until < $1 limit $2)",
        now,
        _PRUNED_AT_ONCE,
    )
    if known:
        # It may be gone by now, with the others whose time is over.
        await tx.run("delete from nonce where mark = $1", mark)
    await tx.run("insert into nonce (mark, until) values ($1, $2)", mark, until)
