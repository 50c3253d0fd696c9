"""Signature version 4: HMAC-SHA256 with a key derived for one day, region and product.

Reads claims from the ``Authorization`` header, from a presigned URL and from a post form,
and signs the same three.  Source: OSS documentation, "Include a V4 signature in the
Authorization header", "in a URL" and "PostObject"; the error-cause numbers are those of
the troubleshooting pages.
"""

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from operator import itemgetter
from typing import NamedTuple

from ossia.errors import InvalidArgument
from ossia.protocol.dates import format_basic, parse_basic
from ossia.protocol.keyed_hash import keyed_hash
from ossia.protocol.signature_v1 import (
    epoch_seconds,
    missing_field,
    policy_and_signature,
    with_headers,
    with_query,
)
from ossia.protocol.signed_request import (
    MAX_SKEW_MS,
    UNSIGNED_PAYLOAD,
    SignedRequest,
    expired,
    invalid,
    mismatch,
    missing_date,
    refuse_digest,
    require_recent,
    security_token_of,
    text_of,
    time_of,
    too_skewed,
)

ALGORITHM = b"OSS4-HMAC-SHA256"
SCHEME = ALGORITHM + b" "
PRODUCT = b"oss"
TERMINATOR = b"aliyun_v4_request"
MAX_LIFETIME_S = 604_800
"""Seven days."""

_ALWAYS_SIGNED = frozenset({b"content-type", b"content-md5"})
_ACCESS_KEY_ID = re.compile(rb"[A-Za-z0-9._=-]+")
_CREDENTIAL_PARTS = 5
_DAY_LENGTH = len("20250102")

_by_name = itemgetter(0)


class Credential(NamedTuple):
    """``<access key id>/<day>/<region>/<product>/aliyun_v4_request``."""

    access_key_id: str
    day: bytes
    region: bytes
    product: bytes

    @property
    def scope(self) -> bytes:
        """What the string to sign repeats."""
        return b"%b/%b/%b/%b" % (self.day, self.region, self.product, TERMINATOR)


class _Causes(NamedTuple):
    """Where a credential was found, and what is said of one that is wrong there.

    ``wrong`` has a place for what is wrong: the region or the product.
    """

    place: str
    malformed: str
    access_key_id: str
    day: str
    wrong: str


_HEADER = _Causes(
    "Authorization",
    "0002-00000213",
    "0002-00000213",
    "0002-00000212",
    "Invalid signing {} in Authorization header.",
)
_QUERY = _Causes(
    "x-oss-credential",
    "0002-00000224",
    "0002-00000222",
    "0002-00000223",
    "The signing {} in credential is invalid.",
)
_FORM = _QUERY._replace(
    malformed="0002-00000710", access_key_id="0002-00000708", day="0002-00000709"
)
_LONGEST_CREDENTIAL = 256
"""Longer ones are malformed, and strangers may not have them remembered."""


class V4Claim:
    """A claim of version 4, from a header or a URL."""

    __slots__ = (
        "_additional",
        "_credential",
        "_provided",
        "_request",
        "_time",
        "access_key_id",
        "security_token",
    )

    def __init__(
        self,
        request: SignedRequest,
        credential: Credential,
        security_token: str | None,
        provided: bytes,
        time: bytes,
        additional: Sequence[bytes],
    ) -> None:
        self.access_key_id = credential.access_key_id
        self.security_token = security_token
        self._request = request
        self._credential = credential
        self._provided = provided
        self._time = time
        self._additional = additional

    def check(self, secret: str) -> None:
        """Raise `SignatureDoesNotMatch` unless *secret* made the signature."""
        _, day, region, product = self._credential
        key = signing_key(secret, day, region, product)
        request = self._request
        canonical = canonical_request(request, self._additional)
        expected = string_to_sign(canonical, self._time, self._credential)
        if hmac.compare_digest(sign(key, expected), self._provided):
            return
        for other in self._other_readings():
            variant = string_to_sign(
                canonical_request(other, self._additional), self._time, self._credential
            )
            if hmac.compare_digest(sign(key, variant), self._provided):
                return
        raise mismatch(self.access_key_id, self._provided, expected, canonical_request=canonical)

    def _other_readings(self) -> Iterator[SignedRequest]:
        """What else SDKs sign for the same request."""
        request = self._request
        if b"host" in self._additional and b":" in request.headers.get(b"host", b""):
            # The Java SDK signs the host without its port.
            yield _with_header(request, b"host", request.headers[b"host"].rpartition(b":")[0])
        if not request.headers.get(b"content-type"):
            # The C# SDK signs the empty Content-Type that it sends (OssCommand.cs,
            # OssRequestSignerV4.cs), the C++ SDK one that it does not send with a part
            # (UploadPartRequest.cc, SignerV4.cc).  A blank is trimmed, and not left out.
            yield _with_header(request, b"content-type", b" ")


