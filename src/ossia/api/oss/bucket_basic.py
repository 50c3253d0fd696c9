"""Buckets: create, describe, list their objects, delete."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Document, FromCall, Header, Query, boolean, integer
from ossia.api.call import Call
from ossia.api.operation import Answer, Grant, Needs, Resource, Scope
from ossia.api.oss.bucket_access_monitor import access_monitor
from ossia.api.oss.encryption_headers import asked_encryption
from ossia.api.oss.fields import EncodingType, bucket_acl, storage_class
from ossia.api.oss.listing_xml import Names, listing_document, object_xml
from ossia.api.oss.registry import oss
from ossia.domain.buckets.buckets import resource_group_of
from ossia.domain.buckets.public_access import is_blocked_in
from ossia.domain.objects.encryption import DOCUMENT as ENCRYPTION
from ossia.domain.objects.encryption import default_rule
from ossia.errors import (
    AccessDenied,
    BucketAlreadyExists,
    BucketNotEmpty,
    InvalidArgument,
    InvalidBucketName,
    InvalidLocationConstraint,
    NoSuchBucket,
    NotOffered,
    ResourceGroupIdPreCheckError,
    TooManyBuckets,
)
from ossia.protocol.dates import format_iso
from ossia.protocol.encryption_rule import EncryptionRule, pack_rule, rule_xml
from ossia.protocol.listing_token import decode_token, encode_token
from ossia.protocol.xml import document, parse, tag
from ossia.records import Bucket, BucketUsage, ClassUsage
from ossia.tables.class_usage import MARKERS
from ossia.tables.objects import Listing


@dataclass(frozen=True, slots=True)
class BucketConfiguration:
    """The optional body of PutBucket."""

    storage_class: str = "Standard"
    redundancy: str = "LRS"
    location: str = ""


def _parse_configuration(content: bytes) -> BucketConfiguration:
    if not content.strip():
        return BucketConfiguration()
    root = parse(content, "CreateBucketConfiguration")
    try:
        kind = storage_class(root.get("StorageClass") or "Standard")
    except ValueError as error:
        raise InvalidArgument(str(error), ArgumentName="StorageClass") from error
    redundancy = root.get("DataRedundancyType") or "LRS"
    if redundancy not in {"LRS", "ZRS"}:
        raise InvalidArgument(ArgumentName="DataRedundancyType", ArgumentValue=redundancy)
    return BucketConfiguration(kind, redundancy, root.get("LocationConstraint"))


_NOT_OFFERED = {
    "x-oss-hns-status": ("", "disabled"),
    "x-oss-bucket-tagging": ("",),
}
"""Headers of PutBucket, and what they may say: nothing that a client asks for is ignored."""


def _refuse_what_is_not_offered(call: Call) -> None:
    for name, harmless in _NOT_OFFERED.items():
        if (call.header(name) or "") not in harmless:
            raise NotOffered(Header=name)
    group = call.header("x-oss-resource-group-id")
    if group and group != resource_group_of(call.services.account_id):
        raise ResourceGroupIdPreCheckError(ResourceGroupId=group)


def _asked_encryption(call: Call) -> EncryptionRule | None:
    return asked_encryption(call.http.headers)


@dataclass(slots=True, kw_only=True)
class PutBucket:
    bucket: BucketInPath
    configuration: Annotated[BucketConfiguration, Document(_parse_configuration, 64 * 1024)]
    offered: Annotated[None, FromCall(_refuse_what_is_not_offered)]
    encryption: Annotated[EncryptionRule | None, FromCall(_asked_encryption)]
    """What is written into it is encrypted like that by default (witnessed.md, W40)."""
    acl: Annotated[str | None, Header("x-oss-acl", bucket_acl)] = None


@dataclass(slots=True, kw_only=True)
class PutBucketResult(Answer):
    # ali-oss takes the bucket's name from it.
    location: Annotated[str, Header("Location")]


def _existing(call: Call, request: PutBucket) -> Iterable[Resource]:
    """The bucket, if it exists and the request changes its ACL."""
    changes = call.bucket_or_none is not None and request.acl is not None
    return [(request.bucket, "")] if changes else []


def _encrypted(call: Call, request: PutBucket) -> Iterable[Resource]:
    """The same for its default encryption."""
    changes = call.bucket_or_none is not None and request.encryption is not None
    return [(request.bucket, "")] if changes else []


@oss.operation(
    "PUT",
    Scope.BUCKET,
    creates_bucket=True,
    sets_acl=True,
    also=(
        Needs(
            "oss:PutBucketAcl",
            Grant.NONE,
            _existing,
            only_if="the bucket exists and gets another ACL",
        ),
        Needs(
            "oss:PutBucketEncryption",
            Grant.NONE,
            _encrypted,
            only_if="the bucket exists and is to encrypt by default",
        ),
    ),
    errors=(BucketAlreadyExists, InvalidBucketName, InvalidLocationConstraint, TooManyBuckets),
)
async def put_bucket(call: Call, request: PutBucket) -> PutBucketResult:
    """Create a bucket; repeating the request is no error."""
    wanted = request.configuration.location
    if wanted not in {"", f"oss-{call.services.region}", call.services.region}:
        raise InvalidLocationConstraint(LocationConstraint=wanted)
    rule = request.encryption
    await call.services.buckets.create(
        request.bucket,
        call.services.account_id,
        acl=request.acl,
        storage_class=request.configuration.storage_class,
        redundancy=request.configuration.redundancy,
        documents={} if rule is None else {ENCRYPTION: pack_rule(rule)},
    )
    return PutBucketResult(location=f"/{request.bucket}")


@dataclass(slots=True, kw_only=True)
class DeleteBucket:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class DeleteBucketResult(Answer):
    status = 204


@oss.operation("DELETE", Scope.BUCKET, errors=(NoSuchBucket, BucketNotEmpty))
async def delete_bucket(call: Call, request: DeleteBucket) -> DeleteBucketResult:
    """Remove an empty bucket."""
    del request
    await call.services.buckets.delete(call.bucket)
    return DeleteBucketResult()


@dataclass(slots=True, kw_only=True)
class HeadBucket:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class HeadBucketResult(Answer):
    region: Annotated[str, Header("x-oss-bucket-region")]


@oss.operation("HEAD", Scope.BUCKET, action="oss:GetBucketInfo", errors=(NoSuchBucket,))
async def head_bucket(call: Call, request: HeadBucket) -> HeadBucketResult:
    """Tell whether a bucket exists."""
    del request
    return HeadBucketResult(region=f"oss-{call.bucket.region}")


def _rule_xml(bucket: Bucket) -> str:
    rule = default_rule(bucket)
    return tag("SSEAlgorithm", "None") if rule is None else rule_xml(rule)


@dataclass(slots=True, kw_only=True)
class GetBucketInfo:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketInfoResult(Answer):
    bucket: Bucket

    def body(self, call: Call) -> bytes:
        bucket, endpoint = self.bucket, call.services.endpoint
        return document(
            "BucketInfo",
            "<Bucket>",
            tag("AccessMonitor", access_monitor(bucket)),
            tag("CreationDate", format_iso(bucket.created_at)),
            tag("ExtranetEndpoint", endpoint),
            tag("IntranetEndpoint", endpoint),
            tag("Location", f"oss-{bucket.region}"),
            tag("StorageClass", bucket.storage_class),
            tag("TransferAcceleration", "Disabled"),
            tag("CrossRegionReplication", "Disabled"),
            tag("DataRedundancyType", bucket.redundancy),
            tag("Name", bucket.name),
            tag("ResourceGroupId", resource_group_of(bucket.owner)),
            f"<Owner>{tag('DisplayName', bucket.owner)}{tag('ID', bucket.owner)}</Owner>",
            f"<AccessControlList>{tag('Grant', bucket.acl)}</AccessControlList>",
            f"<ServerSideEncryptionRule>{_rule_xml(bucket)}</ServerSideEncryptionRule>",
            f"<BucketPolicy>{tag('LogBucket', '')}{tag('LogPrefix', '')}</BucketPolicy>",
            tag("BlockPublicAccess", value=is_blocked_in(bucket)),
            tag("Comment", ""),
            # Left out as long as it was never enabled (buckets.md, section 2).
            tag("Versioning", bucket.versioning) if bucket.versioning else "",
            "</Bucket>",
        )


@oss.operation("GET", Scope.BUCKET, query=["bucketInfo"], errors=(NoSuchBucket,))
async def get_bucket_info(call: Call, request: GetBucketInfo) -> GetBucketInfoResult:
    """Describe a bucket."""
    del request
    return GetBucketInfoResult(bucket=call.bucket)


@dataclass(slots=True, kw_only=True)
class GetBucketLocation:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketLocationResult(Answer):
    region: str

    def body(self, call: Call) -> bytes:
        del call
        return document("LocationConstraint", f"oss-{self.region}")


@oss.operation("GET", Scope.BUCKET, query=["location"], errors=(NoSuchBucket,))
async def get_bucket_location(call: Call, request: GetBucketLocation) -> GetBucketLocationResult:
    """Tell the region of a bucket."""
    del request
    return GetBucketLocationResult(region=call.bucket.region)


_NAMES_IN_STAT = (
    ("IA", "InfrequentAccess"),
    ("Archive", "Archive"),
    ("ColdArchive", "ColdArchive"),
    ("DeepColdArchive", "DeepColdArchive"),
)


def _class_xml(name: str, usage: ClassUsage | None) -> str:
    """What is in one class: as it is billed, as it is, and how many objects."""
    counted = usage or ClassUsage()
    return (
        tag(f"{name}Storage", counted.billed_bytes)
        + tag(f"{name}RealStorage", counted.storage_bytes)
        + tag(f"{name}ObjectCount", counted.objects)
    )


@dataclass(slots=True, kw_only=True)
class GetBucketStat:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketStatResult(Answer):
    usage: BucketUsage
    created_at: int

    def body(self, call: Call) -> bytes:
        del call
        usage = self.usage
        others = [each for kind, each in usage.classes.items() if kind != MARKERS]
        standard = usage.storage_bytes - sum(each.storage_bytes for each in others)
        return document(
            "BucketStat",
            tag("Storage", usage.storage_bytes),
            tag("ObjectCount", usage.objects),
            tag("MultipartUploadCount", usage.uploads),
            tag("MultipartPartCount", usage.parts),
            tag("LiveChannelCount", 0),
            # Of a bucket that never held anything, that of the bucket: the Go SDK v2 wants one.
            tag("LastModifiedTime", max(usage.last_modified_at, self.created_at) // 1000),
            tag("StandardStorage", standard),
            tag("StandardObjectCount", usage.objects - sum(each.objects for each in others)),
            *(_class_xml(name, usage.classes.get(kind)) for kind, name in _NAMES_IN_STAT),
            tag("DeleteMarkerCount", usage.classes.get(MARKERS, ClassUsage()).objects),
        )


@oss.operation("GET", Scope.BUCKET, query=["stat"], errors=(NoSuchBucket,))
async def get_bucket_stat(call: Call, request: GetBucketStat) -> GetBucketStatResult:
    """Count the objects and bytes of a bucket."""
    del request
    usage = await call.services.buckets.usage(call.bucket)
    return GetBucketStatResult(usage=usage, created_at=call.bucket.created_at)


# --- listing ---

MAX_KEYS = integer(1, 1000)
"""How many names a page has."""


@dataclass(slots=True, kw_only=True)
class ListObjects:
    bucket: BucketInPath
    prefix: Annotated[str, Query("prefix")] = ""
    marker: Annotated[str, Query("marker")] = ""
    delimiter: Annotated[str, Query("delimiter")] = ""
    max_keys: Annotated[int, Query("max-keys", MAX_KEYS)] = 100
    encoding_type: EncodingType = ""


@dataclass(slots=True, kw_only=True)
class ListObjectsResult(Answer):
    request: ListObjects
    page: Listing
    owner: str

    def body(self, call: Call) -> bytes:
        page, names = self.page, Names(self.request.encoding_type)
        more = page.next_after
        return listing_document(
            "ListBucketResult",
            self.request,
            names.tag("Marker", self.request.marker),
            None if more is None else names.tag("NextMarker", more),
            "".join(object_xml(each, names, self.owner, call.now_ms) for each in page.objects),
            page.prefixes,
        )


@oss.operation("GET", Scope.BUCKET, errors=(NoSuchBucket, AccessDenied, InvalidArgument))
async def list_objects(call: Call, request: ListObjects) -> ListObjectsResult:
    """List objects in the order of their keys' bytes."""
    page = await call.services.buckets.objects(
        call.bucket,
        prefix=request.prefix,
        delimiter=request.delimiter,
        after=request.marker,
        limit=request.max_keys,
    )
    return ListObjectsResult(request=request, page=page, owner=call.bucket.owner)


