"""Statements about identities."""

import apsw

from ossia.adapters.sqlite.transaction import Transaction, rows
from ossia.ports import Exists, Missing


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