class V4FormClaim:
    """A claim of version 4 in the fields of a post form: the signature covers the policy."""

    __slots__ = ("_credential", "_policy", "_provided", "access_key_id", "security_token")

    def __init__(
        self,
        credential: Credential,
        security_token: str | None,
        policy: bytes,
        provided: bytes,
    ) -> None:
        self.access_key_id = credential.access_key_id
        self.security_token = security_token
        self._credential = credential
        self._policy = policy
        self._provided = provided

    def check(self, secret: str) -> None:
        """Raise `SignatureDoesNotMatch` unless *secret* signed the policy."""
        _, day, region, product = self._credential
        key = signing_key(secret, day, region, product)
        if not hmac.compare_digest(sign(key, self._policy), self._provided):
            raise mismatch(self.access_key_id, self._provided, self._policy, ec="0002-00000705")


# --- reading ----------------------------------------------------------------


def claim_from_header(
    request: SignedRequest, authorization: bytes, *, now_ms: int, region: str
) -> V4Claim:
    """Read ``OSS4-HMAC-SHA256 Credential=…,[AdditionalHeaders=…,]Signature=…``."""
    refuse_digest(request.headers)
    pairs = _pairs_of(authorization)
    credential = _credential_of(pairs.get(b"Credential", b""), region, _HEADER)
    if b"Signature" not in pairs:
        raise _malformed(authorization, "Authorization header has no Signature.", "0002-00000202")
    headers = request.headers
    # Go v1 may send only Date, and then signs its text as the time.
    time = (headers.get(b"x-oss-date") or headers.get(b"date") or b"").strip()
    at_ms = time_of(time)
    if at_ms is None:
        raise missing_date()
    _require_same_day(at_ms, credential, _HEADER)
    require_recent(at_ms, now_ms)
    return V4Claim(
        request,
        credential,
        security_token_of(headers),
        pairs[b"Signature"],
        time,
        _additional_of(pairs.get(b"AdditionalHeaders"), headers),
    )


def _pairs_of(authorization: bytes) -> dict[bytes, bytes]:
    # Order and spaces differ: oss2 puts AdditionalHeaders last and a space behind each comma.
    pairs = authorization[len(SCHEME) :].split(b",")
    if len(pairs) not in (2, 3):
        raise _malformed(authorization, "Authorization header is invalid.", "0002-00000202")
    found: dict[bytes, bytes] = {}
    for pair in pairs:
        name, equals, value = pair.partition(b"=")
        if not equals:
            raise _malformed(authorization, "Authorization header is invalid.", "0002-00000203")
        found[name.strip()] = value.strip()
    return found


def _additional_of(value: bytes | None, headers: Mapping[bytes, bytes]) -> Sequence[bytes]:
    if value is None:
        return ()
    if not value:
        raise _malformed(value, "AdditionalHeaders must not be empty.", "0002-00000209")
    names = value.lower().split(b";")
    if len(names) > len(headers):
        # Each that repeats would cost time before anybody's signature holds.
        raise _malformed(
            value[:_LONGEST_CREDENTIAL], "AdditionalHeaders has too many names.", "0002-00000210"
        )
    if b"" in names:
        raise _malformed(value, "AdditionalHeaders has an empty name.", "0002-00000210")
    for name in names:
        if name not in headers:
            # witnessed.md, W33: no mismatch, which would make one look for a wrong key.
            raise invalid(
                "AdditionalHeaders", name, "A header that is signed is not in the request.", None
            )
    names.sort()
    return names