def _token(text: str) -> str:
    if not text:
        return ""
    try:
        return decode_token(text)
    except ValueError as error:
        raise InvalidArgument(
            "The continuation token is not one that this server gave out.",
            ArgumentName="continuation-token",
            ArgumentValue=text,
        ) from error


def _raw_token(call: Call) -> str | None:
    return call.query.get("continuation-token")


def _start_after(call: Call) -> str | None:
    return call.query.get("start-after")


@dataclass(slots=True, kw_only=True)
class ListObjectsV2:
    bucket: BucketInPath
    prefix: Annotated[str, Query("prefix")] = ""
    delimiter: Annotated[str, Query("delimiter")] = ""
    start_after: Annotated[str | None, FromCall(_start_after)] = None
    token: Annotated[str | None, FromCall(_raw_token)] = None
    after_token: Annotated[str, Query("continuation-token", _token)] = ""
    max_keys: Annotated[int, Query("max-keys", MAX_KEYS)] = 100
    fetch_owner: Annotated[bool, Query("fetch-owner", boolean)] = False
    encoding_type: EncodingType = ""


@dataclass(slots=True, kw_only=True)
class ListObjectsV2Result(Answer):
    request: ListObjectsV2
    page: Listing
    owner: str | None

    def body(self, call: Call) -> bytes:
        request, page, names = self.request, self.page, Names(self.request.encoding_type)
        more = page.next_after
        start, token = request.start_after, request.token
        return listing_document(
            "ListBucketResult",
            request,
            ("" if start is None else names.tag("StartAfter", start))
            + ("" if token is None else tag("ContinuationToken", token))
            + tag("KeyCount", len(page.objects) + len(page.prefixes)),
            None if more is None else tag("NextContinuationToken", encode_token(more)),
            "".join(object_xml(each, names, self.owner, call.now_ms) for each in page.objects),
            page.prefixes,
        )


@oss.operation(
    "GET",
    Scope.BUCKET,
    query=["list-type=2"],
    action="oss:ListObjects",
    errors=(NoSuchBucket, AccessDenied, InvalidArgument),
)
async def list_objects_v2(call: Call, request: ListObjectsV2) -> ListObjectsV2Result:
    """List objects with continuation tokens."""
    page = await call.services.buckets.objects(
        call.bucket,
        prefix=request.prefix,
        delimiter=request.delimiter,
        # objects.md: the token wins over start-after.
        after=request.after_token if request.token else request.start_after or "",
        limit=request.max_keys,
    )
    owner = call.bucket.owner if request.fetch_owner else None
    return ListObjectsV2Result(request=request, page=page, owner=owner)
