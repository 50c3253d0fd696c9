"""ID tokens of OpenID Connect: read the claims of one that an issuer's keys have signed.

1. The algorithm is one of `ALGORITHMS`, whatever the token says; all of them have a public key, so
   none can be verified with a key that is published (``HS256`` with the public key as secret).
2. The key comes from the issuer's documents, never from the token: a header that carries or points
   to one (``jwk``, ``jku``, ``x5c``, ``x5u``) is refused.
3. A token that names its key (``kid``) is verified with that key only; one that does not is
   accepted only where the issuer has a single key of the right kind.
4. Issuer and audience must be those that the account trusts; the token must be in force now.

Signatures are verified by joserfc.  Source: OpenID Connect Core 1.0, 3.1.3.7; RFC 8725.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from ossia.protocol.json_document import read_json

ALGORITHMS: Final = {"RS256": "RSA", "ES256": "EC"}
MAX_CHARACTERS: Final = 20_000
MIN_CHARACTERS: Final = 4
SKEW_S: Final = 60
"""How much the clocks of issuer and server may differ."""

_MIN_RSA_BITS: Final = 2048
_MOST_KEYS: Final = 100
_FORBIDDEN: Final = frozenset({"jwk", "jku", "x5c", "x5u", "crit", "b64", "enc", "zip"})
_PARTS: Final = 3
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", re.ASCII)
_PADDING: Final = 4

Key = RSAKey | ECKey


class TokenRefused(Exception):  # noqa: N818 - says it already
    """A token that does not hold; ``kind`` is the last part of the code of STS."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text


class Header(NamedTuple):
    """What a token says about its signature."""

    algorithm: str
    key_id: str


class PublicKey(NamedTuple):
    """A key of an issuer."""

    key_id: str
    kind: str
    key: Key


class IdToken(NamedTuple):
    """The claims that count; times are in seconds since 1970."""

    issuer: str
    subject: str
    audience: tuple[str, ...]
    issued_at: int
    expires_at: int


class _KeySet(msgspec.Struct):
    keys: list[Any]


def read_header(token: str) -> Header:
    """The header of *token*, if it is one that can be accepted.  Raises `TokenRefused`."""
    if not token:
        raise _invalid("The OIDCToken can not empty.")
    if not MIN_CHARACTERS <= len(token) <= MAX_CHARACTERS:
        raise _invalid(f"The OIDCToken must have at most {MAX_CHARACTERS} characters.")
    if token.count(".") != _PARTS - 1:
        raise _invalid("The number of Jwt field should be divided into 3 parts with '.' .")
    if not _COMPACT.fullmatch(token):
        raise _invalid("Cannot decode base64 encoded response(format invalided).")
    header = _object(_decoded(token.partition(".")[0]))
    algorithm, key_id = header.get("alg"), header.get("kid", "")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise _invalid(
            f"The algorithm {str(algorithm)[:20]} that be specified in Jwt header is unknown."
        )
    if not _FORBIDDEN.isdisjoint(header) or not isinstance(key_id, str):
        raise _invalid("The Jwt header has a parameter that is not accepted.")
    return Header(algorithm, key_id)


def read_keys(document: bytes) -> tuple[PublicKey, ...]:
    """The keys of a JWK set that can verify signatures.  Raises `ValueError` if it is none.

    Keys that are not understood, too weak or meant for something else are left out, as RFC 7517
    asks for.
    """
    try:
        keys = read_json(document, _KeySet).keys
    except ValueError as exc:
        raise ValueError(f"the key set is not one: {exc}") from exc
    found = (_read_key(each) for each in keys[:_MOST_KEYS] if isinstance(each, dict))
    return tuple(key for key in found if key is not None)