def claim_from_url(
    request: SignedRequest, first: Mapping[bytes, bytes], *, now_ms: int, region: str
) -> V4Claim:
    """Read the ``x-oss-`` parameters of a presigned URL; *first* has the first of each name."""
    refuse_digest(request.headers)
    if b"x-oss-credential" not in first:
        raise invalid("x-oss-credential", b"", "x-oss-credential is missing.", "0002-00000217")
    credential = _credential_of(first[b"x-oss-credential"], region, _QUERY)
    time = first.get(b"x-oss-date", b"")
    at_ms = time_of(time)
    if at_ms is None:
        raise missing_date()
    _require_same_day(at_ms, credential, _QUERY)
    _require_valid_now(at_ms, first.get(b"x-oss-expires"), now_ms)
    if not first.get(b"x-oss-signature"):
        raise invalid("x-oss-signature", b"", "x-oss-signature is missing.", None)
    token = first.get(b"x-oss-security-token")
    return V4Claim(
        request,
        credential,
        text_of(token) if token else security_token_of(request.headers),
        first[b"x-oss-signature"],
        time,
        _additional_of(first.get(b"x-oss-additional-headers"), request.headers),
    )


def _require_valid_now(at_ms: int, lifetime: bytes | None, now_ms: int) -> None:
    """The lifetime counts from the signing time; a client's clock may be ahead of ours."""
    if lifetime is None:
        raise invalid("x-oss-expires", b"", "x-oss-expires is missing.", "0002-00000215")
    seconds = epoch_seconds(lifetime)
    if seconds is None or not 1 <= seconds <= MAX_LIFETIME_S:
        raise invalid(
            "x-oss-expires",
            lifetime,
            f"x-oss-expires must be between 1 and {MAX_LIFETIME_S} seconds.",
            "0002-00000232",
        )
    if at_ms - now_ms > MAX_SKEW_MS:
        raise too_skewed(at_ms, now_ms)
    if now_ms > at_ms + seconds * 1000:
        raise expired(at_ms + seconds * 1000, now_ms, None)


def claim_from_form(fields: Mapping[str, str], *, now_ms: int, region: str) -> V4FormClaim:
    """Read the ``x-oss-`` fields of a post form; *fields* has lower-case names."""
    policy, provided = policy_and_signature(fields, "x-oss-signature", "x-oss-signature")
    text = fields.get("x-oss-credential")
    if not text:
        raise missing_field("x-oss-credential", "0002-00000706")
    credential = _credential_of(text.encode("utf-8", "replace"), region, _FORM)
    at_ms = _form_time(fields.get("x-oss-date", ""))
    _require_same_day(at_ms, credential, _FORM)
    # PostObject documentation: the date lies at most fifteen minutes ahead and seven days back.
    if not -MAX_SKEW_MS <= now_ms - at_ms <= MAX_LIFETIME_S * 1000:
        raise invalid("x-oss-date", fields["x-oss-date"], "x-oss-date is too far.", _FORM.day)
    return V4FormClaim(credential, fields.get("x-oss-security-token") or None, policy, provided)


def _form_time(text: str) -> int:
    try:
        return parse_basic(text)
    except ValueError as exc:
        raise invalid("x-oss-date", text, "x-oss-date is invalid.", _FORM.day) from exc


@lru_cache(1024)
def _credential_of(text: bytes, region: str, causes: _Causes) -> Credential:
    """Read a credential and require *region*, any region if that is empty."""
    if len(text) > _LONGEST_CREDENTIAL:
        # What is raised is not remembered.
        shown = text[:_LONGEST_CREDENTIAL]
        raise invalid(causes.place, shown, "The credential is malformed.", causes.malformed)
    parts = text.split(b"/")
    if len(parts) != _CREDENTIAL_PARTS or parts[4] != TERMINATOR:
        raise invalid(causes.place, text, "The credential is malformed.", causes.malformed)
    access_key_id, day, claimed, product, _ = parts
    if _ACCESS_KEY_ID.fullmatch(access_key_id) is None:
        raise invalid(causes.place, text, "The access key id is malformed.", causes.access_key_id)
    if not _is_day(day):
        raise invalid(causes.place, text, "The date is not YYYYMMDD.", causes.day)
    # witnessed.md, W33: of both, the product is told.
    if product != PRODUCT:
        raise invalid(causes.place, text, causes.wrong.format("product"), "0002-00000227")
    if region and claimed != region.encode():
        raise invalid(causes.place, text, causes.wrong.format("region"), "0002-00000226")
    return Credential(access_key_id.decode(), day, claimed, product)


