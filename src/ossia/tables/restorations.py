"""The restoring of objects that are not read otherwise: a column of their rows."""

from ossia.ports import Conflict, Transaction
from ossia.records import Restoration, StoredObject
from ossia.tables.columns import pack_restoration

_HELD = (
    "select etag, modified_at, restoration from object"
    " where bucket_id = $1 and key = $2 and version = $3"
)
_CHANGE = "update object set restoration = $1 where bucket_id = $2 and key = $3 and version = $4"


async def put(tx: Transaction, of: StoredObject, restoration: Restoration | None) -> None:
    """Note that *of* is being restored, or that it is not any more.

    Raises `Conflict` if there is something else in its place, or its restoration is not what *of*
    says.  Nothing else changes: neither the usage of the bucket nor what a listing is ordered by.
    """
    place = (of.bucket_id, of.key, of.version)
    held = await tx.hold(_HELD, *place)
    expected = (of.etag, of.modified_at, pack_restoration(of.restoration))
    if not held or tuple(held[0]) != expected:
        raise Conflict(of.key)
    await tx.run(_CHANGE, pack_restoration(restoration), *place)
