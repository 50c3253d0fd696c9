"""The ACL of an object: put, get."""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Header, KeyInPath, WrittenKeyInPath
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.bucket_acl import acl_document
from ossia.api.oss.fields import VersionId, object_acl
from ossia.api.oss.registry import oss
from ossia.errors import AccessDenied, InvalidArgument, MissingArgument, NoSuchKey


@dataclass(slots=True, kw_only=True)
class PutObjectAcl:
    bucket: BucketInPath
    key: WrittenKeyInPath
    # Without it MissingArgument (witnessed.md, W48).
    acl: Annotated[str, Header("x-oss-object-acl", object_acl)]
    version_id: VersionId = "null"


@dataclass(slots=True, kw_only=True)
class PutObjectAclResult(Answer):
    pass


@oss.operation(
    "PUT",
    Scope.OBJECT,
    query=["acl"],
    sets_acl=True,
    errors=(NoSuchKey, InvalidArgument, MissingArgument, AccessDenied),
)
async def put_object_acl(call: Call, request: PutObjectAcl) -> PutObjectAclResult:
    """Set the ACL of an object; ``default`` defers to the bucket's."""
    await call.services.objects.describe(call.bucket, request.key, acl=request.acl)
    return PutObjectAclResult()


@dataclass(slots=True, kw_only=True)
class GetObjectAcl:
    bucket: BucketInPath
    key: KeyInPath
    version_id: VersionId = "null"


@dataclass(slots=True, kw_only=True)
class GetObjectAclResult(Answer):
    owner: str
    acl: str

    def body(self, call: Call) -> bytes:
        del call
        return acl_document(self.owner, self.acl)


@oss.operation("GET", Scope.OBJECT, query=["acl"], errors=(NoSuchKey,))
async def get_object_acl(call: Call, request: GetObjectAcl) -> GetObjectAclResult:
    """Tell the ACL of an object."""
    stored = await call.services.objects.find(call.bucket, request.key)
    return GetObjectAclResult(owner=call.bucket.owner, acl=stored.acl)
