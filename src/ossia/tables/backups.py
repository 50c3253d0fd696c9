"""When a deployment was backed up last: a row of identities, and so on every engine."""

import msgspec

from ossia.ports import Rows, Transaction
from ossia.tables import identities
from ossia.tables.columns import pack

KIND = "backup"
"""The kind of its row; what is made from a deployment was not backed up itself."""
_NAME = "last"

_time = msgspec.msgpack.Decoder(int).decode


async def note(tx: Transaction, taken_at: int) -> None:
    """There is a point of that moment, to which everything can be restored."""
    record = await identities.hold(tx, KIND, _NAME)
    if record is None or _time(record) < taken_at:
        await identities.put(tx, KIND, _NAME, pack(taken_at), create=record is None)


async def last(rows: Rows) -> int | None:
    """The moment of the newest point that was ever made; None if there is none."""
    record = await identities.find(rows, KIND, _NAME)
    return None if record is None else _time(record)
