"""How listings write names and objects.

With ``encoding-type=url`` every name is percent-encoded, ``/`` as well (witnessed.md, W12); space
is ``%20`` and plus is ``%2B``, because Go and Java decode ``+`` to a space and Python does not
(buckets.md, section 3).
"""

from urllib.parse import quote

from ossia.domain.objects.readable import restoration_text
from ossia.protocol import xml
from ossia.protocol.dates import format_iso
from ossia.records import StoredObject


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


def object_xml(
    stored: StoredObject, names: Names, owner: str | None, now: int, *, versioned: bool = False
) -> str:
    """``<Contents>`` or ``<Version>`` of one object; oss2 needs Type in every listing."""
    restoration = restoration_text(stored, now)
    restored = "" if restoration is None else xml.tag("RestoreInfo", restoration)
    element = "Version" if versioned else "Contents"
    version = "<VersionId>null</VersionId><IsLatest>true</IsLatest>" if versioned else ""
    owned = (
        ""
        if owner is None
        else f"<Owner><ID>{owner}</ID><DisplayName>{owner}</DisplayName></Owner>"
    )
    return (
        f"<{element}>{names.tag('Key', stored.key)}{version}"
        f"<LastModified>{format_iso(stored.modified_at)}</LastModified>"
        f'<ETag>"{stored.etag}"</ETag><Type>{stored.type}</Type><Size>{stored.size}</Size>'
        f"<StorageClass>{stored.storage_class}</StorageClass>{restored}{owned}</{element}>"
    )
