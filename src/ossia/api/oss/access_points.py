"""Access points: none can be made here, so a bucket's list of them is empty.

The PHP SDK's clean-up asks for the list before it deletes a bucket (witnessed.md, W55).
"""

from dataclasses import dataclass

from ossia.api.bind import BucketInPath
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.errors import NoSuchBucket
from ossia.protocol.xml import document, tag


@dataclass(slots=True, kw_only=True)
class ListAccessPoints:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class ListAccessPointsResult(Answer):
    def body(self, call: Call) -> bytes:
        return document(
            "ListAccessPointsResult",
            tag("IsTruncated", value=False),
            tag("NextContinuationToken", ""),
            tag("AccountId", call.services.account_id),
            "<AccessPoints></AccessPoints>",
        )


@oss.operation("GET", Scope.BUCKET, query=["accessPoint"], errors=(NoSuchBucket,))
async def list_access_points(call: Call, request: ListAccessPoints) -> ListAccessPointsResult:
    """List the access points of a bucket: there are none."""
    del call, request
    return ListAccessPointsResult()
