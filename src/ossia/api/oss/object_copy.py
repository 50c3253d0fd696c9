"""Copying objects."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Protocol
from urllib.parse import unquote, unquote_to_bytes

from ossia.api.bind import BucketInPath, FromCall, Header, WrittenKeyInPath, one_of
from ossia.api.call import Call
from ossia.api.operation import Grant, Needs, Resource, Scope
from ossia.api.oss.bucket_overwrite import is_protected
from ossia.api.oss.encryption_headers import ENCRYPTING, TellingEncryption
from ossia.api.oss.fields import (
    NEEDS_RETENTION,
    ForbidOverwrite,
    VersionHeader,
    WrittenAttributes,
    preconditions,
    tagged,
)
from ossia.api.oss.registry import oss
from ossia.api.oss.traffic import DELAY, TrafficLimit, delay_of_copy
from ossia.domain.objects.versions import check_version, shown_version
from ossia.errors import (
    EntityTooLarge,
    FileAlreadyExists,
    FileImmutable,
    InvalidArgument,
    InvalidObjectState,
    InvalidRequest,
    NoSuchBucket,
    NoSuchKey,
    NotModified,
    PreconditionFailed,
)
from ossia.protocol.dates import format_iso
from ossia.protocol.names import decode_key
from ossia.protocol.preconditions import Preconditions
from ossia.protocol.xml import document, tag

_DIRECTIVE = one_of("COPY", "REPLACE", fold=True)


@dataclass(frozen=True, slots=True)
class CopySource:
    """What ``x-oss-copy-source`` names."""

    bucket: str
    key: str
    version: str | None = None


def parse_copy_source(text: str) -> CopySource:
    """``/bucket/key[?versionId=…]``, percent-encoded; the leading slash may be missing."""
    path, _, query = text.partition("?")
    name, _, value = query.partition("=")
    if query and name != "versionId":
        raise ValueError("Behind the copy source there can only be ?versionId=.")
    version = check_version(unquote(value)) if query else None
    # Go v1 escapes like a form: a space is "+".  Every SDK writes a plus as %2B.
    raw = unquote_to_bytes(path.encode().removeprefix(b"/").replace(b"+", b" "))
    bucket, _, key = raw.partition(b"/")
    if not bucket or not key:
        raise ValueError("The copy source must be /bucket/key.")
    return CopySource(bucket.decode("latin-1"), decode_key(key), version)


class Copying(Protocol):
    """What has a copy source."""

    source: CopySource


def _source(_call: Call, request: Copying) -> Iterable[Resource]:
    source = request.source
    return [(source.bucket, source.key, source.version)]


READS_SOURCE = Needs(
    "oss:GetObject", Grant.READ, _source, version_if="a version of the source is named"
)
"""The caller must be allowed to read the source."""


async def _tags_travel(call: Call, request: "CopyObject") -> bool:
    """Whether the copy gets the tags of the source, which are looked up for that."""
    if request.tagging_directive == "REPLACE":
        return False
    bucket = await call.services.buckets.peek(request.source.bucket)
    if bucket is not None:
        named = request.source
        source = await call.services.objects.peek(bucket, named.key, named.version)
        request.carries_tags = source is not None and bool(source.tags)
    return request.carries_tags


def _target_of_tags(call: Call, request: "CopyObject") -> Iterable[Resource]:
    return [(request.bucket, request.key)] if request.carries_tags else tagged(call, request)


# CopyObject documentation, "Permissions": reading and writing of tags where they are copied, too.
_READS_TAGS = Needs(
    "oss:GetObjectTagging",
    Grant.NONE,
    _source,
    only_if="the tags of the source are copied",
    version_if="those of a version are",
    holds=_tags_travel,
)
_NEEDS_TAGGING = Needs(
    "oss:PutObjectTagging",
    Grant.NONE,
    _target_of_tags,
    only_if="the request has x-oss-tagging, or the tags of the source are copied",
)


def _copy_conditions(call: Call) -> Preconditions:
    return preconditions(call, "x-oss-copy-source-")


CopySourceHeader = Annotated[CopySource, Header("x-oss-copy-source", parse_copy_source)]
SourceVersionHeader = Annotated[str | None, Header("x-oss-copy-source-version-id")]
CopyConditions = Annotated[Preconditions, FromCall(_copy_conditions)]


@dataclass(slots=True, kw_only=True)
class CopyObject:
    bucket: BucketInPath
    key: WrittenKeyInPath
    source: CopySourceHeader
    conditions: CopyConditions
    attributes: WrittenAttributes
    directive: Annotated[str, Header("x-oss-metadata-directive", _DIRECTIVE)] = "COPY"
    tagging_directive: Annotated[str, Header("x-oss-tagging-directive", _DIRECTIVE)] = "COPY"
    forbid_overwrite: ForbidOverwrite = False
    limit: TrafficLimit = None
    carries_tags: Annotated[bool, FromCall(lambda _call: False)] = False
    """What was found when permission for it was asked: see `_tags_travel`."""


@dataclass(slots=True, kw_only=True)
class CopyObjectResult(TellingEncryption):
    # oss2 takes the ETag from the header, everybody else from the body.
    quoted_etag: Annotated[str, Header("ETag")]
    modified_at: int
    crc64: Annotated[int, Header("x-oss-hash-crc64ecma")]
    version: VersionHeader
    source_version: SourceVersionHeader
    delay_ms: Annotated[int | None, Header(DELAY)] = None

    def body(self, call: Call) -> bytes:
        del call
        return document(
            "CopyObjectResult",
            tag("LastModified", format_iso(self.modified_at)),
            tag("ETag", self.quoted_etag),
        )


@oss.operation(
    "PUT",
    Scope.OBJECT,
    header="x-oss-copy-source",
    action="oss:PutObject",
    grant=Grant.WRITE,
    also=(READS_SOURCE, _READS_TAGS, _NEEDS_TAGGING, NEEDS_RETENTION),
    errors=(
        NoSuchBucket,
        NoSuchKey,
        InvalidObjectState,
        PreconditionFailed,
        NotModified,
        FileAlreadyExists,
        FileImmutable,
        InvalidArgument,
        EntityTooLarge,
        *ENCRYPTING,
        InvalidRequest,
    ),
)
async def copy_object(call: Call, request: CopyObject) -> CopyObjectResult:
    """Copy an object, or change what is said about it by copying it onto itself."""
    source_bucket = await call.services.buckets.find(request.source.bucket)
    stored, source = await call.services.objects.copy(
        source_bucket,
        request.source.key,
        call.bucket,
        request.key,
        request.attributes,
        source_version=request.source.version,
        conditions=request.conditions,
        replace_headers=request.directive == "REPLACE",
        replace_tags=request.tagging_directive == "REPLACE",
        carries_tags=request.carries_tags,
        forbid_overwrite=request.forbid_overwrite,
        is_protected=is_protected(call, request.key),
        is_wanted=lambda: not call.http.client.has_left,
    )
    return CopyObjectResult(
        quoted_etag=f'"{stored.etag}"',
        modified_at=stored.modified_at,
        crc64=stored.crc64,
        version=shown_version(call.bucket, stored.version),
        source_version=shown_version(source_bucket, source.version),
        delay_ms=delay_of_copy(request.limit),
        encryption=stored.headers,
    )
