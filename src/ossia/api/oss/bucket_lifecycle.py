"""Lifecycle rules of a bucket: put, get, delete.  Acting by them is `domain.lifecycle`."""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Document, Header, boolean
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.errors import (
    InvalidArgument,
    InvalidRequest,
    MalformedXML,
    NoSuchBucket,
    NoSuchLifecycle,
)
from ossia.protocol.lifecycle_rules import DOCUMENT
from ossia.protocol.lifecycle_xml import MAX_BYTES, parse_lifecycle


@dataclass(slots=True, kw_only=True)
class PutBucketLifecycle:
    bucket: BucketInPath
    # Whether rules may overlap is said in a header, so that only the handler can read it.
    content: Annotated[bytes, Document(bytes, MAX_BYTES)]
    allow_overlap: Annotated[bool, Header("x-oss-allow-same-action-overlap", boolean)] = False


@dataclass(slots=True, kw_only=True)
class PutBucketLifecycleResult(Answer):
    pass


@oss.operation(
    "PUT",
    Scope.BUCKET,
    query=["lifecycle"],
    errors=(NoSuchBucket, MalformedXML, InvalidArgument, InvalidRequest),
)
async def put_bucket_lifecycle(call: Call, request: PutBucketLifecycle) -> PutBucketLifecycleResult:
    """Replace the lifecycle rules of a bucket."""
    lifecycle = parse_lifecycle(request.content, allow_overlap=request.allow_overlap)
    await call.services.lifecycles.put(call.bucket, lifecycle)
    return PutBucketLifecycleResult()


@dataclass(slots=True, kw_only=True)
class GetBucketLifecycle:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketLifecycleResult(Answer):
    content: bytes

    def body(self, call: Call) -> bytes:
        del call
        return self.content


@oss.operation("GET", Scope.BUCKET, query=["lifecycle"], errors=(NoSuchBucket, NoSuchLifecycle))
async def get_bucket_lifecycle(call: Call, request: GetBucketLifecycle) -> GetBucketLifecycleResult:
    """Tell the lifecycle rules of a bucket."""
    del request
    return GetBucketLifecycleResult(content=call.services.lifecycles.told(call.bucket))


@dataclass(slots=True, kw_only=True)
class DeleteBucketLifecycle:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class DeleteBucketLifecycleResult(Answer):
    status = 204


@oss.operation("DELETE", Scope.BUCKET, query=["lifecycle"], errors=(NoSuchBucket,))
async def delete_bucket_lifecycle(
    call: Call, request: DeleteBucketLifecycle
) -> DeleteBucketLifecycleResult:
    """Remove the lifecycle rules of a bucket; none is no error."""
    del request
    if DOCUMENT in call.bucket.documents:
        await call.services.buckets.set_document(call.bucket, DOCUMENT, None)
    return DeleteBucketLifecycleResult()
