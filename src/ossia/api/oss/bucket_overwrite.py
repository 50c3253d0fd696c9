"""Rules of a bucket about what must not be overwritten: put, get, delete.

Writes ask them by `is_protected`.
"""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Document
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.domain.objects import overwriting
from ossia.errors import MalformedXML, NoSuchBucket, NoSuchBucketOverwriteConfig
from ossia.protocol.overwrite_rules import (
    MAX_BYTES,
    OverwriteRule,
    parse_overwrite_rules,
    render_overwrite_rules,
)

_SELECTOR = ("overwriteConfig",)


def is_protected(call: Call, key: str) -> bool:
    """Whether the bucket forbids the caller to replace *key*."""
    return bool(call.bucket.documents) and overwriting.is_protected(
        call.bucket, key, call.caller.asker
    )


@dataclass(slots=True, kw_only=True)
class PutBucketOverwriteConfig:
    bucket: BucketInPath
    rules: Annotated[tuple[OverwriteRule, ...], Document(parse_overwrite_rules, MAX_BYTES)]


@dataclass(slots=True, kw_only=True)
class PutBucketOverwriteConfigResult(Answer):
    pass


@oss.operation("PUT", Scope.BUCKET, query=_SELECTOR, errors=(NoSuchBucket, MalformedXML))
async def put_bucket_overwrite_config(
    call: Call, request: PutBucketOverwriteConfig
) -> PutBucketOverwriteConfigResult:
    """Replace the rules about what must not be overwritten in a bucket."""
    content = render_overwrite_rules(request.rules)
    await call.services.buckets.set_document(call.bucket, overwriting.DOCUMENT, content)
    return PutBucketOverwriteConfigResult()


@dataclass(slots=True, kw_only=True)
class GetBucketOverwriteConfig:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketOverwriteConfigResult(Answer):
    content: bytes

    def body(self, call: Call) -> bytes:
        del call
        return self.content


@oss.operation(
    "GET", Scope.BUCKET, query=_SELECTOR, errors=(NoSuchBucket, NoSuchBucketOverwriteConfig)
)
async def get_bucket_overwrite_config(
    call: Call, request: GetBucketOverwriteConfig
) -> GetBucketOverwriteConfigResult:
    """Tell the rules about what must not be overwritten in a bucket."""
    content = call.bucket.documents.get(overwriting.DOCUMENT)
    if content is None:
        raise NoSuchBucketOverwriteConfig(BucketName=request.bucket)
    return GetBucketOverwriteConfigResult(content=content)


@dataclass(slots=True, kw_only=True)
class DeleteBucketOverwriteConfig:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class DeleteBucketOverwriteConfigResult(Answer):
    status = 204


@oss.operation("DELETE", Scope.BUCKET, query=_SELECTOR, errors=(NoSuchBucket,))
async def delete_bucket_overwrite_config(
    call: Call, request: DeleteBucketOverwriteConfig
) -> DeleteBucketOverwriteConfigResult:
    """Let everything be overwritten again."""
    del request
    await call.services.buckets.set_document(call.bucket, overwriting.DOCUMENT, None)
    return DeleteBucketOverwriteConfigResult()
