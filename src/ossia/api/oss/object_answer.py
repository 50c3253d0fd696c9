"""The answers of GetObject and HeadObject: what is told of an object, and in which coding it goes.

Text is sent with gzip to whoever takes it (witnessed.md, W16).  What describes the bytes as they
are stored then does not describe the answer: it has neither length nor ETag nor checksums.
"""

from typing import Annotated, Final, Protocol

import msgspec

from ossia.api.bind import Header
from ossia.api.call import Call
from ossia.api.operation import Answer
from ossia.api.oss.fields import DEFAULT_TYPE
from ossia.api.oss.traffic import DELAY
from ossia.domain.objects.readable import restoration_text
from ossia.domain.objects.retention import ON
from ossia.http.message import Span
from ossia.protocol.dates import format_http, format_iso
from ossia.protocol.header_text import media_type_of, wire_text
from ossia.records import DATA_KEY, ObjectType, Retention, StoredObject

AcceptedCodings = Annotated[str, Header("accept-encoding")]

_APPENDABLE = ObjectType.APPENDABLE.value


class ObjectAnswer(Answer):
    """What GetObject and HeadObject have in common: the headers that describe an object."""

    __slots__ = ("overrides", "stored", "version")

    def __init__(
        self, stored: StoredObject, overrides: dict[str, str], version: str | None
    ) -> None:
        self.stored = stored
        self.overrides = overrides
        self.version = version

    def body_type(self) -> str:
        """The Content-Type to answer with."""
        stored = self.stored.headers.get("content-type", DEFAULT_TYPE)
        return wire_text(self.overrides.get("Content-Type") or stored)

    def more_headers(self) -> list[tuple[str, str]]:
        """Everything that is known of the object."""
        stored = self.stored
        headers = [
            ("ETag", f'"{stored.etag}"'),
            ("Last-Modified", format_http(stored.modified_at)),
            ("Accept-Ranges", "bytes"),
            ("x-oss-object-type", stored.type),
            ("x-oss-storage-class", stored.storage_class),
            ("x-oss-hash-crc64ecma", str(stored.crc64)),
        ]
        if stored.md5:
            headers.append(("Content-MD5", stored.md5))
        if stored.type == _APPENDABLE:
            headers.append(("x-oss-next-append-position", str(stored.size)))
        if self.version is not None:
            headers.append(("x-oss-version-id", self.version))
        if stored.tags:
            headers.append(("x-oss-tagging-count", str(len(stored.tags))))
        for name, value in stored.headers.items():
            shown = _SHOWN.get(name, name)
            if shown and shown not in self.overrides:
                headers.append((shown, wire_text(value)))
        for name, value in self.overrides.items():
            if name != "Content-Type":
                headers.append((name, wire_text(value)))
        return headers


_SHOWN = {
    "content-type": "",
    DATA_KEY: "",
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
    "expires": "Expires",
}


def with_restoration(stored: StoredObject, now: int) -> StoredObject:
    """*stored*, with the header that tells how far its restoring is, if it was asked for."""
    if stored.restoration is None:
        return stored
    text = restoration_text(stored, now)
    if text is None:
        return stored
    return msgspec.structs.replace(stored, headers={**stored.headers, "x-oss-restore": text})


def with_retention(stored: StoredObject, retention: Retention | None) -> StoredObject:
    """*stored*, with the headers that tell how long it has to stay.

    Seen at the service by salesforce/multicloudj (AliTransformer).
    """
    if retention is None:
        return stored
    told = {}
    if retention.mode:
        told["x-oss-object-worm-mode"] = retention.mode
        told["x-oss-object-worm-retain-until-date"] = format_iso(retention.until)
    if retention.hold == ON:
        told["x-oss-object-worm-legal-hold"] = ON
    return msgspec.structs.replace(stored, headers={**stored.headers, **told})


