"""Upload callbacks: decode the parameter, fill the template, sign the request, judge the reply.

Pure functions.  Nothing here opens a socket or reads a clock; sending is
`adapters.callback_sender`, deciding what the client hears is `domain.callbacks.callbacks`.

1. A fault in the parameter is `InvalidArgument`, raised before anything is stored.
2. The template is checked when it is decoded, filled once, in one pass, and never parsed:
   OSS does not care whether the result is JSON or a form.
3. What is sent is what is signed: path, query and body are kept as the bytes they will be
   on the wire.

Source: callback.md, whose numbers "EC 0007-…" are pages of the OSS error-code reference.
What it leaves open is in docs/decisions/2026-11-21-callback-template.md.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NoReturn, Protocol
from urllib.parse import quote, unquote_to_bytes
from xml.parsers import expat

from ossia.errors import CallbackFailed, InvalidArgument
from ossia.protocol.address_policy import AddressPolicy, parse_host
from ossia.protocol.decimals import is_decimal

MAX_PARAMETER_BYTES: Final = 5 * 1024
"""Limit of the Base64 text of ``callback`` and of ``callback-var`` [EC 0007-00000001, -101]."""

MAX_URLS: Final = 5
MAX_FILLED_BYTES: Final = 256 * 1024
"""Our bound on a filled template: ``${x:a}`` repeated would turn one form field into gigabytes."""

FORBIDDEN: Final = "Private address is forbidden to callback."
"""The C++ suite compares the whole text (witnessed.md, W49): the reason stands in an element."""

MAX_REPLY_BYTES: Final = 1024 * 1024
_MAX_LENGTH_DIGITS: Final = 19

Value = str | int | None
"""What a variable stands for: text, a number written bare, or nothing."""


class BodyType(StrEnum):
    """The two values of ``callbackBodyType``; each is the Content-Type of the request."""

    FORM = "application/x-www-form-urlencoded"
    JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackUrl:
    """One target.  ``path`` and ``query`` (with its ``?``, or empty) are sent as they stand."""

    scheme: str
    host: str
    port: int
    path: str
    query: str
    authority: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}{self.query}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackConfig:
    """A decoded callback.  ``host`` replaces the Host header of every URL when not empty."""

    urls: tuple[CallbackUrl, ...]
    body: str
    body_type: BodyType = BodyType.FORM
    host: str = ""
    sni: bool = False
    additional_headers: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def named(self) -> frozenset[str]:
        """The variables that the template names."""
        return _names(self.body)

    def names_image(self) -> bool:
        """Whether the template names a variable that takes a look at the image."""
        return _names_image(self.body)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The application said yes; the client receives this body with this Content-Type."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The application's answer is no answer that OSS accepts."""

    message: str
    ec: str


# --- decoding the parameter --------------------------------------------------


Given = tuple[str | None, str | None]
"""The texts of ``callback`` and ``callback-var`` as one way of passing carries them."""


def only_way(*ways: Given) -> Given:
    """What the one way in use carries; several at once are refused [EC 0007-00000027]."""
    used = [way for way in ways if way != (None, None)]
    if len(used) > 1:
        raise InvalidArgument(
            "The callback is given in more than one way: in the header, the query or the form.",
            ec="0007-00000027",
            ArgumentName="callback",
            ArgumentValue=next((value for value, _ in reversed(used) if value), ""),
        )
    return used[0] if used else (None, None)


def decode_callback(
    value: str,
    variables: str | None = None,
    *,
    form_variables: Mapping[str, str] | None = None,
    policies: Mapping[str, tuple[str, str]] | None = None,
    address_policy: AddressPolicy | None = None,
) -> CallbackConfig:
    """Decode the Base64 text of ``callback`` and its variables, or raise `InvalidArgument`.

    *variables* is the Base64 text of ``callback-var``; a form passes its ``x:`` fields as
    *form_variables* instead, by lower-case name: the template may name them in any case, and is
    given what the form's policy was asked about.  *policies* are the
    bucket's callback policies, name → (callback, callback-var): the one that ``callbackPolicy``
    names stands in for every other field, and the request's variables win over its own.  With
    *address_policy*, a URL that names a forbidden address outright is refused here; names are
    checked when connecting.
    """
    config = _decode_config(value, address_policy)
    own = _decode_variables(variables or "")
    if config is None:
        given, shown = _object_in(_Parameter("callback", value), _CALLBACK_CODES)
        callback, callback_var = _find_policy(given["callbackPolicy"], policies or {}, shown)
        config = _decode_config(callback, address_policy)
        if config is None:
            shown.refuse("A callback policy cannot name another.", None)
        own = _decode_variables(callback_var) | own
    if form_variables:
        own |= {
            name: form_variables[name.lower()]
            for name in config.named()
            if name.lower() in form_variables
        }
    if own:
        config = replace(config, variables=own)
        _check_filled_size(config)
    return config


