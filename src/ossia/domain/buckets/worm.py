"""What a bucket retains: its policy (BucketWorm), and whether its versions can be (ObjectWorm).

none ──initiate──▶ in progress ──complete──▶ locked ──extend──▶ locked, longer
                      │ abort, or 24 hours
                      ▼
                     none

What the policy keeps: `ossia.domain.objects.retention`.
"""

import uuid
from typing import Final

import msgspec

from ossia.domain.buckets.buckets import Buckets, with_document
from ossia.domain.objects.retention import (
    OBJECT_WORM,
    WORM,
    ObjectWorm,
    Worm,
    object_worm_of,
    stored,
    worm_of,
)
from ossia.domain.objects.versions import Versioning
from ossia.errors import (
    InvalidRequest,
    InvalidWORMConfiguration,
    NoSuchWORMConfiguration,
    WORMConfigurationLocked,
)
from ossia.ports import Clock
from ossia.records import Bucket

MOST_DAYS: Final = 25_550
"""70 years."""


class Worms:
    """What buckets retain."""

    def __init__(self, buckets: Buckets, clock: Clock) -> None:
        self._buckets = buckets
        self._clock = clock

    def find(self, bucket: Bucket) -> Worm:
        """The policy that holds.  Raises `NoSuchWORMConfiguration`."""
        worm = worm_of(bucket.documents, self._clock.now_ms())
        if worm is None:
            raise NoSuchWORMConfiguration(BucketName=bucket.name)
        return worm

    async def initiate(self, bucket: Bucket, days: int) -> Worm:
        """Make a policy, which holds at once.  Raises `InvalidWORMConfiguration`."""
        worm = Worm(id=uuid.uuid4().hex.upper(), days=days, created_at=self._clock.now_ms())

        def change(now: Bucket) -> Bucket:
            if worm_of(now.documents, self._clock.now_ms()) is not None:
                raise InvalidWORMConfiguration("The bucket has a WORM configuration already.")
            if OBJECT_WORM in now.documents:
                raise InvalidWORMConfiguration("ObjectWorm is enabled for the bucket.")
            if now.versioning == Versioning.SUSPENDED:
                # Null versions would be replaced; OSS documentation, "BucketWorm".
                raise InvalidWORMConfiguration(
                    "Versioning of the bucket is suspended.", ec="0027-00000003"
                )
            return _with(now, WORM, stored(worm))

        await self._buckets.retain(bucket, change)
        return worm

    async def complete(self, bucket: Bucket, worm_id: str) -> None:
        """Lock the policy.  Raises `NoSuchWORMConfiguration`, `WORMConfigurationLocked`."""

        def change(now: Bucket) -> Bucket:
            worm = self._named(now, worm_id)
            if worm.is_locked:
                raise WORMConfigurationLocked
            return _with(now, WORM, stored(msgspec.structs.replace(worm, is_locked=True)))

        await self._buckets.retain(bucket, change)

    async def extend(self, bucket: Bucket, worm_id: str, days: int) -> None:
        """Let a locked policy keep for more days.

        Raises `NoSuchWORMConfiguration`, and `InvalidWORMConfiguration` for one that is not
        locked (asserted by oss2's tests) or would keep for less.
        """

        def change(now: Bucket) -> Bucket:
            worm = self._named(now, worm_id)
            if not worm.is_locked:
                raise InvalidWORMConfiguration("The WORM configuration is not locked.")
            if days < worm.days:
                raise InvalidWORMConfiguration("The retention period cannot be shortened.")
            return _with(now, WORM, stored(msgspec.structs.replace(worm, days=days)))

        await self._buckets.retain(bucket, change)

    async def abort(self, bucket: Bucket) -> None:
        """Take back a policy that is not locked, or void.

        Raises `NoSuchWORMConfiguration`, `WORMConfigurationLocked`.
        """

        def change(now: Bucket) -> Bucket:
            if WORM not in now.documents:
                raise NoSuchWORMConfiguration(BucketName=now.name)
            worm = worm_of(now.documents, self._clock.now_ms())
            if worm is not None and worm.is_locked:
                raise WORMConfigurationLocked
            return _with(now, WORM, None)

        await self._buckets.retain(bucket, change)

    def _named(self, bucket: Bucket, worm_id: str) -> Worm:
        worm = self.find(bucket)
        if worm.id != worm_id:
            raise NoSuchWORMConfiguration(BucketName=bucket.name, WormId=worm_id)
        return worm

    async def enable_objects(self, bucket: Bucket, worm: ObjectWorm) -> None:
        """Let versions be retained from now on, and new ones by this default.

        Raises `InvalidRequest` without versioning, or beside a policy of the bucket.
        """

        def change(now: Bucket) -> Bucket:
            if now.versioning != Versioning.ENABLED:
                raise InvalidRequest("ObjectWorm needs versioning to be enabled.")
            if worm_of(now.documents, self._clock.now_ms()) is not None:
                raise InvalidRequest("The bucket has a WORM configuration.")
            return _with(now, OBJECT_WORM, stored(worm))

        await self._buckets.retain(bucket, change)

    def of_objects(self, bucket: Bucket) -> ObjectWorm:
        """Raises `NoSuchWORMConfiguration` where versions cannot be retained."""
        worm = object_worm_of(bucket)
        if worm is None:
            raise NoSuchWORMConfiguration(
                "ObjectWorm is not enabled for the bucket.", BucketName=bucket.name
            )
        return worm


def _with(bucket: Bucket, name: str, content: bytes | None) -> Bucket:
    documents = with_document(bucket.documents, name, content)
    return msgspec.structs.replace(bucket, documents=documents)
