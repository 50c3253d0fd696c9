"""Lists of multipart uploads in progress, and of the parts of one."""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import (
    BucketInPath,
    KeyInPath,
    Query,
    integer,
)
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.fields import (
    EncodingType,
    UploadId,
)
from ossia.api.oss.listing_xml import Names
from ossia.api.oss.registry import oss
from ossia.domain.objects.encryption import CLIENT_ENCRYPTION
from ossia.errors import (
    InvalidArgument,
    NoSuchUpload,
)
from ossia.protocol.dates import format_iso
from ossia.protocol.header_text import shown_text
from ossia.protocol.xml import document, tag
from ossia.records import Part, Upload
from ossia.tables.uploads import UploadListing


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
