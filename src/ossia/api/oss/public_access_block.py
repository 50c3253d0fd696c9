"""Blocking public access, in the account and in one bucket: put, get, delete."""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Document
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.domain.buckets.public_access import DOCUMENT, is_blocked_in, stored_block
from ossia.errors import MalformedXML, NoSuchBucket
from ossia.protocol.xml import document, parse, tag

_ROOT = "PublicAccessBlockConfiguration"
_MAX_BYTES = 16 * 1024


def _parse_block(content: bytes) -> bool:
    """``BlockPublicAccess``, which is false where it is missing."""
    text = parse(content, _ROOT).get("BlockPublicAccess").strip().lower()
    if text not in {"", "true", "false"}:
        raise MalformedXML(ErrorDetail="BlockPublicAccess must be true or false.")
    return text == "true"


Block = Annotated[bool, Document(_parse_block, _MAX_BYTES)]


def _block_document(*, is_blocked: bool) -> bytes:
    return document(_ROOT, tag("BlockPublicAccess", value=is_blocked))


# --- the account ---


@dataclass(slots=True, kw_only=True)
class PutPublicAccessBlock:
    is_blocked: Block


@dataclass(slots=True, kw_only=True)
class PutPublicAccessBlockResult(Answer):
    pass


@oss.operation("PUT", Scope.SERVICE, query=["publicAccessBlock"], errors=(MalformedXML,))
async def put_public_access_block(
    call: Call, request: PutPublicAccessBlock
) -> PutPublicAccessBlockResult:
    """Block public access to every bucket, or no longer."""
    await call.services.public_access.block_everywhere(is_blocked=request.is_blocked)
    return PutPublicAccessBlockResult()


@dataclass(slots=True, kw_only=True)
class GetPublicAccessBlock:
    pass


@dataclass(slots=True, kw_only=True)
class GetPublicAccessBlockResult(Answer):
    is_blocked: bool

    def body(self, call: Call) -> bytes:
        del call
        return _block_document(is_blocked=self.is_blocked)


@oss.operation("GET", Scope.SERVICE, query=["publicAccessBlock"])
async def get_public_access_block(
    call: Call, request: GetPublicAccessBlock
) -> GetPublicAccessBlockResult:
    """Tell whether public access to every bucket is blocked."""
    del request
    return GetPublicAccessBlockResult(
        is_blocked=await call.services.public_access.is_blocked_everywhere()
    )


@dataclass(slots=True, kw_only=True)
class DeletePublicAccessBlock:
    pass


@dataclass(slots=True, kw_only=True)
class DeletePublicAccessBlockResult(Answer):
    status = 204


@oss.operation("DELETE", Scope.SERVICE, query=["publicAccessBlock"])
async def delete_public_access_block(
    call: Call, request: DeletePublicAccessBlock
) -> DeletePublicAccessBlockResult:
    """Let each bucket say itself whether it may be public."""
    del request
    await call.services.public_access.block_everywhere(is_blocked=False)
    return DeletePublicAccessBlockResult()


# --- one bucket ---


@dataclass(slots=True, kw_only=True)
class PutBucketPublicAccessBlock:
    bucket: BucketInPath
    is_blocked: Block


@dataclass(slots=True, kw_only=True)
class PutBucketPublicAccessBlockResult(Answer):
    pass


@oss.operation(
    "PUT", Scope.BUCKET, query=["publicAccessBlock"], errors=(NoSuchBucket, MalformedXML)
)
async def put_bucket_public_access_block(
    call: Call, request: PutBucketPublicAccessBlock
) -> PutBucketPublicAccessBlockResult:
    """Block public access to a bucket, or no longer."""
    content = stored_block(is_blocked=request.is_blocked)
    await call.services.buckets.set_document(call.bucket, DOCUMENT, content)
    return PutBucketPublicAccessBlockResult()


@dataclass(slots=True, kw_only=True)
class GetBucketPublicAccessBlock:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketPublicAccessBlockResult(Answer):
    is_blocked: bool

    def body(self, call: Call) -> bytes:
        del call
        return _block_document(is_blocked=self.is_blocked)


@oss.operation("GET", Scope.BUCKET, query=["publicAccessBlock"], errors=(NoSuchBucket,))
async def get_bucket_public_access_block(
    call: Call, request: GetBucketPublicAccessBlock
) -> GetBucketPublicAccessBlockResult:
    """Tell whether a bucket itself blocks public access."""
    del request
    return GetBucketPublicAccessBlockResult(is_blocked=is_blocked_in(call.bucket))


@dataclass(slots=True, kw_only=True)
class DeleteBucketPublicAccessBlock:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class DeleteBucketPublicAccessBlockResult(Answer):
    status = 204


@oss.operation("DELETE", Scope.BUCKET, query=["publicAccessBlock"], errors=(NoSuchBucket,))
async def delete_bucket_public_access_block(
    call: Call, request: DeleteBucketPublicAccessBlock
) -> DeleteBucketPublicAccessBlockResult:
    """Let a bucket be public again."""
    del request
    await call.services.buckets.set_document(call.bucket, DOCUMENT, None)
    return DeleteBucketPublicAccessBlockResult()
