"""The delivery log, and callbacks that are owed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from ossia.ports import Rows, Transaction
from ossia.records import Delivery, PendingCallback

_PRUNED_AT_ONCE = 1000
_OLDEST_LOOKED_AT = 1000
_pack = msgspec.msgpack.Encoder().encode
_delivery = msgspec.msgpack.Decoder(Delivery).decode
_pending = msgspec.msgpack.Decoder(PendingCallback).decode


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of the delivery log; empty fields match everything."""

    bucket: str = ""
    key: str = ""
    request_id: str = ""
    message_id: str = ""
    accepted: bool | None = None
    since: int = 0


class Owed(NamedTuple):
    """How much is owed, and how much was given up.

    ``oldest_at`` is when the oldest was first owed, in milliseconds; None where nothing is owed, or
    where it stands behind a thousand that were given up.
    """

    waiting: int
    given_up: int
    oldest_at: int | None


# the log


async def add(tx: Transaction, deliveries: Sequence[Delivery]) -> None:
    """Insert rows of the delivery log."""
    await tx.run_each(
        "insert into delivery (id, at, bucket, key, request_id, message_id, accepted, record)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8)"
        " on conflict (id) do update"
        " set accepted = excluded.accepted, record = excluded.record",
        [
            (
                each.id,
                each.at,
                each.message.bucket,
                each.message.key,
                each.message.request_id,
                each.message.id,
                int(each.accepted),
                _pack(each),
            )
            for each in deliveries
        ],
    )


async def find(rows: Rows, delivery_id: str) -> Delivery | None:
    """One row of the log."""
    row = await rows.one("select record from delivery where id = $1", delivery_id)
    return None if row is None else _delivery(row[0])


async def page(
    rows: Rows, wanted: DeliveryFilter, *, before: str = "", after: str = "", limit: int
) -> list[Delivery]:
    """Rows that match, newest first; with ids less than *before* and greater than *after*.

    With *after* and without *before* the oldest *limit* of them, newest first.
    """
    terms = ["1 = 1"]
    values: list[Any] = []
    for term, value in (
        ("bucket =", wanted.bucket),
        ("key =", wanted.key),
        ("request_id =", wanted.request_id),
        ("message_id =", wanted.message_id),
        ("at >=", wanted.since),
        ("id <", before),
        ("id >", after),
    ):
        if value:
            values.append(value)
            terms.append(f"{term} ${len(values)}")
    if wanted.accepted is not None:
        # Written out: a partial index serves only the literal condition.
        terms.append("accepted = 1" if wanted.accepted else "accepted = 0")
    oldest_first = bool(after and not before)
    found = await rows.all(
        f"select record from delivery where {' and '.join(terms)}"
        f" order by id {'asc' if oldest_first else 'desc'} limit ${len(values) + 1}",
        *values,
        max(limit, 0),
    )
    deliveries = [_delivery(record) for (record,) in found]
    return deliveries[::-1] if oldest_first else deliveries


async def prune(tx: Transaction, *, older_than: int, keep: int) -> int:
    """Remove rows from before *older_than* and all but the newest *keep*; how many went.

    Removes a bounded number at a time.
    """
    surplus = await tx.one(
        "select id from delivery order by id desc limit 1 offset $1", max(keep, 0)
    )
    return await tx.run(
        "delete from delivery where id in"
        " (select id from delivery where at < $1 or id <= $2 order by id limit $3)",
        older_than,
        surplus[0] if surplus else "",
        _PRUNED_AT_ONCE,
    )


# what is owed


async def owe(tx: Transaction, pending: PendingCallback) -> None:
    """Record a callback that is owed, with the object that it is about."""
    await tx.run(
        "insert into pending (id, due, dead, record) values ($1, $2, $3, $4)"
        " on conflict (id) do update"
        " set due = excluded.due, dead = excluded.dead, record = excluded.record",
        pending.id,
        pending.not_before,
        int(pending.dead),
        _pack(pending),
    )


async def find_pending(rows: Rows, message_id: str) -> PendingCallback | None:
    """What is owed under that id."""
    row = await rows.one("select record from pending where id = $1", message_id)
    return None if row is None else _pending(row[0])


async def page_pending(rows: Rows, *, dead: bool, after: str, limit: int) -> list[PendingCallback]:
    """What is owed, or given up, with ids greater than *after*, in their order."""
    found = await rows.all(
        "select record from pending where dead = $1 and id > $2 order by id limit $3",
        int(dead),
        after,
        max(limit, 0),
    )
    return [_pending(record) for (record,) in found]


async def count_pending(rows: Rows) -> Owed:
    """How much is owed; counted in indexes alone."""
    every = await rows.one("select count(*) from pending")
    waiting = await rows.one("select count(*) from pending where dead = 0")
    # Ids sort by time.
    oldest = await rows.one(
        "select record from (select id, dead, record from pending order by id limit $1) as oldest"
        " where dead = 0 order by id limit 1",
        _OLDEST_LOOKED_AT,
    )
    assert every is not None
    assert waiting is not None
    at = None if oldest is None else _pending(oldest[0]).created_at
    return Owed(waiting[0], every[0] - waiting[0], at)


async def lease(tx: Transaction, now: int, until: int, limit: int) -> list[PendingCallback]:
    """Take what is due: nobody else is given it before *until*.  The oldest come first."""
    due = await tx.hold(
        "select record from pending where dead = 0 and due <= $1 order by due, id limit $2",
        now,
        max(limit, 0),
    )
    leased = [_pending(record) for (record,) in due]
    await tx.run_each(
        "update pending set due = $1 where id = $2", [(until, each.id) for each in leased]
    )
    return leased


async def settle(tx: Transaction, message_id: str) -> None:
    """Nothing is owed any more.  Unknown ids are no error."""
    await tx.run("delete from pending where id = $1", message_id)


async def postpone(tx: Transaction, pending: PendingCallback) -> None:
    """Replace what is owed under that id.  One that was settled meanwhile stays so."""
    await tx.run(
        "update pending set due = $1, dead = $2, record = $3 where id = $4",
        pending.not_before,
        int(pending.dead),
        _pack(pending),
        pending.id,
    )
