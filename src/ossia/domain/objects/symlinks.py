"""Symlinks: objects that stand for another object of their bucket.

1. A link has no bytes.  The key of its target lies among its headers, under a name that no client
   can give one (`records.SYMLINK_TARGET`); nobody but this module looks there.
2. Nothing is asked of the target when a link is made: it may be absent, or a link (OSS
   documentation, PutSymlink, "Usage notes").  Reading finds out, one step far and no further.
3. Of what is read through a link, size, digests and bytes are the target's, the time is the later
   of the two, and everything else the link's (HeadObject and GetObject documentation).
4. Whoever reads through a link must be allowed to read both (PutSymlink documentation): the link,
   as any object, and `target_of` it, for which the operations that read ask.
"""

import msgspec

from ossia.domain.objects.encryption import encryption_of
from ossia.domain.objects.objects import Attributes, Objects
from ossia.domain.objects.readable import check_readable
from ossia.domain.objects.versions import new_version
from ossia.errors import InvalidTargetType, NotSymlink, SymlinkTargetNotExist
from ossia.ports import Clock
from ossia.protocol.checksums import md5_hex
from ossia.protocol.storage_class import FROZEN
from ossia.records import DATA_KEY, SYMLINK_TARGET, Bucket, ObjectType, StoredObject

_LINK = ObjectType.SYMLINK.value


def is_link(stored: StoredObject) -> bool:
    """Whether *stored* stands for another object."""
    return stored.type == _LINK


def is_plain(stored: StoredObject) -> bool:
    """Whether *stored* can be read as it lies there: nearly all objects can, and need no more."""
    return (
        stored.type != _LINK
        and stored.storage_class not in FROZEN
        # `encryption.is_encrypted`, spelled out: every read asks.
        and DATA_KEY not in stored.headers
    )


def target_of(stored: StoredObject) -> str:
    """The key that a link points to.  Raises `NotSymlink`."""
    if not is_link(stored):
        raise NotSymlink(Key=stored.key)
    return stored.headers[SYMLINK_TARGET]


class Symlinks:
    """Symlinks of every bucket."""

    def __init__(self, objects: Objects, clock: Clock) -> None:
        self._objects = objects
        self._clock = clock

    async def put(
        self,
        bucket: Bucket,
        key: str,
        target: str,
        attributes: Attributes,
        *,
        forbid_overwrite: bool = False,
    ) -> StoredObject:
        """Make *key* stand for *target*.  Raises `FileAlreadyExists`, `FileImmutable`."""
        now_ms = self._clock.now_ms()
        new = StoredObject(
            bucket_id=bucket.id,
            key=key,
            version=new_version(bucket, now_ms),
            type=_LINK,
            size=0,
            # OSS does not publish its own.
            etag=md5_hex(target.encode()),
            crc64=0,
            modified_at=now_ms,
            storage_class=attributes.storage_class or bucket.storage_class,
            acl=attributes.acl or "default",
            headers={**attributes.headers, SYMLINK_TARGET: target},
            tags=attributes.tags,
        )
        await self._objects.publish(
            bucket, new, forbid_overwrite=forbid_overwrite, retention=attributes.retention
        )
        return new

    async def follow(self, bucket: Bucket, stored: StoredObject) -> StoredObject:
        """What is found under the key of *stored*: itself, unless it is a link.

        Raises `SymlinkTargetNotExist`, `InvalidTargetType`.
        """
        if not is_link(stored):
            return stored
        return _through(stored, await self._target(bucket, stored))

    async def read(self, bucket: Bucket, stored: StoredObject) -> StoredObject:
        """The same, whose bytes are to be read.  Raises `InvalidObjectState`, too."""
        target = await self._target(bucket, stored) if is_link(stored) else stored
        check_readable(bucket, target, self._clock.now_ms())
        return stored if target is stored else _through(stored, target)

    async def _target(self, bucket: Bucket, link: StoredObject) -> StoredObject:
        key = target_of(link)
        target = await self._objects.peek(bucket, key)
        if target is None:
            raise SymlinkTargetNotExist(Key=key)
        if is_link(target):
            raise InvalidTargetType(Key=key)
        return target


def _through(stored: StoredObject, target: StoredObject) -> StoredObject:
    return msgspec.structs.replace(
        stored,
        size=target.size,
        etag=target.etag,
        md5=target.md5,
        crc64=target.crc64,
        modified_at=max(stored.modified_at, target.modified_at),
        headers={
            **{name: said for name, said in stored.headers.items() if name != SYMLINK_TARGET},
            # The bytes are the target's, and so is how they are encrypted.
            **encryption_of(target.headers),
        },
        inline=target.inline,
        extents=target.extents,
    )
