"""Holds: whoever reads the blobs that a view of the rows names has the collector stand still.

A hold is a row of identities, and so on every engine.  It ends by itself unless it is renewed:
whoever dies holds nothing for long.  For the collector no time goes by while there is one.  What
was due when it began is not named by a view that is taken afterwards, and may go; what falls due
later stays.
"""

import msgspec

from ossia.ports import Fenced, Transaction
from ossia.tables import identities
from ossia.tables.columns import pack

KIND = "hold"
"""The kind of their rows; no form of a deployment takes one over from another."""

_times = msgspec.msgpack.Decoder(tuple[int, int]).decode
_ALL = f"select name, record from identity where kind = '{KIND}' order by name"


async def hold(tx: Transaction, name: str, lease_ms: int) -> None:
    """Have the collector stand still from now on, for so long."""
    await identities.put(tx, KIND, name, pack((tx.now, tx.now + lease_ms)), create=True)


async def renew(tx: Transaction, name: str, lease_ms: int) -> None:
    """For so long from now on.  Raises `Fenced` if it has ended meanwhile."""
    record = await identities.hold(tx, KIND, name)
    if record is None:
        raise Fenced(name)
    since, until = _times(record)
    if until <= tx.now:
        raise Fenced(name)
    await identities.put(tx, KIND, name, pack((since, tx.now + lease_ms)))


async def release(tx: Transaction, name: str) -> None:
    """Let it go; it may have ended."""
    await tx.run("delete from identity where kind = $1 and name = $2", KIND, name)


async def standing_at(tx: Transaction, now: int) -> int:
    """*now*, or when the oldest hold began; what has ended is removed."""
    found = [(name, *_times(record)) for name, record in await tx.hold(_ALL)]
    ended = [(KIND, name) for name, _, until in found if until <= now]
    await tx.run_each("delete from identity where kind = $1 and name = $2", ended)
    return min([now, *(since for _, since, until in found if until > now)])
