"""Statements about identities."""

from collections.abc import Sequence

import apsw

from ossia.adapters.sqlite.transaction import Transaction, rows
from ossia.ports import Conflict, Exists, IdentityChange, Missing

_EPOCH = ("epoch", "")
"""The row that counts changes."""

_PRUNED_AT_ONCE = 100


def find(cursor: apsw.Cursor, kind: str, name: str) -> bytes | None:
    """See `ossia.ports.MetadataStore.find_identity`."""
    record: bytes | None = cursor.execute(
        "select record from identity where kind = ? and name = ?", (kind, name)
    ).get
    return record


def page(cursor: apsw.Cursor, kind: str, after: str, limit: int) -> list[tuple[str, bytes]]:
    """See `ossia.ports.MetadataStore.list_identities`."""
    return rows(
        cursor,
        "select name, record from identity where kind = ? and name > ? order by name limit ?",
        (kind, after, max(limit, 0)),
    )


def put(transaction: Transaction, kind: str, name: str, record: bytes, *, create: bool) -> None:
    """See `ossia.ports.MetadataStore.put_identity`."""
    if create and find(transaction.cursor, kind, name) is not None:
        raise Exists(name)
    transaction.execute("insert or replace into identity values (?, ?, ?)", (kind, name, record))


def delete(transaction: Transaction, kind: str, name: str) -> None:
    """See `ossia.ports.MetadataStore.delete_identity`."""
    transaction.execute("delete from identity where kind = ? and name = ?", (kind, name))
    if not transaction.changed():
        raise Missing(name)


def epoch(cursor: apsw.Cursor) -> int:
    """See `ossia.ports.MetadataStore.identity_epoch`."""
    return int(find(cursor, *_EPOCH) or 0)


def change(transaction: Transaction, changes: Sequence[IdentityChange], expected: int) -> None:
    """See `ossia.ports.MetadataStore.change_identities`."""
    if epoch(transaction.cursor) != expected:
        raise Conflict(expected)
    for each in changes:
        if each.record is None:
            transaction.execute(
                "delete from identity where kind = ? and name = ?", (each.kind, each.name)
            )
        else:
            put(transaction, each.kind, each.name, each.record, create=False)
    put(transaction, *_EPOCH, b"%d" % (expected + 1), create=False)


def use_nonce(transaction: Transaction, mark: bytes, now: int, until: int) -> None:
    """See `ossia.ports.MetadataStore.use_nonce`."""
    known = transaction.get("select until from nonce where mark = ?", (mark,))
    if known is not None and known >= now:
        raise Exists(mark)
    transaction.execute(
        "delete from nonce where mark in (select mark from nonce where until < ? limit ?)",
        (now, _PRUNED_AT_ONCE),
    )
    transaction.execute("insert or replace into nonce values (?, ?)", (mark, until))
