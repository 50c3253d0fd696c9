"""Tags of one object: put, get, delete.

Policies ask for them as ``oss:ExistingObjectTag/<key>`` and ``oss:RequestObjectTag/<key>``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Document, KeyInPath, WrittenKeyInPath
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.fields import VersionHeader, VersionId
from ossia.api.oss.registry import oss
from ossia.domain.objects.versions import shown_version
from ossia.errors import BadRequest, InvalidTag, MalformedXML, NoSuchKey, NoSuchVersion
from ossia.protocol.bucket_tags import render_tags
from ossia.protocol.object_tags import MAX_TAGGING, parse_tagging


@dataclass(slots=True, kw_only=True)
class PutObjectTagging:
    bucket: BucketInPath
    key: WrittenKeyInPath
    tags: Annotated[dict[str, str], Document(parse_tagging, MAX_TAGGING)]
    version_id: VersionId = None


@dataclass(slots=True, kw_only=True)
class PutObjectTaggingResult(Answer):
    version: VersionHeader


@oss.operation(
    "PUT",
    Scope.OBJECT,
    query=["tagging"],
    errors=(NoSuchKey, NoSuchVersion, MalformedXML, InvalidTag, BadRequest),
)
async def put_object_tagging(call: Call, request: PutObjectTagging) -> PutObjectTaggingResult:
    """Replace the tags of an object, which stays as old as it is."""
    version = await call.services.objects.describe(
        call.bucket, request.key, request.version_id, tags=request.tags
    )
    return PutObjectTaggingResult(version=shown_version(call.bucket, version))


@dataclass(slots=True, kw_only=True)
class GetObjectTagging:
    bucket: BucketInPath
    key: KeyInPath
    version_id: VersionId = None


@dataclass(slots=True, kw_only=True)
class GetObjectTaggingResult(Answer):
    tags: Mapping[str, str]
    version: VersionHeader

    def body(self, call: Call) -> bytes:
        del call
        return render_tags(self.tags)


@oss.operation("GET", Scope.OBJECT, query=["tagging"], errors=(NoSuchKey, NoSuchVersion))
async def get_object_tagging(call: Call, request: GetObjectTagging) -> GetObjectTaggingResult:
    """Tell the tags of an object; none is no error."""
    stored = await call.services.objects.find(call.bucket, request.key, request.version_id)
    version = shown_version(call.bucket, stored.version)
    return GetObjectTaggingResult(tags=stored.tags, version=version)


@dataclass(slots=True, kw_only=True)
class DeleteObjectTagging:
    bucket: BucketInPath
    key: WrittenKeyInPath
    version_id: VersionId = None


@dataclass(slots=True, kw_only=True)
class DeleteObjectTaggingResult(Answer):
    status = 204
    version: VersionHeader


@oss.operation("DELETE", Scope.OBJECT, query=["tagging"], errors=(NoSuchKey, NoSuchVersion))
async def delete_object_tagging(
    call: Call, request: DeleteObjectTagging
) -> DeleteObjectTaggingResult:
    """Remove the tags of an object; none is no error."""
    version = await call.services.objects.describe(
        call.bucket, request.key, request.version_id, tags={}
    )
    return DeleteObjectTaggingResult(version=shown_version(call.bucket, version))
