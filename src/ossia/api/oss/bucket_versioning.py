"""Versioning: put, get, and the listing of versions."""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Document, Query
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.bucket_basic import MAX_KEYS
from ossia.api.oss.fields import EncodingType
from ossia.api.oss.listing_xml import Names, listing_document, version_xml
from ossia.api.oss.registry import oss
from ossia.domain.objects.versions import Versioning, check_version
from ossia.errors import AccessDenied, InvalidArgument, MalformedXML, NoSuchBucket
from ossia.protocol.xml import document, parse, tag
from ossia.tables.versions import VersionListing


def _parse_status(content: bytes) -> Versioning:
    status = parse(content, "VersioningConfiguration").get("Status")
    try:
        return Versioning(status)
    except ValueError:
        raise InvalidArgument(
            "The status of versioning must be Enabled or Suspended.",
            ArgumentName="Status",
            ArgumentValue=status,
        ) from None


@dataclass(slots=True, kw_only=True)
class PutBucketVersioning:
    bucket: BucketInPath
    status: Annotated[Versioning, Document(_parse_status, 64 * 1024)]


@dataclass(slots=True, kw_only=True)
class PutBucketVersioningResult(Answer):
    pass


@oss.operation(
    "PUT", Scope.BUCKET, query=["versioning"], errors=(NoSuchBucket, MalformedXML, InvalidArgument)
)
async def put_bucket_versioning(
    call: Call, request: PutBucketVersioning
) -> PutBucketVersioningResult:
    """Enable or suspend versioning; it can never be as if it had not been."""
    await call.services.buckets.set_versioning(call.bucket, request.status)
    return PutBucketVersioningResult()


@dataclass(slots=True, kw_only=True)
class GetBucketVersioning:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketVersioningResult(Answer):
    versioning: str

    def body(self, call: Call) -> bytes:
        del call
        # buckets.md: a bucket on which versioning was never set answers an empty root.
        status = tag("Status", self.versioning) if self.versioning else ""
        return document("VersioningConfiguration", status)


@oss.operation("GET", Scope.BUCKET, query=["versioning"], errors=(NoSuchBucket,))
async def get_bucket_versioning(
    call: Call, request: GetBucketVersioning
) -> GetBucketVersioningResult:
    """Tell whether versioning is enabled or suspended, or was never enabled."""
    del request
    return GetBucketVersioningResult(versioning=call.bucket.versioning)


# --- listing ---


def _marker(text: str) -> str:
    return check_version(text) if text else ""


@dataclass(slots=True, kw_only=True)
class ListObjectVersions:
    bucket: BucketInPath
    prefix: Annotated[str, Query("prefix")] = ""
    delimiter: Annotated[str, Query("delimiter")] = ""
    key_marker: Annotated[str, Query("key-marker")] = ""
    version_id_marker: Annotated[str, Query("version-id-marker", _marker)] = ""
    max_keys: Annotated[int, Query("max-keys", MAX_KEYS)] = 100
    encoding_type: EncodingType = ""


@dataclass(slots=True, kw_only=True)
class ListObjectVersionsResult(Answer):
    request: ListObjectVersions
    page: VersionListing
    owner: str

    def body(self, call: Call) -> bytes:
        request, page, names = self.request, self.page, Names(self.request.encoding_type)
        further = None
        if page.next_key is not None:
            further = names.tag("NextKeyMarker", page.next_key)
            further += tag("NextVersionIdMarker", page.next_version or "")
        return listing_document(
            "ListVersionsResult",
            request,
            names.tag("KeyMarker", request.key_marker)
            + tag("VersionIdMarker", request.version_id_marker),
            further,
            "".join(version_xml(each, names, self.owner, call.now_ms) for each in page.versions),
            page.prefixes,
        )


def _require_key_marker(request: ListObjectVersions) -> None:
    if request.version_id_marker and not request.key_marker:
        raise InvalidArgument(
            "A version-id marker cannot be specified without a key marker.",
            ArgumentName="version-id-marker",
            ArgumentValue=request.version_id_marker,
        )


@oss.operation(
    "GET", Scope.BUCKET, query=["versions"], errors=(NoSuchBucket, AccessDenied, InvalidArgument)
)
async def list_object_versions(call: Call, request: ListObjectVersions) -> ListObjectVersionsResult:
    """List versions and delete markers; without versioning each object has the version null."""
    _require_key_marker(request)
    page = await call.services.buckets.versions(
        call.bucket,
        prefix=request.prefix,
        delimiter=request.delimiter,
        after_key=request.key_marker,
        after_version=request.version_id_marker,
        limit=request.max_keys,
    )
    return ListObjectVersionsResult(request=request, page=page, owner=call.bucket.owner)