class GetObjectResult(ObjectAnswer):
    """The bytes of an object, or a range of them."""

    __slots__ = ("_range", "rate", "spans", "status")

    def __init__(
        self,
        stored: StoredObject,
        overrides: dict[str, str],
        version: str | None,
        chosen: tuple[int, int] | None,
        spans: tuple[Span, ...],
        rate: int | None,
    ) -> None:
        self.stored = stored
        self.overrides = overrides
        self.version = version
        self.status = 200 if chosen is None else 206
        self._range = chosen
        self.spans = spans
        self.rate = rate

    def body(self, call: Call) -> bytes:
        """The inline bytes."""
        del call
        inline = self.stored.inline
        if inline is None:
            return b""
        if self._range is None:
            return inline
        start, length = self._range
        return inline[start : start + length]

    def length(self) -> int | None:
        """That of the body; named for an empty object, which has a type as well (W28)."""
        return None if self.stored.size else 0

    def is_foreign(self) -> bool:
        """Whoever stored it wrote it."""
        return True

    def more_headers(self) -> list[tuple[str, str]]:
        """With Content-Range where a range was taken."""
        headers = ObjectAnswer.more_headers(self)
        if self._range is not None:
            start, length = self._range
            text = f"bytes {start}-{start + length - 1}/{self.stored.size}"
            headers.append(("Content-Range", text))
        if self.rate is not None:
            length = self.stored.size if self._range is None else self._range[1]
            headers.append((DELAY, str(length * 1000 // self.rate)))
        return headers


class HeadObjectResult(ObjectAnswer):
    """The headers of an object; Content-Length is its size."""

    __slots__ = ()

    def length(self) -> int:
        """The size of the object."""
        return self.stored.size


# --- with gzip ---

_TEXTS: Final = frozenset(
    {
        "text/cache-manifest",
        "text/xml",
        "text/plain",
        "text/css",
        "application/javascript",
        "application/x-javascript",
        "application/rss+xml",
        "application/json",
        "text/json",
    }
)
"""objects.md, GetObject: what the service codes."""
_LEAST: Final = 1024
_OF_THE_BYTES: Final = frozenset(
    {"ETag", "Accept-Ranges", "x-oss-hash-crc64ecma", "Content-MD5", "Content-Encoding"}
)
_CODED: Final = [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]


class Asked(Protocol):
    """What GetObject and HeadObject have in common: how the object is to be sent."""

    accepts: AcceptedCodings
    range: str | None
    overrides: dict[str, str]


def is_coded(call: Call, stored: StoredObject, asked: Asked) -> bool:
    """Whether the object is sent with gzip to somebody who says which codings he accepts."""
    if not asked.accepts or asked.range is not None:
        return False
    if stored.size < _LEAST or call.http.is_http_1_0:
        return False
    overrides = asked.overrides
    if overrides.get("Content-Encoding") or stored.headers.get("content-encoding"):
        return False
    content_type = overrides.get("Content-Type") or stored.headers.get("content-type", "")
    return media_type_of(content_type) in _TEXTS and _takes_gzip(asked.accepts)


def _takes_gzip(accepts: str) -> bool:
    """RFC 9110, 12.5.3: a weight of 0 means "not acceptable"."""
    for each in accepts.lower().split(","):
        coding, _, weight = each.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "").rstrip("0.") != "q="
    return False


class CodedObject(GetObjectResult):
    """The bytes of an object with gzip."""

    __slots__ = ()
    is_coded = True

    def more_headers(self) -> list[tuple[str, str]]:
        """What describes the object, and not its bytes."""
        return _without_bytes(super().more_headers())


class CodedHead(HeadObjectResult):
    """The headers of `CodedObject`."""

    __slots__ = ()
    is_coded = True

    def more_headers(self) -> list[tuple[str, str]]:
        """What describes the object, and not its bytes."""
        return _without_bytes(super().more_headers())


def _without_bytes(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [each for each in headers if each[0] not in _OF_THE_BYTES] + _CODED
