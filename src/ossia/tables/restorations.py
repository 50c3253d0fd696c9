"""The restoring of objects that are not read otherwise: a column of their rows."""

from ossia.ports import Conflict, Transaction
from ossia.records import Restoration, StoredObject
from ossia.tables.columns import pack_restoration

_PLACE = "bucket_id = {} and key = {} and version = {}"
_HELD = f"select etag, modified_at, restoration from {{}} where {_PLACE.format('$1', '$2', '$3')}"
_CHANGE = f"update {{}} set restoration = $1 where {_PLACE.format('$2', '$3', '$4')}"
_TABLES = ("object", "former")
"""A version lies in the one or in the other (`formers`)."""


async def put(tx: Transaction, of: StoredObject, restoration: Restoration | None) -> None:
    """Note that *of* is being restored, or that it is not any more.

    Raises `Conflict` if there is something else in its place, or its restoration is not what *of*
    says.  Nothing else changes: neither the usage of the bucket nor what a listing is ordered by.
    """
    place = (of.bucket_id, of.key, of.version)
    expected = (of.etag, of.modified_at, pack_restoration(of.restoration))
    for table in _TABLES:
        held = await tx.hold(_HELD.format(table), *place)
        if held and tuple(held[0]) == expected:
            await tx.run(_CHANGE.format(table), pack_restoration(restoration), *place)
            return
    raise Conflict(of.key)
