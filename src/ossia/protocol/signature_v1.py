"""Signature version 1: HMAC-SHA1 over a few headers and the resource.

Reads claims from the ``Authorization`` header, from a signed URL and from a post form,
and signs the same three.  Source: OSS documentation, "Include a V1 signature in the
Authorization header" and "in a URL"; where SDKs differ from it, the code says which.

SDKs disagree about a few details, so a mismatch is tried again with the variants that
real clients sign.  Each variant covers everything but what is named where it is listed.
"""

import hmac
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter

from ossia.errors import InvalidArgument
from ossia.protocol.dates import format_http
from ossia.protocol.keyed_hash import keyed_hash
from ossia.protocol.signed_request import (
    FormClaim,
    SignedRequest,
    denied,
    expired,
    invalid,
    mismatch,
    missing_date,
    refuse_digest,
    require_recent,
    security_token_of,
    text_of,
    time_of,
)

SCHEME = b"OSS "
URL_PARAMETERS = frozenset({b"OSSAccessKeyId", b"Expires", b"Signature"})

# Union of what the SDKs sign; every other key that starts with "x-oss-" is signed too.
SIGNED_KEYS = frozenset(
    b"""
    acl append position delete uploads uploadId partNumber symlink restore tagging objectMeta
    objectInfo sequential seal cleanRestoredObject retention legalHold callback callback-var
    asyncFetch link group

    bucketInfo location stat cors logging userDefinedLogFieldsConfig website referer lifecycle
    policy policyStatus comp encryption versioning versions versionId requestPayment inventory
    inventoryId continuation-token worm wormId wormExtend objectWorm replication
    replicationLocation replicationProgress rtc transferAcceleration cname metaQuery
    resourceGroup style styleName img processConfiguration qos qosInfo requesterQosInfo
    qosRequester resourcePool resourcePoolInfo resourcePoolBuckets bucketArchiveDirectRead
    httpsConfig publicAccessBlock overwriteConfig redundancyTransition accessPoint
    accessPointPolicy accessPointForObjectProcess accessPointConfigForObjectProcess
    accessPointPolicyForObjectProcess responseHeader regionList cloudboxes vpcip vip

    live status vod startTime endTime

    response-content-type response-content-language response-expires response-cache-control
    response-content-disposition response-content-encoding

    security-token withHashContext

    udf udfName udfId udfImage udfImageDesc udfApplication udfApplicationLog
    """.split()
)

# alibabacloud-oss-v2 leaves these out of its V1 signature.  They choose a rendition or a speed
# of what the signature already grants to read, never another object or operation.
_SOMETIMES_UNSIGNED = frozenset({b"x-oss-process", b"x-oss-traffic-limit"})
_READING = frozenset({b"GET", b"HEAD"})
# Go v2 signs the parameter of DescribeRegions, ali-oss whatever its `subres` of ListBuckets holds.
# Of requests to the service only: V1 separates a key from parameters by nothing but a "?", so one
# name more would let a signature for the key "a?name" open the key "a".
_SOMETIMES_SIGNED = frozenset({b"regions", b"tag-key", b"tag-value"})

_by_name = itemgetter(0)


class V1Claim:
    """A claim of version 1, from a header or a URL."""

    __slots__ = ("_dates", "_provided", "_request", "access_key_id", "security_token")

    def __init__(
        self,
        request: SignedRequest,
        access_key_id: str,
        security_token: str | None,
        provided: bytes,
        dates: Sequence[bytes],
    ) -> None:
        self.access_key_id = access_key_id
        self.security_token = security_token
        self._request = request
        self._provided = provided
        self._dates = dates

    def check(self, secret: str) -> None:
        """Raise `SignatureDoesNotMatch` unless *secret* made the signature."""
        key = secret.encode()
        expected = string_to_sign(self._request, self._dates[0], _signed_everywhere)
        if hmac.compare_digest(sign(key, expected), self._provided):
            return
        for variant in self._variants():
            if hmac.compare_digest(sign(key, variant), self._provided):
                return
        raise mismatch(self.access_key_id, self._provided, expected)

    def _variants(self) -> Iterator[bytes]:
        request = self._request
        rules = [_signed_everywhere]
        if request.query:
            if not request.bucket:
                rules.append(_signed_at_service)
            if request.method in _READING:
                rules.append(_signed_by_python_v2)
        for date in self._dates:
            for rule in rules:
                yield string_to_sign(request, date, rule)


# --- reading ----------------------------------------------------------------


