"""How much a bucket may be asked for: put, get, delete.

The gateway counts what is asked of the bucket (`gateway.bucket_qos`); the totals count, because
nothing here tells an intranet from the rest.
"""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Document
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.domain.buckets.buckets import QOS
from ossia.errors import InvalidArgument, MalformedXML, NoSuchBucket, NoSuchBucketQosInfo
from ossia.protocol.bucket_qos import (
    MAX_BYTES,
    BucketQos,
    parse_bucket_qos,
    render_bucket_qos,
)

SELECTOR = "qosInfo"


@dataclass(slots=True, kw_only=True)
class PutBucketQoSInfo:
    bucket: BucketInPath
    qos: Annotated[BucketQos, Document(parse_bucket_qos, MAX_BYTES)]


@dataclass(slots=True, kw_only=True)
class PutBucketQoSInfoResult(Answer):
    pass


@oss.operation(
    "PUT", Scope.BUCKET, query=[SELECTOR], errors=(NoSuchBucket, MalformedXML, InvalidArgument)
)
async def put_bucket_qos_info(call: Call, request: PutBucketQoSInfo) -> PutBucketQoSInfoResult:
    """Set how many bytes and requests a second a bucket takes."""
    content = render_bucket_qos(request.qos)
    await call.services.buckets.set_document(call.bucket, QOS, content)
    return PutBucketQoSInfoResult()


@dataclass(slots=True, kw_only=True)
class GetBucketQoSInfo:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketQoSInfoResult(Answer):
    content: bytes

    def body(self, call: Call) -> bytes:
        del call
        return self.content


@oss.operation("GET", Scope.BUCKET, query=[SELECTOR], errors=(NoSuchBucket, NoSuchBucketQosInfo))
async def get_bucket_qos_info(call: Call, request: GetBucketQoSInfo) -> GetBucketQoSInfoResult:
    """Tell how many bytes and requests a second a bucket takes."""
    content = call.bucket.documents.get(QOS)
    if content is None:
        raise NoSuchBucketQosInfo(BucketName=request.bucket)
    return GetBucketQoSInfoResult(content=content)


@dataclass(slots=True, kw_only=True)
class DeleteBucketQoSInfo:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class DeleteBucketQoSInfoResult(Answer):
    status = 204


@oss.operation("DELETE", Scope.BUCKET, query=[SELECTOR], errors=(NoSuchBucket,))
async def delete_bucket_qos_info(
    call: Call, request: DeleteBucketQoSInfo
) -> DeleteBucketQoSInfoResult:
    """Let a bucket take whatever comes."""
    del request
    await call.services.buckets.set_document(call.bucket, QOS, None)
    return DeleteBucketQoSInfoResult()
