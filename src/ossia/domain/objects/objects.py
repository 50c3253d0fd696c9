"""The rules of objects: put, find, read, copy, append, delete, ACL.

Everything visible is decided by one change (`ossia.tables.objects`); the bytes are stored before
that (`ingest`).
"""

import hashlib
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from ossia import tables
from ossia.domain.objects.extents import MOST_SHORT, cut, short_tail
from ossia.domain.objects.ingest import MAX_OBJECT, ByteSource, Ingest, Landed, StoredSource
from ossia.domain.objects.readable import check_readable
from ossia.domain.objects.retention import (
    WORM,
    guard,
    is_retaining,
    new_retention,
    refuse_appending,
    refuse_changed,
)
from ossia.domain.objects.versions import Versions, is_suspended, new_version
from ossia.errors import (
    EntityTooLarge,
    FileAlreadyExists,
    FileImmutable,
    InternalError,
    InvalidArgument,
    NoSuchBucket,
    ObjectNotAppendable,
    PositionNotEqualToLength,
    ServiceUnavailable,
)
from ossia.ports import (
    BlobStore,
    Clock,
    Conflict,
    Database,
    Exists,
    Fenced,
    Missing,
    Retained,
)
from ossia.protocol.checksums import etag_to_content_md5
from ossia.protocol.preconditions import Preconditions
from ossia.protocol.storage_class import NEVER_APPENDED
from ossia.records import (
    SYMLINK_TARGET,
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
    retention: Retention | None = None


class Objects:
    """Objects of every bucket."""

    def __init__(self, database: Database, blobs: BlobStore, ingest: Ingest, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._ingest = ingest
        self._clock = clock
        self.versions = Versions(database, clock)

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
        if forbid_overwrite or attributes.retention is not None or is_retaining(bucket.documents):
            await self.refuse_write(bucket, key, attributes, forbid_overwrite=forbid_overwrite)
        landed = await self._ingest.take(source, content_md5=content_md5)
        return await self.record(
            bucket,
            key,
            landed,
            attributes,
            forbid_overwrite=forbid_overwrite,
            announcement=announcement,
        )

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
                guard=guard(),
                retention=new_retention(bucket, retention, new.modified_at),
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
    ) -> StoredObject:
        """Append the bytes of *source* at *position*, which must be the present length.

        Of the attributes, an object that exists takes the ACL (witnessed.md, W22).
        Raises `PositionNotEqualToLength`, `ObjectNotAppendable`, `FileImmutable`,
        `InvalidArgument` for a class that no appendable object has, `OperationNotSupported`.
        """
        refuse_appending(bucket)
        before = await tables.objects.find(self._database, bucket.id, key)
        self._check_append(before, position)
        if WORM in bucket.documents:
            refuse_changed(bucket, before, self._clock.now_ms())
        if before is None and await self.versions.has_marker(bucket, key):
            raise ObjectNotAppendable(Key=key)
        if before is not None and short_tail(before.extents) >= MOST_SHORT:
            await self._join_tail(before)
        base = before or self._empty_appendable(bucket, key, attributes)
        if before is None:
            _check_appended_class(base)
        landed = await self._ingest.take(
            source,
            content_md5=content_md5,
            crc_before=base.crc64,
            limit=MAX_OBJECT - position,
            too_large=EntityTooLarge,
            keep_inline=False,
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
                etag=_append_etag(base.etag, landed.md5),
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
                    guard=guard(),
                )
            except Retained:
                raise FileImmutable(Key=base.key) from None
            except Conflict:
                found = await tables.objects.find(self._database, base.bucket_id, base.key)
                self._check_append(found, position)
                if before is None or found is None or found.etag != before.etag:
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

    async def _join_tail(self, before: StoredObject) -> None:
        """Copy the short runs at the end of an object together; it stays what it is."""
        kept = before.extents[: -short_tail(before.extents)]
        start = sum(extent.length for extent in kept)
        landed = await self._ingest.copy(self.spans(before, start, before.size - start))
        new = msgspec.structs.replace(before, extents=(*kept, *landed.extents))
        # Who was faster has changed the object: then this is for nothing, and nothing is lost.
        with suppress(Conflict, Fenced, Missing, Retained):
            await self._database.change(tables.objects.put, new, replaces=before, guard=guard())

    def _check_append(self, before: StoredObject | None, position: int) -> None:
        if before is not None and before.type != ObjectType.APPENDABLE.value:
            raise ObjectNotAppendable(Key=before.key)
        length = 0 if before is None else before.size
        if position != length:
            # oss2 reads the header without asking whether it is there.
            raise PositionNotEqualToLength(headers={"x-oss-next-append-position": str(length)})

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

    # --- reading ---

    async def find(
        self,
        bucket: Bucket,
        key: str,
        version: str | None = None,
        *,
        read_by: str | None = None,
    ) -> StoredObject:
        """What the key names, or one of its versions.

        Raises `NoSuchKey`, and of versions what `Versions.find` does.
        """
        if version is not None:
            return await self.versions.find(bucket, key, version, read_by=read_by)
        found = await tables.objects.find(self._database, bucket.id, key)
        if found is None:
            await self.versions.refuse_absent(bucket, key)
        return found

    async def peek(
        self, bucket: Bucket, key: str, version: str | None = None
    ) -> StoredObject | None:
        """The same or None."""
        if version is not None:
            return await self.versions.peek(bucket, key, version)
        return await tables.objects.find(self._database, bucket.id, key)

    def spans(self, stored: StoredObject, start: int, length: int) -> "tuple[BlobSpan, ...]":
        """The runs of blobs that hold *length* bytes from *start*."""
        return tuple(
            BlobSpan(self._blobs, each.blob_id, each.blob_offset, each.length)
            for each in cut(stored.extents, start, length)
        )

    async def begin(self, stored: StoredObject, start: int, length: int) -> "tuple[BlobSpan, ...]":
        """The same, once the first bytes can be had: for an answer that is about to be promised."""
        spans = self.spans(stored, start, length)
        if spans:
            await spans[0].begin()
        return spans

    async def read(self, stored: StoredObject, offset: int, length: int) -> bytes:
        """Up to *length* bytes from *offset*; fewer, or none, behind the end."""
        length = max(0, min(length, stored.size - offset))
        if stored.inline is not None:
            return stored.inline[offset : offset + length]
        buffer = bytearray(length)
        with closing(StoredSource(self.spans(stored, offset, length))) as source:
            await source.read_into(memoryview(buffer))
        return bytes(buffer)

    # --- changing without bytes ---

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
    ) -> tuple[StoredObject, StoredObject]:
        """Copy an object by reference, no byte is moved; the copy and its source.

        The copy of a symlink is a symlink.

        Without *carries_tags* no tags of the source may come along: somebody who gives it some at
        this very moment makes the copy fail.
        Copying what a key names onto itself changes what is said about the object, whatever the
        directive; the ACL stays unless another is given (witnessed.md, W23).  With versioning that
        is one more version.  A copy has not been restored.  Raises `InvalidObjectState` of a source
        that would have to be.
        """
        onto_itself = source_bucket.id == bucket.id and source_key == key
        forbid_overwrite = forbids(bucket, forbid_overwrite) and not onto_itself
        itself = onto_itself and source_version is None
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
                else source.headers,
                tags=attributes.tags if replace_tags else source.tags,
                restoration=None,
            )
            if source.type == ObjectType.APPENDABLE.value:
                if onto_itself and new.version == source.version:
                    _check_appended_class(new)
                else:
                    new = msgspec.structs.replace(new, type=ObjectType.NORMAL.value)
            try:
                await self._database.change(
                    tables.objects.put,
                    new,
                    forbid_overwrite=forbid_overwrite,
                    replaces=source if itself and new.version == source.version else None,
                    suspended=is_suspended(bucket),
                    guard=guard(),
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


class BlobSpan:
    """A run of one blob, which a row says is there."""

    __slots__ = ("_reader", "length", "offset")

    def __init__(self, blobs: BlobStore, blob_id: str, offset: int, length: int) -> None:
        self._reader = blobs.open(blob_id, offset, length)
        self.offset = offset
        self.length = length

    async def begin(self) -> None:
        """Be sure that the first bytes can be had."""
        try:
            await self._reader.begin()
        except Missing as error:
            raise InternalError from error

    def fileno(self) -> int | None:
        """The open file, if there is one."""
        try:
            return self._reader.fileno()
        except Missing as error:
            raise InternalError from error

    async def read(self, offset: int, most: int) -> bytes | memoryview:
        """At most *most* bytes of the blob at *offset*."""
        try:
            return await self._reader.read(offset, most)
        except Missing as error:
            raise InternalError from error

    def release(self) -> None:
        """Hold nothing until it is used again."""
        self._reader.release()

    def close(self) -> None:
        """Hold nothing any more."""
        self._reader.close()


def forbids(bucket: Bucket, forbid_overwrite: bool) -> bool:
    """Whether a write must not replace: with versioning that is ignored (objects.md, section 4)."""
    return forbid_overwrite and not bucket.versioning


def _replaced(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """*new*, and what OSS keeps of the source even so (witnessed.md, W23).

    Without its envelope a client could not decrypt the copy.
    """
    kept = {name: text for name, text in old.items() if name.startswith(_KEPT)}
    return {**kept, **new}


def _check_appended_class(new: StoredObject) -> None:
    if new.storage_class in NEVER_APPENDED:
        raise InvalidArgument(
            f"An appendable object cannot have the storage class {new.storage_class}.",
            ec="0016-00000503",
            ArgumentName="x-oss-storage-class",
            ArgumentValue=new.storage_class,
        )


def _append_etag(before: str, added: str) -> str:
    """An opaque ETag that changes with every append; OSS does not publish its own."""
    text = f"{before}{added}".encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest().upper()
