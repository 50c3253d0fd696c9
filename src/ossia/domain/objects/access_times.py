"""When objects were last read, in buckets that keep it (PutBucketAccessMonitor).

1. A read only notes itself in memory; what was noted is written in batches behind it.  A crash
   forgets some seconds of reads.
2. The first read of a day counts ("only the first access within 24 hours", documentation of access
   tracking): whoever is read all the time is written once a day by each worker.
3. What was never read since is as old as the access monitor, or as its own writing, if that is
   later: writing is an access.
"""

import asyncio
import logging
from typing import Final

from ossia import tables
from ossia.logs.scope import behind
from ossia.ports import Clock, Database, Unavailable
from ossia.protocol.dates import DAY_MS
from ossia.records import Bucket, StoredObject

log = logging.getLogger(__name__)

DOCUMENT: Final = "access-monitor"
"""The name of the document that says since when a bucket keeps times of access, if it does."""
_GATHER_S: Final = 2.0
_MOST_WAITING: Final = 10_000
_AT_ONCE: Final = 500
_MOST_KNOWN: Final = 100_000


def monitored_since(bucket: Bucket) -> int | None:
    """Since when *bucket* keeps times of access, if it does."""
    content = bucket.documents.get(DOCUMENT)
    return None if content is None else int(content)


class AccessTimes:
    """What this worker has seen of reads, and what all of them have written."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: dict[tuple[int, str, str], int] = {}
        self._known: dict[tuple[int, str, str], int] = {}
        """The day of what was noted before, so that it is not written again."""
        self._flushing: asyncio.Task[None] | None = None

    def note(self, stored: StoredObject) -> None:
        """*stored* is read: write that soon."""
        now = self._clock.now_ms()
        place = (stored.bucket_id, stored.key, stored.version)
        if self._known.get(place) == now // DAY_MS:
            return
        if len(self._waiting) >= _MOST_WAITING:
            # Nothing is lost for good: it is noted at the next read.
            return
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[place] = now // DAY_MS
        self._waiting[place] = now
        if self._flushing is None:
            self._flushing = behind(self._flush_soon())

    async def _flush_soon(self) -> None:
        await asyncio.sleep(_GATHER_S)
        # What is noted from here on needs another flush.
        self._flushing = None
        await self.flush()

    async def flush(self) -> None:
        """Write what waits."""
        noted, self._waiting = self._waiting, {}
        rows = [(*place, at) for place, at in noted.items()]
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            try:
                await self._database.change(tables.access_times.note, some)
            except Unavailable as error:
                log.warning("access_times_unavailable lost=%d reason=%s", len(some), error)
                for row in some:
                    self._known.pop(row[:3], None)

    async def of(self, bucket: Bucket, stored: StoredObject) -> int | None:
        """When *stored* was last accessed; None where that is not kept."""
        since = monitored_since(bucket)
        if since is None:
            return None
        place = (bucket.id, stored.key, stored.version)
        read_at = self._waiting.get(place) or await tables.access_times.find(self._database, *place)
        return last_access(since, stored, read_at)


def last_access(since: int, stored: StoredObject, read_at: int | None) -> int:
    """When *stored* was last accessed, in a bucket that has kept it *since* then."""
    return max(since, stored.modified_at, read_at or 0)
