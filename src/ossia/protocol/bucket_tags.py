"""Tags of buckets: ``<Tagging>``, and what may be in it.

Source: OSS documentation, "PutBucketTags" and "Manage bucket tags": 20 tags; keys of 1 to 64 bytes
that begin with none of three reserved words, whatever their case; values of up to 128 bytes.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from ossia.errors import InvalidTag, MalformedXML
from ossia.protocol.xml import document, parse, tag

MAX_TAGS: Final = 20
MAX_KEY_BYTES: Final = 64
MAX_VALUE_BYTES: Final = 128
_RESERVED: Final = ("http://", "https://", "aliyun")


def parse_bucket_tags(content: bytes) -> dict[str, str]:
    """Read ``<Tagging>``.  Raises `MalformedXML` or `InvalidTag`."""
    tag_set = parse(content, "Tagging").find("TagSet")
    if tag_set is None:
        raise MalformedXML(ErrorDetail="Tagging must have a TagSet.")
    found: dict[str, str] = {}
    for element in tag_set.all("Tag"):
        key, value = element.get("Key"), element.get("Value")
        if key in found:
            raise InvalidTag("A tag key occurs twice.", Key=key)
        _check(key, value)
        found[key] = value
    if len(found) > MAX_TAGS:
        raise InvalidTag(f"A bucket has at most {MAX_TAGS} tags.")
    return found


def _check(key: str, value: str) -> None:
    if not 1 <= len(key.encode()) <= MAX_KEY_BYTES or len(value.encode()) > MAX_VALUE_BYTES:
        raise InvalidTag(
            f"A tag key has 1 to {MAX_KEY_BYTES} bytes, a value at most {MAX_VALUE_BYTES}.",
            Key=key,
            Value=value,
        )
    if key.lower().startswith(_RESERVED):
        raise InvalidTag("A tag key does not begin with http://, https:// or Aliyun.", Key=key)


def render_tags(tags: Mapping[str, str]) -> bytes:
    """Write ``<Tagging>`` as a document, of buckets and of objects."""
    return document("Tagging", _tag_set(tags))


def tagging_xml(tags: Mapping[str, str]) -> str:
    """Write ``<Tagging>`` inside another document."""
    return f"<Tagging>{_tag_set(tags)}</Tagging>"


def _tag_set(tags: Mapping[str, str]) -> str:
    each = (f"<Tag>{tag('Key', key)}{tag('Value', value)}</Tag>" for key, value in tags.items())
    return f"<TagSet>{''.join(each)}</TagSet>"


@lru_cache(maxsize=1024)
def stored_bucket_tags(content: bytes | None) -> Mapping[str, str]:
    """The tags that a bucket has."""
    return MappingProxyType({} if content is None else parse_bucket_tags(content))