# An application gives the same text with every upload.
@lru_cache(1024)
def _decode_config(value: str, address_policy: AddressPolicy | None) -> CallbackConfig | None:
    """The configuration without variables; None if it only names a policy."""
    given, shown = _object_in(_Parameter("callback", value), _CALLBACK_CODES)
    if "callbackPolicy" in given:
        return None
    return CallbackConfig(
        urls=_decode_urls(given, shown, address_policy),
        body=_decode_body(given, shown),
        body_type=_decode_body_type(given, shown),
        host=_decode_host(given, shown),
        sni=_decode_sni(given, shown),
        additional_headers=_decode_additional_headers(given, shown),
    )


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    text: str

    def refuse(self, message: str, ec: str | None, *, reason: str | None = None) -> NoReturn:
        raise InvalidArgument(
            message,
            ec=ec,
            ArgumentName=self.name,
            ArgumentValue=self.text[:MAX_PARAMETER_BYTES],
            **_reason(reason),
        )


def _reason(text: str | None) -> dict[str, Any]:
    return {} if text is None else {"Reason": text}


_CALLBACK_CODES: Final = ("0007-00000001", "0007-00000002", "0007-00000003", "0007-00000003")
_VARIABLE_CODES: Final = ("0007-00000101", "0007-00000102", "0007-00000103", "0007-00000104")


def _object_in(
    parameter: _Parameter, codes: tuple[str, str, str, str]
) -> tuple[dict[str, Any], _Parameter]:
    """The JSON object in a Base64 text, and the parameter as it is shown in refusals: decoded.

    *codes* are the ECs of: too long, not Base64, not JSON, not an object.
    """
    too_long, not_base64, not_json, not_object = codes
    what = "callback configuration" if parameter.name == "callback" else "callback-var"
    if len(parameter.text) > MAX_PARAMETER_BYTES:
        parameter.refuse(f"The {what} is longer than {MAX_PARAMETER_BYTES} bytes.", too_long)
    try:
        decoded = base64.b64decode(parameter.text.strip().encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        parameter.refuse(f"The {what} is not base64 encoded.", not_base64)
    shown = _Parameter(parameter.name, decoded.decode("utf-8", "replace"))
    try:
        found = _parse_json(decoded)
    except ValueError:
        shown.refuse(f"The {what} is not json format.", not_json)
    if not isinstance(found, dict):
        message = f"The {what} is not json format."
        shown.refuse(message if not_object == not_json else f"The {what} is not a map.", not_object)
    return found, shown


def _parse_json(raw: bytes) -> Any:
    """Strict UTF-8 JSON: no BOM, no NaN, no lone surrogate.  Raises `ValueError`."""
    try:
        found = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, parse_int=float)
        # "\ud800" is valid JSON for a text that has no UTF-8 form, hence cannot be sent.
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _decode_variables(value: str) -> dict[str, str]:
    if not value:
        return {}
    found, shown = _object_in(_Parameter("callback-var", value), _VARIABLE_CODES)
    # Documentation wants lower case behind "x:"; the SDKs' tests use "x:键值1" with success.
    # Other names are ignored (witnessed.md, W31).
    variables = {name: text for name, text in found.items() if name.startswith("x:")}
    if not all(isinstance(text, str) for text in variables.values()):
        shown.refuse("The callback-var must map its variables to strings.", "0007-00000104")
    return variables


def _find_policy(
    name: object, policies: Mapping[str, tuple[str, str]], shown: _Parameter
) -> tuple[str, str]:
    if not isinstance(name, str) or name not in policies:
        # No page of the error-code reference describes this: an answer without EC.
        shown.refuse(f"The callback policy {name} does not exist in this bucket.", None)
    return policies[name]


