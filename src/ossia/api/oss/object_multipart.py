"""Multipart uploads: the seven operations."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import (
    BodyStream,
    BucketInPath,
    Document,
    FromCall,
    Header,
    KeyInPath,
    Query,
    WrittenKeyInPath,
    integer,
)
from ossia.api.call import Call
from ossia.api.operation import Answer, Grant, Needs, Resource, Scope
from ossia.api.oss.bucket_overwrite import is_protected
from ossia.api.oss.callback_answer import TellingAnswer, announce, tell
from ossia.api.oss.encryption_headers import (
    DECRYPTING,
    ENCRYPTING,
    EncryptsNothing,
    TellingEncryption,
)
from ossia.api.oss.fields import (
    NEEDS_RETENTION,
    NEEDS_TAGGING,
    BegunAttributes,
    ContentMd5,
    EncodingType,
    ForbidOverwrite,
    UploadCallback,
    VersionHeader,
    object_acl,
    refuse_conditions,
)
from ossia.api.oss.following import FoundObject, found_by
from ossia.api.oss.listing_xml import Names
from ossia.api.oss.location import location_of
from ossia.api.oss.object_copy import (
    READS_SOURCE,
    CopyConditions,
    CopySourceHeader,
    SourceVersionHeader,
)
from ossia.api.oss.registry import oss
from ossia.api.oss.traffic import DELAY, TrafficLimit, delay_ms, delay_of_copy, slowed
from ossia.domain.objects.encryption import CLIENT_ENCRYPTION
from ossia.domain.objects.multipart import MAX_PARTS, ChosenPart
from ossia.domain.objects.symlinks import is_link, target_of
from ossia.domain.objects.versions import shown_version
from ossia.errors import (
    EntityTooSmall,
    FileAlreadyExists,
    FileImmutable,
    InvalidArgument,
    InvalidDigest,
    InvalidObjectState,
    InvalidPart,
    InvalidPartOrder,
    InvalidRequest,
    MalformedXML,
    NoSuchKey,
    NoSuchUpload,
    NoSuchVersion,
    PreconditionFailed,
)
from ossia.protocol.checksums import etag_to_content_md5
from ossia.protocol.dates import format_iso
from ossia.protocol.decimals import is_decimal
from ossia.protocol.header_text import shown_text
from ossia.protocol.xml import document, parse, tag
from ossia.records import Part, Upload
from ossia.tables.uploads import UploadListing

_MAX_DIGITS = 9


def _part_number(call: Call) -> int:
    text = call.query.get("partNumber", "")
    if "partNumber" not in call.query:
        raise InvalidArgument(
            "Unexpected query string parameter",
            ec="0017-00000219",
            ArgumentName="ResourceType",
            ArgumentValue="partNumber",
        )
    if not is_decimal(text, _MAX_DIGITS) or not 1 <= int(text) <= MAX_PARTS:
        raise InvalidArgument(
            "Part number must be an integer between 1 and 10000, inclusive.",
            ec="0017-00000220",
            ArgumentName="PartNumber",
            ArgumentValue=text,
        )
    return int(text)


PartNumber = Annotated[int, FromCall(_part_number)]
UploadId = Annotated[str, Query("uploadId")]

# --- initiate ---


def _sequential(call: Call) -> bool:
    return "sequential" in call.query


@dataclass(slots=True, kw_only=True)
class InitiateMultipartUpload:
    bucket: BucketInPath
    key: WrittenKeyInPath
    attributes: BegunAttributes
    sequential: Annotated[bool, FromCall(_sequential)]
    encoding_type: EncodingType = ""
    forbid_overwrite: ForbidOverwrite = False


@dataclass(slots=True, kw_only=True)
class InitiateMultipartUploadResult(TellingEncryption):
    bucket: str
    upload: Upload
    names: Names

    def body(self, call: Call) -> bytes:
        del call
        return document(
            "InitiateMultipartUploadResult",
            self.names.declaration(),
            tag("Bucket", self.bucket),
            self.names.tag("Key", self.upload.key),
            tag("UploadId", self.upload.id),
        )


@oss.operation(
    "POST",
    Scope.OBJECT,
    query=["uploads"],
    action="oss:PutObject",
    grant=Grant.WRITE,
    also=(NEEDS_TAGGING, NEEDS_RETENTION),
    errors=(FileAlreadyExists, InvalidArgument, InvalidRequest, *ENCRYPTING),
)
async def initiate_multipart_upload(
    call: Call, request: InitiateMultipartUpload
) -> InitiateMultipartUploadResult:
    """Begin an upload in parts."""
    upload = await call.services.multipart.initiate(
        call.bucket,
        request.key,
        request.attributes,
        sequential=request.sequential,
        forbid_overwrite=request.forbid_overwrite,
        is_protected=is_protected(call, request.key),
    )
    return InitiateMultipartUploadResult(
        bucket=request.bucket,
        upload=upload,
        names=Names(request.encoding_type),
        encryption=upload.headers,
    )


# --- parts ---


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


# --- complete ---


def _parse_completion(content: bytes) -> list[ChosenPart] | None:
    """The chosen parts, of which there may be none (witnessed.md, W14); None for an empty body."""
    if not content.strip():
        return None
    root = parse(content, "CompleteMultipartUpload")
    parts = []
    for element in root.all("Part"):
        number, etag = element.get("PartNumber").strip(), element.get("ETag")
        if not is_decimal(number, _MAX_DIGITS) or not etag:
            raise MalformedXML(ErrorDetail="A Part needs PartNumber and ETag.")
        parts.append(ChosenPart(int(number), etag))
    if len(parts) > MAX_PARTS:
        raise MalformedXML(ErrorDetail=f"There can be {MAX_PARTS} Part elements at most.")
    return parts


def _conditions_refused(call: Call) -> None:
    refuse_conditions(call.http.headers)


@dataclass(slots=True, kw_only=True)
class CompleteMultipartUpload:
    bucket: BucketInPath
    key: WrittenKeyInPath
    # Read when the upload is known: an unknown one is 404 whatever is sent (witnessed.md, W14).
    content: Annotated[bytes, Document(bytes)]
    unconditional: Annotated[None, FromCall(_conditions_refused)]
    encrypts: EncryptsNothing
    callback: UploadCallback
    upload_id: UploadId
    complete_all: Annotated[str, Header("x-oss-complete-all")] = ""
    acl: Annotated[str | None, Header("x-oss-object-acl", object_acl)] = None
    encoding_type: EncodingType = ""
    forbid_overwrite: ForbidOverwrite = False


@dataclass(slots=True, kw_only=True)
class CompleteMultipartUploadResult(TellingAnswer):
    bucket: str
    key: str
    quoted_etag: Annotated[str, Header("ETag")]
    crc64: Annotated[int, Header("x-oss-hash-crc64ecma")]
    version: VersionHeader
    names: Names

    def own_body(self, call: Call) -> bytes:
        return document(
            "CompleteMultipartUploadResult",
            self.names.declaration(),
            tag("Location", location_of(call)),
            tag("Bucket", self.bucket),
            self.names.tag("Key", self.key),
            tag("ETag", self.quoted_etag),
        )


def _chosen_parts(request: CompleteMultipartUpload) -> list[ChosenPart] | None:
    parts = _parse_completion(request.content)
    everything = request.complete_all.lower() == "yes"
    if everything and parts is not None:
        raise InvalidArgument(
            # The spelling is the service's own.
            "Should not speficy both complete all header and http body.",
            ec="0042-00000216",
            ArgumentName="x-oss-complete-all",
            ArgumentValue=request.complete_all,
        )
    if not everything and parts is None:
        raise MalformedXML(ErrorDetail="There is no list of parts.")
    return parts


@oss.operation(
    "POST",
    Scope.OBJECT,
    query=["uploadId"],
    action="oss:PutObject",
    grant=Grant.WRITE,
    errors=(
        NoSuchUpload,
        InvalidPart,
        InvalidPartOrder,
        EntityTooSmall,
        MalformedXML,
        FileAlreadyExists,
        FileImmutable,
        InvalidDigest,
    ),
)
async def complete_multipart_upload(
    call: Call, request: CompleteMultipartUpload
) -> CompleteMultipartUploadResult:
    """Make an object of parts, then tell the application server if asked to."""
    multipart = call.services.multipart
    upload = await multipart.find(call.bucket, request.key, request.upload_id, ec="0042-00000205")
    callback = announce(call, request.callback, "CompleteMultipartUpload")
    stored = await multipart.complete(
        call.bucket,
        upload,
        _chosen_parts(request),
        acl=request.acl,
        forbid_overwrite=request.forbid_overwrite or is_protected(call, request.key),
        announcement=callback,
        is_wanted=lambda: not call.http.client.has_left,
    )
    result = CompleteMultipartUploadResult(
        bucket=request.bucket,
        key=request.key,
        quoted_etag=f'"{stored.etag}"',
        crc64=stored.crc64,
        version=shown_version(call.bucket, stored.version),
        names=Names(request.encoding_type),
        encryption=stored.headers,
    )
    if callback is not None:
        await tell(callback, result)
    return result


# --- abort ---


@dataclass(slots=True, kw_only=True)
class AbortMultipartUpload:
    bucket: BucketInPath
    key: WrittenKeyInPath
    upload_id: UploadId


@dataclass(slots=True, kw_only=True)
class AbortMultipartUploadResult(Answer):
    status = 204


@oss.operation(
    "DELETE", Scope.OBJECT, query=["uploadId"], grant=Grant.WRITE, errors=(NoSuchUpload,)
)
async def abort_multipart_upload(
    call: Call, request: AbortMultipartUpload
) -> AbortMultipartUploadResult:
    """End an upload and let its parts go."""
    await call.services.multipart.abort(call.bucket, request.key, request.upload_id)
    return AbortMultipartUploadResult()


# --- lists ---


def _part_number_marker(text: str) -> int:
    # oss2 asks for the first page with an empty marker.
    marker: int = integer(0, 2**31)(text or "0")
    return marker


@dataclass(slots=True, kw_only=True)
class ListParts:
    bucket: BucketInPath
    key: KeyInPath
    upload_id: UploadId
    max_parts: Annotated[int, Query("max-parts", integer(1, 1000))] = 1000
    marker: Annotated[int, Query("part-number-marker", _part_number_marker)] = 0
    encoding_type: EncodingType = ""


@dataclass(slots=True, kw_only=True)
class ListPartsResult(Answer):
    request: ListParts
    upload: Upload
    parts: list[Part]
    is_truncated: bool

    def body(self, call: Call) -> bytes:
        del call
        request, names = self.request, Names(self.request.encoding_type)
        return document(
            "ListPartsResult",
            names.declaration(),
            tag("Bucket", request.bucket),
            names.tag("Key", request.key),
            tag("UploadId", request.upload_id),
            tag("StorageClass", self.upload.storage_class),
            _encryption_xml(self.upload),
            tag("PartNumberMarker", request.marker),
            # oss2 requires the marker always; it is empty where no part is listed (W20).
            tag("NextPartNumberMarker", self.parts[-1].number if self.parts else ""),
            tag("MaxParts", request.max_parts),
            tag("IsTruncated", self.is_truncated),
            "".join(_part_xml(part) for part in self.parts),
        )


_ENCRYPTION = (
    ("ClientEncryptionKey", "key"),
    ("ClientEncryptionStart", "start"),
    ("ClientEncryptionCekAlg", "cek-alg"),
    ("ClientEncryptionWrapAlg", "wrap-alg"),
    ("ClientEncryptionDataSize", "data-size"),
    ("ClientEncryptionPartSize", "part-size"),
)


def _encryption_xml(upload: Upload) -> str:
    """How the client encrypts, for a client that goes on with the upload (witnessed.md, W39)."""
    return "".join(
        tag(element, shown_text(value))
        for element, name in _ENCRYPTION
        if (value := upload.headers.get(CLIENT_ENCRYPTION + name)) is not None
    )


def _part_xml(part: Part) -> str:
    return (
        f"<Part><PartNumber>{part.number}</PartNumber>"
        f"<LastModified>{format_iso(part.modified_at)}</LastModified>"
        f'<ETag>"{part.etag}"</ETag><HashCrc64ecma>{part.crc64}</HashCrc64ecma>'
        f"<Size>{part.size}</Size></Part>"
    )


@oss.operation("GET", Scope.OBJECT, query=["uploadId"], errors=(NoSuchUpload, InvalidArgument))
async def list_parts(call: Call, request: ListParts) -> ListPartsResult:
    """List the parts of an upload."""
    upload = await call.services.multipart.find(
        call.bucket, request.key, request.upload_id, ec="0042-00000002"
    )
    parts = await call.services.multipart.parts(upload.id, request.marker, request.max_parts + 1)
    return ListPartsResult(
        request=request,
        upload=upload,
        parts=parts[: request.max_parts],
        is_truncated=len(parts) > request.max_parts,
    )


@dataclass(slots=True, kw_only=True)
class ListMultipartUploads:
    bucket: BucketInPath
    prefix: Annotated[str, Query("prefix")] = ""
    delimiter: Annotated[str, Query("delimiter")] = ""
    key_marker: Annotated[str, Query("key-marker")] = ""
    upload_id_marker: Annotated[str, Query("upload-id-marker")] = ""
    max_uploads: Annotated[int, Query("max-uploads", integer(1, 1000))] = 1000
    encoding_type: EncodingType = ""


@dataclass(slots=True, kw_only=True)
class ListMultipartUploadsResult(Answer):
    request: ListMultipartUploads
    page: UploadListing

    def body(self, call: Call) -> bytes:
        del call
        request, page, names = self.request, self.page, Names(self.request.encoding_type)
        next_key, next_upload_id = page.next_key, page.next_upload_id
        if next_key is None and page.uploads:
            # Not truncated: the last upload is named even so (witnessed.md, W20).
            next_key, next_upload_id = page.uploads[-1].key, page.uploads[-1].id
        return document(
            "ListMultipartUploadsResult",
            names.declaration(),
            tag("Bucket", request.bucket),
            names.tag("KeyMarker", request.key_marker),
            tag("UploadIdMarker", request.upload_id_marker),
            # oss2 requires both markers even when there is no more.
            names.tag("NextKeyMarker", next_key or ""),
            tag("NextUploadIdMarker", next_upload_id or ""),
            names.tag("Delimiter", request.delimiter),
            names.tag("Prefix", request.prefix),
            tag("MaxUploads", request.max_uploads),
            tag("IsTruncated", page.next_key is not None),
            "".join(_upload_xml(upload, names) for upload in page.uploads),
            names.prefixes(page.prefixes),
        )


def _upload_xml(upload: Upload, names: Names) -> str:
    return (
        f"<Upload>{names.tag('Key', upload.key)}<UploadId>{upload.id}</UploadId>"
        f"<StorageClass>{upload.storage_class}</StorageClass>"
        f"<Initiated>{format_iso(upload.initiated_at)}</Initiated></Upload>"
    )


@oss.operation("GET", Scope.BUCKET, query=["uploads"], errors=(InvalidArgument,))
async def list_multipart_uploads(
    call: Call, request: ListMultipartUploads
) -> ListMultipartUploadsResult:
    """List the uploads in progress."""
    page = await call.services.multipart.uploads(
        call.bucket,
        prefix=request.prefix,
        delimiter=request.delimiter,
        after_key=request.key_marker,
        # buckets.md: upload-id-marker is ignored without key-marker.
        after_upload_id=request.upload_id_marker if request.key_marker else "",
        limit=request.max_uploads,
    )
    return ListMultipartUploadsResult(request=request, page=page)
