"""Appendable objects: append, seal."""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import (
    BodyStream,
    BucketInPath,
    FromCall,
    Header,
    KeyInPath,
    Query,
    WrittenKeyInPath,
)
from ossia.api.call import Call
from ossia.api.operation import Answer, Grant, Scope
from ossia.api.oss.bucket_overwrite import is_protected
from ossia.api.oss.encryption_headers import ENCRYPTING, TellingEncryption
from ossia.api.oss.fields import (
    NEEDS_TAGGING,
    ContentMd5,
    VersionHeader,
    attributes_from,
    is_later_append,
    later_attributes_from,
    refuse_conditions,
)
from ossia.api.oss.registry import oss
from ossia.api.oss.traffic import DELAY, TrafficLimit, delay_ms, slowed
from ossia.domain.objects.objects import Attributes
from ossia.domain.objects.versions import shown_version
from ossia.errors import (
    EntityTooLarge,
    FileAlreadyExists,
    FileImmutable,
    InvalidDigest,
    MissingArgument,
    NoSuchBucket,
    NoSuchKey,
    ObjectNotAppendable,
    OperationNotSupported,
    PositionNotEqualToLength,
)
from ossia.protocol.decimals import is_decimal

_MAX_DIGITS = 18


def _position(text: str) -> int:
    # Documented: a position that is not a number is a missing one.
    if not is_decimal(text, _MAX_DIGITS):
        raise MissingArgument(ArgumentName="position", ArgumentValue=text)
    return int(text)


def _attributes(call: Call) -> Attributes:
    headers = call.http.headers
    refuse_conditions(headers)
    return later_attributes_from(headers) if is_later_append(call) else attributes_from(headers)


Position = Annotated[int, Query("position", _position)]


@dataclass(slots=True, kw_only=True)
class AppendObject:
    bucket: BucketInPath
    key: WrittenKeyInPath
    content: BodyStream
    attributes: Annotated[Attributes, FromCall(_attributes)]
    position: Position
    content_md5: ContentMd5 = None
    limit: TrafficLimit = None


@dataclass(slots=True, kw_only=True)
class AppendObjectResult(TellingEncryption):
    etag: Annotated[str, Header("ETag")]
    next_position: Annotated[int, Header("x-oss-next-append-position")]
    crc64: Annotated[int, Header("x-oss-hash-crc64ecma")]
    version: VersionHeader
    delay_ms: Annotated[int | None, Header(DELAY)] = None


@oss.operation(
    "POST",
    Scope.OBJECT,
    query=["append"],
    action="oss:PutObject",
    grant=Grant.WRITE,
    also=(NEEDS_TAGGING,),
    errors=(
        NoSuchBucket,
        PositionNotEqualToLength,
        ObjectNotAppendable,
        FileAlreadyExists,
        FileImmutable,
        OperationNotSupported,
        MissingArgument,
        InvalidDigest,
        EntityTooLarge,
        *ENCRYPTING,
    ),
)
async def append_object(call: Call, request: AppendObject) -> AppendObjectResult:
    """Append bytes to an object, which must have the length that the caller thinks."""
    content = slowed(call, request.content, request.limit)
    stored = await call.services.objects.append(
        call.bucket,
        request.key,
        request.position,
        content,
        request.attributes,
        content_md5=request.content_md5,
        is_protected=is_protected(call, request.key),
    )
    return AppendObjectResult(
        etag=f'"{stored.etag}"',
        next_position=stored.size,
        crc64=stored.crc64,
        version=shown_version(call.bucket, stored.version),
        delay_ms=delay_ms(content, request.limit),
        encryption=stored.headers,
    )


@dataclass(slots=True, kw_only=True)
class SealAppendObject:
    bucket: BucketInPath
    key: KeyInPath
    position: Position


@dataclass(slots=True, kw_only=True)
class SealAppendObjectResult(Answer):
    sealed_time: Annotated[str, Header("x-oss-sealed-time")]


@oss.operation(
    "POST",
    Scope.OBJECT,
    query=["seal"],
    errors=(
        NoSuchBucket,
        NoSuchKey,
        ObjectNotAppendable,
        PositionNotEqualToLength,
        MissingArgument,
    ),
)
async def seal_append_object(call: Call, request: SealAppendObject) -> SealAppendObjectResult:
    """Append nothing to an object any more; it must have the length that the caller thinks."""
    sealed_time = await call.services.seals.seal(call.bucket, request.key, request.position)
    return SealAppendObjectResult(sealed_time=sealed_time)