def claim_from_header(request: SignedRequest, authorization: bytes, *, now_ms: int) -> V1Claim:
    """Read ``OSS <access key id>:<signature>``."""
    access_key_id, colon, provided = authorization[len(SCHEME) :].strip().partition(b":")
    if not colon or not access_key_id or not provided:
        raise invalid(
            "Authorization", authorization, "Authorization header is invalid.", "0002-00000062"
        )
    headers = request.headers
    refuse_digest(headers)
    return V1Claim(
        request,
        text_of(access_key_id),
        security_token_of(headers) or _unsigned_token_of(headers),
        provided,
        header_dates(headers, now_ms),
    )


def header_dates(headers: Mapping[bytes, bytes], now_ms: int) -> list[bytes]:
    """What may stand in the date slot, most likely first, with the clock checked.

    ``x-oss-date`` replaces ``Date``, but the Java SDK signs ``Date`` even where it sends both.
    """
    dates = [headers[name].strip() for name in (b"x-oss-date", b"date") if headers.get(name, b"")]
    if not dates:
        raise missing_date()
    at_ms = time_of(dates[0])
    if at_ms is None:
        raise missing_date()
    require_recent(at_ms, now_ms)
    return dates


def _unsigned_token_of(headers: Mapping[bytes, bytes]) -> str | None:
    # alibabacloud-oss-v2 with V1 sends a header of this name, which no signature covers.
    token = headers.get(b"security-token")
    return text_of(token) if token else None


def claim_from_url(request: SignedRequest, first: Mapping[bytes, bytes], *, now_ms: int) -> V1Claim:
    """Read ``OSSAccessKeyId``, ``Expires`` and ``Signature`` of a signed URL.

    *first* holds the first value of each query parameter.  Expiry is looked at before the
    signature is.
    """
    if not first.keys() >= URL_PARAMETERS:
        raise denied(
            "Query-string authentication requires the Signature, Expires and OSSAccessKeyId "
            "parameters",
            None,
        )
    refuse_digest(request.headers)
    expires = first[b"Expires"]
    _require_not_expired(expires, now_ms)
    token = first.get(b"security-token")
    return V1Claim(
        request,
        text_of(first[b"OSSAccessKeyId"]),
        text_of(token) if token else security_token_of(request.headers),
        first[b"Signature"],
        (expires,),
    )


def _require_not_expired(expires: bytes, now_ms: int) -> None:
    if not expires:
        raise denied("Invalid date (should be seconds since epoch): ", "0002-00000068")
    seconds = epoch_seconds(expires)
    if seconds is None:
        raise denied(
            f"Invalid date (should be seconds since epoch): {text_of(expires)}", "0002-00000070"
        )
    require_not_past(seconds, now_ms)


def require_not_past(seconds: int, now_ms: int) -> None:
    """Raise `AccessDenied` behind that second; within it a URL is valid (witnessed.md, W33)."""
    if now_ms // 1000 > seconds:
        raise expired(seconds * 1000, now_ms, "0002-00000069")


def epoch_seconds(text: bytes) -> int | None:
    """A plain decimal number of at most fifteen digits, or None."""
    return int(text) if text.isdigit() and len(text) <= 15 else None  # noqa: PLR2004 - see above


def claim_from_form(fields: Mapping[str, str]) -> FormClaim:
    """Read ``OSSAccessKeyId``, ``policy`` and ``Signature``; *fields* has lower-case names."""
    policy, provided = policy_and_signature(fields, "signature", "Signature")
    access_key_id = fields.get("ossaccesskeyid")
    if not access_key_id:
        raise missing_field("OSSAccessKeyId", "0002-00000706")
    token = fields.get("x-oss-security-token") or None
    return FormClaim(access_key_id, token, policy, provided, sign)


def policy_and_signature(fields: Mapping[str, str], name: str, shown: str) -> tuple[bytes, bytes]:
    """The Base64 policy of a post form and its signature, which is in the field *name*."""
    if "policy" not in fields:
        raise missing_field("policy", "0002-00000702")
    if name not in fields:
        raise missing_field(shown, "0002-00000703")
    if not fields[name]:
        raise missing_field(shown, "0002-00000704")
    return fields["policy"].encode("utf-8", "replace"), fields[name].encode("utf-8", "replace")


def missing_field(name: str, ec: str) -> InvalidArgument:
    """The refusal of a post form that is signed in part."""
    return invalid(name, "", f"Bucket POST must contain the field '{name}'.", ec)


