"""Signature version 2 (``OSS2``): HMAC-SHA256 over the whole query and chosen headers.

No SDK uses it unless told to; oss2, Java and Go v1 can.  Source: those SDKs.
"""

import hmac
from binascii import b2a_base64
from collections.abc import Mapping, Sequence

from ossia.protocol.dates import format_http
from ossia.protocol.keyed_hash import keyed_hash
from ossia.protocol.signature_v1 import (
    epoch_seconds,
    header_dates,
    missing_field,
    policy_and_signature,
    require_not_past,
    with_headers,
    with_query,
)
from ossia.protocol.signature_v4 import canonical_query, percent_encode
from ossia.protocol.signed_request import (
    FormClaim,
    SignedRequest,
    denied,
    invalid,
    mismatch,
    refuse_digest,
    security_token_of,
    text_of,
)

VERSION = b"OSS2"
SCHEME = VERSION + b" "

_MOST_ABSENT = 16
"""How many headers may be named that are not there.  Each name costs before a signature holds."""
_HEADER_KEYS = frozenset({b"AccessKeyId", b"AdditionalHeaders", b"Signature"})


class V2Claim:
    """A claim of version 2, from a header or a URL."""

    __slots__ = (
        "_additional",
        "_dates",
        "_provided",
        "_request",
        "access_key_id",
        "security_token",
    )

    def __init__(
        self,
        request: SignedRequest,
        access_key_id: str,
        security_token: str | None,
        provided: bytes,
        dates: Sequence[bytes],
        additional: Sequence[bytes],
    ) -> None:
        self.access_key_id = access_key_id
        self.security_token = security_token
        self._request = request
        self._provided = provided
        self._dates = dates
        self._additional = additional

    def check(self, secret: str) -> None:
        """Raise `SignatureDoesNotMatch` unless *secret* made the signature."""
        key = secret.encode()
        texts = [string_to_sign(self._request, date, self._additional) for date in self._dates]
        if not any(hmac.compare_digest(sign(key, text), self._provided) for text in texts):
            raise mismatch(self.access_key_id, self._provided, texts[0])


# --- reading ----------------------------------------------------------------


def claim_from_header(request: SignedRequest, authorization: bytes, *, now_ms: int) -> V2Claim:
    """Read ``OSS2 AccessKeyId:…[,AdditionalHeaders:…],Signature:…``."""
    found: dict[bytes, bytes] = {}
    for pair in authorization[len(SCHEME) :].split(b","):
        name, _, value = pair.strip().partition(b":")
        if name not in _HEADER_KEYS:
            raise invalid(
                "Authorization", authorization, "Authorization header is invalid.", "0002-00000104"
            )
        found[name] = value
    if not found.get(b"AccessKeyId") or not found.get(b"Signature"):
        raise invalid("Authorization", authorization, "Authorization header is invalid.", None)
    headers = request.headers
    refuse_digest(headers)
    return V2Claim(
        request,
        text_of(found[b"AccessKeyId"]),
        security_token_of(headers),
        found[b"Signature"],
        header_dates(headers, now_ms),
        _additional_of(found.get(b"AdditionalHeaders", b""), headers),
    )


def claim_from_url(request: SignedRequest, first: Mapping[bytes, bytes], *, now_ms: int) -> V2Claim:
    """Read the ``x-oss-`` parameters of a signed URL; *first* has the first of each name."""
    for name in (b"x-oss-access-key-id", b"x-oss-signature"):
        if not first.get(name):
            raise invalid(name.decode(), b"", f"{name.decode()} is missing.", None)
    if b"x-oss-expires" not in first:
        raise invalid("x-oss-expires", b"", "x-oss-expires is missing.", "0002-00000113")
    expires = first[b"x-oss-expires"]
    if not expires:
        raise invalid("x-oss-expires", b"", "x-oss-expires is empty.", "0002-00000114")
    seconds = epoch_seconds(expires)
    if seconds is None:
        raise denied(
            f"Invalid date (should be seconds since epoch): {text_of(expires)}", "0002-00000070"
        )
    refuse_digest(request.headers)
    require_not_past(seconds, now_ms)
    token = first.get(b"security-token")
    return V2Claim(
        request,
        text_of(first[b"x-oss-access-key-id"]),
        text_of(token) if token else security_token_of(request.headers),
        first[b"x-oss-signature"],
        (expires,),
        _additional_of(first.get(b"x-oss-additional-headers", b""), request.headers),
    )


