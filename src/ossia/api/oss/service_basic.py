"""The service: which buckets there are."""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import Query, integer
from ossia.api.operation import Answer, Call, Scope
from ossia.api.oss.registry import oss
from ossia.errors import AccessDenied
from ossia.protocol.dates import format_iso
from ossia.protocol.xml import document, tag
from ossia.records import Bucket


@dataclass(slots=True, kw_only=True)
class ListBuckets:
    prefix: Annotated[str, Query("prefix")] = ""
    marker: Annotated[str, Query("marker")] = ""
    max_keys: Annotated[int, Query("max-keys", integer(1, 1000))] = 100


@dataclass(slots=True, kw_only=True)
class ListBucketsResult(Answer):
    request: ListBuckets
    buckets: list[Bucket]
    is_truncated: bool

    def body(self, call: Call) -> bytes:
        account = call.services.account_id
        return document(
            "ListAllMyBucketsResult",
            tag("Prefix", self.request.prefix),
            tag("Marker", self.request.marker),
            tag("MaxKeys", self.request.max_keys),
            tag("IsTruncated", self.is_truncated),
            tag("NextMarker", self.buckets[-1].name) if self.is_truncated else "",
            f"<Owner>{tag('ID', account)}{tag('DisplayName', account)}</Owner>",
            f"<Buckets>{''.join(_bucket_xml(call, each) for each in self.buckets)}</Buckets>",
        )


def _bucket_xml(call: Call, bucket: Bucket) -> str:
    endpoint = call.services.endpoint
    return (
        f"<Bucket>{tag('CreationDate', format_iso(bucket.created_at))}"
        f"{tag('ExtranetEndpoint', endpoint)}{tag('IntranetEndpoint', endpoint)}"
        f"{tag('Location', f'oss-{bucket.region}')}{tag('Name', bucket.name)}"
        f"{tag('Region', bucket.region)}{tag('StorageClass', bucket.storage_class)}</Bucket>"
    )


@oss.operation("GET", Scope.SERVICE, errors=(AccessDenied,))
async def list_buckets(call: Call, request: ListBuckets) -> ListBucketsResult:
    """List the buckets of the account."""
    found = await call.services.buckets.list(request.prefix, request.marker, request.max_keys + 1)
    return ListBucketsResult(
        request=request,
        buckets=found[: request.max_keys],
        is_truncated=len(found) > request.max_keys,
    )
