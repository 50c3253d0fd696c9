"""Versions of objects: the id of a new one, what a request may name, what deleting does.

1. With versioning enabled every write makes a version with an id of its own; while it is suspended,
   and before it was ever enabled, all write the version ``null``, of which a key has one.
2. Deleting a key then puts a delete marker before its versions; deleting a version removes it.
3. AppendObject makes and extends null versions only (objects.md, AppendObject).
"""

import base64
import os
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NoReturn

import msgspec

from ossia import tables
from ossia.domain.objects.retention import guard, must_stay
from ossia.errors import (
    FileImmutable,
    InvalidArgument,
    MethodNotAllowed,
    NoSuchKey,
    NoSuchVersion,
)
from ossia.ports import Clock, Database
from ossia.records import NULL_VERSION, Bucket, ObjectType, StoredObject
from ossia.tables.versions import Removal, Seen

_PREFIX: Final = "CAEQ"
"""How the ids of the real service begin: opaque, but people know one when they see it."""
_RANDOM_BYTES: Final = 15
_ID: Final = re.compile(r"[A-Za-z0-9._-]{16,128}\Z")


class Versioning(StrEnum):
    """What a bucket's ``versioning`` says once it has been enabled."""

    ENABLED = "Enabled"
    SUSPENDED = "Suspended"


def new_version(bucket: Bucket, now_ms: int) -> str:
    """The id of a version that is about to be written."""
    if bucket.versioning != Versioning.ENABLED:
        return NULL_VERSION
    made_of = now_ms.to_bytes(6, "big") + os.urandom(_RANDOM_BYTES)
    return _PREFIX + base64.urlsafe_b64encode(made_of).decode()


def is_suspended(bucket: Bucket) -> bool:
    """Whether versions that are kept may lie behind what a write replaces."""
    return bucket.versioning == Versioning.SUSPENDED


def shown_version(bucket: Bucket, version: str) -> str | None:
    """What ``x-oss-version-id`` tells; nothing in a bucket that never had versioning."""
    return version if bucket.versioning else None


def check_version(text: str) -> str:
    """The id of a version as a request names it.  Raises `InvalidArgument`."""
    if text != NULL_VERSION and not _ID.match(text):
        raise InvalidArgument(
            "Invalid version id specified", ArgumentName="versionId", ArgumentValue=text
        )
    return text


def _marked(version: str) -> dict[str, str]:
    """The headers that tell of a delete marker.  Never false: oss2 takes any text for true."""
    return {"x-oss-delete-marker": "true", "x-oss-version-id": version}


class Named(msgspec.Struct, frozen=True):
    """A version that a request names; an empty one is what the key names."""

    key: str
    version: str = ""


class Deletion(msgspec.Struct, frozen=True):
    """What deleting did: ``version`` as named, ``marker`` the one that was made or removed."""

    key: str
    version: str = ""
    marker: str = ""


class Versions:
    """Versions that requests name, and deleting."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find(
        self, bucket: Bucket, key: str, version: str, *, read_by: str | None = None
    ) -> StoredObject:
        """One version.  Raises `NoSuchVersion`.

        A delete marker can only be deleted: `MethodNotAllowed` for the method *read_by*, with which
        it was to be read, and `NoSuchKey` for everything else (objects.md, section 4).
        """
        found = await self.peek(bucket, key, version)
        if found is None:
            raise NoSuchVersion(Key=key, VersionId=version)
        if found.type != ObjectType.DELETE_MARKER:
            return found
        headers = _marked(version)
        if read_by is None:
            raise NoSuchKey(headers=headers, Key=key)
        raise MethodNotAllowed(
            headers={"Allow": "DELETE", **headers}, Method=read_by, ResourceType="DeleteMarker"
        )

    async def peek(self, bucket: Bucket, key: str, version: str) -> StoredObject | None:
        """One version, or a marker, or None."""
        if not bucket.versioning:
            named = await tables.objects.find(self._database, bucket.id, key)
            return named if named is not None and named.version == version else None
        return await tables.versions.find(self._database, bucket.id, key, version)

    async def has_marker(self, bucket: Bucket, key: str) -> bool:
        """Whether a key that names nothing was deleted, with versions behind the marker or not."""
        if not bucket.versioning:
            return False
        return await tables.formers.newest(self._database, bucket.id, key) is not None

    async def refuse_absent(self, bucket: Bucket, key: str) -> NoReturn:
        """Raise `NoSuchKey` for a key that names nothing, with the marker that says why."""
        headers = {}
        if bucket.versioning:
            newest = await tables.formers.newest(self._database, bucket.id, key)
            if newest is not None and newest.is_marker:
                headers = _marked(newest.version)
        raise NoSuchKey(headers=headers, Key=key)

    async def delete(
        self, bucket: Bucket, wanted: Sequence[Named], *, bypass: bool = False
    ) -> list[Deletion]:
        """Delete versions, or what keys name; what is absent is no error.

        With *bypass* GOVERNANCE keeps nothing.  Raises `FileImmutable` if something must stay;
        everything else is deleted then.
        """
        removals = [self._removal(bucket, each) for each in wanted]
        gone = await self._database.change(
            tables.versions.delete, bucket.id, removals, guard(bypass=bypass)
        )
        done = list(zip(wanted, removals, strict=True))
        for named, each in done:
            if gone[each] is None:
                refusal = FileImmutable(Key=named.key)
                if named.version:
                    refusal.details["VersionId"] = named.version
                raise refusal
        return [
            Deletion(named.key, named.version, named.version if gone[each] else each.marker)
            for named, each in done
        ]

    async def expire(
        self, bucket: Bucket, wanted: Sequence[tuple[Named, Seen]]
    ) -> list[bool | None]:
        """Delete what is still as it was seen: whether it was, None for what must stay."""
        removals = [self._removal(bucket, named, seen) for named, seen in wanted]
        gone = await self._database.change(tables.versions.delete, bucket.id, removals, must_stay)
        return [each in gone and (None if gone[each] is None else True) for each in removals]

    def _removal(self, bucket: Bucket, named: Named, seen: Seen | None = None) -> Removal:
        if bucket.versioning:
            if named.version:
                return Removal(named.key, named.version, seen=seen)
            marker = new_version(bucket, self._clock.now_ms())
            return Removal(named.key, marker=marker, seen=seen)
        # There is no other version than the one that the key names.
        version = "" if named.version == NULL_VERSION else named.version
        return Removal(named.key, version, seen=seen)
