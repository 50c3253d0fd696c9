"""Which signature a request carries, if any.

The order of detection: the scheme of the ``Authorization`` header, then the query
parameter ``x-oss-signature-version``, then the parameters of a V1 URL; a request with
none of them is anonymous.  A post form is looked at with `read_form_claim` instead, and
a CORS preflight not at all; the caller knows which it has.
"""

from collections.abc import Mapping

from ossia.protocol import signature_v1, signature_v2, signature_v4
from ossia.protocol.signed_request import Claim, SignedRequest, first_values, invalid

_FORM_FIELDS = (
    "policy",
    "signature",
    "ossaccesskeyid",
    "x-oss-signature-version",
    "x-oss-signature",
    "x-oss-credential",
    "x-oss-access-key-id",
)


def read_claim(request: SignedRequest, *, now_ms: int, region: str) -> Claim | None:
    """Who the caller says he is, or None for an anonymous request.

    Everything about the signature is checked here but the signature itself: form, clock,
    expiry and, where a version has one, the region (an empty *region* accepts any).
    """
    authorization = request.headers.get(b"authorization")
    if authorization:
        return _from_header(request, authorization, now_ms, region)
    if not request.query:
        return None
    first = first_values(request.query)
    version = first.get(b"x-oss-signature-version")
    if version is not None:
        return _from_versioned_url(request, first, version, now_ms, region)
    if signature_v1.URL_PARAMETERS.isdisjoint(first):
        return None
    return signature_v1.claim_from_url(request, first, now_ms=now_ms)


def _from_header(request: SignedRequest, authorization: bytes, now_ms: int, region: str) -> Claim:
    for name, value in request.query:
        if name in signature_v1.URL_PARAMETERS:
            raise invalid(
                name.decode(),
                value,
                "Only one auth mechanism is allowed: a header or a query string.",
                None,
            )
    if authorization.startswith(signature_v4.SCHEME):
        return signature_v4.claim_from_header(request, authorization, now_ms=now_ms, region=region)
    if authorization.startswith(signature_v1.SCHEME):
        return signature_v1.claim_from_header(request, authorization, now_ms=now_ms)
    if authorization.startswith(signature_v2.SCHEME):
        return signature_v2.claim_from_header(request, authorization, now_ms=now_ms)
    raise invalid(
        "Authorization", authorization, "Authorization header is invalid.", "0002-00000062"
    )


def _from_versioned_url(
    request: SignedRequest,
    first: Mapping[bytes, bytes],
    version: bytes,
    now_ms: int,
    region: str,
) -> Claim:
    if version == signature_v4.ALGORITHM:
        return signature_v4.claim_from_url(request, first, now_ms=now_ms, region=region)
    if version == signature_v2.VERSION:
        return signature_v2.claim_from_url(request, first, now_ms=now_ms)
    raise invalid(
        "x-oss-signature-version", version, "The signature version is invalid.", "0002-00000066"
    )


def read_form_claim(fields: Mapping[str, str], *, now_ms: int, region: str) -> Claim | None:
    """Who the sender of a post form says he is, or None without any field of a signature.

    *fields* has lower-case names.  A V4 form may carry ``OSSAccessKeyId`` too, as an official
    Java example does; it is ignored.
    """
    if not any(name in fields for name in _FORM_FIELDS):
        return None
    version = fields.get("x-oss-signature-version")
    if version is None:
        return signature_v1.claim_from_form(fields)
    if version == signature_v4.ALGORITHM.decode():
        return signature_v4.claim_from_form(fields, now_ms=now_ms, region=region)
    if version == signature_v2.VERSION.decode():
        return signature_v2.claim_from_form(fields)
    raise invalid(
        "x-oss-signature-version", version, "The signature version is invalid.", "0002-00000701"
    )