def claim_from_form(fields: Mapping[str, str]) -> FormClaim:
    """Read ``x-oss-access-key-id``, ``policy`` and ``x-oss-signature``.

    That the signature is the HMAC-SHA256 of the policy follows from versions 1 and 4; the
    documentation does not say it.
    """
    policy, provided = policy_and_signature(fields, "x-oss-signature", "x-oss-signature")
    access_key_id = fields.get("x-oss-access-key-id")
    if not access_key_id:
        raise missing_field("x-oss-access-key-id", "0002-00000706")
    token = fields.get("x-oss-security-token") or None
    return FormClaim(access_key_id, token, policy, provided, sign)


def _additional_of(value: bytes, headers: Mapping[bytes, bytes]) -> list[bytes]:
    names = value.lower().split(b";")
    if len(names) > len(headers) + _MOST_ABSENT:
        raise invalid("AdditionalHeaders", value[:256], "It has too many names.", None)
    # oss2 lists them in the order of a set and signs them sorted.
    return sorted(name for name in names if name)


# --- the string to sign -----------------------------------------------------


def sign(key: bytes, text: bytes) -> bytes:
    """HMAC-SHA256 in base64."""
    return b2a_base64(keyed_hash(key, text, "sha256"), newline=False)


def string_to_sign(request: SignedRequest, date: bytes, additional: Sequence[bytes]) -> bytes:
    """Verb, three headers, chosen headers, their names and the encoded resource."""
    headers = request.headers
    chosen = frozenset(additional)
    names = sorted(n for n in headers if n.startswith(b"x-oss-") or n in chosen)
    lines = b"".join([b"%b:%b\n" % (name, headers[name].strip()) for name in names])
    bucket = request.bucket
    path = b"/%b%b%b" % (bucket, request.slash, request.key) if bucket else b"/"
    query = canonical_query(request.query)
    return b"%b\n%b\n%b\n%b\n%b%b\n%b%b" % (
        request.method,
        headers.get(b"content-md5", b""),
        headers.get(b"content-type", b""),
        date,
        lines,
        b";".join(additional),
        # Unlike in version 4, the slashes of the path are encoded.
        percent_encode(path),
        b"?" + query if query else b"",
    )


# --- signing ----------------------------------------------------------------


def sign_headers(
    request: SignedRequest,
    *,
    access_key_id: str,
    secret: str,
    now_ms: int,
    security_token: str | None = None,
    additional: Sequence[str] = (),
) -> dict[str, str]:
    """The headers that sign *request*, to be sent in addition to its own."""
    added = {"date": format_http(now_ms)}
    if security_token:
        added["x-oss-security-token"] = security_token
    names = sorted(name.lower().encode() for name in additional)
    covered = with_headers(request, added)
    text = string_to_sign(covered, covered.headers[b"date"], names)
    listed = f"AdditionalHeaders:{b';'.join(names).decode()}," if names else ""
    signature = sign(secret.encode(), text).decode()
    added["authorization"] = f"OSS2 AccessKeyId:{access_key_id},{listed}Signature:{signature}"
    return added


def presign(
    request: SignedRequest,
    *,
    access_key_id: str,
    secret: str,
    expires: int,
    security_token: str | None = None,
    additional: Sequence[str] = (),
) -> list[tuple[str, str]]:
    """The query parameters, not yet percent-encoded, that sign *request* until *expires*.

    *expires* is in seconds since 1970.
    """
    names = sorted(name.lower().encode() for name in additional)
    added = [
        ("x-oss-signature-version", VERSION.decode()),
        ("x-oss-expires", str(expires)),
        ("x-oss-access-key-id", access_key_id),
    ]
    if names:
        added.append(("x-oss-additional-headers", b";".join(names).decode()))
    if security_token:
        added.append(("security-token", security_token))
    text = string_to_sign(with_query(request, added), b"%d" % expires, names)
    return [*added, ("x-oss-signature", sign(secret.encode(), text).decode())]


def sign_policy(policy: str, secret: str) -> str:
    """The ``x-oss-signature`` field for *policy*, the Base64 text that goes into the form."""
    return sign(secret.encode(), policy.encode()).decode()
