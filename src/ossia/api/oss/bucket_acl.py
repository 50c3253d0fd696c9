"""The canned ACL of a bucket: put, get.

PutBucketAcl is the older way to create a bucket, and does so still (witnessed.md, W24).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Header
from ossia.api.call import Call
from ossia.api.operation import Answer, Grant, Needs, Resource, Scope
from ossia.api.oss.fields import bucket_acl
from ossia.api.oss.registry import oss
from ossia.errors import (
    AccessDenied,
    InvalidArgument,
    InvalidBucketName,
    NoSuchBucket,
    TooManyBuckets,
)
from ossia.protocol.xml import document, tag


def acl_document(owner: str, acl: str) -> bytes:
    """``<AccessControlPolicy>``, the same for buckets and objects."""
    return document(
        "AccessControlPolicy",
        f"<Owner>{tag('ID', owner)}{tag('DisplayName', owner)}</Owner>",
        f"<AccessControlList>{tag('Grant', acl)}</AccessControlList>",
    )


@dataclass(slots=True, kw_only=True)
class PutBucketAcl:
    bucket: BucketInPath
    acl: Annotated[str | None, Header("x-oss-acl", bucket_acl)] = None


@dataclass(slots=True, kw_only=True)
class PutBucketAclResult(Answer):
    location: Annotated[str, Header("Location")]


def _absent(call: Call, request: PutBucketAcl) -> Iterable[Resource]:
    """The bucket, if it does not exist."""
    return [(request.bucket, "")] if call.bucket_or_none is None else []


@oss.operation(
    "PUT",
    Scope.BUCKET,
    query=["acl"],
    creates_bucket=True,
    sets_acl=True,
    also=(Needs("oss:PutBucket", Grant.NONE, _absent, only_if="there is no such bucket"),),
    errors=(InvalidBucketName, InvalidArgument, AccessDenied, TooManyBuckets),
)
async def put_bucket_acl(call: Call, request: PutBucketAcl) -> PutBucketAclResult:
    """Set the ACL of a bucket, or create the bucket; without an ACL nothing else changes."""
    buckets, bucket = call.services.buckets, call.bucket_or_none
    if bucket is None:
        await buckets.create(request.bucket, call.services.account_id, acl=request.acl)
    elif request.acl is not None:
        await buckets.set_acl(bucket, request.acl)
    return PutBucketAclResult(location=f"/{request.bucket}")


@dataclass(slots=True, kw_only=True)
class GetBucketAcl:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketAclResult(Answer):
    owner: str
    acl: str

    def body(self, call: Call) -> bytes:
        del call
        return acl_document(self.owner, self.acl)


@oss.operation("GET", Scope.BUCKET, query=["acl"], errors=(NoSuchBucket,))
async def get_bucket_acl(call: Call, request: GetBucketAcl) -> GetBucketAclResult:
    """Tell the ACL of a bucket."""
    del request
    return GetBucketAclResult(owner=call.bucket.owner, acl=call.bucket.acl)
