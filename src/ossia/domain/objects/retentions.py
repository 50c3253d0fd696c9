"""Retention and legal hold of one version: put, get."""

from collections.abc import Callable

import msgspec

from ossia import tables
from ossia.domain.objects import retention as rules
from ossia.domain.objects.objects import Objects
from ossia.errors import (
    InvalidRequest,
    NoSuchObjectLegalHoldConfiguration,
    NoSuchObjectRetentionConfiguration,
    OperationNotSupported,
    ServiceUnavailable,
)
from ossia.ports import Clock, Conflict, Database, Missing
from ossia.records import Bucket, ObjectType, Retention, StoredObject

_TRIES = 5


class Retentions:
    """Retentions of the versions of every bucket with ObjectWorm."""

    def __init__(self, database: Database, objects: Objects, clock: Clock) -> None:
        self._database = database
        self._objects = objects
        self._clock = clock

    async def told(self, bucket: Bucket, stored: StoredObject) -> Retention | None:
        """What is to be told of a version, if it has a retention or a legal hold."""
        if rules.OBJECT_WORM not in bucket.documents:
            return None
        return await tables.retained.find(self._database, bucket.id, stored.key, stored.version)

    async def put(
        self,
        bucket: Bucket,
        key: str,
        version: str | None,
        mode: rules.Mode,
        until: int,
        *,
        bypass: bool,
    ) -> str:
        """Let a version stay until then; which one it is.  Raises what `rules.changed` does."""
        return await self._change(
            bucket,
            key,
            version,
            lambda before: rules.changed(before, mode, until, self._clock.now_ms(), bypass=bypass),
        )

    async def hold(self, bucket: Bucket, key: str, version: str | None, status: str) -> str:
        """Turn the legal hold of a version on or off; which one it is."""
        return await self._change(
            bucket,
            key,
            version,
            lambda before: msgspec.structs.replace(before or Retention(), hold=status),
        )

    async def find(
        self, bucket: Bucket, key: str, version: str | None
    ) -> tuple[StoredObject, Retention]:
        """A version and its retention.  Raises `NoSuchObjectRetentionConfiguration`."""
        stored, found = await self._found(bucket, key, version)
        if found is None or not found.mode:
            raise NoSuchObjectRetentionConfiguration(Key=key)
        return stored, found

    async def find_hold(
        self, bucket: Bucket, key: str, version: str | None
    ) -> tuple[StoredObject, str]:
        """A version and whether it is held.  Raises `NoSuchObjectLegalHoldConfiguration`."""
        stored, found = await self._found(bucket, key, version)
        if found is None or not found.hold:
            raise NoSuchObjectLegalHoldConfiguration(Key=key)
        return stored, found.hold

    async def _found(
        self, bucket: Bucket, key: str, version: str | None
    ) -> tuple[StoredObject, Retention | None]:
        if rules.OBJECT_WORM not in bucket.documents:
            raise InvalidRequest("ObjectWorm is not enabled for the bucket.")
        stored = await self._objects.find(bucket, key, version)
        return stored, await self.told(bucket, stored)

    async def _change(
        self,
        bucket: Bucket,
        key: str,
        version: str | None,
        change: Callable[[Retention | None], Retention],
    ) -> str:
        for _ in range(_TRIES):
            stored, before = await self._found(bucket, key, version)
            if stored.type == ObjectType.APPENDABLE:
                # PutObjectRetention documentation, "Usage notes".
                raise OperationNotSupported(Detail="An appendable object cannot be retained.")
            after = change(before)
            try:
                await self._database.change(tables.versions.put_retention, stored, before, after)
            except (Conflict, Missing):
                continue
            return stored.version
        raise ServiceUnavailable
