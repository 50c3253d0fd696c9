"""The policy of a bucket: put, get, delete, and whether it makes anything public.

What it permits is the business of `access.authorize`.
"""

from dataclasses import dataclass
from json import JSONDecodeError
from typing import Annotated

from ossia.api.bind import BucketInPath, Document
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.domain.buckets.buckets import POLICY
from ossia.errors import AccessDenied, InvalidPolicyDocument, NoSuchBucket, NoSuchBucketPolicy
from ossia.protocol.bucket_policy import parse_bucket_policy, stored_bucket_policy
from ossia.protocol.policy_document import PolicyError
from ossia.protocol.xml import document, tag


@dataclass(frozen=True, slots=True)
class SentPolicy:
    """A policy that is understood, as it was written."""

    text: bytes
    is_public: bool


def _parse_policy(content: bytes) -> SentPolicy:
    try:
        return SentPolicy(content, parse_bucket_policy(content).is_public)
    except PolicyError as error:
        text = f"The bucket policy is not valid: {error}."
        unknown = _unknown_character(error.__cause__)
        if unknown:
            # witnessed.md, W54: the C++ SDK's tests compare the whole text.
            raise InvalidPolicyDocument(f"unknown char {unknown}", Reason=text) from error
        raise InvalidPolicyDocument(text) from error


def _unknown_character(error: BaseException | None) -> str:
    """The character at which a body ceases to be JSON; empty if it is no matter of one."""
    return error.doc[error.pos : error.pos + 1] if isinstance(error, JSONDecodeError) else ""


@dataclass(slots=True, kw_only=True)
class PutBucketPolicy:
    bucket: BucketInPath
    policy: Annotated[SentPolicy, Document(_parse_policy, 64 * 1024)]


@dataclass(slots=True, kw_only=True)
class PutBucketPolicyResult(Answer):
    pass


@oss.operation(
    "PUT",
    Scope.BUCKET,
    query=["policy"],
    errors=(NoSuchBucket, InvalidPolicyDocument, AccessDenied),
)
async def put_bucket_policy(call: Call, request: PutBucketPolicy) -> PutBucketPolicyResult:
    """Replace the policy of a bucket."""
    await call.services.public_access.refuse_policy(call.bucket, is_public=request.policy.is_public)
    await call.services.buckets.set_document(call.bucket, POLICY, request.policy.text)
    return PutBucketPolicyResult()


@dataclass(slots=True, kw_only=True)
class GetBucketPolicy:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketPolicyResult(Answer):
    content_type = "application/json"

    text: bytes

    def body(self, call: Call) -> bytes:
        del call
        return self.text


@oss.operation("GET", Scope.BUCKET, query=["policy"], errors=(NoSuchBucket, NoSuchBucketPolicy))
async def get_bucket_policy(call: Call, request: GetBucketPolicy) -> GetBucketPolicyResult:
    """Tell the policy of a bucket, as it was written."""
    text = call.bucket.documents.get(POLICY)
    if text is None:
        raise NoSuchBucketPolicy(BucketName=request.bucket)
    return GetBucketPolicyResult(text=text)


@dataclass(slots=True, kw_only=True)
class DeleteBucketPolicy:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class DeleteBucketPolicyResult(Answer):
    status = 204


@oss.operation("DELETE", Scope.BUCKET, query=["policy"], errors=(NoSuchBucket,))
async def delete_bucket_policy(call: Call, request: DeleteBucketPolicy) -> DeleteBucketPolicyResult:
    """Remove the policy of a bucket; none is no error."""
    del request
    await call.services.buckets.set_document(call.bucket, POLICY, None)
    return DeleteBucketPolicyResult()


@dataclass(slots=True, kw_only=True)
class GetBucketPolicyStatus:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketPolicyStatusResult(Answer):
    is_public: bool

    def body(self, call: Call) -> bytes:
        del call
        return document("PolicyStatus", tag("IsPublic", value=self.is_public))


@oss.operation("GET", Scope.BUCKET, query=["policyStatus"], errors=(NoSuchBucket,))
async def get_bucket_policy_status(
    call: Call, request: GetBucketPolicyStatus
) -> GetBucketPolicyStatusResult:
    """Tell whether the policy of a bucket makes anything public."""
    del request
    text = call.bucket.documents.get(POLICY)
    is_public = text is not None and stored_bucket_policy(text).is_public
    return GetBucketPolicyStatusResult(is_public=is_public)
