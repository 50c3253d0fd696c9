"""PostObject: an upload by HTML form.

The gateway reads the form up to the file, authenticates by its fields, checks its policy and
authorizes; what remains is to store the file and to answer as the form asks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode

from ossia.api.bind import BucketInPath, FromCall, Header, WrittenKeyInPath
from ossia.api.call import Call
from ossia.api.operation import Grant, Scope
from ossia.api.oss.bucket_overwrite import is_protected
from ossia.api.oss.callback_answer import TellingAnswer, announce, tell
from ossia.api.oss.encryption_headers import ENCRYPTING, ENCRYPTION_HEADERS
from ossia.api.oss.fields import (
    CONTENT_HEADERS,
    META_PREFIX,
    RETENTION_HEADERS,
    VersionHeader,
    attributes_from,
    callback_ways,
    decode_for,
    refuse_conditions,
    retention_needs,
)
from ossia.api.oss.location import location_of
from ossia.api.oss.registry import oss
from ossia.api.oss.traffic import DELAY, delay_ms, form_limit, slowed
from ossia.domain.callbacks.upload_callback import UploadCallback
from ossia.domain.objects.ingest import MAX_OBJECT, ByteSource
from ossia.domain.objects.objects import Attributes
from ossia.domain.objects.versions import shown_version
from ossia.errors import (
    AccessDenied,
    EntityTooLarge,
    EntityTooSmall,
    FileAlreadyExists,
    FileImmutable,
    IncorrectNumberOfFilesInPOSTRequest,
    InvalidArgument,
    InvalidPolicyDocument,
    MalformedPOSTRequest,
    OssError,
)
from ossia.http.post_form import PostForm
from ossia.protocol.callback import CallbackConfig, only_way
from ossia.protocol.xml import document, tag
from ossia.records import StoredObject

FORM = "multipart/form-data"
"""The pseudo-selector that the gateway gives a POST of such a body to a bucket."""

_OBJECT_FIELDS = frozenset(
    {
        *CONTENT_HEADERS,
        *ENCRYPTION_HEADERS,
        *RETENTION_HEADERS,
        b"x-oss-object-acl",
        b"x-oss-storage-class",
    }
)


def form_of(call: Call) -> PostForm:
    """The form, which the gateway has read up to its file."""
    assert call.form is not None
    return call.form


def _attributes(call: Call) -> Attributes:
    """Form fields win over headers; the tagging header is not supported (post-object.md, 1)."""
    refuse_conditions(call.http.headers)
    form = form_of(call)
    fields = {name.encode(): value.encode() for name, value in form.fields.items()}
    kept = {
        name: value
        for name, value in fields.items()
        if name in _OBJECT_FIELDS or name.startswith(META_PREFIX)
    }
    kept.pop(b"content-type", None)
    if form.content_type:
        kept[b"content-type"] = form.content_type.encode()
    header_acl = call.http.headers.get(b"x-oss-object-acl")
    if header_acl:
        kept.setdefault(b"x-oss-object-acl", header_acl)
    if any(b"\r" in value or b"\n" in value or b"\0" in value for value in kept.values()):
        raise InvalidArgument("A form field that becomes a header holds a line break.")
    return attributes_from(kept)


def _says_retention(call: Call) -> bool:
    return any(name.decode() in form_of(call).fields for name in RETENTION_HEADERS)


def _callback(call: Call) -> CallbackConfig | None:
    """The callback in the form; one in header or query is not PostObject's way, alone or beside."""
    form = form_of(call)
    value = form.fields.get("callback")
    if not value:
        return None
    only_way((value, None), *callback_ways(call))
    return decode_for(call, value, form_variables=form.variables)


def _forbid_overwrite(call: Call) -> bool:
    return form_of(call).fields.get("x-oss-forbid-overwrite", "").lower() == "true"


def _length_range(call: Call) -> tuple[int, int] | None:
    return call.post_length_range


@dataclass(slots=True, kw_only=True)
class PostObject:
    bucket: BucketInPath
    key: WrittenKeyInPath
    form: Annotated[PostForm, FromCall(form_of)]
    attributes: Annotated[Attributes, FromCall(_attributes)]
    callback: Annotated[CallbackConfig | None, FromCall(_callback)]
    forbid_overwrite: Annotated[bool, FromCall(_forbid_overwrite)]
    length_range: Annotated[tuple[int, int] | None, FromCall(_length_range)]
    limit: Annotated[int | None, FromCall(form_limit)]