# --- the string to sign -----------------------------------------------------


def sign(key: bytes, text: bytes) -> bytes:
    """HMAC-SHA1 in base64."""
    return b2a_base64(keyed_hash(key, text, "sha1"), newline=False)


def string_to_sign(
    request: SignedRequest, date: bytes, is_signed: Callable[[bytes], bool]
) -> bytes:
    """Verb, three headers, the ``x-oss-`` headers and the resource with its sub-resources."""
    headers = request.headers
    return b"%b\n%b\n%b\n%b\n%b%b" % (
        request.method,
        headers.get(b"content-md5", b""),
        headers.get(b"content-type", b""),
        date,
        _oss_headers(headers),
        _resource(request, is_signed),
    )


def _oss_headers(headers: Mapping[bytes, bytes]) -> bytes:
    names = [name for name in headers if name.startswith(b"x-oss-")]
    if not names:
        return b""
    if len(names) > 1:  # mostly it is the token, or none
        names.sort()
    return b"".join([b"%b:%b\n" % (name, headers[name].strip()) for name in names])


def _resource(request: SignedRequest, is_signed: Callable[[bytes], bool]) -> bytes:
    # The bucket is always there, whatever form of address the client used.
    bucket = request.bucket
    path = b"/%b%b%b" % (bucket, request.slash, request.key) if bucket else b"/"
    if is_signed is _signed_everywhere:
        # The same rule without a call for each name: this is the hot path.
        pairs = [
            pair
            for pair in request.query
            if pair[0] in SIGNED_KEYS or pair[0].startswith(b"x-oss-")
        ]
    else:
        pairs = [pair for pair in request.query if is_signed(pair[0])]
    if not pairs:
        return path
    pairs.sort(key=_by_name)
    return path + b"?" + b"&".join([b"%b=%b" % pair if pair[1] else pair[0] for pair in pairs])


def _signed_everywhere(name: bytes) -> bool:
    return name in SIGNED_KEYS or name.startswith(b"x-oss-")


def _signed_by_python_v2(name: bytes) -> bool:
    return name not in _SOMETIMES_UNSIGNED and _signed_everywhere(name)


def _signed_at_service(name: bytes) -> bool:
    return name in _SOMETIMES_SIGNED or _signed_everywhere(name)


# --- signing ----------------------------------------------------------------


def sign_headers(
    request: SignedRequest,
    *,
    access_key_id: str,
    secret: str,
    now_ms: int,
    security_token: str | None = None,
) -> dict[str, str]:
    """The headers that sign *request*, to be sent in addition to its own."""
    added = {"date": format_http(now_ms)}
    if security_token:
        added["x-oss-security-token"] = security_token
    covered = with_headers(request, added)
    date = covered.headers.get(b"x-oss-date") or covered.headers[b"date"]
    text = string_to_sign(covered, date, _signed_everywhere)
    added["authorization"] = f"OSS {access_key_id}:{sign(secret.encode(), text).decode()}"
    return added


def presign(
    request: SignedRequest,
    *,
    access_key_id: str,
    secret: str,
    expires: int,
    security_token: str | None = None,
) -> list[tuple[str, str]]:
    """The query parameters, not yet percent-encoded, that sign *request* until *expires*.

    *expires* is in seconds since 1970.  The final request must carry the headers of *request*.
    """
    added = [("OSSAccessKeyId", access_key_id), ("Expires", str(expires))]
    if security_token:
        added.append(("security-token", security_token))
    text = string_to_sign(with_query(request, added), b"%d" % expires, _signed_everywhere)
    return [*added, ("Signature", sign(secret.encode(), text).decode())]


def sign_policy(policy: str, secret: str) -> str:
    """The ``Signature`` field for *policy*, the Base64 text that goes into the form."""
    return sign(secret.encode(), policy.encode()).decode()


def with_headers(request: SignedRequest, added: Mapping[str, str]) -> SignedRequest:
    """*request* as the server will see it once *added* is sent with it."""
    headers = {**request.headers, **{n.encode(): v.encode() for n, v in added.items()}}
    return SignedRequest(request.method, request.bucket, request.key, request.query, headers)


def with_query(request: SignedRequest, added: Sequence[tuple[str, str]]) -> SignedRequest:
    """*request* as the server will see it once *added* is in its query."""
    query = [*request.query, *((n.encode(), v.encode()) for n, v in added)]
    return SignedRequest(request.method, request.bucket, request.key, query, request.headers)
