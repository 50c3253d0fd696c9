"""Callback policies of a bucket: put, get, delete.  Uploads use them by `fields.decode_for`."""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Document
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.domain.buckets.buckets import CALLBACK_POLICIES
from ossia.errors import (
    BucketCallbackPolicyNotExist,
    InvalidArgument,
    MalformedXML,
    NoSuchBucket,
)
from ossia.protocol.callback import decode_callback
from ossia.protocol.callback_policy import (
    MAX_BYTES,
    CallbackPolicy,
    parse_callback_policies,
    render_callback_policies,
)

_SELECTORS = ("policy", "comp=callback")


@dataclass(slots=True, kw_only=True)
class PutBucketCallbackPolicy:
    bucket: BucketInPath
    policies: Annotated[tuple[CallbackPolicy, ...], Document(parse_callback_policies, MAX_BYTES)]


@dataclass(slots=True, kw_only=True)
class PutBucketCallbackPolicyResult(Answer):
    pass


@oss.operation(
    "PUT",
    Scope.BUCKET,
    query=_SELECTORS,
    errors=(NoSuchBucket, MalformedXML, InvalidArgument),
)
async def put_bucket_callback_policy(
    call: Call, request: PutBucketCallbackPolicy
) -> PutBucketCallbackPolicyResult:
    """Replace the callback policies of a bucket."""
    for policy in request.policies:
        decode_callback(
            policy.callback, policy.variables, address_policy=call.services.callback_targets
        )
    content = render_callback_policies(request.policies)
    await call.services.buckets.set_document(call.bucket, CALLBACK_POLICIES, content)
    return PutBucketCallbackPolicyResult()


@dataclass(slots=True, kw_only=True)
class GetBucketCallbackPolicy:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketCallbackPolicyResult(Answer):
    content: bytes

    def body(self, call: Call) -> bytes:
        del call
        return self.content


@oss.operation(
    "GET", Scope.BUCKET, query=_SELECTORS, errors=(NoSuchBucket, BucketCallbackPolicyNotExist)
)
async def get_bucket_callback_policy(
    call: Call, request: GetBucketCallbackPolicy
) -> GetBucketCallbackPolicyResult:
    """Tell the callback policies of a bucket."""
    content = call.bucket.documents.get(CALLBACK_POLICIES)
    if content is None:
        raise BucketCallbackPolicyNotExist(BucketName=request.bucket)
    return GetBucketCallbackPolicyResult(content=content)


@dataclass(slots=True, kw_only=True)
class DeleteBucketCallbackPolicy:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class DeleteBucketCallbackPolicyResult(Answer):
    status = 204


@oss.operation("DELETE", Scope.BUCKET, query=_SELECTORS, errors=(NoSuchBucket,))
async def delete_bucket_callback_policy(
    call: Call, request: DeleteBucketCallbackPolicy
) -> DeleteBucketCallbackPolicyResult:
    """Remove the callback policies of a bucket."""
    del request
    await call.services.buckets.set_document(call.bucket, CALLBACK_POLICIES, None)
    return DeleteBucketCallbackPolicyResult()