def _decode_urls(
    given: Mapping[str, Any], shown: _Parameter, address_policy: AddressPolicy | None
) -> tuple[CallbackUrl, ...]:
    text = given.get("callbackUrl")
    if not isinstance(text, str):
        shown.refuse("The callbackUrl is missing or not a string.", "0007-00000004")
    # A trailing ";" occurs in official samples.
    parts = [part for part in (piece.strip() for piece in text.split(";")) if part]
    if len(parts) > MAX_URLS:
        shown.refuse(f"The callbackUrl has more than {MAX_URLS} URLs.", "0007-00000005")
    if not parts:
        shown.refuse("The callbackUrl is empty.", "0007-00000004")
    return tuple(_decode_url(part, shown, address_policy) for part in parts)


_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<user>[^/?#]*@)?"
    r"(?P<authority>(?P<host>(?P<ipv6>\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?\])"
    r"|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?)(?::(?P<port>[0-9]{1,5}))?)"
    r"(?P<path>/[!-\"$->@-~]*)?(?P<query>\?[!-\"$-~]*)?(?:\#[!-~]*)?"
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@lru_cache(1024)
def read_url(text: str) -> CallbackUrl:
    """One URL as ``callbackUrl`` may hold it.  Raises `InvalidArgument`."""
    return _decode_url(text, _Parameter("callbackUrl", text), None)


def _decode_url(text: str, shown: _Parameter, address_policy: AddressPolicy | None) -> CallbackUrl:
    """Parse one URL.

    Documentation, "callbackUrl": http or https, IPv6 literals are not supported, characters
    outside ASCII must be percent-encoded by the user; the samples omit the scheme.  Credentials
    in a URL have no meaning and only serve to disguise the host.

    A forbidden address is refused as such however it is spelt, so that whoever reads the answer
    learns which setting stands in the way.
    """
    has_scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None
    match = _URL.fullmatch(text if has_scheme else f"http://{text}")
    scheme = match["scheme"].lower() if match else ""
    if match is None or scheme not in _DEFAULT_PORTS:
        shown.refuse(f"The callbackUrl {text} is not valid.", "0007-00000004")
    host = match["host"].lower()
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    reason = address_policy and address_policy.refuse_host(scheme, host, port)
    if reason:
        shown.refuse(FORBIDDEN, "0007-00000008", reason=reason)
    # A single word is a host only where the scheme says so ("http://app:8000"): OSS refuses "my".
    is_bare_word = not has_scheme and "." not in host and host != "localhost"
    # "2130706433" and "0x7f.1" are 127.0.0.1 in disguise.
    address = parse_host(host)
    is_disguised = address is not None and str(address) != host
    is_odd = is_bare_word or is_disguised or ".." in host or match["user"] or match["ipv6"]
    if is_odd or not 0 < port <= 65535:  # noqa: PLR2004 - the last port
        shown.refuse(f"The callbackUrl {text} is not valid.", "0007-00000004")
    return CallbackUrl(
        scheme=scheme,
        host=host,
        port=port,
        path=match["path"] or "/",
        query=match["query"] or "",
        authority=match["authority"],
    )


def _decode_body(given: Mapping[str, Any], shown: _Parameter) -> str:
    body = given.get("callbackBody", "")
    if not isinstance(body, str):
        shown.refuse("The callbackBody is not a string.", "0007-00000010")
    if not body:
        shown.refuse("The callbackBody is empty.", "0007-00000011")
    check_template(body)
    return body


def _decode_body_type(given: Mapping[str, Any], shown: _Parameter) -> BodyType:
    text = given.get("callbackBodyType", "")
    if not isinstance(text, str):
        shown.refuse("The callbackBodyType is not a string.", "0007-00000012")
    try:
        return BodyType(text.strip().lower() or BodyType.FORM)
    except ValueError:
        shown.refuse("The callbackBodyType is not supported.", "0007-00000013")


def _decode_sni(given: Mapping[str, Any], shown: _Parameter) -> bool:
    """witnessed.md, W30: a boolean and nothing that looks like one."""
    sni = given.get("callbackSNI", False)
    if not isinstance(sni, bool):
        shown.refuse("The callback sni is invalid.", None)
    return sni


_HOST: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")


def _decode_host(given: Mapping[str, Any], shown: _Parameter) -> str:
    host = given.get("callbackHost") or ""
    if not isinstance(host, str) or (host and not _HOST.fullmatch(host)):
        shown.refuse("The callbackHost is not valid.", "0007-00000004")
    return host


_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_HEADER_VALUE: Final = re.compile(r"[\t -~]*")
_OWN_HEADERS: Final = frozenset(
    (
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-md5",
        "content-type",
        "date",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    )
)


def _decode_additional_headers(given: Mapping[str, Any], shown: _Parameter) -> dict[str, str]:
    """EC 0007-00000026: must be a map; names must not begin with ``x-oss-``.

    Names that the request itself needs are refused too: a second Host or Content-Length would
    make two servers read two different requests.
    """
    found = given.get("additionalHeaders")
    if found is None:
        return {}
    if not isinstance(found, dict):
        shown.refuse("The additionalHeaders is not a map.", "0007-00000026")
    for name, value in found.items():
        is_named = _HEADER_NAME.fullmatch(name) and isinstance(value, str)
        is_ours = name.lower().startswith("x-oss-") or name.lower() in _OWN_HEADERS
        if not is_named or is_ours or not _HEADER_VALUE.fullmatch(value):
            shown.refuse(f"The additionalHeaders must not contain {name}.", "0007-00000026")
    return found


# --- the template -------------------------------------------------------------

_VARIABLE: Final = re.compile(r"\$\{([^${}]*)\}")
_NUMBERS: Final = frozenset(("size", "crc64", "imageInfo.width", "imageInfo.height"))


def check_template(body: str) -> None:
    """Refuse a template with a ``$`` that does not begin ``${name}``.

    Message, ArgumentName and EC for ``$x:my_var}`` are quoted in the Java SDK's issues; the
    text for a missing right brace is ours.
    """
    rest = _VARIABLE.sub(" ", body)
    if "$" not in rest:
        return
    is_unclosed = "${" in rest and not re.search(r"\$(?!\{)", rest)
    raise InvalidArgument(
        "Right brace is missing." if is_unclosed else "Left brace must be adjacent to dollar sign.",
        ec="0007-00000105",
        ArgumentName="ReplaceKeyPrefix",
        ArgumentValue=body,
    )


def fill(template: str, values: Mapping[str, Value], body_type: BodyType) -> bytes:
    """Replace every ``${name}`` in *template* by its value, in one pass.

    A form receives percent-encoded text.  A JSON body receives JSON strings, quotes included,
    so a template does not quote its placeholders; ``size``, ``crc64`` and the pixel numbers are
    bare digits.  Nothing is the empty text, but ``null`` where JSON would expect a string.
    A value that itself contains ``${size}`` stays as it is.

    Source: seven captured callbacks (callback.md, 12.1); the page that shows ``"size":"9"``
    contradicts all of them.
    """
    pieces = _split(template)
    encoded = _encoded(pieces[1::2], values, body_type)
    if _size(pieces, encoded) > MAX_FILLED_BYTES:
        raise CallbackFailed("The callback body is too large.")
    filled = list(pieces)
    filled[1::2] = [encoded[name] for name in pieces[1::2]]
    return "".join(filled).encode("utf-8", "replace")


def _encoded(
    names: Iterable[str], values: Mapping[str, Value], body_type: BodyType
) -> dict[str, str]:
    """What stands for each name, encoded once however often the template has it."""
    encode = _ENCODERS[body_type]
    return {name: encode(name, values.get(name)) for name in dict.fromkeys(names)}


def _size(pieces: Sequence[str], encoded: Mapping[str, str]) -> int:
    return sum(map(len, pieces[::2])) + sum(len(encoded[name]) for name in pieces[1::2])


@lru_cache(1024)
def _split(template: str) -> tuple[str, ...]:
    """Text and names of variables in turn, beginning and ending with text."""
    return tuple(_VARIABLE.split(template))


@lru_cache(1024)
def _names(template: str) -> frozenset[str]:
    return frozenset(_split(template)[1::2])


@lru_cache(1024)
def _names_image(template: str) -> bool:
    return any(name.startswith("imageInfo.") for name in _names(template))


_QUOTED: Final = [quote(chr(code), safe="") for code in range(128)]
"""What each ASCII character is in a form."""


def _encode_for_form(_name: str, value: Value) -> str:
    if isinstance(value, str):
        if value.isascii():
            return value.translate(_QUOTED)  # a quarter of what `quote` takes
        return quote(value, safe="", errors="replace")
    return "" if value is None else str(value)


def _encode_for_json(name: str, value: Value) -> str:
    if value is None:
        return "" if name in _NUMBERS else "null"
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False)


