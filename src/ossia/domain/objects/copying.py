"""Copying objects: by reference, unless the copy is to be encrypted otherwise than its source."""

from collections.abc import Callable

import msgspec

from ossia import tables
from ossia.domain.objects.appending import as_normal, as_sealed_as, check_class
from ossia.domain.objects.encryption import (
    CLIENT_ENCRYPTION,
    ObjectKeys,
    default_rule,
    is_encrypted,
    without_encryption,
)
from ossia.domain.objects.held import Held
from ossia.domain.objects.ingest import Ingest, Landed, always
from ossia.domain.objects.objects import Attributes, Objects
from ossia.domain.objects.overwriting import forbids
from ossia.domain.objects.readable import check_readable
from ossia.domain.objects.retention import must_stay, new_retention
from ossia.domain.objects.versions import is_suspended, new_version
from ossia.errors import (
    FileAlreadyExists,
    FileImmutable,
    InternalError,
    NoSuchBucket,
    ServiceUnavailable,
)
from ossia.ports import Clock, Conflict, Database, Exists, Fenced, Missing, Retained
from ossia.protocol.encryption_rule import EncryptionRule
from ossia.protocol.object_cipher import ObjectCipher
from ossia.protocol.preconditions import Preconditions
from ossia.records import SYMLINK_TARGET, TRANSITIONED, Bucket, ObjectType, StoredObject

_TRIES = 3
_KEPT = ("content-type", CLIENT_ENCRYPTION, SYMLINK_TARGET)


class Copies:
    """Copying in and between all buckets."""

    def __init__(
        self,
        database: Database,
        objects: Objects,
        ingest: Ingest,
        clock: Clock,
        keys: ObjectKeys,
    ) -> None:
        self._database = database
        self._objects = objects
        self._ingest = ingest
        self._clock = clock
        self._keys = keys

    async def copy(
        self,
        source_bucket: Bucket,
        source_key: str,
        bucket: Bucket,
        key: str,
        attributes: Attributes,
        *,
        source_version: str | None = None,
        conditions: Preconditions,
        replace_headers: bool,
        replace_tags: bool,
        carries_tags: bool = True,
        forbid_overwrite: bool = False,
        is_protected: bool = False,
        is_wanted: Callable[[], bool] = always,
    ) -> tuple[StoredObject, StoredObject]:
        """Copy an object by reference; the copy and its source.

        No byte is moved, unless the copy is to be encrypted otherwise than its source: then it is
        read, while it *is_wanted*.  The copy of a symlink is a symlink.

        Without *carries_tags* no tags of the source may come along: somebody who gives it some at
        this very moment makes the copy fail.
        Copying what a key names onto itself changes what is said about the object, whatever the
        directive; the ACL stays unless another is given (witnessed.md, W23).  With versioning that
        is one more version.  *forbid_overwrite* does not forbid that; if the target *is_protected*
        it is forbidden (`objects.overwriting`).  A copy has not been restored.  Raises
        `InvalidObjectState` of a source that would have to be.
        """
        onto_itself = source_bucket.id == bucket.id and source_key == key
        forbid_overwrite = forbids(bucket, is_protected or (forbid_overwrite and not onto_itself))
        itself = onto_itself and source_version is None
        rule = attributes.encryption or default_rule(bucket)
        for attempt in range(_TRIES):
            source = await self._objects.find(source_bucket, source_key, source_version)
            check_readable(source_bucket, source, self._clock.now_ms())
            conditions.check(source.etag, source.modified_at)
            if source.tags and not (replace_tags or carries_tags):
                raise ServiceUnavailable
            now_ms = self._clock.now_ms()
            new = msgspec.structs.replace(
                source,
                bucket_id=bucket.id,
                key=key,
                version=new_version(bucket, now_ms),
                modified_at=now_ms,
                storage_class=attributes.storage_class
                or (source.storage_class if itself else bucket.storage_class),
                acl=attributes.acl or (source.acl if itself else "default"),
                headers=_replaced(source.headers, attributes.headers)
                if replace_headers or itself
                else _without_transition(source.headers),
                tags=attributes.tags if replace_tags else source.tags,
                restoration=None,
            )
            if source.type == ObjectType.APPENDABLE.value:
                if onto_itself and new.version == source.version:
                    new = as_sealed_as(source, new)
                    check_class(new)
                else:
                    new = as_normal(new)
            new = await self._with_bytes(source, new, rule, is_wanted)
            try:
                await self._database.change(
                    tables.objects.put,
                    new,
                    forbid_overwrite=forbid_overwrite,
                    replaces=source if itself and new.version == source.version else None,
                    suspended=is_suspended(bucket),
                    guard=must_stay,
                    retention=new_retention(bucket, attributes.retention, now_ms),
                )
            except (Fenced, Conflict):
                # The source was replaced between reading and recording.
                if attempt == _TRIES - 1:
                    raise ServiceUnavailable from None
                continue
            except Exists:
                raise FileAlreadyExists(Key=key) from None
            except Retained:
                raise FileImmutable(Key=key) from None
            except Missing:
                raise NoSuchBucket(BucketName=bucket.name) from None
            return new, source
        raise InternalError

    async def _with_bytes(
        self,
        source: StoredObject,
        new: StoredObject,
        rule: EncryptionRule | None,
        is_wanted: Callable[[], bool],
    ) -> StoredObject:
        """*new*, encrypted by *rule*, with the bytes of *source*: the same ones if it may be."""
        if rule is None and not is_encrypted(source.headers):
            return new
        if source.type == ObjectType.SYMLINK.value:
            return new
        headers = without_encryption(new.headers)
        if rule is not None and self._keys.may_share(rule, source.headers):
            headers = await self._keys.again(rule, source.headers, headers)
            return msgspec.structs.replace(new, headers=headers)
        cipher = None
        if rule is not None:
            cipher, headers = await self._keys.begin(rule, headers)
        landed = await self._taken(source, cipher, is_wanted)
        return msgspec.structs.replace(
            new, headers=headers, inline=landed.inline, extents=landed.extents
        )

    async def _taken(
        self, source: StoredObject, cipher: ObjectCipher | None, is_wanted: Callable[[], bool]
    ) -> Landed:
        """The bytes of *source* once more."""
        if source.inline is not None:
            held = Held(await self._objects.inline(source))
            return await self._ingest.take(held, cipher=cipher)
        spans = await self._objects.spans(source, 0, source.size)
        return await self._ingest.copy(spans, is_wanted, cipher)


def _replaced(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """*new*, and what OSS keeps of the source even so (witnessed.md, W23).

    Without its envelope a client could not decrypt the copy.
    """
    kept = {name: text for name, text in old.items() if name.startswith(_KEPT)}
    return {**kept, **new}


def _without_transition(headers: dict[str, str]) -> dict[str, str]:
    """A copy has not been changed by a rule."""
    if TRANSITIONED not in headers:
        return headers
    return {name: text for name, text in headers.items() if name != TRANSITIONED}
