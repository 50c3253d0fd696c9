"""How listings write names and objects.

With ``encoding-type=url`` every name is percent-encoded, ``/`` as well (witnessed.md, W12); space
is ``%20`` and plus is ``%2B``, because Go and Java decode ``+`` to a space and Python does not
(buckets.md, section 3).
"""

from typing import Protocol
from urllib.parse import quote

from ossia.domain.objects.readable import restoration_text
from ossia.protocol import xml
from ossia.protocol.dates import format_iso
from ossia.records import ObjectType, StoredObject
from ossia.tables.versions import ListedVersion


class Names:
    """Writes keys and prefixes as the request asked."""

    __slots__ = ("_encoded",)

    def __init__(self, encoding_type: str) -> None:
        self._encoded = encoding_type == "url"

    def tag(self, name: str, value: str) -> str:
        """An element that holds a name."""
        if self._encoded:
            return f"<{name}>{quote(value, safe='')}</{name}>"
        return xml.tag(name, value)

    def declaration(self) -> str:
        """``<EncodingType>`` where names are encoded."""
        return "<EncodingType>url</EncodingType>" if self._encoded else ""

    def prefixes(self, prefixes: list[str]) -> str:
        """The common prefixes."""
        return "".join(
            f"<CommonPrefixes>{self.tag('Prefix', each)}</CommonPrefixes>" for each in prefixes
        )


class Listed(Protocol):
    """What requests of all listings have in common."""

    bucket: str
    prefix: str
    delimiter: str
    max_keys: int
    encoding_type: str


def listing_document(
    root: str,
    request: Listed,
    here: str,
    further: str | None,
    listed: str,
    prefixes: list[str],
) -> bytes:
    """A page of any listing: *here* tells where it begins, *further* where the next one does."""
    names = Names(request.encoding_type)
    return xml.document(
        root,
        xml.tag("Name", request.bucket),
        names.tag("Prefix", request.prefix),
        here,
        xml.tag("MaxKeys", request.max_keys),
        names.tag("Delimiter", request.delimiter),
        names.declaration(),
        xml.tag("IsTruncated", further is not None),
        further or "",
        listed,
        names.prefixes(prefixes),
    )


def object_xml(stored: StoredObject, names: Names, owner: str | None, now: int) -> str:
    """``<Contents>`` of one object; oss2 needs Type in every listing."""
    about = _about(stored, now)
    return f"<Contents>{names.tag('Key', stored.key)}{about}{_owned(owner)}</Contents>"


def version_xml(listed: ListedVersion, names: Names, owner: str, now: int) -> str:
    """``<Version>`` or ``<DeleteMarker>`` of one version."""
    stored = listed.stored
    named = (
        f"{names.tag('Key', stored.key)}{xml.tag('VersionId', stored.version)}"
        f"{xml.tag('IsLatest', listed.is_latest)}"
    )
    if stored.type == ObjectType.DELETE_MARKER:
        modified = f"<LastModified>{format_iso(stored.modified_at)}</LastModified>"
        return f"<DeleteMarker>{named}{modified}{_owned(owner)}</DeleteMarker>"
    return f"<Version>{named}{_about(stored, now)}{_owned(owner)}</Version>"


def _about(stored: StoredObject, now: int) -> str:
    restoration = restoration_text(stored, now)
    restored = "" if restoration is None else xml.tag("RestoreInfo", restoration)
    return (
        f"<LastModified>{format_iso(stored.modified_at)}</LastModified>"
        f'<ETag>"{stored.etag}"</ETag><Type>{stored.type}</Type><Size>{stored.size}</Size>'
        f"<StorageClass>{stored.storage_class}</StorageClass>{restored}"
    )


def _owned(owner: str | None) -> str:
    if owner is None:
        return ""
    return f"<Owner><ID>{owner}</ID><DisplayName>{owner}</DisplayName></Owner>"