_ENCODERS: Final[dict[BodyType, Callable[[str, Value], str]]] = {
    BodyType.FORM: _encode_for_form,
    BodyType.JSON: _encode_for_json,
}


def _check_filled_size(config: CallbackConfig) -> None:
    """Refuse, before anything is stored, variables that would overflow the filled template."""
    pieces = _split(config.body)
    encoded = _encoded(pieces[1::2], config.variables, config.body_type)
    if _size(pieces, encoded) > MAX_FILLED_BYTES:
        raise InvalidArgument(
            "The callback body is too large.",
            ec="0007-00000105",
            ArgumentName="callback-var",
            ArgumentValue="",
        )


# --- the request --------------------------------------------------------------


def string_to_sign(path: str, query: str, body: bytes) -> bytes:
    r"""``url_decode(path) + query + "\n" + body``; *query* is raw and carries its ``?``."""
    return b"".join((unquote_to_bytes(path), query.encode("ascii", "replace"), b"\n", body))


class Addressee(Protocol):
    """What the headers depend on besides the URL; `CallbackConfig` is one."""

    @property
    def host(self) -> str:
        """Replaces the Host header, if not empty."""

    @property
    def body_type(self) -> str:
        """The Content-Type."""

    @property
    def additional_headers(self) -> Mapping[str, str]:
        """Headers that the user adds."""


