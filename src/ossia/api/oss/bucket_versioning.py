"""Versioning: what SDKs ask of any bucket.  Switching it on is not offered yet."""

from dataclasses import dataclass

from ossia.api.bind import BucketInPath
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.errors import NoSuchBucket
from ossia.protocol.xml import document


@dataclass(slots=True, kw_only=True)
class GetBucketVersioning:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketVersioningResult(Answer):
    def body(self, call: Call) -> bytes:
        del call
        # buckets.md: a bucket on which versioning was never set answers an empty root.
        return document("VersioningConfiguration")


@oss.operation("GET", Scope.BUCKET, query=["versioning"], errors=(NoSuchBucket,))
async def get_bucket_versioning(
    call: Call, request: GetBucketVersioning
) -> GetBucketVersioningResult:
    """Tell that versioning was never enabled."""
    del call, request
    return GetBucketVersioningResult()
