"""Garbage collection of blobs.

Rules:

1. Collection works from rows, never from what the blob store holds: only the metadata knows
   what is garbage.
2. The bytes go before the row.  A collector that dies in between leaves a row, and the row is
   offered again.
3. A blob is collected twice.  A writer that is slower than its lease may bring bytes after the
   first pass; its commit is refused, and the second pass, after its deadline, takes the bytes.
4. What no row knows (a crash between bytes and row, a restored backup) is removed by sifting,
   and only when it is older than any write can last.
"""

from ossia import tables
from ossia.ports import BlobStore, Clock, Database
from ossia.protocol.dates import DAY_MS

_BATCH = 500


class Collector:
    """Removes bytes that nobody can reach any more.

    Several may run at a time, in one process or many; they divide the work among them.
    """

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        clock: Clock,
        *,
        batch: int = _BATCH,
        sift_age_ms: int = DAY_MS,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._batch = batch
        self._sift_age_ms = sift_age_ms

    async def sweep(self) -> int:
        """Delete what is garbage now; the number of blobs whose bytes were deleted."""
        deleted = 0
        while claimed := await self._database.change(
            tables.blobs.collect, self._clock.now_ms(), self._batch
        ):
            await self._blobs.delete(claimed)
            await self._database.change(tables.blobs.forget, claimed)
            deleted += len(claimed)
        return deleted

    async def sift(self) -> int:
        """Delete blobs that no row knows; their number.  Reads every name: run it rarely."""
        deleted = 0
        seen: list[str] = []
        old = self._clock.now_ms() - self._sift_age_ms
        async for blob_id in self._blobs.ids(unchanged_since=old):
            seen.append(blob_id)
            if len(seen) == self._batch:
                deleted += await self._remove_unknown(seen)
                seen = []
        return deleted + await self._remove_unknown(seen)

    async def _remove_unknown(self, blob_ids: list[str]) -> int:
        known = await tables.blobs.known(self._database, blob_ids)
        unknown = [each for each in blob_ids if each not in known]
        await self._blobs.delete(unknown)
        return len(unknown)
