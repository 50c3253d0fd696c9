"""Multipart uploads: begin, complete, abort.  Their parts are in `object_parts`."""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import (
    BucketInPath,
    Document,
    FromCall,
    Header,
    WrittenKeyInPath,
)
from ossia.api.call import Call
from ossia.api.operation import Answer, Grant, Scope
from ossia.api.oss.bucket_overwrite import is_protected
from ossia.api.oss.callback_answer import TellingAnswer, announce, tell
from ossia.api.oss.encryption_headers import (
    ENCRYPTING,
    EncryptsNothing,
    TellingEncryption,
)
from ossia.api.oss.fields import (
    NEEDS_RETENTION,
    NEEDS_TAGGING,
    BegunAttributes,
    EncodingType,
    ForbidOverwrite,
    UploadCallback,
    UploadId,
    VersionHeader,
    object_acl,
    refuse_conditions,
)
from ossia.api.oss.listing_xml import Names
from ossia.api.oss.location import location_of
from ossia.api.oss.object_parts import MAX_DIGITS
from ossia.api.oss.registry import oss
from ossia.domain.objects.multipart import MAX_PARTS, ChosenPart
from ossia.domain.objects.versions import shown_version
from ossia.errors import (
    EntityTooSmall,
    FileAlreadyExists,
    FileImmutable,
    InvalidArgument,
    InvalidDigest,
    InvalidPart,
    InvalidPartOrder,
    InvalidRequest,
    MalformedXML,
    NoSuchUpload,
)
from ossia.protocol.decimals import is_decimal
from ossia.protocol.xml import document, parse, tag
from ossia.records import Upload


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


def _parse_completion(content: bytes) -> list[ChosenPart] | None:
    """The chosen parts, of which there may be none (witnessed.md, W14); None for an empty body."""
    if not content.strip():
        return None
    root = parse(content, "CompleteMultipartUpload")
    parts = []
    for element in root.all("Part"):
        number, etag = element.get("PartNumber").strip(), element.get("ETag")
        if not is_decimal(number, MAX_DIGITS) or not etag:
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
