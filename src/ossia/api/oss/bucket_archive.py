"""Reading the Archive objects of a bucket without restoring them: put, get."""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Document
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.domain.objects.readable import DIRECT_READ, DISABLED, ENABLED
from ossia.errors import MalformedXML, NoSuchArchiveDirectReadConfiguration, NoSuchBucket
from ossia.protocol.xml import document, parse, tag

_ROOT = "ArchiveDirectReadConfiguration"
_MAX_BYTES = 16 * 1024


def _parse_direct_read(content: bytes) -> bool:
    text = parse(content, _ROOT).get("Enabled").strip().lower()
    if text not in {"true", "false"}:
        raise MalformedXML(ErrorDetail="Enabled must be true or false.")
    return text == "true"


@dataclass(slots=True, kw_only=True)
class PutBucketArchiveDirectRead:
    bucket: BucketInPath
    is_enabled: Annotated[bool, Document(_parse_direct_read, _MAX_BYTES)]


@dataclass(slots=True, kw_only=True)
class PutBucketArchiveDirectReadResult(Answer):
    pass


@oss.operation(
    "PUT", Scope.BUCKET, query=["bucketArchiveDirectRead"], errors=(NoSuchBucket, MalformedXML)
)
async def put_bucket_archive_direct_read(
    call: Call, request: PutBucketArchiveDirectRead
) -> PutBucketArchiveDirectReadResult:
    """Let the Archive objects of a bucket be read without restoring, or no longer."""
    content = ENABLED if request.is_enabled else DISABLED
    await call.services.buckets.set_document(call.bucket, DIRECT_READ, content)
    return PutBucketArchiveDirectReadResult()


@dataclass(slots=True, kw_only=True)
class GetBucketArchiveDirectRead:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketArchiveDirectReadResult(Answer):
    is_enabled: bool

    def body(self, call: Call) -> bytes:
        del call
        return document(_ROOT, tag("Enabled", value=self.is_enabled))


@oss.operation(
    "GET",
    Scope.BUCKET,
    query=["bucketArchiveDirectRead"],
    errors=(NoSuchBucket, NoSuchArchiveDirectReadConfiguration),
)
async def get_bucket_archive_direct_read(
    call: Call, request: GetBucketArchiveDirectRead
) -> GetBucketArchiveDirectReadResult:
    """Tell whether the Archive objects of a bucket are read without restoring."""
    content = call.bucket.documents.get(DIRECT_READ)
    if content is None:
        raise NoSuchArchiveDirectReadConfiguration(BucketName=request.bucket)
    return GetBucketArchiveDirectReadResult(is_enabled=content == ENABLED)
