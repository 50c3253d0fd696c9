"""Bucket rows in memory, valid in every process until a bucket changes anywhere.

Every request needs its bucket; buckets hardly ever change.  A row counts only under the stamp that
it was read under.  A process that is killed between its commit and the new stamp leaves the others
with old rows, so no row is trusted for longer than a second.
"""

import time

from ossia import tables
from ossia.ports import Database
from ossia.records import Bucket

_TRUSTED_S = 1.0
_MOST = 4096


class RememberedBuckets:
    """Rows by name."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: dict[str, tuple[Bucket, bytes, float]] = {}

    async def find(self, name: str) -> Bucket | None:
        """The bucket of that name.  What is not there is not remembered."""
        stamp = await self._database.stamp(tables.buckets.CHANGED)
        known = self._rows.get(name)
        if known is not None and known[1] == stamp and time.monotonic() < known[2]:
            return known[0]
        found = await tables.buckets.find(self._database, name)
        if found is None:
            self._rows.pop(name, None)
            return None
        if len(self._rows) >= _MOST:
            self._rows.clear()
        self._rows[name] = (found, stamp, time.monotonic() + _TRUSTED_S)
        return found
