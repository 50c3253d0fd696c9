"""Upload callbacks: what the parameter ``callback`` asks for.

Pure functions.  Nothing here or in its neighbours (``callback_*``) opens a socket or reads a clock;
sending is `adapters.callback_sender`, deciding what the client hears is
`domain.callbacks.callbacks`.  A fault in the parameter is `InvalidArgument`, raised before anything
is stored.

Source: callback.md, whose numbers "EC 0007-…" are pages of the OSS error-code reference.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

from ossia.errors import InvalidArgument
from ossia.protocol.address_policy import AddressPolicy
from ossia.protocol.callback_parameter import Parameter, object_in
from ossia.protocol.callback_template import (
    BodyType,
    check_filled_size,
    check_template,
    names,
    names_image,
)
from ossia.protocol.callback_url import CallbackUrl, decode_url

MAX_URLS: Final = 5


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
        return names(self.body)

    def names_image(self) -> bool:
        """Whether the template names a variable that takes a look at the image."""
        return names_image(self.body)


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
        given, shown = object_in(Parameter("callback", value), _CALLBACK_CODES)
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
        check_filled_size(config.body, own, config.body_type)
    return config


# An application gives the same text with every upload.
@lru_cache(1024)
def _decode_config(value: str, address_policy: AddressPolicy | None) -> CallbackConfig | None:
    """The configuration without variables; None if it only names a policy."""
    given, shown = object_in(Parameter("callback", value), _CALLBACK_CODES)
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


_CALLBACK_CODES: Final = ("0007-00000001", "0007-00000002", "0007-00000003", "0007-00000003")
_VARIABLE_CODES: Final = ("0007-00000101", "0007-00000102", "0007-00000103", "0007-00000104")


def _decode_variables(value: str) -> dict[str, str]:
    if not value:
        return {}
    found, shown = object_in(Parameter("callback-var", value), _VARIABLE_CODES)
    # Documentation wants lower case behind "x:"; the SDKs' tests use "x:键值1" with success.
    # Other names are ignored (witnessed.md, W31).
    variables = {name: text for name, text in found.items() if name.startswith("x:")}
    if not all(isinstance(text, str) for text in variables.values()):
        shown.refuse("The callback-var must map its variables to strings.", "0007-00000104")
    return variables


def _find_policy(
    name: object, policies: Mapping[str, tuple[str, str]], shown: Parameter
) -> tuple[str, str]:
    if not isinstance(name, str) or name not in policies:
        # No page of the error-code reference describes this: an answer without EC.
        shown.refuse(f"The callback policy {name} does not exist in this bucket.", None)
    return policies[name]


def _decode_urls(
    given: Mapping[str, Any], shown: Parameter, address_policy: AddressPolicy | None
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
    return tuple(decode_url(part, shown, address_policy) for part in parts)


def _decode_body(given: Mapping[str, Any], shown: Parameter) -> str:
    body = given.get("callbackBody", "")
    if not isinstance(body, str):
        shown.refuse("The callbackBody is not a string.", "0007-00000010")
    if not body:
        shown.refuse("The callbackBody is empty.", "0007-00000011")
    check_template(body)
    return body


def _decode_body_type(given: Mapping[str, Any], shown: Parameter) -> BodyType:
    text = given.get("callbackBodyType", "")
    if not isinstance(text, str):
        shown.refuse("The callbackBodyType is not a string.", "0007-00000012")
    try:
        return BodyType(text.strip().lower() or BodyType.FORM)
    except ValueError:
        shown.refuse("The callbackBodyType is not supported.", "0007-00000013")


def _decode_sni(given: Mapping[str, Any], shown: Parameter) -> bool:
    """witnessed.md, W30: a boolean and nothing that looks like one."""
    sni = given.get("callbackSNI", False)
    if not isinstance(sni, bool):
        shown.refuse("The callback sni is invalid.", None)
    return sni


_HOST: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")


def _decode_host(given: Mapping[str, Any], shown: Parameter) -> str:
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


def _decode_additional_headers(given: Mapping[str, Any], shown: Parameter) -> dict[str, str]:
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
