"""The ACL of an object: put, get."""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Header, KeyInPath, WrittenKeyInPath
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.bucket_acl import acl_document
from ossia.api.oss.fields import VersionHeader, VersionId, object_acl
from ossia.api.oss.registry import oss
from ossia.domain.objects.versions import shown_version
from ossia.errors import AccessDenied, InvalidArgument, MissingArgument, NoSuchKey, NoSuchVersion


@dataclass(slots=True, kw_only=True)
class PutObjectAcl:
    bucket: BucketInPath
    key: WrittenKeyInPath
    # Without it MissingArgument (witnessed.md, W48).
    acl: Annotated[str, Header("x-oss-object-acl", object_acl)]
    version_id: VersionId = None


@dataclass(slots=True, kw_only=True)
class PutObjectAclResult(Answer):
    version: VersionHeader


@oss.operation(
    "PUT",
    Scope.OBJECT,
    query=["acl"],
    sets_acl=True,
    errors=(NoSuchKey, NoSuchVersion, InvalidArgument, MissingArgument, AccessDenied),
)
async def put_object_acl(call: Call, request: PutObjectAcl) -> PutObjectAclResult:
    """Set the ACL of an object; ``default`` defers to the bucket's."""
    version = await call.services.objects.describe(
        call.bucket, request.key, request.version_id, acl=request.acl
    )
    return PutObjectAclResult(version=shown_version(call.bucket, version))


@dataclass(slots=True, kw_only=True)
class GetObjectAcl:
    bucket: BucketInPath
    key: KeyInPath
    version_id: VersionId = None


@dataclass(slots=True, kw_only=True)
class GetObjectAclResult(Answer):
    owner: str
    acl: str
    version: VersionHeader

    def body(self, call: Call) -> bytes:
        del call
        return acl_document(self.owner, self.acl)


@oss.operation("GET", Scope.OBJECT, query=["acl"], errors=(NoSuchKey, NoSuchVersion))
async def get_object_acl(call: Call, request: GetObjectAcl) -> GetObjectAclResult:
    """Tell the ACL of an object."""
    stored = await call.services.objects.find(call.bucket, request.key, request.version_id)
    version = shown_version(call.bucket, stored.version)
    return GetObjectAclResult(owner=call.bucket.owner, acl=stored.acl, version=version)
