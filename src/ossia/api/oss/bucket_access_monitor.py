"""Whether a bucket keeps when its objects were last accessed: put, get."""

from dataclasses import dataclass
from typing import Annotated, Final

from ossia.api.bind import BucketInPath, Document
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.domain.objects.access_times import monitored_since
from ossia.errors import AccessMonitorDisableNotAllowed, MalformedXML, NoSuchBucket
from ossia.protocol.xml import document, parse, tag
from ossia.records import Bucket

_ROOT: Final = "AccessMonitorConfiguration"
_MAX_BYTES: Final = 16 * 1024
_ENABLED, _DISABLED = "Enabled", "Disabled"


def access_monitor(bucket: Bucket) -> str:
    """The status, as answers tell it."""
    return _DISABLED if monitored_since(bucket) is None else _ENABLED


def _parse_status(content: bytes) -> bool:
    status = parse(content, _ROOT).get("Status").strip()
    if status not in {_ENABLED, _DISABLED}:
        # Asserted by oss2's test_bucket_access_monitor.
        raise MalformedXML(ErrorDetail=f"Status must be {_ENABLED} or {_DISABLED}.")
    return status == _ENABLED


@dataclass(slots=True, kw_only=True)
class PutBucketAccessMonitor:
    bucket: BucketInPath
    is_enabled: Annotated[bool, Document(_parse_status, _MAX_BYTES)]


@dataclass(slots=True, kw_only=True)
class PutBucketAccessMonitorResult(Answer):
    pass


@oss.operation(
    "PUT",
    Scope.BUCKET,
    query=["accessmonitor"],
    errors=(NoSuchBucket, MalformedXML, AccessMonitorDisableNotAllowed),
)
async def put_bucket_access_monitor(
    call: Call, request: PutBucketAccessMonitor
) -> PutBucketAccessMonitorResult:
    """Keep when objects of a bucket are accessed, or no longer."""
    await call.services.lifecycles.monitor(call.bucket, is_enabled=request.is_enabled)
    return PutBucketAccessMonitorResult()


@dataclass(slots=True, kw_only=True)
class GetBucketAccessMonitor:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketAccessMonitorResult(Answer):
    status_text: str

    def body(self, call: Call) -> bytes:
        del call
        return document(_ROOT, tag("Status", self.status_text))


@oss.operation("GET", Scope.BUCKET, query=["accessmonitor"], errors=(NoSuchBucket,))
async def get_bucket_access_monitor(
    call: Call, request: GetBucketAccessMonitor
) -> GetBucketAccessMonitorResult:
    """Tell whether times of access are kept."""
    del request
    return GetBucketAccessMonitorResult(status_text=access_monitor(call.bucket))