@lru_cache(64)
def _base64_text(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def outgoing_headers(
    config: Addressee,
    url: CallbackUrl,
    body: bytes,
    *,
    authorization: str,
    key_url: str,
    date: str,
    request_id: str,
    bucket: str,
    requester: str,
) -> dict[str, str]:
    """The headers of one callback request, Content-Length excepted, in the order captured.

    *authorization* is the Base64 signature, *key_url* the plain URL of the public key, *date*
    an RFC 1123 date.  Source: docs' packet dump (2018) and the captures of 2018 to 2021.
    """
    additional = config.additional_headers
    return {
        "Host": config.host or url.authority,
        "Connection": "close",
        "Content-Type": str(config.body_type),
        "Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode("ascii"),
        "Date": date,
        "User-Agent": "aliyun-oss-callback",
        "authorization": authorization,
        "x-oss-pub-key-url": _base64_text(key_url),
        "x-oss-request-id": request_id,
        "x-oss-bucket": bucket,
        "x-oss-requester": requester,
        "x-oss-signature-version": "1.0",
        "x-oss-tag": "CALLBACK",
        "x-oss-additional-headers": ";".join(sorted(map(str.lower, additional))),
        **additional,
    }


# --- the reply ----------------------------------------------------------------


def judge_reply(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    max_bytes: int = MAX_REPLY_BYTES,
) -> Accepted | Rejected:
    """Decide whether the application's answer is a success.

    *headers* have lower-case names; *body* may stop short once it exceeds *max_bytes*.
    Documentation, "response rules": exactly 200, a Content-Length of at most 1 MB, and a JSON
    body without BOM, or XML where the Content-Type is application/xml (since 2025-09).
    """
    if status != 200:  # noqa: PLR2004 - the one good status
        return Rejected(f"Error status : {status}.", "0007-00000203")
    length = declared_length(headers)
    if length is None or max(length, len(body)) > max_bytes:
        return Rejected(
            "Error Status : 400.User server return too long content-length value", "0007-00000203"
        )
    content_type = headers.get("content-type", "") or BodyType.JSON.value
    is_xml = content_type.split(";", 1)[0].strip().lower() == "application/xml"
    if not (_is_xml(body) if is_xml else _is_json(body)):
        return Rejected("Response body is not valid json format.", "0007-00000205")
    return Accepted(body, content_type)


def declared_length(headers: Mapping[str, str]) -> int | None:
    """The length that an answer declares; None if it declares none that OSS accepts."""
    text = headers.get("content-length", "")
    return int(text) if is_decimal(text, _MAX_LENGTH_DIGITS) else None


def _is_json(body: bytes) -> bool:
    try:
        # Numbers are not converted: a long one costs quadratic time or is refused by Python.
        _JSON.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return False
    return True


_JSON: Final = json.JSONDecoder(parse_constant=_no_constant, parse_int=len, parse_float=len)


def _is_xml(body: bytes) -> bool:
    parser = expat.ParserCreate()
    # Without a document type there are no entities to expand.
    parser.StartDoctypeDeclHandler = _no_doctype
    try:
        parser.Parse(body, True)  # noqa: FBT003 - expat takes it by position
    except (expat.ExpatError, ValueError):
        return False
    return True


def _no_doctype(*_: object) -> NoReturn:
    raise ValueError("a document type is not accepted")
