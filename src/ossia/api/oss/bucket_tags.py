"""Tags of a bucket: put, get, delete.  Policies ask for them as ``oss:BucketTag/<key>``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Document, Query
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.domain.buckets.buckets import TAGS, tags_of
from ossia.errors import InvalidTag, MalformedXML, NoSuchBucket
from ossia.protocol.bucket_tags import parse_bucket_tags, render_tags, stored_bucket_tags


@dataclass(slots=True, kw_only=True)
class PutBucketTags:
    bucket: BucketInPath
    tags: Annotated[dict[str, str], Document(parse_bucket_tags, 64 * 1024)]


@dataclass(slots=True, kw_only=True)
class PutBucketTagsResult(Answer):
    pass


@oss.operation(
    "PUT",
    Scope.BUCKET,
    query=["tagging"],
    action="oss:PutBucketTagging",
    errors=(NoSuchBucket, MalformedXML, InvalidTag),
)
async def put_bucket_tags(call: Call, request: PutBucketTags) -> PutBucketTagsResult:
    """Replace the tags of a bucket."""
    # All of them: "the tags newly put overwrite the existing ones entirely", says the Chinese page.
    content = render_tags(request.tags)
    await call.services.buckets.set_document(call.bucket, TAGS, content)
    return PutBucketTagsResult()


@dataclass(slots=True, kw_only=True)
class GetBucketTags:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketTagsResult(Answer):
    tags: Mapping[str, str]

    def body(self, call: Call) -> bytes:
        del call
        return render_tags(self.tags)


@oss.operation(
    "GET",
    Scope.BUCKET,
    query=["tagging"],
    action="oss:GetBucketTagging",
    errors=(NoSuchBucket,),
)
async def get_bucket_tags(call: Call, request: GetBucketTags) -> GetBucketTagsResult:
    """Tell the tags of a bucket; none is no error."""
    del request
    return GetBucketTagsResult(tags=tags_of(call.bucket))


@dataclass(slots=True, kw_only=True)
class DeleteBucketTags:
    bucket: BucketInPath
    keys: Annotated[str, Query("tagging")] = ""


@dataclass(slots=True, kw_only=True)
class DeleteBucketTagsResult(Answer):
    status = 204


@oss.operation(
    "DELETE",
    Scope.BUCKET,
    query=["tagging"],
    action="oss:DeleteBucketTagging",
    errors=(NoSuchBucket,),
)
async def delete_bucket_tags(call: Call, request: DeleteBucketTags) -> DeleteBucketTagsResult:
    """Remove those tags of a bucket whose keys ``tagging`` lists, or all; none is no error."""
    keys = set(request.keys.split(",")) if request.keys else None

    def without(content: bytes | None) -> bytes | None:
        if keys is None:
            return None
        kept = {k: v for k, v in stored_bucket_tags(content).items() if k not in keys}
        return render_tags(kept) if kept else None

    await call.services.buckets.change_document(call.bucket, TAGS, without)
    return DeleteBucketTagsResult()
