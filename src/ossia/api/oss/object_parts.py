"""The parts of multipart uploads: uploaded, or copied from (a range of) an object."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

from ossia.api.bind import (
    BodyStream,
    BucketInPath,
    FromCall,
    Header,
    WrittenKeyInPath,
)
from ossia.api.call import Call
from ossia.api.operation import Grant, Needs, Resource, Scope
from ossia.api.oss.encryption_headers import (
    DECRYPTING,
    EncryptsNothing,
    TellingEncryption,
)
from ossia.api.oss.fields import (
    ContentMd5,
    UploadId,
)
from ossia.api.oss.following import FoundObject, found_by
from ossia.api.oss.object_copy import (
    READS_SOURCE,
    CopyConditions,
    CopySourceHeader,
    SourceVersionHeader,
)
from ossia.api.oss.registry import oss
from ossia.api.oss.traffic import DELAY, TrafficLimit, delay_ms, delay_of_copy, slowed
from ossia.domain.objects.multipart import MAX_PARTS
from ossia.domain.objects.symlinks import is_link, target_of
from ossia.domain.objects.versions import shown_version
from ossia.errors import (
    InvalidArgument,
    InvalidDigest,
    InvalidObjectState,
    NoSuchKey,
    NoSuchUpload,
    NoSuchVersion,
    PreconditionFailed,
)
from ossia.protocol.checksums import etag_to_content_md5
from ossia.protocol.dates import format_iso
from ossia.protocol.decimals import is_decimal
from ossia.protocol.xml import document, tag
from ossia.records import Part

MAX_DIGITS: Final = 9
"""Of a number that is written out."""


def _part_number(call: Call) -> int:
    text = call.query.get("partNumber", "")
    if "partNumber" not in call.query:
        raise InvalidArgument(
            "Unexpected query string parameter",
            ec="0017-00000219",
            ArgumentName="ResourceType",
            ArgumentValue="partNumber",
        )
    if not is_decimal(text, MAX_DIGITS) or not 1 <= int(text) <= MAX_PARTS:
        raise InvalidArgument(
            "Part number must be an integer between 1 and 10000, inclusive.",
            ec="0017-00000220",
            ArgumentName="PartNumber",
            ArgumentValue=text,
        )
    return int(text)


PartNumber = Annotated[int, FromCall(_part_number)]


@dataclass(slots=True, kw_only=True)
class UploadPart:
    bucket: BucketInPath
    key: WrittenKeyInPath
    encrypts: EncryptsNothing
    content: BodyStream
    number: PartNumber
    upload_id: UploadId
    content_md5: ContentMd5 = None
    limit: TrafficLimit = None


@dataclass(slots=True, kw_only=True)
class UploadPartResult(TellingEncryption):
    etag: Annotated[str, Header("ETag")]
    content_md5: Annotated[str, Header("Content-MD5")]
    crc64: Annotated[int, Header("x-oss-hash-crc64ecma")]
    delay_ms: Annotated[int | None, Header(DELAY)] = None


@oss.operation(
    "PUT",
    Scope.OBJECT,
    query=["partNumber", "uploadId"],
    or_query=["uploadId"],
    action="oss:PutObject",
    grant=Grant.WRITE,
    errors=(NoSuchUpload, InvalidArgument, InvalidDigest, *DECRYPTING),
)
async def upload_part(call: Call, request: UploadPart) -> UploadPartResult:
    """Store one part."""
    content = slowed(call, request.content, request.limit)
    part, upload = await call.services.multipart.put_part(
        call.bucket,
        request.key,
        request.upload_id,
        request.number,
        content,
        content_md5=request.content_md5,
    )
    return UploadPartResult(
        etag=f'"{part.etag}"',
        content_md5=etag_to_content_md5(part.etag),
        crc64=part.crc64,
        delay_ms=delay_ms(content, request.limit),
        encryption=upload.headers,
    )


@dataclass(slots=True, kw_only=True)
class UploadPartCopy:
    bucket: BucketInPath
    key: WrittenKeyInPath
    encrypts: EncryptsNothing
    source: CopySourceHeader
    conditions: CopyConditions
    number: PartNumber
    upload_id: UploadId
    range: Annotated[str | None, Header("x-oss-copy-source-range")] = None
    limit: TrafficLimit = None
    found: FoundObject = None


async def _source_is_link(call: Call, request: UploadPartCopy) -> bool:
    bucket = await call.services.buckets.find(request.source.bucket)
    named = request.source
    request.found = await call.services.objects.find(bucket, named.key, named.version)
    return is_link(request.found)


def _target_of_source(_call: Call, request: UploadPartCopy) -> Iterable[Resource]:
    return [(request.source.bucket, target_of(found_by(request)))]


# A copy of the link would be no bytes; what is copied is read.
_NEEDS_TARGET_OF_SOURCE = Needs(
    "oss:GetObject",
    Grant.READ,
    _target_of_source,
    only_if="the source is a symlink: of its target, too",
    holds=_source_is_link,
)


@dataclass(slots=True, kw_only=True)
class UploadPartCopyResult(TellingEncryption):
    part: Part
    # ali-oss takes the part's ETag from the header, everybody else from the body.
    quoted_etag: Annotated[str, Header("ETag")]
    content_range: Annotated[str | None, Header("Content-Range")]
    source_version: SourceVersionHeader
    delay_ms: Annotated[int | None, Header(DELAY)]

    def body(self, call: Call) -> bytes:
        del call
        return document(
            "CopyPartResult",
            tag("LastModified", format_iso(self.part.modified_at)),
            tag("ETag", self.quoted_etag),
        )


@oss.operation(
    "PUT",
    Scope.OBJECT,
    query=["partNumber", "uploadId"],
    or_query=["uploadId"],
    header="x-oss-copy-source",
    action="oss:PutObject",
    grant=Grant.WRITE,
    also=(READS_SOURCE, _NEEDS_TARGET_OF_SOURCE),
    errors=(
        NoSuchUpload,
        NoSuchKey,
        NoSuchVersion,
        InvalidObjectState,
        PreconditionFailed,
        InvalidArgument,
        *DECRYPTING,
    ),
)
async def upload_part_copy(call: Call, request: UploadPartCopy) -> UploadPartCopyResult:
    """Make a part of (a range of) an object."""
    source_bucket = await call.services.buckets.find(request.source.bucket)
    source = await call.services.symlinks.read(source_bucket, found_by(request))
    part, chosen, upload = await call.services.multipart.copy_part(
        call.bucket,
        request.key,
        request.upload_id,
        request.number,
        source,
        request.range,
        request.conditions,
        is_wanted=lambda: not call.http.client.has_left,
    )
    taken = None
    if chosen is not None:
        taken = f"bytes {chosen[0]}-{chosen[0] + chosen[1] - 1}/{source.size}"
    return UploadPartCopyResult(
        part=part,
        quoted_etag=f'"{part.etag}"',
        content_range=taken,
        source_version=shown_version(source_bucket, source.version),
        delay_ms=delay_of_copy(request.limit),
        encryption=upload.headers,
    )
