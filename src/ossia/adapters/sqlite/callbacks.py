# ruff: noqa: S608 - what is put into statements are constants of this file
"""Statements about the delivery log and about callbacks that are owed."""

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from ossia.adapters.sqlite.transaction import Transaction, rows
from ossia.ports import DeliveryFilter
from ossia.records import Delivery, PendingCallback

_PRUNED_AT_ONCE = 1000
_pack = msgspec.msgpack.Encoder().encode
_delivery = msgspec.msgpack.Decoder(Delivery).decode
_pending = msgspec.msgpack.Decoder(PendingCallback).decode


# the log


def add(transaction: Transaction, deliveries: Sequence[Delivery]) -> None:
    """See `ossia.ports.MetadataStore.add_deliveries`."""
    for each in deliveries:
        message = each.message
        transaction.execute(
            "insert or replace into delivery values (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                each.id,
                each.at,
                message.bucket,
                message.key,
                message.request_id,
                message.id,
                each.accepted,
                _pack(each),
            ),
        )


def find(cursor: apsw.Cursor, delivery_id: str) -> Delivery | None:
    """See `ossia.ports.MetadataStore.find_delivery`."""
    record = cursor.execute("select record from delivery where id = ?", (delivery_id,)).get
    return None if record is None else _delivery(record)


def page(
    cursor: apsw.Cursor, wanted: DeliveryFilter, *, before: str, after: str, limit: int
) -> list[Delivery]:
    """See `ossia.ports.MetadataStore.list_deliveries`."""
    terms = ["1"]
    bindings: list[Any] = []
    for column in ("bucket", "key", "request_id", "message_id"):
        value = getattr(wanted, column)
        if value:
            terms.append(f"{column} = ?")
            bindings.append(value)
    if wanted.accepted is not None:
        # Written out: a partial index serves only the literal condition.
        terms.append("accepted = 1" if wanted.accepted else "accepted = 0")
    for comparison, value in (("at >= ?", wanted.since), ("id < ?", before), ("id > ?", after)):
        if value:
            terms.append(comparison)
            bindings.append(value)
    oldest_first = bool(after and not before)
    found = rows(
        cursor,
        f"select record from delivery where {' and '.join(terms)}"
        f" order by id {'asc' if oldest_first else 'desc'} limit ?",
        (*bindings, max(limit, 0)),
    )
    deliveries = [_delivery(record) for (record,) in found]
    return deliveries[::-1] if oldest_first else deliveries


def prune(transaction: Transaction, older_than: int, keep: int) -> int:
    """See `ossia.ports.MetadataStore.prune_deliveries`."""
    surplus = transaction.get(
        "select id from delivery order by id desc limit 1 offset ?", (max(keep, 0),)
    )
    transaction.execute(
        "delete from delivery where id in"
        " (select id from delivery where at < ? or id <= ? order by id limit ?)",
        (older_than, surplus or "", _PRUNED_AT_ONCE),
    )
    return transaction.changed()


# what is owed


def owe(transaction: Transaction, pending: PendingCallback) -> None:
    """Record a callback that is owed, with the object that it is about."""
    transaction.execute(
        "insert or replace into pending values (?, ?, ?, ?)",
        (pending.id, pending.not_before, pending.dead, _pack(pending)),
    )


def find_pending(cursor: apsw.Cursor, message_id: str) -> PendingCallback | None:
    """See `ossia.ports.MetadataStore.find_pending`."""
    record = cursor.execute("select record from pending where id = ?", (message_id,)).get
    return None if record is None else _pending(record)


def page_pending(
    cursor: apsw.Cursor, *, dead: bool, after: str, limit: int
) -> list[PendingCallback]:
    """See `ossia.ports.MetadataStore.list_pending`."""
    found = rows(
        cursor,
        "select record from pending where dead = ? and id > ? order by id limit ?",
        (dead, after, max(limit, 0)),
    )
    return [_pending(record) for (record,) in found]


def lease(transaction: Transaction, now: int, until: int, limit: int) -> list[PendingCallback]:
    """See `ossia.ports.MetadataStore.lease_pending`."""
    due = rows(
        transaction.cursor,
        "select record from pending where dead = 0 and due <= ? order by due limit ?",
        (now, max(limit, 0)),
    )
    leased = [_pending(record) for (record,) in due]
    for each in leased:
        transaction.execute("update pending set due = ? where id = ?", (until, each.id))
    return leased


def settle(transaction: Transaction, message_id: str) -> None:
    """See `ossia.ports.MetadataStore.settle_pending`."""
    transaction.execute("delete from pending where id = ?", (message_id,))


def postpone(transaction: Transaction, pending: PendingCallback) -> None:
    """See `ossia.ports.MetadataStore.postpone_pending`."""
    transaction.execute(
        "update pending set due = ?, dead = ?, record = ? where id = ?",
        (pending.not_before, pending.dead, _pack(pending), pending.id),
    )
