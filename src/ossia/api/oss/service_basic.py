"""The service: which buckets there are."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import Header, Query, integer
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.domain.buckets.buckets import resource_group_of, tags_of
from ossia.errors import AccessDenied, InvalidArgument
from ossia.protocol.bucket_tags import tagging_xml
from ossia.protocol.dates import format_iso
from ossia.protocol.xml import document, tag
from ossia.records import Bucket

_QUOTED_TAG = re.compile(r'"([^"]+)":"([^"]*)"\Z')
_PLAIN_TAG = re.compile(r'([^":]+):([^":]*)\Z')
_BETWEEN_TAGS = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*\Z)')
"""A comma outside quotes."""
_PREFIX = re.compile(r"[a-z0-9-]{0,63}\Z")


def _parse_tagging(text: str) -> dict[str, str]:
    """``"k1":"v1","k2":"v2"`` as documented, or without the quotes (witnessed.md, W51)."""
    tags = {}
    for each in text.split(",") if '"' not in text else _BETWEEN_TAGS.split(text):
        found = _QUOTED_TAG.match(each) or _PLAIN_TAG.match(each)
        if found is None and each:
            raise ValueError("tagging is key:value, several of them with commas between.")
        if found is not None:
            tags[found[1]] = found[2]
    return tags


def _parse_prefix(text: str) -> str:
    """The beginning of a name that a bucket can have (witnessed.md, W51)."""
    if not _PREFIX.match(text):
        raise ValueError("No bucket's name begins like that.")
    return text


@dataclass(slots=True, kw_only=True)
class ListBuckets:
    prefix: Annotated[str, Query("prefix", _parse_prefix)] = ""
    marker: Annotated[str, Query("marker")] = ""
    max_keys: Annotated[int, Query("max-keys", integer(1, 1000))] = 100
    tag_key: Annotated[str, Query("tag-key")] = ""
    tag_value: Annotated[str, Query("tag-value")] = ""
    tagging: Annotated[dict[str, str] | None, Query("tagging", _parse_tagging)] = None
    resource_group: Annotated[str, Header("x-oss-resource-group-id")] = ""


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
            f"<Buckets>{''.join(self._bucket_xml(call, each) for each in self.buckets)}</Buckets>",
        )

    def _bucket_xml(self, call: Call, bucket: Bucket) -> str:
        tags = "" if self.request.tagging is None else tagging_xml(tags_of(bucket))
        return _bucket_xml(call, bucket, tags)


def _bucket_xml(call: Call, bucket: Bucket, tags: str) -> str:
    """*tags*: where ``tagging`` is asked for, each bucket's are told (witnessed.md, W26)."""
    endpoint = call.services.endpoint
    return (
        f"<Bucket>{tag('CreationDate', format_iso(bucket.created_at))}"
        f"{tag('ExtranetEndpoint', endpoint)}{tag('IntranetEndpoint', endpoint)}"
        f"{tag('Location', f'oss-{bucket.region}')}{tag('Name', bucket.name)}"
        f"{tag('Region', bucket.region)}{tag('StorageClass', bucket.storage_class)}"
        f"{tag('ResourceGroupId', resource_group_of(bucket.owner))}{tags}</Bucket>"
    )


def _filter(request: ListBuckets) -> Callable[[Bucket], bool] | None:
    """Whether a bucket has the tags and the group that are asked for; None where none are."""
    if request.tag_value and not request.tag_key:
        raise InvalidArgument("tag-value needs tag-key.", ArgumentName="tag-value")
    wanted = request.tagging or {}
    if request.tag_key and wanted:
        raise InvalidArgument("tagging stands without tag-key.", ArgumentName="tagging")
    if not request.tag_key and not wanted and not request.resource_group:
        return None

    def keep(bucket: Bucket) -> bool:
        if request.resource_group not in ("", resource_group_of(bucket.owner)):
            return False
        tags = tags_of(bucket)
        if request.tag_key and request.tag_key not in tags:
            return False
        if request.tag_value and tags.get(request.tag_key) != request.tag_value:
            return False
        return wanted.items() <= tags.items()

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
