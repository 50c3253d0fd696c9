"""Multipart uploads: initiate, parts, complete, abort, list.

Completing moves no bytes: the object's extents are those of its parts.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from ossia import tables
from ossia.domain.objects.encryption import is_encrypted
from ossia.domain.objects.extents import cut, may_be_shared, merged
from ossia.domain.objects.held import Held
from ossia.domain.objects.ingest import MAX_OBJECT, ByteSource, Ingest, Landed, always
from ossia.domain.objects.objects import (
    CLIENT_ENCRYPTION,
    Announcement,
    Attributes,
    Objects,
)
from ossia.domain.objects.overwriting import forbids
from ossia.domain.objects.retention import must_stay, new_retention, packed, unpacked
from ossia.domain.objects.versions import is_suspended, new_version
from ossia.errors import (
    EntityTooLarge,
    EntityTooSmall,
    FileAlreadyExists,
    FileImmutable,
    InvalidArgument,
    InvalidPart,
    InvalidPartOrder,
    NoSuchBucket,
    NoSuchUpload,
    PartNotSequential,
    ServiceUnavailable,
)
from ossia.ports import Clock, Conflict, Database, Exists, Fenced, Missing, Retained
from ossia.protocol.checksums import (
    combine_crc64,
    content_md5_to_etag,
    etag_to_content_md5,
    multipart_etag,
)
from ossia.protocol.decimals import is_decimal
from ossia.protocol.object_cipher import ObjectCipher
from ossia.protocol.preconditions import Preconditions
from ossia.protocol.ranges import resolve_copy_range
from ossia.records import Bucket, Extent, ObjectType, Part, StoredObject, Upload
from ossia.tables.uploads import UploadListing

MIN_PART = 100 * 1024
"""Every part but the last has at least 100 KB; checked at Complete."""
MAX_PARTS = 10_000
MAX_WHOLE = 488 * 1024**4 // 10
"""48.8 TB: what an object uploaded in parts may have at most."""
_MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ChosenPart:
    """A part as the Complete request names it."""

    number: int
    etag: str


class Multipart:
    """Uploads in parts."""

    def __init__(self, database: Database, objects: Objects, ingest: Ingest, clock: Clock) -> None:
        self._database = database
        self._objects = objects
        self._ingest = ingest
        self._clock = clock

    async def initiate(
        self,
        bucket: Bucket,
        key: str,
        attributes: Attributes,
        *,
        sequential: bool = False,
        forbid_overwrite: bool = False,
        is_protected: bool = False,
    ) -> Upload:
        """Begin an upload, which *forbid_overwrite* goes along with.

        Raises `FileAlreadyExists`, also where what is there *is_protected* now
        (`objects.overwriting`): whoever completes it is asked once more.
        """
        if forbid_overwrite or is_protected:
            await self._objects.refuse_overwrite(bucket, key, forbid_overwrite=True)
        now_ms = self._clock.now_ms()
        new_retention(bucket, attributes.retention, now_ms)
        await self._objects.encrypt(bucket, attributes)
        upload = Upload(
            id=uuid.uuid4().hex.upper(),
            bucket_id=bucket.id,
            key=key,
            initiated_at=now_ms,
            storage_class=attributes.storage_class or bucket.storage_class,
            acl=attributes.acl or "default",
            headers=packed(attributes.headers, attributes.retention),
            tags=attributes.tags,
            sequential=sequential,
            forbid_overwrite=forbid_overwrite,
        )
        try:
            await self._database.change(tables.uploads.create, upload)
        except Missing:
            raise NoSuchBucket(BucketName=bucket.name) from None
        return upload

    async def find(self, bucket: Bucket, key: str, upload_id: str, *, ec: str) -> Upload:
        """The upload.  Raises `NoSuchUpload` with the cause number of the operation."""
        upload = await tables.uploads.find(self._database, bucket.id, key, upload_id)
        if upload is None:
            raise NoSuchUpload(ec=ec, UploadId=upload_id)
        return upload

    async def put_part(
        self,
        bucket: Bucket,
        key: str,
        upload_id: str,
        number: int,
        source: ByteSource,
        *,
        content_md5: str | None = None,
    ) -> tuple[Part, Upload]:
        """Store one part; a number sent again replaces what it held.  It, and its upload."""
        ec = "0042-00000104"
        upload = await self.find(bucket, key, upload_id, ec=ec)
        await self._check_sequence(upload, number)
        cipher = await self._objects.cipher_of(upload.headers)
        landed = await self._ingest.take(
            source, content_md5=content_md5, keep_inline=False, cipher=cipher
        )
        part = Part(
            upload_id=upload_id,
            number=number,
            size=landed.size,
            etag=landed.md5,
            crc64=landed.crc64,
            modified_at=self._clock.now_ms(),
            extents=landed.extents,
        )
        await self._record_part(part, ec)
        return part, upload

    async def copy_part(
        self,
        bucket: Bucket,
        key: str,
        upload_id: str,
        number: int,
        source: StoredObject,
        range_header: str | None,
        conditions: Preconditions,
        *,
        is_wanted: Callable[[], bool] = always,
    ) -> tuple[Part, tuple[int, int] | None, Upload]:
        """Make a part of (a range of) an object; it, the range taken if there is one, its upload.

        One long run of bytes is shared, everything else copied (`extents`), as is whatever is
        encrypted or is to be: an upload has a data key of its own.  Digests are read from the disk
        unless the part is the whole of a normal object.  Raises `ClientGone` once it *is_wanted*
        no more.
        """
        ec = "0042-00000311"
        upload = await self.find(bucket, key, upload_id, ec=ec)
        await self._check_sequence(upload, number)
        conditions.check(source.etag, source.modified_at)
        chosen = None if range_header is None else resolve_copy_range(range_header, source.size)
        start, length = chosen or (0, source.size)
        if length > MAX_OBJECT:
            raise EntityTooLarge
        shared = merged(cut(source.extents, start, length))
        cipher = await self._objects.cipher_of(upload.headers)
        moves = cipher is not None or is_encrypted(source.headers)
        if moves or not may_be_shared(shared):
            landed = await self._copy(source, start, length, cipher, is_wanted)
        elif chosen is None and source.md5:
            landed = Landed(length, content_md5_to_etag(source.md5), source.crc64, None, shared)
        else:
            spans = await self._objects.spans(source, start, length)
            landed = Landed(length, *await self._ingest.digest(spans, is_wanted), None, shared)
        part = Part(
            upload_id=upload_id,
            number=number,
            size=length,
            etag=landed.md5,
            crc64=landed.crc64,
            modified_at=self._clock.now_ms(),
            extents=landed.extents,
        )
        await self._record_part(part, ec, "The copy source was replaced meanwhile: try again.")
        return part, chosen, upload

    async def _copy(
        self,
        source: StoredObject,
        start: int,
        length: int,
        cipher: ObjectCipher | None,
        is_wanted: Callable[[], bool],
    ) -> Landed:
        if source.inline is not None:
            content = await self._objects.inline(source)
            held = Held(content[start : start + length])
            return await self._ingest.take(held, keep_inline=False, cipher=cipher)
        spans = await self._objects.spans(source, start, length)
        return await self._ingest.copy(spans, is_wanted, cipher)

    async def _check_sequence(self, upload: Upload, number: int) -> None:
        if not upload.sequential or number == 1:
            return
        before = await tables.uploads.parts(self._database, upload.id, number - 2, 1)
        if not before or before[0].number != number - 1:
            raise PartNotSequential(PartNumber=number)

    async def _record_part(
        self,
        part: Part,
        ec: str,
        if_fenced: str = "The upload took longer than its lease.",
    ) -> None:
        try:
            await self._database.change(tables.uploads.put_part, part)
        except Missing:
            raise NoSuchUpload(ec=ec, UploadId=part.upload_id) from None
        except Fenced as error:
            raise ServiceUnavailable(if_fenced) from error

    async def complete(
        self,
        bucket: Bucket,
        upload: Upload,
        chosen: list[ChosenPart] | None,
        *,
        acl: str | None = None,
        forbid_overwrite: bool = False,
        announcement: Announcement | None = None,
        is_wanted: Callable[[], bool] = always,
    ) -> StoredObject:
        """Make an object of the chosen parts (None: of all); none make an empty object.

        The object of a sequential upload has the MD5 of the whole (witnessed.md, W15), for which
        its bytes are read once, while it *is_wanted*.  Raises what *announcement* raises,
        `InvalidPartOrder`, `InvalidPart`, `EntityTooSmall`, `FileAlreadyExists`, `FileImmutable`,
        `NoSuchUpload`.
        """
        key, upload_id = upload.key, upload.id
        forbid_overwrite = forbids(bucket, forbid_overwrite or upload.forbid_overwrite)
        stored = {
            part.number: part
            for part in await tables.uploads.parts(self._database, upload_id, 0, MAX_PARTS)
        }
        parts = list(stored.values()) if chosen is None else _choose(stored, chosen, upload_id)
        _check_sizes(parts)
        size = sum(part.size for part in parts)
        if size > MAX_WHOLE:
            raise EntityTooLarge
        _check_encrypted_size(upload, size)
        # Whatever else forbids it is decided with the change.
        await self._objects.refuse_overwrite(bucket, key, forbid_overwrite=False)
        headers, asked = unpacked(upload.headers)
        now_ms = self._clock.now_ms()
        new = StoredObject(
            bucket_id=bucket.id,
            key=key,
            version=new_version(bucket, now_ms),
            type=ObjectType.MULTIPART.value,
            size=size,
            etag=multipart_etag(part.etag for part in parts),
            crc64=_whole_crc(parts),
            modified_at=now_ms,
            storage_class=upload.storage_class,
            acl=acl or upload.acl,
            headers=headers,
            tags=upload.tags,
            inline=None if any(part.size for part in parts) else b"",
            extents=_join(parts),
        )
        if upload.sequential:
            spans = await self._objects.spans(new, 0, size)
            etag, _ = await self._ingest.digest(spans, is_wanted)
            new = msgspec.structs.replace(new, md5=etag_to_content_md5(etag))
        owed = None if announcement is None else await announcement.before(new)
        try:
            await self._database.change(
                tables.uploads.complete,
                upload_id,
                new,
                forbid_overwrite=forbid_overwrite,
                owed=owed,
                suspended=is_suspended(bucket),
                guard=must_stay,
                retention=new_retention(bucket, asked, now_ms),
            )
        except Missing:
            raise NoSuchUpload(ec="0042-00000205", UploadId=upload_id) from None
        except Exists:
            raise FileAlreadyExists(ec="0042-00000214", Key=key) from None
        except Retained:
            raise FileImmutable(Key=key) from None
        except Conflict:
            raise InvalidPart(UploadId=upload_id) from None
        return new

    async def abort(self, bucket: Bucket, key: str, upload_id: str) -> None:
        """End an upload without an object."""
        await self.find(bucket, key, upload_id, ec="0042-00000002")
        try:
            await self._database.change(tables.uploads.abort, upload_id)
        except Missing:
            raise NoSuchUpload(UploadId=upload_id) from None

    async def parts(self, upload_id: str, after: int, limit: int) -> list[Part]:
        """Parts in order of their numbers, behind *after*."""
        return await tables.uploads.parts(self._database, upload_id, after, limit)

    async def uploads(
        self,
        bucket: Bucket,
        *,
        prefix: str,
        delimiter: str,
        after_key: str,
        after_upload_id: str,
        limit: int,
    ) -> UploadListing:
        """One page of the uploads of a bucket."""
        return await tables.uploads.page(
            self._database,
            bucket.id,
            prefix=prefix,
            delimiter=delimiter,
            after_key=after_key,
            after_upload_id=after_upload_id,
            limit=limit,
        )


def _choose(stored: dict[int, Part], chosen: list[ChosenPart], upload_id: str) -> list[Part]:
    parts: list[Part] = []
    for each in chosen:
        if parts and each.number <= parts[-1].number:
            raise InvalidPartOrder(UploadId=upload_id, PartNumber=each.number)
        part = stored.get(each.number)
        if part is None or part.etag != each.etag.strip().strip('"').upper():
            raise InvalidPart(ETag=each.etag, PartNumber=each.number, UploadId=upload_id)
        parts.append(part)
    return parts


def _check_sizes(parts: list[Part]) -> None:
    for part in parts[:-1]:
        if part.size < MIN_PART:
            raise EntityTooSmall(
                ec="0042-00000213",
                MinSizeAllowed=MIN_PART,
                ProposedSize=part.size,
                ETag=part.etag,
                PartNumber=part.number,
            )


def _check_encrypted_size(upload: Upload, size: int) -> None:
    """The size that an encrypting client announced must be that of the object (W39)."""
    announced = upload.headers.get(f"{CLIENT_ENCRYPTION}data-size")
    if announced is None:
        return
    is_number = is_decimal(announced, _MAX_DIGITS)
    if not is_number or int(announced) != size:
        raise InvalidArgument(
            "The size of the parts is not the data size that the upload was begun with.",
            ec="0005-00000411" if is_number else "0005-00000408",
            ArgumentName=f"{CLIENT_ENCRYPTION}data-size",
            ArgumentValue=announced,
        )


def _whole_crc(parts: list[Part]) -> int:
    crc = parts[0].crc64 if parts else 0
    for part in parts[1:]:
        crc = combine_crc64(crc, part.crc64, part.size)
    return crc


def _join(parts: list[Part]) -> tuple[Extent, ...]:
    return merged(extent for part in parts for extent in part.extents)
