"""Objects: put, get, head, delete."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from ossia.api.bind import (
    BodyStream,
    BucketInPath,
    Document,
    FromCall,
    Header,
    KeyInPath,
    WrittenKeyInPath,
    one_of,
)
from ossia.api.call import Call
from ossia.api.operation import Answer, Grant, Needs, Resource, Scope
from ossia.api.oss.aging import note_access, with_expiration
from ossia.api.oss.bucket_overwrite import is_protected
from ossia.api.oss.callback_answer import TellingAnswer, announce, tell
from ossia.api.oss.encryption_headers import DECRYPTING, ENCRYPTING, EncryptsNothing
from ossia.api.oss.fields import (
    NEEDS_BYPASS,
    NEEDS_RETENTION,
    NEEDS_TAGGING,
    BypassGovernance,
    ContentMd5,
    EncodingType,
    ForbidOverwrite,
    ReadConditions,
    UploadCallback,
    VersionHeader,
    VersionId,
    WrittenAttributes,
    bypassing,
)
from ossia.api.oss.following import NEEDS_TARGET, FoundObject, found_by
from ossia.api.oss.listing_xml import Names
from ossia.api.oss.object_answer import (
    AcceptedCodings,
    CodedHead,
    CodedObject,
    GetObjectResult,
    HeadObjectResult,
    is_coded,
    with_restoration,
    with_retention,
)
from ossia.api.oss.registry import oss
from ossia.api.oss.traffic import DELAY, TrafficLimit, delay_ms, slowed
from ossia.domain.objects.encryption import is_encrypted
from ossia.domain.objects.symlinks import is_plain
from ossia.domain.objects.versions import Deletion, Named, check_version, shown_version
from ossia.errors import (
    AccessDenied,
    FileAlreadyExists,
    FileImmutable,
    InvalidArgument,
    InvalidDigest,
    InvalidObjectState,
    InvalidRange,
    InvalidRequest,
    InvalidTargetType,
    MalformedXML,
    MethodNotAllowed,
    MissingArgument,
    NoSuchBucket,
    NoSuchKey,
    NoSuchVersion,
    NotModified,
    PreconditionFailed,
    SymlinkTargetNotExist,
)
from ossia.protocol.dates import format_http
from ossia.protocol.header_text import kept_text
from ossia.protocol.names import check_written_key, decode_key
from ossia.protocol.ranges import resolve_range
from ossia.protocol.xml import Element, document, parse, tag
from ossia.records import TRANSITIONED, StoredObject

# --- put ---


@dataclass(slots=True, kw_only=True)
class PutObject:
    bucket: BucketInPath
    key: WrittenKeyInPath
    content: BodyStream
    attributes: WrittenAttributes
    callback: UploadCallback
    content_md5: ContentMd5 = None
    forbid_overwrite: ForbidOverwrite = False
    limit: TrafficLimit = None


@dataclass(slots=True, kw_only=True)
class PutObjectResult(TellingAnswer):
    etag: Annotated[str, Header("ETag")]
    content_md5: Annotated[str, Header("Content-MD5")]
    crc64: Annotated[int, Header("x-oss-hash-crc64ecma")]
    version: VersionHeader
    delay_ms: Annotated[int | None, Header(DELAY)] = None


@oss.operation(
    "PUT",
    Scope.OBJECT,
    grant=Grant.WRITE,
    also=(NEEDS_TAGGING, NEEDS_RETENTION),
    errors=(
        NoSuchBucket,
        InvalidDigest,
        FileAlreadyExists,
        FileImmutable,
        InvalidArgument,
        InvalidRequest,
        *ENCRYPTING,
    ),
)
async def put_object(call: Call, request: PutObject) -> PutObjectResult:
    """Store an object, then tell the application server if asked to."""
    callback = announce(call, request.callback, "PutObject")
    content = slowed(call, request.content, request.limit)
    stored = await call.services.objects.put(
        call.bucket,
        request.key,
        content,
        request.attributes,
        content_md5=request.content_md5,
        forbid_overwrite=request.forbid_overwrite or is_protected(call, request.key),
        announcement=callback,
    )
    result = PutObjectResult(
        etag=f'"{stored.etag}"',
        content_md5=stored.md5,
        crc64=stored.crc64,
        version=shown_version(call.bucket, stored.version),
        delay_ms=delay_ms(content, request.limit),
        encryption=stored.headers,
    )
    if callback is not None:
        await tell(callback, result)
    return result


# --- get ---

_OVERRIDES = (
    ("response-content-type", "Content-Type"),
    ("response-content-language", "Content-Language"),
    ("response-expires", "Expires"),
    ("response-cache-control", "Cache-Control"),
    ("response-content-disposition", "Content-Disposition"),
    ("response-content-encoding", "Content-Encoding"),
)

_OVERRIDE_NAMES = frozenset(name for name, _ in _OVERRIDES)


def _overrides(call: Call) -> dict[str, str]:
    """``response-*`` parameters; not for anonymous requests (objects.md, GetObject)."""
    if _OVERRIDE_NAMES.isdisjoint(call.query):
        return {}
    found = {
        header: kept_text(call.query[name].encode())
        for name, header in _OVERRIDES
        if name in call.query
    }
    if found and not call.caller.account_id:
        raise InvalidRequest("response-* parameters need a signed request.")
    for name, value in found.items():
        if any(character in value for character in "\r\n\0"):
            raise InvalidArgument(ArgumentName=name, ArgumentValue=value)
    return found


@dataclass(slots=True, kw_only=True)
class GetObject:
    bucket: BucketInPath
    key: KeyInPath
    conditions: ReadConditions
    overrides: Annotated[dict[str, str], FromCall(_overrides)]
    version_id: VersionId = None
    range: Annotated[str | None, Header("range")] = None
    range_behavior: Annotated[str, Header("x-oss-range-behavior", one_of("standard"))] = ""
    accepts: AcceptedCodings = ""
    limit: TrafficLimit = None
    found: FoundObject = None


@oss.operation(
    "GET",
    Scope.OBJECT,
    grant=Grant.READ,
    also=(NEEDS_TARGET,),
    errors=(
        NoSuchKey,
        NoSuchVersion,
        MethodNotAllowed,
        AccessDenied,
        InvalidObjectState,
        PreconditionFailed,
        NotModified,
        InvalidRange,
        SymlinkTargetNotExist,
        InvalidTargetType,
        *DECRYPTING,
    ),
)
async def get_object(call: Call, request: GetObject) -> GetObjectResult:
    """Read an object or a range of it; of a symlink, its target."""
    if call.flow is not None:
        call.flow.download()
    objects = call.services.objects
    found = stored = found_by(request)
    lies_plain = is_plain(stored)
    if not lies_plain:
        stored = await call.services.symlinks.read(call.bucket, stored)
    request.conditions.check(stored.etag, stored.modified_at)
    chosen = None
    if request.range is not None:
        standard = request.range_behavior == "standard"
        chosen = resolve_range(request.range, stored.size, standard=standard)
    start, length = chosen or (0, stored.size)
    spans = await objects.begin(stored, start, length) if stored.inline is None else ()
    if not lies_plain and stored.inline is not None and is_encrypted(stored.headers):
        stored = msgspec.structs.replace(stored, inline=await objects.inline(stored))
    answer = CodedObject if is_coded(call, stored, request) else GetObjectResult
    bucket = call.bucket
    version = shown_version(bucket, stored.version)
    told = stored if stored.restoration is None else with_restoration(stored, call.now_ms)
    if bucket.documents:
        await note_access(call, found)
        told = await _with_what_ends_it(call, told, found, request.version_id)
    return answer(told, request.overrides, version, chosen, spans, request.limit)


async def _with_what_ends_it(
    call: Call, told: StoredObject, found: StoredObject, version_id: str | None
) -> StoredObject:
    """*told*, with what is told of when a rule deletes *found*, and of how long it must stay."""
    told = with_expiration(call, told, found, version_id)
    return with_retention(told, await call.services.retentions.told(call.bucket, told))


# --- head ---


@dataclass(slots=True, kw_only=True)
class HeadObject:
    bucket: BucketInPath
    key: KeyInPath
    conditions: ReadConditions
    overrides: Annotated[dict[str, str], FromCall(_overrides)]
    version_id: VersionId = None
    range: Annotated[str | None, Header("range")] = None
    accepts: AcceptedCodings = ""
    found: FoundObject = None


@oss.operation(
    "HEAD",
    Scope.OBJECT,
    action="oss:GetObject",
    grant=Grant.READ,
    also=(NEEDS_TARGET,),
    errors=(
        NoSuchKey,
        NoSuchVersion,
        MethodNotAllowed,
        AccessDenied,
        PreconditionFailed,
        NotModified,
        SymlinkTargetNotExist,
        InvalidTargetType,
    ),
)
async def head_object(call: Call, request: HeadObject) -> HeadObjectResult:
    """Describe an object; of a symlink, what is read through it."""
    found = found_by(request)
    stored = await call.services.symlinks.follow(call.bucket, found)
    request.conditions.check(stored.etag, stored.modified_at)
    answer = CodedHead if is_coded(call, stored, request) else HeadObjectResult
    told = with_restoration(stored, call.now_ms)
    if call.bucket.documents:
        told = await _with_what_ends_it(call, told, found, request.version_id)
    return answer(told, request.overrides, shown_version(call.bucket, stored.version))


@dataclass(slots=True, kw_only=True)
class GetObjectMeta:
    bucket: BucketInPath
    key: KeyInPath
    version_id: VersionId = None


@dataclass(slots=True, kw_only=True)
class GetObjectMetaResult(Answer):
    etag: Annotated[str, Header("ETag")]
    last_modified: Annotated[str, Header("Last-Modified")]
    crc64: Annotated[int, Header("x-oss-hash-crc64ecma")]
    version: VersionHeader
    accessed: Annotated[str | None, Header("x-oss-last-access-time")]
    changed_class: Annotated[str | None, Header(TRANSITIONED)]
    size: int | None

    def length(self) -> int | None:
        """The size of the object, where the method is one of answers without a body."""
        return self.size


@oss.operation(
    "HEAD",
    Scope.OBJECT,
    # Documented until 2018, and asked for by ossfs (witnessed.md, W29).
    or_method="GET",
    query=["objectMeta"],
    action="oss:GetObject",
    grant=Grant.READ,
    errors=(NoSuchKey, NoSuchVersion, MethodNotAllowed, AccessDenied),
)
async def get_object_meta(call: Call, request: GetObjectMeta) -> GetObjectMetaResult:
    """Tell ETag, size and time of an object; of a symlink, its own."""
    method = call.http.method.decode()
    stored = await call.services.objects.find(
        call.bucket, request.key, request.version_id, read_by=method
    )
    accessed = await call.services.access_times.of(call.bucket, stored)
    return GetObjectMetaResult(
        etag=f'"{stored.etag}"',
        last_modified=format_http(stored.modified_at),
        crc64=stored.crc64,
        version=shown_version(call.bucket, stored.version),
        accessed=None if accessed is None else format_http(accessed),
        changed_class=stored.headers.get(TRANSITIONED),
        size=stored.size if method == "HEAD" else None,
    )


# --- delete ---


@dataclass(slots=True, kw_only=True)
class DeleteObject:
    bucket: BucketInPath
    key: WrittenKeyInPath
    encrypts: EncryptsNothing
    version_id: VersionId = None
    bypass: BypassGovernance = False


@dataclass(slots=True, kw_only=True)
class DeleteObjectResult(Answer):
    status = 204
    version: VersionHeader
    is_marker: Annotated[str | None, Header("x-oss-delete-marker")]


@oss.operation(
    "DELETE",
    Scope.OBJECT,
    grant=Grant.WRITE,
    also=(NEEDS_BYPASS,),
    errors=(NoSuchBucket, AccessDenied, FileImmutable),
)
async def delete_object(call: Call, request: DeleteObject) -> DeleteObjectResult:
    """Remove an object or one version; one that is absent is no error."""
    named = Named(request.key, request.version_id or "")
    [done] = await call.services.objects.versions.delete(
        call.bucket, [named], bypass=request.bypass
    )
    return DeleteObjectResult(
        version=shown_version(call.bucket, done.version or done.marker),
        is_marker="true" if done.marker else None,
    )


MAX_DELETED = 1000
_MAX_DELETE_ELEMENTS = 8 * MAX_DELETED


@dataclass(frozen=True, slots=True)
class ObjectsToDelete:
    """The body of DeleteMultipleObjects."""

    named: tuple[Named, ...]
    quiet: bool


def _parse_delete(content: bytes) -> ObjectsToDelete:
    root = parse(content, "Delete", max_elements=_MAX_DELETE_ELEMENTS)
    named = [_named(element) for element in root.all("Object")]
    if not named:
        raise MalformedXML(ec="0016-00000615", ErrorDetail="There is no Object.")
    if len(named) > MAX_DELETED:
        raise MalformedXML(ErrorDetail=f"At most {MAX_DELETED} objects can be deleted at once.")
    return ObjectsToDelete(tuple(named), root.get("Quiet").lower() == "true")


def _named(element: Element) -> Named:
    key = element.find("Key")
    if key is None:
        raise MalformedXML(ec="0016-00000613", ErrorDetail="An Object needs a Key.")
    # An empty one counts as not given: SDKs write it where they have none.
    version = element.get("VersionId")
    return Named(
        check_written_key(decode_key(key.text.encode())), check_version(version) if version else ""
    )


@dataclass(slots=True, kw_only=True)
class DeleteMultipleObjects:
    bucket: BucketInPath
    wanted: Annotated[ObjectsToDelete, Document(_parse_delete, needs_md5=True)]
    encoding_type: EncodingType = ""
    bypass: BypassGovernance = False


@dataclass(slots=True, kw_only=True)
class DeleteMultipleObjectsResult(Answer):
    done: Sequence[Deletion]
    names: Names

    def body(self, call: Call) -> bytes:
        del call
        if not self.done:
            return b""
        deleted = "".join(map(self._deleted, self.done))
        return document("DeleteResult", self.names.declaration(), deleted)

    def _deleted(self, done: Deletion) -> str:
        text = self.names.tag("Key", done.key)
        if done.version:
            text += tag("VersionId", done.version)
        if done.marker:
            text += tag("DeleteMarker", value=True) + tag("DeleteMarkerVersionId", done.marker)
        return f"<Deleted>{text}</Deleted>"


def _each_key(_call: Call, request: DeleteMultipleObjects) -> Iterable[Resource]:
    return [(request.bucket, each.key, each.version or None) for each in request.wanted.named]


def _each_object(_call: Call, request: DeleteMultipleObjects) -> Iterable[Resource]:
    return [(request.bucket, each.key) for each in request.wanted.named]


@oss.operation(
    "POST",
    Scope.BUCKET,
    query=["delete"],
    action=None,
    also=(
        Needs("oss:DeleteObject", Grant.WRITE, _each_key, version_if="versions are named"),
        bypassing(_each_object),
    ),
    errors=(
        NoSuchBucket,
        MalformedXML,
        InvalidDigest,
        MissingArgument,
        InvalidArgument,
        FileImmutable,
    ),
)
async def delete_multiple_objects(
    call: Call, request: DeleteMultipleObjects
) -> DeleteMultipleObjectsResult:
    """Remove up to 1000 objects or versions; what must stay is named when the others are gone."""
    wanted = request.wanted
    done = await call.services.objects.versions.delete(
        call.bucket, wanted.named, bypass=request.bypass
    )
    shown = [] if wanted.quiet else done
    return DeleteMultipleObjectsResult(done=shown, names=Names(request.encoding_type))
