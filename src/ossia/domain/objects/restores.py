"""Restoring objects of the colder classes, and giving up what was restored.

Frozen ──restore──▶ restoring ──its time──▶ restored ──its days, or clean──▶ frozen
"""

import msgspec

from ossia import tables
from ossia.domain.objects.objects import Objects
from ossia.domain.objects.readable import restoration_at
from ossia.errors import (
    ArchiveRestoreFileStale,
    ArchiveRestoreNotFinished,
    OperationNotSupported,
    RestoreAlreadyInProgress,
    ServiceUnavailable,
)
from ossia.ports import Clock, Conflict, Database
from ossia.protocol.dates import DAY_MS
from ossia.protocol.restore_request import RestoreRequest, days_of, tier_of
from ossia.protocol.restore_times import RestoreTimes
from ossia.protocol.storage_class import FROZEN, MOST_DAYS, TIERS
from ossia.records import Bucket, Restoration, StoredObject

_TRIES = 5


class Restores:
    """Restoring; *times* says how long it takes."""

    def __init__(
        self, database: Database, objects: Objects, clock: Clock, times: RestoreTimes
    ) -> None:
        self._database = database
        self._objects = objects
        self._clock = clock
        self._times = times

    async def restore(
        self, bucket: Bucket, key: str, version: str | None, request: RestoreRequest
    ) -> tuple[StoredObject, bool]:
        """Begin to restore an object, or let a restored one be read for longer.

        Returns the object as it is then, and whether it could be read already.  Raises
        `OperationNotSupported`, `MalformedXML`, `RestoreAlreadyInProgress`, `NoSuchKey`,
        `NoSuchVersion`.
        """
        for _ in range(_TRIES):
            stored = await self._objects.find(bucket, key, version)
            _check_class(stored, "RestoreObject", ec="0016-00000702")
            now = self._clock.now_ms()
            found = restoration_at(stored, now)
            asked = self._asked(stored, request, now)
            was_readable = found is not None and found.ready_at <= now
            if found is not None:
                if not was_readable and request.tier is None:
                    raise RestoreAlreadyInProgress
                change = _extended if was_readable else _hastened
                asked = change(found, asked, stored.storage_class)
            try:
                return await self._put(stored, asked), was_readable
            except Conflict:
                continue
        raise ServiceUnavailable

    async def clean(self, bucket: Bucket, key: str, version: str | None) -> StoredObject:
        """Let a restored object be frozen again, before its time.

        Raises `OperationNotSupported`, `ArchiveRestoreNotFinished`, `ArchiveRestoreFileStale`,
        `NoSuchKey`, `NoSuchVersion`.
        """
        for _ in range(_TRIES):
            stored = await self._objects.find(bucket, key, version)
            _check_class(stored, "CleanRestoredObject")
            now = self._clock.now_ms()
            found = restoration_at(stored, now)
            if found is None:
                raise ArchiveRestoreFileStale
            if now < found.ready_at:
                raise ArchiveRestoreNotFinished
            try:
                return await self._put(stored, None)
            except Conflict:
                continue
        raise ServiceUnavailable

    def _asked(self, stored: StoredObject, request: RestoreRequest, now: int) -> Restoration:
        """What *request* makes of a frozen object."""
        kind = stored.storage_class
        tier, days = tier_of(request, kind), days_of(request, kind)
        ready_at = now + self._times[kind, tier]
        return Restoration(tier=tier, ready_at=ready_at, until=ready_at + days * DAY_MS)

    async def _put(self, stored: StoredObject, restoration: Restoration | None) -> StoredObject:
        await self._database.change(tables.versions.put_restoration, stored, restoration)
        return msgspec.structs.replace(stored, restoration=restoration)


def _check_class(stored: StoredObject, operation: str, ec: str | None = None) -> None:
    if stored.storage_class not in FROZEN:
        raise OperationNotSupported(
            ec=ec,
            Detail=f"{operation} operation does not support this object storage class",
        )


def _extended(found: Restoration, asked: Restoration, kind: str) -> Restoration:
    """RestoreObject documentation, "Process", 4: days add up, to the most of the class."""
    most = found.ready_at + MOST_DAYS[kind] * DAY_MS
    until = found.until + asked.until - asked.ready_at
    return Restoration(tier=found.tier, ready_at=found.ready_at, until=min(until, most))


def _hastened(found: Restoration, asked: Restoration, kind: str) -> Restoration:
    """What is under way can be made faster, and nothing else (0016-00000715 of OSS)."""
    order = TIERS[kind]
    if order.index(asked.tier) == order.index(found.tier):
        raise RestoreAlreadyInProgress
    if order.index(asked.tier) > order.index(found.tier):
        raise RestoreAlreadyInProgress(ec="0016-00000715")
    # What is nearly done is not begun again.
    ready_at = min(found.ready_at, asked.ready_at)
    return Restoration(
        tier=asked.tier, ready_at=ready_at, until=ready_at + asked.until - asked.ready_at
    )
