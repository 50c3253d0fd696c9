"""Live channels: none can be made here, so their list is empty.

oss2's clean-up code asks for the list before it deletes a bucket.
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
class ListLiveChannel:
    bucket: BucketInPath
    prefix: Annotated[str, Query("prefix")] = ""
    marker: Annotated[str, Query("marker")] = ""
    max_keys: Annotated[int, Query("max-keys", integer(1, 1000))] = 100


@dataclass(slots=True, kw_only=True)
class ListLiveChannelResult(Answer):
    request: ListLiveChannel

    def body(self, call: Call) -> bytes:
        del call
        return document(
            "ListLiveChannelResult",
            tag("Prefix", self.request.prefix),
            tag("Marker", self.request.marker),
            tag("MaxKeys", self.request.max_keys),
            tag("IsTruncated", value=False),
            tag("NextMarker", ""),
        )


@oss.operation("GET", Scope.BUCKET, query=["live"], errors=(NoSuchBucket,))
async def list_live_channel(call: Call, request: ListLiveChannel) -> ListLiveChannelResult:
    """List live channels: there are none."""
    del call
    return ListLiveChannelResult(request=request)