def _read_key(fields: dict[str, Any]) -> PublicKey | None:
    kind, key_id = fields.get("kty"), fields.get("kid", "")
    if fields.get("use", "sig") != "sig" or not isinstance(key_id, str):
        return None
    if fields.get("alg") is not None and ALGORITHMS.get(str(fields["alg"])) != kind:
        return None
    key: Key
    try:
        if kind == "RSA" and len(_decoded(fields["n"])) * 8 >= _MIN_RSA_BITS:
            key = RSAKey.import_key({name: fields[name] for name in ("kty", "n", "e")})
        elif kind == "EC" and fields.get("crv") == "P-256":
            key = ECKey.import_key({name: fields[name] for name in ("kty", "crv", "x", "y")})
        else:
            return None
    except (JoseError, TokenRefused, KeyError, ValueError, TypeError):
        return None
    return PublicKey(key_id, str(kind), key)


def find_key(keys: Sequence[PublicKey], header: Header) -> Key | None:
    """The key that must have signed a token with that header."""
    kind = ALGORITHMS[header.algorithm]
    fitting = [
        each.key
        for each in keys
        if each.kind == kind and (not header.key_id or each.key_id == header.key_id)
    ]
    return fitting[0] if len(fitting) == 1 else None


def verify(
    token: str,
    key: Key,
    *,
    issuer: str,
    client_ids: Collection[str],
    issuance_limit_s: int,
    now_s: int,
) -> IdToken:
    """The claims of *token*, whose header `read_header` has accepted.  Raises `TokenRefused`."""
    registry = jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
    try:
        payload = jws.deserialize_compact(token, key, registry=registry).payload
    except (JoseError, ValueError, TypeError) as exc:
        raise TokenRefused(
            "InvalidSignature", "OIDC token validate failed: invalid signature."
        ) from exc
    claims = _object(payload)
    read = _read_claims(claims)
    if read.issuer != issuer:
        raise TokenRefused("IssuerNotMatch", "Invalid issuer.")
    if set(read.audience).isdisjoint(client_ids):
        raise TokenRefused("AudienceNotMatch", "Invalid audience.")
    _require_in_force(claims, read, issuance_limit_s, now_s)
    return read


def _require_in_force(
    claims: Mapping[str, Any], read: IdToken, issuance_limit_s: int, now_s: int
) -> None:
    if now_s >= read.expires_at:
        raise TokenRefused("Expired", "This JsonWebToken is expired.")
    not_before = _seconds(claims, "nbf") if "nbf" in claims else read.issued_at
    if max(not_before, read.issued_at) > now_s + SKEW_S:
        raise _invalid("This JsonWebToken is not yet in force.")
    if now_s - read.issued_at > issuance_limit_s:
        raise TokenRefused("Expired", "This JsonWebToken was issued too long ago.")


def _read_claims(claims: Mapping[str, Any]) -> IdToken:
    audience = claims.get("aud")
    audience = [audience] if isinstance(audience, str) else audience
    issuer, subject = claims.get("iss"), claims.get("sub")
    if (
        not isinstance(issuer, str)
        or not isinstance(subject, str)
        or not subject
        or not isinstance(audience, list)
        or not all(isinstance(each, str) for each in audience)
    ):
        raise _invalid("The Jwt content is invalid that cannot be recognized.")
    return IdToken(
        issuer, subject, tuple(audience), _seconds(claims, "iat"), _seconds(claims, "exp")
    )


def _seconds(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    # Python's JSON reader would accept infinity and true as numbers; msgspec gives plain ones.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise _invalid("The Jwt content is invalid that cannot be recognized.")
    return int(value)


def _decoded(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % _PADDING))
    except ValueError as exc:
        raise _invalid("Cannot decode base64 encoded response(format invalided).") from exc


def _object(text: bytes) -> dict[str, Any]:
    try:
        return read_json(text, dict[str, Any])
    except ValueError as exc:
        raise _invalid("The Jwt content is invalid that cannot be recognized.") from exc


def _invalid(text: str) -> TokenRefused:
    return TokenRefused("Invalid", text)
