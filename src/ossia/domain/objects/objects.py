"""The rules of objects: put, append, ACL and tags; what is asked of them is `reading`.

Everything visible is decided by one change (`ossia.tables.objects`); the bytes are stored before
that (`ingest`).
"""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from ossia import tables
from ossia.domain.objects.appending import (
    check_class,
    check_growing,
    etag_after,
)
from ossia.domain.objects.encryption import (
    default_rule,
    encryption_of,
)
from ossia.domain.objects.extents import MOST_SHORT, short_tail
from ossia.domain.objects.ingest import (
    MAX_OBJECT,
    ByteSource,
    Landed,
)
from ossia.domain.objects.overwriting import forbids
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
from ossia.records import (
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


_APPEND_TRIES = 3


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
        rule = attributes.encryption or default_rule(bucket)
        if rule is None:
            return None
        cipher, attributes.headers = await self._keys.begin(rule, attributes.headers)
        return cipher

    async def refuse_write(
        self, bucket: Bucket, key: str, attributes: Attributes, *, forbid_overwrite: bool
    ) -> None:
        """Refuse before bytes are taken; `record` decides again, in its transaction."""
        new_retention(bucket, attributes.retention, self._clock.now_ms())
        await self.refuse_overwrite(bucket, key, forbid_overwrite=forbid_overwrite)

    async def refuse_overwrite(
        self, bucket: Bucket, key: str, *, forbid_overwrite: bool, ec: str | None = None
    ) -> None:
        """The same, as far as it is about what is there.

        *ec*: the cause number of `FileAlreadyExists`.
        """
        is_forbidden = forbids(bucket, forbid_overwrite)
        replaces = WORM in bucket.documents and not bucket.versioning
        if not (is_forbidden or replaces):
            return
        present = await self.peek(bucket, key)
        if is_forbidden and present is not None:
            raise FileAlreadyExists(ec=ec, Key=key)
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
        for _ in range(_APPEND_TRIES):
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