def _is_day(text: bytes) -> bool:
    return len(text) == _DAY_LENGTH and time_of(text + b"T000000Z") is not None


def _require_same_day(at_ms: int, credential: Credential, causes: _Causes) -> None:
    if format_basic(at_ms)[:_DAY_LENGTH] != credential.day.decode():
        raise invalid(
            causes.place,
            credential.scope,
            "The date of the credential is not the date of the request.",
            causes.day,
        )


def _malformed(value: bytes, message: str, ec: str) -> InvalidArgument:
    return invalid("Authorization", value, message, ec)


# --- the string to sign -----------------------------------------------------


@lru_cache(1024)
def signing_key(secret: str, day: bytes, region: bytes, product: bytes = PRODUCT) -> bytes:
    """The key for one day, region and product; it is the same for all of a day's requests."""
    key = b"aliyun_v4" + secret.encode()
    for part in (day, region, product, TERMINATOR):
        key = hmac.digest(key, part, "sha256")
    return key


def sign(key: bytes, text: bytes) -> bytes:
    """HMAC-SHA256 in lower-case hex."""
    return keyed_hash(key, text, "sha256").hex().encode()


def string_to_sign(canonical: bytes, time: bytes, credential: Credential) -> bytes:
    """Algorithm, time, scope and the digest of the canonical request."""
    _, day, region, product = credential
    digest = sha256(canonical).hexdigest().encode()
    return b"%b\n%b\n%b/%b/%b/%b\n%b" % (
        ALGORITHM,
        time,
        day,
        region,
        product,
        TERMINATOR,
        digest,
    )


def canonical_request(request: SignedRequest, additional: Sequence[bytes]) -> bytes:
    """The request as every client lays it out; *additional* is in order and lower case."""
    bucket, key, query, headers = request.bucket, request.key, request.query, request.headers
    # The bucket is always there, whatever form of address the client used.
    path = b"/%b%b%b" % (bucket, request.slash, percent_encode_path(key)) if bucket else b"/"
    return b"%b\n%b\n%b\n%b\n%b\n%b" % (
        request.method,
        path,
        canonical_query(query) if query else b"",
        _canonical_headers(headers, additional),
        b";".join(additional),
        headers.get(b"x-oss-content-sha256", UNSIGNED_PAYLOAD),
    )


