"""Settings of a bucket that cannot be made here yet: what OSS answers where they were never made.

Terraform and the SDKs' clean-ups read and remove them of every bucket, and give up on any other
answer (witnessed.md, W35; buckets.md, sections 4 and 5).  They differ in nothing but names and
answers, so they are rows: method, sub-resource, what is answered, what the operation does.
"""

from collections.abc import Callable
from dataclasses import dataclass, make_dataclass
from typing import Any, Final

from ossia.api.bind import BucketInPath
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.domain.buckets.buckets import resource_group_of
from ossia.errors import (
    NoSuchBucket,
    NoSuchReplicationConfiguration,
    NoSuchTransferAccelerationConfiguration,
    NoSuchWebsiteConfiguration,
    OssError,
)
from ossia.protocol.xml import document, tag


@dataclass(slots=True, kw_only=True)
class UnchangedSetting(Answer):
    """The document of a setting as it is in a fresh bucket."""

    content: bytes

    def body(self, call: Call) -> bytes:
        del call
        return self.content


@dataclass(slots=True, kw_only=True)
class RemovedSetting(Answer):
    """A setting that was never made is gone."""

    status = 204


def _resource_group(call: Call) -> bytes:
    group = tag("ResourceGroupId", resource_group_of(call.bucket.owner))
    return document("BucketResourceGroupConfiguration", group)


_TOLD: Final[dict[str, tuple[str, bytes | Callable[[Call], bytes], str]]] = {
    "GetBucketLogging": (
        "logging",
        document("BucketLoggingStatus"),
        "Tell that access to a bucket is not logged.",
    ),
    "GetBucketReferer": (
        "referer",
        document(
            "RefererConfiguration",
            tag("AllowEmptyReferer", value=True),
            "<RefererList></RefererList>",
        ),
        "Tell that a bucket is read from any page.",
    ),
    "GetBucketRequestPayment": (
        "requestPayment",
        document("RequestPaymentConfiguration", tag("Payer", "BucketOwner")),
        "Tell that the owner pays for a bucket.",
    ),
    "GetBucketResourceGroup": (
        "resourceGroup",
        _resource_group,
        "Tell the resource group of a bucket, which is that of the account.",
    ),
}
_MISSING: Final[dict[str, tuple[str, type[OssError], str]]] = {
    "GetBucketWebsite": (
        "website",
        NoSuchWebsiteConfiguration,
        "Tell that a bucket is no website.",
    ),
    "GetBucketTransferAcceleration": (
        "transferAcceleration",
        NoSuchTransferAccelerationConfiguration,
        "Tell that transfers are not accelerated.",
    ),
    "GetBucketReplication": (
        "replication",
        NoSuchReplicationConfiguration,
        "Tell that a bucket is not replicated.",
    ),
}
_REMOVED: Final[dict[str, tuple[str, str]]] = {
    "DeleteBucketLogging": ("logging", "Log access to a bucket no longer; it never was."),
    "DeleteBucketWebsite": ("website", "Make a bucket no website, which it never was."),
}


def _offer(
    name: str,
    method: str,
    selector: str,
    summary: str,
    answer: Callable[[Call], Answer],
    *errors: type[OssError],
) -> None:
    """Register the operation *name* of a bucket, which takes nothing but the bucket."""

    async def handler(call: Call, request: Any) -> Answer:
        del request
        return answer(call)

    handler.__doc__ = summary
    fields: list[tuple[str, Any]] = [("bucket", BucketInPath)]
    handler.__annotations__["request"] = make_dataclass(name, fields, kw_only=True)
    oss.operation(method, Scope.BUCKET, query=[selector], errors=(NoSuchBucket, *errors))(handler)


def _tell(content: bytes | Callable[[Call], bytes]) -> Callable[[Call], Answer]:
    return lambda call: UnchangedSetting(content=content(call) if callable(content) else content)


def _refuse(error: type[OssError]) -> Callable[[Call], Answer]:
    def refuse(call: Call) -> Answer:
        raise error(BucketName=call.bucket_name)

    return refuse


for _name, (_selector, _content, _summary) in _TOLD.items():
    _offer(_name, "GET", _selector, _summary, _tell(_content))
for _name, (_selector, _error, _summary) in _MISSING.items():
    _offer(_name, "GET", _selector, _summary, _refuse(_error), _error)
for _name, (_selector, _summary) in _REMOVED.items():
    _offer(_name, "DELETE", _selector, _summary, lambda _call: RemovedSetting())
