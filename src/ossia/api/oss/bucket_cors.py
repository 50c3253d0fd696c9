"""CORS rules of a bucket: put, get, delete.  Applying them is `gateway.cors`."""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Document
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.domain.buckets.buckets import CORS
from ossia.errors import MalformedXML, NoSuchBucket, NoSuchCORSConfiguration
from ossia.protocol.cors import CorsConfiguration, parse_cors, render_cors


@dataclass(slots=True, kw_only=True)
class PutBucketCors:
    bucket: BucketInPath
    configuration: Annotated[CorsConfiguration, Document(parse_cors, 64 * 1024)]


@dataclass(slots=True, kw_only=True)
class PutBucketCorsResult(Answer):
    pass


@oss.operation("PUT", Scope.BUCKET, query=["cors"], errors=(NoSuchBucket, MalformedXML))
async def put_bucket_cors(call: Call, request: PutBucketCors) -> PutBucketCorsResult:
    """Replace the CORS rules of a bucket."""
    content = render_cors(request.configuration)
    await call.services.buckets.set_document(call.bucket, CORS, content)
    return PutBucketCorsResult()


@dataclass(slots=True, kw_only=True)
class GetBucketCors:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketCorsResult(Answer):
    content: bytes

    def body(self, call: Call) -> bytes:
        del call
        return self.content


@oss.operation("GET", Scope.BUCKET, query=["cors"], errors=(NoSuchBucket, NoSuchCORSConfiguration))
async def get_bucket_cors(call: Call, request: GetBucketCors) -> GetBucketCorsResult:
    """Tell the CORS rules of a bucket."""
    content = call.bucket.documents.get(CORS)
    if content is None:
        raise NoSuchCORSConfiguration(BucketName=request.bucket)
    return GetBucketCorsResult(content=content)


@dataclass(slots=True, kw_only=True)
class DeleteBucketCors:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class DeleteBucketCorsResult(Answer):
    status = 204


@oss.operation("DELETE", Scope.BUCKET, query=["cors"], errors=(NoSuchBucket,))
async def delete_bucket_cors(call: Call, request: DeleteBucketCors) -> DeleteBucketCorsResult:
    """Remove the CORS rules of a bucket."""
    del request
    await call.services.buckets.set_document(call.bucket, CORS, None)
    return DeleteBucketCorsResult()
