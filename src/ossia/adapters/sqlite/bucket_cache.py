"""Bucket rows in memory, valid in every worker until a bucket changes anywhere.

Every request needs its bucket; buckets hardly ever change.  Whoever changes one renews the stamp
that workers share before the change is acknowledged, and a cached row counts only under the stamp
it was cached under.  A worker that is killed between its commit and that moment leaves the others
with old rows, so no row is trusted for longer than a second.
"""

import time
from pathlib import Path

from ossia.adapters.sqlite.shared_stamp import SharedStamp
from ossia.records import Bucket

_TRUSTED_S = 1.0
_MOST = 4096


class BucketCache:
    """Rows by name.  *file* is shared by the workers of one data folder."""

    def __init__(self, file: Path) -> None:
        self._shared = SharedStamp(file)
        self._rows: dict[str, tuple[Bucket, bytes, float]] = {}

    def get(self, name: str) -> Bucket | None:
        """The row, if it is known to be the present one."""
        cached = self._rows.get(name)
        if cached is None:
            return None
        bucket, stamp, until = cached
        if stamp == self._shared.get() and time.monotonic() < until:
            return bucket
        return None

    def stamp(self) -> bytes:
        """What `put` wants to know from before the row was read."""
        return self._shared.get()

    def put(self, bucket: Bucket, stamp: bytes) -> None:
        """Remember a row that was read after *stamp* was taken."""
        if len(self._rows) >= _MOST:
            self._rows.clear()
        self._rows[bucket.name] = (bucket, stamp, time.monotonic() + _TRUSTED_S)

    def invalidate(self) -> None:
        """Tell every worker that some bucket has changed."""
        self._shared.renew()

    def close(self) -> None:
        """Release the mapping."""
        self._rows.clear()
        self._shared.close()
