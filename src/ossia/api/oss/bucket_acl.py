"""The canned ACL of a bucket: put, get."""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Header
from ossia.api.operation import Answer, Call, Scope
from ossia.api.oss.fields import bucket_acl
from ossia.api.oss.registry import oss
from ossia.errors import AccessDenied, InvalidArgument, NoSuchBucket
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
    acl: Annotated[str, Header("x-oss-acl", bucket_acl)] = ""


@dataclass(slots=True, kw_only=True)
class PutBucketAclResult(Answer):
    pass


@oss.operation(
    "PUT",
    Scope.BUCKET,
    query=["acl"],
    sets_acl=True,
    errors=(NoSuchBucket, InvalidArgument, AccessDenied),
)
async def put_bucket_acl(call: Call, request: PutBucketAcl) -> PutBucketAclResult:
    """Set the ACL of a bucket."""
    if not request.acl:
        raise InvalidArgument(ArgumentName="x-oss-acl", ArgumentValue="")
    await call.services.buckets.set_acl(call.bucket, request.acl)
    return PutBucketAclResult()


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
