"""Which signature a request carries, if any.

The order of detection: the scheme of the ``Authorization`` header, then the query
parameter ``x-oss-signature-version``, then the parameters of a V1 URL; a request with
none of them is anonymous.  A post form is looked at with `read_form_claim` instead, and
a CORS preflight not at all; the caller knows which it has.
"""

from collections.abc import Collection, Mapping
from typing import Final

from ossia.errors import NotOffered
from ossia.protocol import signature_v1, signature_v2, signature_v4
from ossia.protocol.signed_request import Claim, SignedRequest, denied, first_values, invalid

VERSIONS: Final = ("v1", "v2", "v4")
"""What the setting ``--signatures`` may name."""

_FORM_FIELDS = (
    "policy",
    "signature",
    "ossaccesskeyid",
    "x-oss-signature-version",
    "x-oss-signature",
    "x-oss-credential",
    "x-oss-access-key-id",
)


def read_claim(
    request: SignedRequest, *, now_ms: int, region: str, versions: Collection[str] = VERSIONS
) -> Claim | None:
    """Who the caller says he is, or None for an anonymous request.

    Everything about the signature is checked here but the signature itself: form, clock,
    expiry and, where a version has one, the region (an empty *region* accepts any).  *versions*
    are those that this server accepts.
    """
    authorization = request.headers.get(b"authorization")
    if authorization:
        return _from_header(request, authorization, now_ms, region, versions)
    if not request.query:
        return None
    first = first_values(request.query)
    version = first.get(b"x-oss-signature-version")
    if version is not None:
        return _from_versioned_url(request, first, version, now_ms, region, versions)
    if not _S3_PARAMETERS.isdisjoint(first):
        raise _s3_refusal()
    if signature_v1.URL_PARAMETERS.isdisjoint(first):
        return None
    _require("v1", versions)
    return signature_v1.claim_from_url(request, first, now_ms=now_ms)


# witnessed.md, W37: the real service accepts them; whoever is refused must learn what for.
_S3_PARAMETERS = frozenset({b"AWSAccessKeyId", b"X-Amz-Algorithm", b"X-Amz-Signature"})
_S3_FIELDS = ("awsaccesskeyid", "x-amz-algorithm", "x-amz-signature")


def _s3_refusal() -> NotOffered:
    return NotOffered(
        "Signatures of Amazon S3 are not offered: sign for OSS, with version 4.",
        Operation="S3Signature",
    )


def _require(version: str, versions: Collection[str]) -> None:
    """Refuse what the operator has switched off (OSS documentation, EC 0002-00000034)."""
    if version not in versions:
        raise denied(
            f"This server does not accept signatures of version {version[1:]}; "
            f"it accepts {', '.join(versions)}.",
            "0002-00000034",
        )


def _from_header(
    request: SignedRequest,
    authorization: bytes,
    now_ms: int,
    region: str,
    versions: Collection[str],
) -> Claim:
    for name, value in request.query:
        if name in signature_v1.URL_PARAMETERS:
            raise invalid(
                name.decode(),
                value,
                "Only one auth mechanism is allowed: a header or a query string.",
                None,
            )
    if authorization.startswith(signature_v4.SCHEME):
        _require("v4", versions)
        return signature_v4.claim_from_header(request, authorization, now_ms=now_ms, region=region)
    if authorization.startswith(signature_v1.SCHEME):
        _require("v1", versions)
        return signature_v1.claim_from_header(request, authorization, now_ms=now_ms)
    if authorization.startswith(signature_v2.SCHEME):
        _require("v2", versions)
        return signature_v2.claim_from_header(request, authorization, now_ms=now_ms)
    if authorization.startswith((b"AWS ", b"AWS4-")):
        raise _s3_refusal()
    raise invalid(
        "Authorization", authorization, "Authorization header is invalid.", "0002-00000062"
    )


def _from_versioned_url(
    request: SignedRequest,
    first: Mapping[bytes, bytes],
    version: bytes,
    now_ms: int,
    region: str,
    versions: Collection[str],
) -> Claim:
    if version == signature_v4.ALGORITHM:
        _require("v4", versions)
        return signature_v4.claim_from_url(request, first, now_ms=now_ms, region=region)
    if version == signature_v2.VERSION:
        _require("v2", versions)
        return signature_v2.claim_from_url(request, first, now_ms=now_ms)
    raise invalid(
        "x-oss-signature-version", version, "The signature version is invalid.", "0002-00000066"
    )


def read_form_claim(
    fields: Mapping[str, str],
    *,
    now_ms: int,
    region: str,
    versions: Collection[str] = VERSIONS,
) -> Claim | None:
    """Who the sender of a post form says he is, or None without any field of a signature.

    *fields* has lower-case names; *versions* as for `read_claim`.  A V4 form may carry
    ``OSSAccessKeyId`` too, as an official Java example does; it is ignored.
    """
    if any(name in fields for name in _S3_FIELDS):
        raise _s3_refusal()
    if not any(name in fields for name in _FORM_FIELDS):
        return None
    version = fields.get("x-oss-signature-version")
    if version is None:
        _require("v1", versions)
        return signature_v1.claim_from_form(fields)
    if version == signature_v4.ALGORITHM.decode():
        _require("v4", versions)
        return signature_v4.claim_from_form(fields, now_ms=now_ms, region=region)
    if version == signature_v2.VERSION.decode():
        _require("v2", versions)
        return signature_v2.claim_from_form(fields)
    raise invalid(
        "x-oss-signature-version", version, "The signature version is invalid.", "0002-00000701"
    )
