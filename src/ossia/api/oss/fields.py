"""Fields that several operations share: attributes of objects, ACLs, callbacks, conditions."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

from ossia.api.bind import FromCall, Header, Parse, Query, boolean, one_of
from ossia.api.call import Call
from ossia.api.operation import Grant, Needs, Resource
from ossia.api.oss.encryption_headers import ENCRYPTION_HEADERS, asked_encryption
from ossia.domain.buckets.buckets import CALLBACK_POLICIES
from ossia.domain.objects.objects import Attributes
from ossia.domain.objects.retention import OFF, ON, Mode
from ossia.domain.objects.versions import check_version
from ossia.errors import (
    HeaderNotImplemented,
    InvalidArgument,
)
from ossia.protocol.callback import CallbackConfig, Given, decode_callback, only_way
from ossia.protocol.callback_policy import stored_callback_policies
from ossia.protocol.dates import parse_iso
from ossia.protocol.header_text import decode_header, kept_text
from ossia.protocol.object_tags import parse_tags
from ossia.protocol.preconditions import UNCONDITIONAL, Preconditions
from ossia.protocol.storage_class import STORAGE_CLASSES
from ossia.records import Retention

CONTENT_HEADERS = (
    b"content-type",
    b"cache-control",
    b"content-disposition",
    b"content-encoding",
    b"content-language",
    b"expires",
    b"x-oss-persistent-headers",
)
_CONTENT_NAMES = {name: name.decode() for name in CONTENT_HEADERS}
META_PREFIX = b"x-oss-meta-"
_MODE = b"x-oss-object-worm-mode"
_UNTIL = b"x-oss-object-worm-retain-until-date"
_HOLD = b"x-oss-object-worm-legal-hold"
RETENTION_HEADERS = (_MODE, _UNTIL, _HOLD)
_RETENTION = frozenset(RETENTION_HEADERS)
MAX_USER_METADATA = 8 * 1024
DEFAULT_TYPE = "application/octet-stream"
_META_NAME = re.compile(rb"[a-z0-9-]+\Z")

bucket_acl = one_of("private", "public-read", "public-read-write")
object_acl = one_of("default", "private", "public-read", "public-read-write")
storage_class = one_of(*STORAGE_CLASSES)


def stored_headers(headers: dict[bytes, bytes]) -> dict[str, str]:
    """The content headers and user metadata of a write, as they are stored."""
    kept = {}
    size = 0
    for name, value in headers.items():
        known = _CONTENT_NAMES.get(name)
        if known is not None:
            # An empty one counts as not given (witnessed.md, W47).
            if value:
                kept[known] = kept_text(value)
        elif name.startswith(META_PREFIX):
            size += len(name) - len(META_PREFIX) + len(value)
            if not _META_NAME.match(name, len(META_PREFIX)):
                raise InvalidArgument(
                    "The name of user metadata may contain letters, digits and hyphens.",
                    ArgumentName=name.decode("latin-1"),
                )
            kept[name.decode()] = kept_text(value)
    if size > MAX_USER_METADATA:
        raise InvalidArgument(
            "The user metadata exceeds 8 KB.", ArgumentName="x-oss-meta-*", ArgumentValue=size
        )
    return kept


def attributes_from(headers: dict[bytes, bytes]) -> Attributes:
    """Everything that the headers of a write say about the object; empty ones say nothing."""
    acl = headers.get(b"x-oss-object-acl")
    kind = headers.get(b"x-oss-storage-class")
    tagging = headers.get(b"x-oss-tagging")
    return Attributes(
        headers=stored_headers(headers),
        acl=_checked("x-oss-object-acl", object_acl, acl) if acl else None,
        storage_class=_checked("x-oss-storage-class", storage_class, kind) if kind else None,
        tags=parse_tags(decode_header(tagging)) if tagging else {},
        encryption=asked_encryption(headers),
        retention=retention_from(headers),
    )


def retention_from(headers: Mapping[bytes, bytes]) -> Retention | None:
    """How long what is written has to stay, if the headers of the write say so."""
    mode, until, hold = (headers.get(name) for name in RETENTION_HEADERS)
    if not (mode or until or hold):
        return None
    if bool(mode) != bool(until):
        raise InvalidArgument(
            "The mode of a retention and its time belong together.",
            ArgumentName=(_UNTIL if mode else _MODE).decode(),
        )
    return Retention(
        mode=_checked(_MODE.decode(), one_of(*Mode), mode) if mode else "",
        until=_parsed(_UNTIL.decode(), parse_iso, until) if until else 0,
        hold=_checked(_HOLD.decode(), one_of(ON, OFF), hold) if hold else "",
    )


def is_later_append(call: Call) -> bool:
    """Whether the request appends to what is there already."""
    query = call.query
    return "append" in query and query.get("position", "").strip("0") != ""


def later_attributes_from(headers: dict[bytes, bytes]) -> Attributes:
    """What a later append says: only its ACL counts, and nothing else is looked at.

    witnessed.md, W22; of encryption, the Go SDK v2's TestAppendObject.
    """
    acl = headers.get(b"x-oss-object-acl")
    return Attributes(acl=_checked("x-oss-object-acl", object_acl, acl) if acl else None)


def sent_tags(call: Call) -> str | None:
    """The tags that the request gives an object, as they are written."""
    raw = call.http.headers.get(b"x-oss-tagging")
    return None if not raw or is_later_append(call) else decode_header(raw)


def refuse_conditions(headers: dict[bytes, bytes]) -> None:
    """OSS refuses what writes an object under a condition (witnessed.md, W13).

    Whoever was ignored would have overwritten what he wanted to spare.  InitiateMultipartUpload
    writes none, and ignores it (the Go SDK v1's TestMultipartNegative).
    """
    for name in _CONDITION_ORDER if not _CONDITIONS.isdisjoint(headers) else ():
        if headers.get(name.encode()):
            raise HeaderNotImplemented(Header=name.title())


def _checked(name: str, parse: Parse, raw: bytes) -> str:
    return str(_parsed(name, parse, raw))


def _parsed(name: str, parse: Parse, raw: bytes) -> Any:
    text = decode_header(raw)
    try:
        return parse(text)
    except ValueError as error:
        raise InvalidArgument(str(error), ArgumentName=name, ArgumentValue=text) from error


def _attributes(call: Call) -> Attributes:
    return attributes_from(call.http.headers)


def _written_attributes(call: Call) -> Attributes:
    headers = call.http.headers
    if _SAYING_MORE.isdisjoint(headers):
        # Nearly always: one look instead of six.
        return Attributes(headers=stored_headers(headers))
    refuse_conditions(headers)
    return attributes_from(headers)


def tagged(call: Call, _request: object) -> Iterable[Resource]:
    """What is written, if a header gives it tags."""
    if not call.http.headers.get(b"x-oss-tagging") or sent_tags(call) is None:
        return []
    return [(call.bucket_name, call.key)]


NEEDS_TAGGING = Needs(
    "oss:PutObjectTagging", Grant.NONE, tagged, only_if="the request has x-oss-tagging"
)
"""OSS documentation, "Policy syntax and elements", the actions of uploads."""


def retention_needs(only_if: str, says: Callable[[Call], bool]) -> Needs:
    """The permission for a write that says how long the object has to stay.

    Who may do no more than write shall not make what nobody can remove.
    """

    def resources(call: Call, _request: object) -> Iterable[Resource]:
        return [(call.bucket_name, call.key)] if says(call) else []

    return Needs("oss:PutObjectRetention", Grant.NONE, resources, only_if=only_if)


NEEDS_RETENTION = retention_needs(
    "the request has an x-oss-object-worm- header",
    lambda call: not _RETENTION.isdisjoint(call.http.headers),
)

_BYPASS = "x-oss-bypass-governance-retention"


def bypassing(about: Callable[[Call, Any], Iterable[Resource]]) -> Needs:
    """PutObjectRetention documentation: the permission for a request that bypasses GOVERNANCE."""

    def resources(call: Call, request: Any) -> Iterable[Resource]:
        return about(call, request) if request.bypass else []

    return Needs(
        "oss:BypassGovernanceRetention",
        Grant.NONE,
        resources,
        only_if=f"the request has {_BYPASS}: true",
    )


NEEDS_BYPASS = bypassing(lambda call, _request: [(call.bucket_name, call.key)])

_CALLBACK_HEADERS = frozenset({b"x-oss-callback", b"x-oss-callback-var"})
_CALLBACK_KEYS = frozenset({"callback", "callback-var", "x-oss-callback", "x-oss-callback-var"})


def _callback(call: Call) -> CallbackConfig | None:
    """The upload callback, from headers or query (callback.md, section 3)."""
    if _CALLBACK_HEADERS.isdisjoint(call.http.headers) and _CALLBACK_KEYS.isdisjoint(call.query):
        return None
    value, variables = only_way(*callback_ways(call))
    return None if value is None else decode_for(call, value, variables)


def callback_ways(call: Call) -> tuple[Given, ...]:
    """What header and query carry; V4 URLs use both spellings (callback.md, section 3)."""
    query = call.query
    return (
        (_sent(call, b"x-oss-callback"), _sent(call, b"x-oss-callback-var")),
        (query.get("callback"), query.get("callback-var")),
        (query.get("x-oss-callback"), query.get("x-oss-callback-var")),
    )


def _sent(call: Call, name: bytes) -> str | None:
    """Even if it is empty: whoever meant to have somebody told is not to believe that he was."""
    raw = call.http.headers.get(name)
    return None if raw is None else decode_header(raw)


def decode_for(
    call: Call,
    value: str,
    variables: str | None = None,
    form_variables: Mapping[str, str] | None = None,
) -> CallbackConfig:
    """Decode a callback with what its bucket and this server say about callbacks."""
    policies = call.bucket.documents.get(CALLBACK_POLICIES)
    return decode_callback(
        value,
        variables,
        form_variables=form_variables,
        policies=None if policies is None else stored_callback_policies(policies),
        address_policy=call.services.callback_targets,
    )


def preconditions(call: Call, prefix: str = "") -> Preconditions:
    """The conditions in ``If-Match`` and so on, or in ``x-oss-copy-source-if-match`` and so on."""
    headers = call.http.headers
    if not prefix and _CONDITIONS.isdisjoint(headers):
        return UNCONDITIONAL
    values = [call.header(f"{prefix}{name}") for name in _CONDITION_ORDER]
    return Preconditions(*values)


_CONDITION_ORDER = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
_CONDITIONS = frozenset(name.encode() for name in _CONDITION_ORDER)
_SAYING_MORE = _CONDITIONS.union(ENCRYPTION_HEADERS, RETENTION_HEADERS) | {
    b"x-oss-object-acl",
    b"x-oss-storage-class",
    b"x-oss-tagging",
    b"x-oss-traffic-limit",
}
"""What a write may be refused for, or say about its object, besides headers that are kept."""

WrittenAttributes = Annotated[Attributes, FromCall(_written_attributes)]
BegunAttributes = Annotated[Attributes, FromCall(_attributes)]
UploadCallback = Annotated[CallbackConfig | None, FromCall(_callback)]
ContentMd5 = Annotated[str | None, Header("content-md5")]
ForbidOverwrite = Annotated[bool, Header("x-oss-forbid-overwrite", boolean)]
BypassGovernance = Annotated[bool, Header(_BYPASS, boolean)]
ReadConditions = Annotated[Preconditions, FromCall(preconditions)]
VersionId = Annotated[str | None, Query("versionId", check_version)]
VersionHeader = Annotated[str | None, Header("x-oss-version-id")]
"""Of a result: the version, where the bucket has any (`domain.objects.versions.shown_version`)."""
EncodingType = Annotated[str, Query("encoding-type", one_of("url"))]
UploadId = Annotated[str, Query("uploadId")]
"""Of a multipart upload."""
