"""Changes that set right what is counted wrong: nothing that a client could have stored is touched.

Each may be made beside gateways that serve.  What was seen wrong and has changed since is left: it
is seen again by whoever looks again.
"""

from collections.abc import Iterable

from ossia.ports import Row, Transaction
from ossia.tables import soundness
from ossia.tables.blob_life import BlobState
from ossia.tables.blobs import state_of
from ossia.tables.class_usage import RECOUNT

_USAGE = (
    "update bucket_usage set storage_bytes = storage_bytes + missing.stored,"
    " objects = bucket_usage.objects + missing.objects,"
    " uploads = bucket_usage.uploads + missing.uploads,"
    " parts = bucket_usage.parts + missing.parts"
    f" from ({soundness.UNCOUNTED}) as missing"
    " where bucket_usage.bucket_id = missing.bucket_id and slot = 0"
)
_NAMEABLE = (None, BlobState.INTENT, BlobState.DOOMED)
"""States in which the bytes of a blob are there yet."""


async def usage(tx: Transaction) -> None:
    """Add what is missing to what is counted of each bucket, and of the classes in it."""
    await tx.run(_USAGE)
    await tx.run(RECOUNT)


async def references(tx: Transaction, wrong: Iterable[Row]) -> None:
    """Let blobs count the references that there are: (blob, what it counts, how many there are).

    One that nobody names is garbage.
    """
    until = tx.now + tx.terms.reader_grace_ms
    for blob_id, counted, there_are in wrong:
        state = BlobState.LIVE if there_are else BlobState.DOOMED
        await tx.run(
            "update blob set refs = $1, state = $2, lease_until = $3"
            f" where id = $4 and refs = $5 and state = {BlobState.LIVE}",
            there_are,
            state.value,
            0 if there_are else until,
            blob_id,
            counted,
        )


async def named(tx: Transaction, blobs: Iterable[Row]) -> None:
    """Let blobs live that rows name: (blob, how often).  They would be removed as garbage."""
    for blob_id, references in blobs:
        state = await state_of(tx, blob_id)
        if state in _NAMEABLE:
            await tx.run(
                "insert into blob (id, state, refs, lease_until)"
                f" values ($1, {BlobState.LIVE}, $2, 0) on conflict (id) do update"
                f" set state = {BlobState.LIVE}, refs = $2, lease_until = 0",
                blob_id,
                references,
            )


async def unused_content(tx: Transaction, content: Iterable[Row]) -> None:
    """Remove bytes in the database that no row names."""
    await tx.run_each("delete from content where id = $1", content)
