"""What a signature covers, what a caller claims, and the refusals every version shares.

The versions differ in how they lay out the string to sign; the request they read, the
clock rule and the shape of a mismatch are the same and live here.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

from ossia.errors import (
    AccessDenied,
    InvalidArgument,
    OssError,
    RequestTimeTooSkewed,
    SignatureDoesNotMatch,
)
from ossia.protocol.dates import format_iso, parse_basic, parse_http

MAX_SKEW_MS = 900_000
"""Fifteen minutes in either direction (OSS documentation, "RequestTimeTooSkewed")."""

_BASIC_LENGTH = len("20250102T030405Z")
_LONGEST_DATE = 64
"""Longer texts are none, and strangers may not have them remembered."""


@dataclass(slots=True)
class SignedRequest:
    """What a signature covers.  All parts are bytes as received; path and query decoded once."""

    method: bytes
    bucket: bytes
    """Empty for a request to the service."""
    key: bytes
    """Empty for a request to a bucket."""
    query: Sequence[tuple[bytes, bytes]] = field(repr=False)
    """Pairs in order of arrival; the value is empty where there is none."""
    headers: Mapping[bytes, bytes] = field(repr=False)
    """Names in lower case, duplicates joined with a comma."""
    slash: bytes = b"/"
    """What stands between bucket and key; nothing where a bucket is signed as ``/BUCKET``."""


class Claim(Protocol):
    """What the caller says who he is; `check` proves it or refuses."""

    @property
    def access_key_id(self) -> str:
        """Whose secret to look up."""

    @property
    def security_token(self) -> str | None:
        """The token that goes with a temporary key."""

    def check(self, secret: str) -> None:
        """Raise `SignatureDoesNotMatch` unless *secret* made the signature."""


class FormClaim:
    """A claim in the fields of a post form, versions 1 and 2: the signature covers the policy."""

    __slots__ = ("_policy", "_provided", "_sign", "access_key_id", "security_token")

    def __init__(
        self,
        access_key_id: str,
        security_token: str | None,
        policy: bytes,
        provided: bytes,
        sign: Callable[[bytes, bytes], bytes],
    ) -> None:
        self.access_key_id = access_key_id
        self.security_token = security_token
        self._policy = policy
        self._provided = provided
        self._sign = sign

    def check(self, secret: str) -> None:
        """Raise `SignatureDoesNotMatch` unless *secret* signed the policy."""
        if not hmac.compare_digest(self._sign(secret.encode(), self._policy), self._provided):
            raise mismatch(self.access_key_id, self._provided, self._policy, ec="0002-00000705")


def mismatch(
    access_key_id: str,
    provided: bytes,
    string_to_sign: bytes,
    *,
    canonical_request: bytes | None = None,
    ec: str | None = None,
) -> SignatureDoesNotMatch:
    """The refusal that shows the client what the server signed."""
    refusal = SignatureDoesNotMatch(
        ec=ec,
        OSSAccessKeyId=access_key_id,
        SignatureProvided=text_of(provided),
        StringToSign=text_of(string_to_sign[:_MAX_SHOWN]),
        StringToSignBytes=string_to_sign[:_MAX_SHOWN_BYTES].hex(" ").upper(),
    )
    if canonical_request is not None:
        refusal.details["CanonicalRequest"] = text_of(canonical_request[:_MAX_SHOWN])
    if b" " in provided:
        # witnessed.md, W2: the likeliest cause, which nobody finds by looking at the strings.
        refusal.details["Hint"] = _PLUS_HINT
    return refusal


_MAX_SHOWN = 16 * 1024
_MAX_SHOWN_BYTES = 4 * 1024
"""What a stranger who knows a key's id makes us answer has a bound; no real request comes near."""
_PLUS_HINT = (
    "The signature holds a space: a + in a URL stands for one. Write it as %2B, that is, "
    "percent-encode the signature."
)


UNSIGNED_PAYLOAD: Final = b"UNSIGNED-PAYLOAD"


def refuse_digest(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a digest of the body: what is signed and not compared would only seem to protect.

    Source: OSS documentation, EC 0002-00000214: nothing but ``UNSIGNED-PAYLOAD`` is valid.
    """
    payload = headers.get(b"x-oss-content-sha256", UNSIGNED_PAYLOAD)
    if payload != UNSIGNED_PAYLOAD:
        raise invalid(
            "x-oss-content-sha256",
            payload,
            "The value of x-oss-content-sha256 must be UNSIGNED-PAYLOAD.",
            "0002-00000214",
        )


def invalid(name: str, value: bytes | str, message: str, ec: str | None) -> InvalidArgument:
    """The refusal of a malformed part of a signature."""
    shown = value if isinstance(value, str) else text_of(value)
    return InvalidArgument(message, ec=ec, ArgumentName=name, ArgumentValue=shown)


def missing_date() -> AccessDenied:
    """The refusal of a signed request that does not say when it was made."""
    return AccessDenied("OSS authentication requires a valid Date.", ec="0002-00000503")


def expired(at_ms: int, now_ms: int, ec: str | None) -> AccessDenied:
    """The refusal of a signed URL past its time."""
    refusal = denied("Request has expired.", ec)
    refusal.details.update(Expires=format_iso(at_ms), ServerTime=format_iso(now_ms))
    return refusal


def denied(message: str, ec: str | None) -> AccessDenied:
    """A refusal for another reason than the bucket ACL of which the class default speaks."""
    refusal = AccessDenied(message)
    as_base: OssError = refusal
    as_base.ec = ec
    return refusal


def require_recent(at_ms: int, now_ms: int) -> None:
    """Raise `RequestTimeTooSkewed` unless the two clocks agree within fifteen minutes."""
    if not -MAX_SKEW_MS <= now_ms - at_ms <= MAX_SKEW_MS:
        raise too_skewed(at_ms, now_ms)


def too_skewed(at_ms: int, now_ms: int) -> RequestTimeTooSkewed:
    """The refusal that lets SDKs correct their clock and try again."""
    return RequestTimeTooSkewed(
        MaxAllowedSkewMilliseconds=MAX_SKEW_MS,
        RequestTime=format_iso(at_ms),
        ServerTime=format_iso(now_ms),
    )


def time_of(value: bytes) -> int | None:
    """Milliseconds of an ``x-oss-date`` or ``Date`` value, or None if it is neither form.

    ``x-oss-date`` is RFC 1123 in browsers (ali-oss with V1) and ISO basic elsewhere.
    """
    return _time_of(value) if len(value) <= _LONGEST_DATE else None


@lru_cache(256)
def _time_of(value: bytes) -> int | None:
    try:
        text = value.decode("ascii")
        return parse_basic(text) if len(text) == _BASIC_LENGTH else parse_http(text)
    except ValueError:
        return None


def first_values(query: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Query parameters by name; of a repeated one the first counts."""
    return dict(reversed(query))


def text_of(value: bytes) -> str:
    """Bytes of the wire as text that can be shown and looked up, whatever they are."""
    return value.decode("utf-8", "replace")


def security_token_of(headers: Mapping[bytes, bytes]) -> str | None:
    """The STS token of a request signed in its header."""
    token = headers.get(b"x-oss-security-token")
    return text_of(token) if token else None
