"""Access points: none can be made here, so a bucket's list of them is empty.

The PHP SDK's clean-up asks for the list before it deletes a bucket (witnessed.md, W55).
"""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Query, integer
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.errors import NoSuchBucket
from ossia.protocol.xml import document, tag


@dataclass(slots=True, kw_only=True)
class ListAccessPoints:
    bucket: BucketInPath
    max_keys: Annotated[int, Query("max-keys", integer(1, 1000))] = 100
    """ListAccessPointsRequest of the Java SDK: 100 by default, 1000 at most."""


@dataclass(slots=True, kw_only=True)
class ListAccessPointsResult(Answer):
    request: ListAccessPoints

    def body(self, call: Call) -> bytes:
        return document(
            "ListAccessPointsResult",
            # The page of the documentation has none; oss2 reads no answer without it.
            tag("MaxKeys", self.request.max_keys),
            tag("IsTruncated", value=False),
            tag("NextContinuationToken", ""),
            tag("AccountId", call.services.account_id),
            "<AccessPoints></AccessPoints>",
        )


@oss.operation("GET", Scope.BUCKET, query=["accessPoint"], errors=(NoSuchBucket,))
async def list_access_points(call: Call, request: ListAccessPoints) -> ListAccessPointsResult:
    """List the access points of a bucket: there are none."""
    del call
    return ListAccessPointsResult(request=request)
