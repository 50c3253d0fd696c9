"""The rules of objects: put, find, read, copy, append, delete, ACL.

Everything visible is decided by one change (`ossia.tables.objects`); the bytes are stored before
that (`ingest`).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from ossia import tables
from ossia.domain.objects.appending import (
    as_normal,
    as_sealed_as,
    check_class,
    check_growing,
    etag_after,
)
from ossia.domain.objects.encryption import (
    DOCUMENT,
    default_rule,
    encryption_of,
    is_encrypted,
    without_encryption,
)
from ossia.domain.objects.extents import MOST_SHORT, short_tail
from ossia.domain.objects.held import Held
from ossia.domain.objects.ingest import (
    MAX_OBJECT,
    ByteSource,
    Landed,
    always,
)
from ossia.domain.objects.overwriting import forbids
from ossia.domain.objects.readable import check_readable
from ossia.domain.objects.reading import Reading
from ossia.domain.objects.retention import (
    WORM,
    must_stay,
    new_retention,
    refuse_appending,
    refuse_changed,
)
from ossia.domain.objects.versions import is_suspended, new_version
from ossia.errors import (
    EntityTooLarge,
    FileAlreadyExists,
    FileImmutable,
    InternalError,
    NoSuchBucket,
    ObjectNotAppendable,
    ServiceUnavailable,
)
from ossia.ports import (
    Conflict,
    Exists,
    Fenced,
    Missing,
    Retained,
)
from ossia.protocol.checksums import etag_to_content_md5
from ossia.protocol.encryption_rule import EncryptionRule
from ossia.protocol.object_cipher import ObjectCipher
from ossia.protocol.preconditions import Preconditions
from ossia.records import (
    SYMLINK_TARGET,
    TRANSITIONED,
    Bucket,
    ObjectType,
    PendingCallback,
    Retention,
    StoredObject,
)


class Announcement(Protocol):
    """Whoever is to hear of a write before everybody else; `domain.callbacks.upload_callback`."""

    async def before(self, new: StoredObject) -> PendingCallback | None:
        """See an object about to become visible: refuse it, or name what is owed with it."""


_COPY_TRIES = 3
CLIENT_ENCRYPTION = "x-oss-meta-client-side-encryption-"
"""How the headers begin in which a client says how it encrypts what it uploads."""
_KEPT = ("content-type", CLIENT_ENCRYPTION, SYMLINK_TARGET)


@dataclass(slots=True, kw_only=True)
class Attributes:
    """What a write says about an object besides its bytes."""

    headers: dict[str, str] = field(default_factory=dict)
    acl: str | None = None
    storage_class: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    encryption: EncryptionRule | None = None
    """None: as the bucket says."""
    retention: Retention | None = None

    @property
    def asks_for_more(self) -> bool:
        """Whether something has to be prepared before the bytes are taken."""
        return self.encryption is not None or self.retention is not None


class Objects(Reading):
    """Objects of every bucket."""

    # --- writing ---

    async def put(
        self,
        bucket: Bucket,
        key: str,
        source: ByteSource,
        attributes: Attributes,
        *,
        content_md5: str | None = None,
        forbid_overwrite: bool = False,
        announcement: Announcement | None = None,
    ) -> StoredObject:
        """Store the bytes of *source* under *key*.

        *announcement* sees the object before anybody else does.  Raises what it raises,
        `FileAlreadyExists`, `FileImmutable`, `InvalidDigest`, `EntityTooLarge`; then nothing is
        changed.
        """
        cipher = None
        # Nearly always there is nothing to ask or to prepare.
        if forbid_overwrite or bucket.documents or attributes.asks_for_more:
            await self.refuse_write(bucket, key, attributes, forbid_overwrite=forbid_overwrite)
            cipher = await self.encrypt(bucket, attributes)
        landed = await self._ingest.take(source, content_md5=content_md5, cipher=cipher)
        return await self.record(
            bucket,
            key,
            landed,
            attributes,
            forbid_overwrite=forbid_overwrite,
            announcement=announcement,
        )

    async def encrypt(self, bucket: Bucket, attributes: Attributes) -> ObjectCipher | None:
        """What encrypts the bytes of what is about to be written; its headers tell so then.

        None where they stay as they are.  Raises `KeyNotFound` and what the state of its key says.
        """
        rule = attributes.encryption
        if rule is None:
            if DOCUMENT not in bucket.documents:
                return None
            rule = default_rule(bucket)
            assert rule is not None
        cipher, attributes.headers = await self._keys.begin(rule, attributes.headers)
        return cipher

    async def refuse_write(
        self, bucket: Bucket, key: str, attributes: Attributes, *, forbid_overwrite: bool
    ) -> None:
        """Refuse before bytes are taken; `record` decides again, in its transaction."""
        new_retention(bucket, attributes.retention, self._clock.now_ms())
        await self.refuse_overwrite(bucket, key, forbid_overwrite=forbid_overwrite)

    async def refuse_overwrite(self, bucket: Bucket, key: str, *, forbid_overwrite: bool) -> None:
        """The same, as far as it is about what is there."""
        is_forbidden = forbids(bucket, forbid_overwrite)
        replaces = WORM in bucket.documents and not bucket.versioning
        if not (is_forbidden or replaces):
            return
        present = await self.peek(bucket, key)
        if is_forbidden and present is not None:
            raise FileAlreadyExists(Key=key)
        if replaces:
            refuse_changed(bucket, present, self._clock.now_ms())

    async def record(
        self,
        bucket: Bucket,
        key: str,
        landed: Landed,
        attributes: Attributes,
        *,
        forbid_overwrite: bool = False,
        announcement: Announcement | None = None,
    ) -> StoredObject:
        """Make *landed* visible as a normal object."""
        now_ms = self._clock.now_ms()
        new = StoredObject(
            bucket_id=bucket.id,
            key=key,
            version=new_version(bucket, now_ms),
            type=ObjectType.NORMAL.value,
            size=landed.size,
            etag=landed.md5,
            md5=etag_to_content_md5(landed.md5),
            crc64=landed.crc64,
            modified_at=now_ms,
            storage_class=attributes.storage_class or bucket.storage_class,
            acl=attributes.acl or "default",
            headers=attributes.headers,
            tags=attributes.tags,
            inline=landed.inline,
            extents=landed.extents,
        )
        owed = None if announcement is None else await announcement.before(new)
        await self.publish(
            bucket,
            new,
            forbid_overwrite=forbid_overwrite,
            owed=owed,
            retention=attributes.retention,
        )
        return new

    async def publish(
        self,
        bucket: Bucket,
        new: StoredObject,
        *,
        forbid_overwrite: bool,
        owed: PendingCallback | None = None,
        retention: Retention | None = None,
    ) -> None:
        """Make *new* visible under its key, and *owed* with it; *retention* is what was asked."""
        try:
            await self._database.change(
                tables.objects.put,
                new,
                forbid_overwrite=forbids(bucket, forbid_overwrite),
                owed=owed,
                suspended=is_suspended(bucket),
                guard=must_stay,
                retention=new_retention(bucket, retention, new.modified_at)
                if retention is not None or bucket.documents
                else None,
            )
        except Exists:
            raise FileAlreadyExists(Key=new.key) from None
        except Retained:
            raise FileImmutable(Key=new.key) from None
        except Missing:
            raise NoSuchBucket(BucketName=bucket.name) from None
        except Fenced as error:
            raise ServiceUnavailable("The upload took longer than its lease.") from error

    async def append(
        self,
        bucket: Bucket,
        key: str,
        position: int,
        source: ByteSource,
        attributes: Attributes,
        *,
        content_md5: str | None = None,
        is_protected: bool = False,
    ) -> StoredObject:
        """Append the bytes of *source* at *position*, which must be the present length.

        Of the attributes, an object that exists takes the ACL (witnessed.md, W22).
        Raises `PositionNotEqualToLength`, `ObjectNotAppendable`, `FileImmutable`,
        `InvalidArgument` for a class that no appendable object has, `OperationNotSupported`; and
        `FileAlreadyExists` if there is an object and it *is_protected* (`objects.overwriting`).
        """
        refuse_appending(bucket)
        before = await tables.objects.find(self._database, bucket.id, key)
        if before is not None and is_protected:
            raise FileAlreadyExists(Key=key)
        check_growing(before, position)
        if WORM in bucket.documents:
            refuse_changed(bucket, before, self._clock.now_ms())
        if before is None and await self.versions.has_marker(bucket, key):
            raise ObjectNotAppendable(Key=key)
        if before is None:
            cipher = await self.encrypt(bucket, attributes)
            base = self._empty_appendable(bucket, key, attributes)
            check_class(base)
        else:
            cipher, base = await self._keys.cipher_of(before.headers), before
            if short_tail(before.extents) >= MOST_SHORT:
                await self._join_tail(before, cipher)
        landed = await self._ingest.take(
            source,
            content_md5=content_md5,
            crc_before=base.crc64,
            limit=MAX_OBJECT - position,
            too_large=EntityTooLarge,
            keep_inline=False,
            cipher=cipher,
        )
        if landed.size == 0 and before is not None:
            # objects.md: a zero-byte append with a valid position changes nothing.
            return before
        return await self._grow(bucket, base, before, landed, attributes.acl)

    async def _grow(
        self,
        bucket: Bucket,
        base: StoredObject,
        before: StoredObject | None,
        landed: Landed,
        acl: str | None,
    ) -> StoredObject:
        """Record what has landed behind *base*, which is *before* where there was an object."""
        position = base.size
        added = landed.extents[0] if landed.extents else None
        for _ in range(_COPY_TRIES):
            new = msgspec.structs.replace(
                base,
                acl=acl or base.acl,
                size=position + landed.size,
                etag=etag_after(base.etag, landed.md5),
                crc64=landed.crc64,
                modified_at=self._clock.now_ms(),
                inline=None,
                extents=(),
            )
            try:
                await self._database.change(
                    tables.objects.append,
                    new,
                    position=position,
                    added=added,
                    replaces=before,
                    versioned=bool(bucket.versioning),
                    guard=must_stay,
                )
            except Retained:
                raise FileImmutable(Key=base.key) from None
            except Conflict:
                found = await tables.objects.find(self._database, base.bucket_id, base.key)
                check_growing(found, position)
                if before is None or found is None or found.etag != before.etag:
                    break
                if encryption_of(found.headers) != encryption_of(before.headers):
                    # What has landed is encrypted otherwise, or not at all.
                    break
                # The same bytes: somebody has changed what is said about them.
                before = base = found
            except Missing:
                raise NoSuchBucket(BucketName=bucket.name) from None
            except Fenced as error:
                raise ServiceUnavailable("The upload took longer than its lease.") from error
            else:
                return new
        raise ServiceUnavailable

    async def _join_tail(self, before: StoredObject, cipher: ObjectCipher | None) -> None:
        """Copy the short runs at the end of an object together; it stays what it is."""
        kept = before.extents[: -short_tail(before.extents)]
        start = sum(extent.length for extent in kept)
        spans = await self.spans(before, start, before.size - start)
        landed = await self._ingest.copy(spans, cipher=cipher)
        new = msgspec.structs.replace(before, extents=(*kept, *landed.extents))
        # Who was faster has changed the object: then this is for nothing, and nothing is lost.
        with suppress(Conflict, Fenced, Missing, Retained):
            await self._database.change(tables.objects.put, new, replaces=before, guard=must_stay)

    def _empty_appendable(self, bucket: Bucket, key: str, attributes: Attributes) -> StoredObject:
        return StoredObject(
            bucket_id=bucket.id,
            key=key,
            type=ObjectType.APPENDABLE.value,
            size=0,
            etag="",
            crc64=0,
            modified_at=0,
            storage_class=attributes.storage_class or bucket.storage_class,
            acl=attributes.acl or "default",
            headers=attributes.headers,
            tags=attributes.tags,
        )

    # --- copying ---

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
        for attempt in range(_COPY_TRIES):
            source = await self.find(source_bucket, source_key, source_version)
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
                if attempt == _COPY_TRIES - 1:
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
            return await self._ingest.take(Held(await self.inline(source)), cipher=cipher)
        return await self._ingest.copy(await self.spans(source, 0, source.size), is_wanted, cipher)

    # --- changing without bytes ---

    async def describe(
        self,
        bucket: Bucket,
        key: str,
        version: str | None = None,
        *,
        acl: str | None = None,
        tags: dict[str, str] | None = None,
    ) -> str:
        """Change the ACL or the tags; the object stays as old as it is.  Which version it is.

        Raises what `find` does.
        """
        try:
            return await self._database.change(
                tables.versions.describe, bucket.id, key, version, acl=acl, tags=tags
            )
        except Missing:
            await self.find(bucket, key, version)
            # It has come into being just now.
            raise ServiceUnavailable from None


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