def canonical_query(query: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Every parameter but the signature, encoded and in order of the encoded names."""
    pairs = [
        (percent_encode(name), percent_encode(value))
        for name, value in query
        if name != b"x-oss-signature"
    ]
    pairs.sort(key=_by_name)
    return b"&".join([b"%b=%b" % pair if pair[1] else pair[0] for pair in pairs])


def _canonical_headers(headers: Mapping[bytes, bytes], additional: Sequence[bytes]) -> bytes:
    chosen = frozenset(additional)
    names = [
        name
        for name in headers
        # witnessed.md, W53: the Java SDK sends an empty Content-Type that it has not signed.
        if name.startswith(b"x-oss-")
        or (name in _ALWAYS_SIGNED and headers[name])
        or name in chosen
    ]
    names.sort()
    return b"".join([b"%b:%b\n" % (name, headers[name].strip()) for name in names])


def _with_header(request: SignedRequest, name: bytes, value: bytes) -> SignedRequest:
    return replace(request, headers={**request.headers, name: value})


# Runs, not single characters: strangers choose how long a text is and what it holds.
_RESERVED = re.compile(rb"[^A-Za-z0-9._~-]+")
_RESERVED_IN_PATH = re.compile(rb"[^A-Za-z0-9._~/-]+")
_SHORT = 64
_ENCODED = tuple(b"%%%02X" % byte for byte in range(256))


def percent_encode(text: bytes) -> bytes:
    """Encode everything but the unreserved characters of RFC 3986, in upper-case hex."""
    return _encoded_short(text) if len(text) <= _SHORT else _RESERVED.sub(_encode_run, text)


@lru_cache(1024)
def _encoded_short(text: bytes) -> bytes:
    """Names of parameters and their usual values: clients send the same ones all day."""
    return _RESERVED.sub(_encode_run, text)


def percent_encode_path(text: bytes) -> bytes:
    """`percent_encode`, with slashes kept."""
    return _RESERVED_IN_PATH.sub(_encode_run, text)


def _encode_run(found: re.Match[bytes]) -> bytes:
    run = found[0]
    return _ENCODED[run[0]] if len(run) == 1 else b"%" + run.hex("%").upper().encode()


# --- signing ----------------------------------------------------------------


def credential_for(access_key_id: str, *, now_ms: int, region: str) -> Credential:
    """The credential of a signature made now."""
    day = format_basic(now_ms)[:_DAY_LENGTH].encode()
    return Credential(access_key_id, day, region.encode(), PRODUCT)


def credential_text(credential: Credential) -> str:
    """The form that headers, URLs and post forms carry."""
    return f"{credential.access_key_id}/{credential.scope.decode()}"


def sign_headers(
    request: SignedRequest,
    *,
    access_key_id: str,
    secret: str,
    now_ms: int,
    region: str,
    security_token: str | None = None,
    additional: Sequence[str] = (),
) -> dict[str, str]:
    """The headers that sign *request*, to be sent in addition to its own.

    *additional* names headers of *request* to be covered besides those that always are.
    """
    added = {
        "x-oss-date": format_basic(now_ms),
        "x-oss-content-sha256": UNSIGNED_PAYLOAD.decode(),
    }
    if security_token:
        added["x-oss-security-token"] = security_token
    credential = credential_for(access_key_id, now_ms=now_ms, region=region)
    names = _sorted_names(additional)
    time = added["x-oss-date"].encode()
    signature = _signature(with_headers(request, added), credential, secret, time, names)
    listed = f"AdditionalHeaders={b';'.join(names).decode()}," if names else ""
    added["authorization"] = (
        f"{ALGORITHM.decode()} Credential={credential_text(credential)},"
        f"{listed}Signature={signature}"
    )
    return added


def presign(
    request: SignedRequest,
    *,
    access_key_id: str,
    secret: str,
    now_ms: int,
    lifetime_s: int,
    region: str,
    security_token: str | None = None,
    additional: Sequence[str] = (),
) -> list[tuple[str, str]]:
    """The query parameters, not yet percent-encoded, that sign *request* for *lifetime_s*.

    The final request must carry the headers of *request* that are covered.
    """
    credential = credential_for(access_key_id, now_ms=now_ms, region=region)
    names = _sorted_names(additional)
    time = format_basic(now_ms)
    added = [
        ("x-oss-signature-version", ALGORITHM.decode()),
        ("x-oss-credential", credential_text(credential)),
        ("x-oss-date", time),
        ("x-oss-expires", str(lifetime_s)),
    ]
    if names:
        added.append(("x-oss-additional-headers", b";".join(names).decode()))
    if security_token:
        added.append(("x-oss-security-token", security_token))
    covered = with_query(request, added)
    signature = _signature(covered, credential, secret, time.encode(), names)
    return [*added, ("x-oss-signature", signature)]


def sign_policy(policy: str, secret: str, credential: Credential) -> str:
    """The ``x-oss-signature`` field for *policy*, the Base64 text that goes into the form."""
    _, day, region, product = credential
    return sign(signing_key(secret, day, region, product), policy.encode()).decode()


def _sorted_names(additional: Sequence[str]) -> list[bytes]:
    return sorted(name.lower().encode() for name in additional)


def _signature(
    request: SignedRequest,
    credential: Credential,
    secret: str,
    time: bytes,
    additional: Sequence[bytes],
) -> str:
    _, day, region, product = credential
    text = string_to_sign(canonical_request(request, additional), time, credential)
    return sign(signing_key(secret, day, region, product), text).decode()
