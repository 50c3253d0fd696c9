"""The bytes of blobs, from one store to another, read back once they are there."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from ossia.domain.objects.contents import BlobSource, blob_digest, pieces
from ossia.node.migration.staging import ends
from ossia.node.migration.together import together
from ossia.ports import BlobStore, Database, Missing, Row, Rows
from ossia.protocol.checksums import crc64
from ossia.records import Extent
from ossia.tables import every
from ossia.tables.blob_life import BlobState
from ossia.tables.columns import marks


class DamagedError(Exception):
    """What was read back is not what was written."""


async def copy_blobs(
    staging: Rows,
    target: Database,
    source_blobs: BlobSource,
    target_blobs: BlobStore,
    note: Callable[[int, int], None],
) -> set[str]:
    """Copy what the target lacks; *note* hears of blobs and bytes.  Which are gone at the source.

    A blob whose row the target has is there: the row is written once the bytes were read back.
    """
    gone: set[str] = set()

    async def copy(row: Row, size: int) -> None:
        try:
            await _copy(row[0], size, source_blobs, target_blobs)
        except Missing:
            gone.add(row[0])
            await target_blobs.delete([row[0]])
            return
        await target.change(every.put, every.BLOB, [row])
        note(1, size)

    async for page in ends(staging):
        sizes: dict[str, int] = dict(page)
        names = marks(len(sizes))
        present = await target.all(
            f"select id from blob where id in ({names}) and state = {BlobState.LIVE}", *sizes
        )
        there = {row[0] for row in present}
        rows = await staging.all(
            f"select {', '.join(every.BLOB.columns)} from blob where id in ({names}) order by id",
            *sizes,
        )
        lacking = [(row, sizes[row[0]]) for row in rows if row[0] not in there]
        await together(lambda each: copy(*each), lacking)
    return gone


async def _copy(blob_id: str, size: int, source: BlobSource, target: BlobStore) -> None:
    # What an interrupted pass has left of it.
    await target.delete([blob_id])
    staged = await asyncio.to_thread(target.stage, blob_id, size)
    written = 0
    try:
        async with aclosing(pieces(source, blob_id, 0, size)) as run:
            async for piece in run:
                written = crc64(piece, written)
                await asyncio.to_thread(staged.write, memoryview(piece))
                await staged.flow()
        await target.publish(staged)
    except BaseException:
        await target.discard(staged)
        raise
    if await blob_digest(target, Extent(blob_id=blob_id, length=size)) != written:
        raise DamagedError(f"the blob {blob_id} was read back otherwise than it was written")


async def remove_unused(target: Database, target_blobs: BlobStore, staging: Rows) -> None:
    """Remove blobs of the target that the view does not name: an earlier pass copied them."""
    after: Row | None = None
    while page := await every.page(target, every.BLOB, after, 500):
        after = page[-1]
        ids = [row[0] for row in page]
        kept = await staging.all(f"select id from blob where id in ({marks(len(ids))})", *ids)
        unused = sorted(set(ids) - {row[0] for row in kept})
        if unused:
            await target_blobs.delete(unused)
            await target.change(every.drop, every.BLOB, [(each,) for each in unused])
