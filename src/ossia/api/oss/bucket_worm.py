"""The retention policy of a bucket (BucketWorm): initiate, abort, complete, extend, get."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

from ossia.api.bind import BucketInPath, Document, Header, Query
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.domain.buckets.worm import MOST_DAYS
from ossia.domain.objects.retention import Worm
from ossia.errors import (
    InvalidWORMConfiguration,
    MalformedXML,
    NoSuchBucket,
    NoSuchWORMConfiguration,
    WORMConfigurationLocked,
)
from ossia.protocol.dates import format_iso
from ossia.protocol.xml import document, parse, tag

_MAX_BYTES: Final = 16 * 1024
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}\Z")


def _days_in(root: str) -> Callable[[bytes], int]:
    """How many days a document says (OSS documentation, the pages of these cause numbers)."""

    def parse_days(content: bytes) -> int:
        element = parse(content, root).find("RetentionPeriodInDays")
        if element is None:
            raise MalformedXML(ec="0027-00000004", ErrorDetail="There is no RetentionPeriodInDays.")
        text = element.text.strip()
        if not _NUMBER.match(text):
            raise InvalidWORMConfiguration(
                "RetentionPeriodInDays must be a number.", ec="0027-00000005"
            )
        if not 1 <= int(text) <= MOST_DAYS:
            raise InvalidWORMConfiguration(
                f"RetentionPeriodInDays must be between 1 and {MOST_DAYS}.", ec="0027-00000002"
            )
        return int(text)

    return parse_days


WormId = Annotated[str, Query("wormId")]


@dataclass(slots=True, kw_only=True)
class InitiateBucketWorm:
    bucket: BucketInPath
    days: Annotated[int, Document(_days_in("InitiateWormConfiguration"), _MAX_BYTES)]


@dataclass(slots=True, kw_only=True)
class InitiateBucketWormResult(Answer):
    worm_id: Annotated[str, Header("x-oss-worm-id")]


@oss.operation(
    "POST",
    Scope.BUCKET,
    query=["worm"],
    errors=(NoSuchBucket, MalformedXML, InvalidWORMConfiguration),
)
async def initiate_bucket_worm(call: Call, request: InitiateBucketWorm) -> InitiateBucketWormResult:
    """Keep every object of a bucket for some days; without being locked, for 24 hours at most."""
    worm = await call.services.worms.initiate(call.bucket, request.days)
    return InitiateBucketWormResult(worm_id=worm.id)


@dataclass(slots=True, kw_only=True)
class AbortBucketWorm:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class AbortBucketWormResult(Answer):
    status = 204


@oss.operation(
    "DELETE",
    Scope.BUCKET,
    query=["worm"],
    errors=(NoSuchBucket, NoSuchWORMConfiguration, WORMConfigurationLocked),
)
async def abort_bucket_worm(call: Call, request: AbortBucketWorm) -> AbortBucketWormResult:
    """Take back a retention policy that is not locked."""
    del request
    await call.services.worms.abort(call.bucket)
    return AbortBucketWormResult()


@dataclass(slots=True, kw_only=True)
class CompleteBucketWorm:
    bucket: BucketInPath
    worm_id: WormId


@dataclass(slots=True, kw_only=True)
class CompleteBucketWormResult(Answer):
    pass


@oss.operation(
    "POST",
    Scope.BUCKET,
    query=["wormId"],
    errors=(NoSuchBucket, NoSuchWORMConfiguration, WORMConfigurationLocked),
)
async def complete_bucket_worm(call: Call, request: CompleteBucketWorm) -> CompleteBucketWormResult:
    """Lock a retention policy: from then on it can only be extended."""
    await call.services.worms.complete(call.bucket, request.worm_id)
    return CompleteBucketWormResult()


@dataclass(slots=True, kw_only=True)
class ExtendBucketWorm:
    bucket: BucketInPath
    worm_id: WormId
    days: Annotated[int, Document(_days_in("ExtendWormConfiguration"), _MAX_BYTES)]


@dataclass(slots=True, kw_only=True)
class ExtendBucketWormResult(Answer):
    pass


@oss.operation(
    "POST",
    Scope.BUCKET,
    query=["wormId", "wormExtend"],
    errors=(NoSuchBucket, MalformedXML, NoSuchWORMConfiguration, InvalidWORMConfiguration),
)
async def extend_bucket_worm(call: Call, request: ExtendBucketWorm) -> ExtendBucketWormResult:
    """Keep the objects of a bucket whose retention policy is locked for more days."""
    await call.services.worms.extend(call.bucket, request.worm_id, request.days)
    return ExtendBucketWormResult()


@dataclass(slots=True, kw_only=True)
class GetBucketWorm:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketWormResult(Answer):
    worm: Worm

    def body(self, call: Call) -> bytes:
        del call
        worm = self.worm
        return document(
            "WormConfiguration",
            tag("WormId", worm.id),
            tag("State", "Locked" if worm.is_locked else "InProgress"),
            tag("RetentionPeriodInDays", worm.days),
            tag("CreationDate", format_iso(worm.created_at)),
        )


@oss.operation("GET", Scope.BUCKET, query=["worm"], errors=(NoSuchBucket, NoSuchWORMConfiguration))
async def get_bucket_worm(call: Call, request: GetBucketWorm) -> GetBucketWormResult:
    """Tell the retention policy of a bucket."""
    del request
    return GetBucketWormResult(worm=call.services.worms.find(call.bucket))
