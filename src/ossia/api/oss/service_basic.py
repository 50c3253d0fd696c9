"""The service: which buckets there are."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from ossia.api.bind import Query, integer
from ossia.api.operation import Answer, Call, Scope
from ossia.api.oss.registry import oss
from ossia.domain.buckets import tags_of
from ossia.errors import AccessDenied, InvalidArgument
from ossia.protocol.dates import format_iso
from ossia.protocol.xml import document, tag
from ossia.records import Bucket

_TAG = re.compile(r'"([^"]+)":"([^"]*)"')


def _parse_tagging(text: str) -> dict[str, str]:
    """``"k1":"v1","k2":"v2"``, as the documentation of ListBuckets writes it."""
    if _TAG.sub("", text).strip(","):
        raise ValueError('tagging is written "key":"value", several of them with commas between.')
    return dict(_TAG.findall(text))


@dataclass(slots=True, kw_only=True)
class ListBuckets:
    prefix: Annotated[str, Query("prefix")] = ""
    marker: Annotated[str, Query("marker")] = ""
    max_keys: Annotated[int, Query("max-keys", integer(1, 1000))] = 100
    tag_key: Annotated[str, Query("tag-key")] = ""
    tag_value: Annotated[str, Query("tag-value")] = ""
    tagging: Annotated[dict[str, str], Query("tagging", _parse_tagging)] = field(
        default_factory=dict
    )


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


def _filter(request: ListBuckets) -> Callable[[Bucket], bool] | None:
    """Whether a bucket has the tags that are asked for; None where none are."""
    if request.tag_value and not request.tag_key:
        raise InvalidArgument("tag-value needs tag-key.", ArgumentName="tag-value")
    if request.tag_key and request.tagging:
        raise InvalidArgument("tagging stands without tag-key.", ArgumentName="tagging")
    if not request.tag_key and not request.tagging:
        return None

    def keep(bucket: Bucket) -> bool:
        tags = tags_of(bucket)
        if request.tag_key and request.tag_key not in tags:
            return False
        if request.tag_value and tags.get(request.tag_key) != request.tag_value:
            return False
        return request.tagging.items() <= tags.items()

    return keep


@oss.operation("GET", Scope.SERVICE, or_query=["tagging"], errors=(AccessDenied, InvalidArgument))
async def list_buckets(call: Call, request: ListBuckets) -> ListBucketsResult:
    """List the buckets of the account, or those that have certain tags."""
    found = await call.services.buckets.list(
        request.prefix, request.marker, request.max_keys + 1, _filter(request)
    )
    return ListBucketsResult(
        request=request,
        buckets=found[: request.max_keys],
        is_truncated=len(found) > request.max_keys,
    )