@dataclass(slots=True, kw_only=True)
class PostObjectResult(TellingAnswer):
    etag: Annotated[str, Header("ETag")]
    content_md5: Annotated[str, Header("Content-MD5")]
    crc64: Annotated[int, Header("x-oss-hash-crc64ecma")]
    location: Annotated[str | None, Header("Location")]
    status: int
    """What the form asks for; 200 with the application's answer."""
    document: bytes
    version: VersionHeader
    delay_ms: Annotated[int | None, Header(DELAY)] = None

    def own_body(self, call: Call) -> bytes:
        del call
        return self.document


@oss.operation(
    "POST",
    Scope.BUCKET,
    query=[FORM],
    action="oss:PutObject",
    grant=Grant.WRITE,
    also=(retention_needs("the form has an x-oss-object-worm- field", _says_retention),),
    errors=(
        MalformedPOSTRequest,
        IncorrectNumberOfFilesInPOSTRequest,
        InvalidPolicyDocument,
        AccessDenied,
        EntityTooLarge,
        EntityTooSmall,
        FileImmutable,
        FileAlreadyExists,
        *ENCRYPTING,
    ),
)
async def post_object(call: Call, request: PostObject) -> PostObjectResult:
    """Store the file of a form, then tell the application server if asked to."""
    callback = announce(call, request.callback, "PostObject")
    source = slowed(call, request.form, request.limit)
    result = _result(call, request, await _store(call, request, source, callback))
    result.delay_ms = delay_ms(source, request.limit)
    if callback is not None:
        await tell(callback, result)
        result.location, result.status = None, 200
    return result


async def _store(
    call: Call, request: PostObject, source: ByteSource, callback: UploadCallback | None
) -> StoredObject:
    objects = call.services.objects
    low, high = request.length_range or (0, MAX_OBJECT)
    forbid_overwrite = request.forbid_overwrite or is_protected(call, request.key)
    await objects.refuse_write(
        call.bucket,
        request.key,
        request.attributes,
        forbid_overwrite=forbid_overwrite,
    )
    cipher = await objects.encrypt(call.bucket, request.attributes)
    landed = await call.services.ingest.take(
        source,
        limit=min(high, MAX_OBJECT),
        too_large=_too_large,
        check_size=_at_least(low),
        cipher=cipher,
    )
    return await objects.record(
        call.bucket,
        request.key,
        landed,
        request.attributes,
        forbid_overwrite=forbid_overwrite,
        announcement=callback,
    )


def _result(call: Call, request: PostObject, stored: StoredObject) -> PostObjectResult:
    etag = f'"{stored.etag}"'
    status, redirect = _asked(request, etag)
    return PostObjectResult(
        etag=etag,
        content_md5=stored.md5,
        crc64=stored.crc64,
        version=shown_version(call.bucket, stored.version),
        location=redirect,
        status=status,
        document=_post_response(call, request, etag) if status == _CREATED else b"",
        encryption=stored.headers,
    )


_CREATED = 201
_NO_CONTENT = 204
_SEE_OTHER = 303


def _asked(request: PostObject, etag: str) -> tuple[int, str | None]:
    """Status and Location; a redirect wins over a status (post-object.md, section 5)."""
    redirect = request.form.fields.get("success_action_redirect", "")
    if redirect.startswith(("http://", "https://")):
        added = urlencode({"bucket": request.bucket, "key": request.key, "etag": etag})
        joint = "&" if "?" in redirect else "?"
        # Only what a URL may hold: a field must not be able to add a header line.
        return _SEE_OTHER, quote(redirect, safe="%/:=&?~#+!$,;'@()*[]") + joint + added
    status = request.form.fields.get("success_action_status", "")
    return int(status) if status in {"200", "201"} else _NO_CONTENT, None


def _post_response(call: Call, request: PostObject, etag: str) -> bytes:
    return document(
        "PostResponse",
        tag("Bucket", request.bucket),
        tag("ETag", etag),
        tag("Key", request.key),
        tag("Location", location_of(call)),
    )


def _too_large() -> OssError:
    return EntityTooLarge(ec="0006-00000003")


def _at_least(low: int) -> Callable[[int], None]:
    def check(size: int) -> None:
        if size < low:
            raise EntityTooSmall(ec="0006-00000004")

    return check
