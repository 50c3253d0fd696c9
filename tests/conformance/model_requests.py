"""The headers, queries and documents in which the reference model's test says what it wants, and reading listings."""

import xml.etree.ElementTree as ET
from urllib.parse import unquote

from reference_records import Rule, md5

from ossia.protocol.checksums import etag_to_content_md5


def written(
    storage_class: str | None, tags: dict[str, str], meta: dict[str, str]
) -> dict[str, str]:
    """The headers that say it."""
    headers = {f"x-oss-meta-{name}": value for name, value in meta.items()}
    if storage_class:
        headers["x-oss-storage-class"] = storage_class
    if tags:
        headers["x-oss-tagging"] = "&".join(f"{name}={value}" for name, value in tags.items())
    return headers


def tagging(tags: dict[str, str]) -> bytes:
    inner = "".join(f"<Tag><Key>{k}</Key><Value>{v}</Value></Tag>" for k, v in tags.items())
    return f"<Tagging><TagSet>{inner}</TagSet></Tagging>".encode()


def lifecycle(rules: list[Rule]) -> bytes:
    return f"<LifecycleConfiguration>{''.join(map(_rule, range(9), rules))}</LifecycleConfiguration>".encode()


def _rule(number: int, rule: Rule) -> str:
    parts = [f"<ID>r{number}</ID><Prefix>{rule.prefix}</Prefix><Status>Enabled</Status>"]
    if rule.tag is not None:
        parts.append(f"<Tag><Key>{rule.tag[0]}</Key><Value>{rule.tag[1]}</Value></Tag>")
    if rule.larger_than >= 0:
        size = f"<ObjectSizeGreaterThan>{rule.larger_than}</ObjectSizeGreaterThan>"
        parts.append(f"<Filter>{size}</Filter>")
    if rule.days:
        parts.append(f"<Expiration><Days>{rule.days}</Days></Expiration>")
    if rule.removes_markers:
        marker = "<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>"
        parts.append(f"<Expiration>{marker}</Expiration>")
    if rule.becomes:
        kind = f"<StorageClass>{rule.becomes}</StorageClass>"
        parts.append(f"<Transition><Days>{rule.becomes_after}</Days>{kind}</Transition>")
    if rule.noncurrent_days:
        days = f"<NoncurrentDays>{rule.noncurrent_days}</NoncurrentDays>"
        parts.append(f"<NoncurrentVersionExpiration>{days}</NoncurrentVersionExpiration>")
    if rule.abort_days:
        days = f"<Days>{rule.abort_days}</Days>"
        parts.append(f"<AbortMultipartUpload>{days}</AbortMultipartUpload>")
    return f"<Rule>{''.join(parts)}</Rule>"


def bypassing(bypass: bool) -> dict[str, str]:
    return {"x-oss-bypass-governance-retention": "true"} if bypass else {}


def md5_of(body: bytes) -> dict[str, str]:
    return {"content-md5": etag_to_content_md5(md5(body))}


def listing(kind: str, prefix: str, delimiter: str, most: int) -> list[tuple[str, str]]:
    name, _, value = kind.partition("=")
    query = [(name, value), ("max-keys", str(most)), ("encoding-type", "url")]
    return query + [(n, v) for n, v in (("prefix", prefix), ("delimiter", delimiter)) if v]


def names(root: ET.Element, *elements: str) -> list[str]:
    """What is on a page: keys, with their versions where it has any, and common prefixes."""
    found = []
    for each in root:
        if each.tag in elements:
            version = each.findtext("VersionId")
            key = unquote(each.findtext("Key") or "")
            found.append(f"{key} {version}" if version else key)
        elif each.tag == "CommonPrefixes":
            found.append(unquote(each.findtext("Prefix") or ""))
    return found


def overwriting(prefix: str, suffix: str = "") -> bytes:
    """One rule for everybody."""
    affixes = f"<Prefix>{prefix}</Prefix><Suffix>{suffix}</Suffix>"
    rule = f"<Rule><ID>r</ID><Action>forbid</Action>{affixes}</Rule>"
    return f"<OverwriteConfiguration>{rule}</OverwriteConfiguration>".encode()
