"""Signatures of STS and RAM requests: RPC version 1.0 and ACS3-HMAC-SHA256.

RPC puts everything into parameters, of the query and of a form body alike, and signs them
with HMAC-SHA1; ACS3 puts what belongs to the protocol into ``x-acs-`` headers and signs a
canonical request with HMAC-SHA256, without a derived key.  Source: Alibaba Cloud SDK
documentation, "RPC signature (version 1.0)" and "V3 request syntax and signature method".

Everything but the signature itself is checked while reading.  Whether a nonce was seen
before is not: that needs memory, which `domain.identity.sts` has.
"""

import hmac
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from ossia.errors import InvalidArgument, RpcError
from ossia.protocol.address import parse_query
from ossia.protocol.dates import format_iso_seconds, parse_iso
from ossia.protocol.signature_v4 import percent_encode
from ossia.protocol.signed_request import MAX_SKEW_MS, text_of

ALGORITHM = b"ACS3-HMAC-SHA256"

_FORM = b"application/x-www-form-urlencoded"
_MANDATORY = ("SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp")
_PROTOCOL_HEADERS = (
    b"x-acs-action",
    b"x-acs-version",
    b"x-acs-date",
    b"x-acs-signature-nonce",
    b"x-acs-content-sha256",
)


@dataclass(slots=True)
class RpcRequest:
    """A request to ``/`` as the two signatures see it."""

    method: bytes
    query: Sequence[tuple[bytes, bytes]] = field(repr=False)
    """Pairs in order of arrival, percent-decoded once."""
    headers: Mapping[bytes, bytes] = field(repr=False)
    """Names in lower case, duplicates joined with a comma."""
    body: bytes = field(default=b"", repr=False)

    _pairs: Sequence[tuple[bytes, bytes]] | None = field(default=None, init=False, repr=False)

    def pairs(self) -> Sequence[tuple[bytes, bytes]]:
        """Those of the query and of a form body; no other body has any.  Raises `RpcError`."""
        if self._pairs is None:
            self._pairs = [*self.query, *self._form()]
        return self._pairs

    def _form(self) -> list[tuple[bytes, bytes]]:
        media_type = self.headers.get(b"content-type", b"").partition(b";")[0]
        if media_type.strip().lower() != _FORM:
            return []
        try:
            return parse_query(self.body)
        except InvalidArgument as error:
            raise RpcError(400, "InvalidParameter", error.text) from error

    def parameters(self) -> dict[str, str]:
        """Parameters of query and form by name; of a repeated one the first counts."""
        found: dict[str, str] = {}
        for name, value in self.pairs():
            found.setdefault(text_of(name), text_of(value))
        return found


class RpcClaim(Protocol):
    """What the caller of STS or RAM says who he is; `check` proves it or refuses."""

    @property
    def access_key_id(self) -> str:
        """Whose secret to look up."""

    @property
    def security_token(self) -> str | None:
        """The token that goes with a temporary key."""

    @property
    def nonce(self) -> str:
        """What the caller promises to use once."""

    def check(self, secret: str) -> None:
        """Raise `RpcError` ``SignatureDoesNotMatch`` unless *secret* made the signature."""


@dataclass(slots=True)
class _ParameterClaim:
    """A claim of RPC 1.0."""

    access_key_id: str
    security_token: str | None = field(repr=False)
    nonce: str
    provided: bytes = field(repr=False)
    method: bytes
    pairs: Sequence[tuple[bytes, bytes]] = field(repr=False)

    def check(self, secret: str) -> None:
        # Made only now: who has no key here must not make us encode what he sent.
        text = _rpc_string_to_sign(self.method, self.pairs)
        if not hmac.compare_digest(_rpc_signature(secret, text), self.provided):
            raise _mismatch(text)


@dataclass(slots=True)
class _HeaderClaim:
    """A claim of ACS3."""

    access_key_id: str
    security_token: str | None = field(repr=False)
    nonce: str
    provided: bytes = field(repr=False)
    request: RpcRequest
    signed: Sequence[bytes]

    def check(self, secret: str) -> None:
        text = _acs3_string_to_sign(_canonical_request(self.request, self.signed))
        if not hmac.compare_digest(_acs3_signature(secret, text), self.provided):
            raise _mismatch(text)


def read_rpc_claim(request: RpcRequest, *, now_ms: int) -> RpcClaim | None:
    """Who the caller says he is, or None for a request without any part of a signature."""
    authorization = request.headers.get(b"authorization", b"")
    if authorization.startswith(b"ACS3-"):
        return _claim_from_headers(request, authorization, now_ms)
    parameters = request.parameters()
    if "AccessKeyId" not in parameters and "Signature" not in parameters:
        return None
    return _claim_from_parameters(request, parameters, now_ms)


# --- RPC 1.0 ----------------------------------------------------------------


def _claim_from_parameters(
    request: RpcRequest, parameters: Mapping[str, str], now_ms: int
) -> RpcClaim:
    for name in ("AccessKeyId", "Signature", *_MANDATORY):
        if not parameters.get(name):
            raise missing(name)
    if parameters["SignatureMethod"].upper() != "HMAC-SHA1":
        raise RpcError(400, "InvalidSignatureMethod", "Specified signature method is not valid.")
    if parameters["SignatureVersion"] != "1.0":
        raise RpcError(
            400, "InvalidParameter", 'The specified parameter "SignatureVersion" is not valid.'
        )
    if parameters.get("SignatureType"):
        raise RpcError(
            400, "InvalidParameter", 'The specified parameter "SignatureType" is not valid.'
        )
    _require_recent(parameters["Timestamp"], now_ms)
    return _ParameterClaim(
        access_key_id=parameters["AccessKeyId"],
        security_token=parameters.get("SecurityToken") or None,
        nonce=parameters["SignatureNonce"],
        # A "+" that was not percent-encoded arrives as a space; base64 has none.
        provided=parameters["Signature"].replace(" ", "+").encode("utf-8", "replace"),
        method=request.method,
        pairs=request.pairs(),
    )


def missing(name: str) -> RpcError:
    """The refusal of a request that lacks a mandatory parameter."""
    return RpcError(400, f"Missing{name}", f"{name} is mandatory for this action.")


def _require_recent(text: str, now_ms: int) -> None:
    try:
        at_ms = parse_iso(text)
    except ValueError as exc:
        raise RpcError(
            400,
            "InvalidTimeStamp.Format",
            "Specified time stamp or date value is not well formatted.",
        ) from exc
    if abs(now_ms - at_ms) > MAX_SKEW_MS:
        raise RpcError(
            400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."
        )


def _rpc_string_to_sign(method: bytes, pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    kept = [pair for pair in pairs if pair[0] != b"Signature"]
    # Encoded once more: of what the first time leaves, only these three are not kept as they are.
    joined = _joined(kept).replace(b"%", b"%25").replace(b"=", b"%3D").replace(b"&", b"%26")
    return b"%b&%%2F&%b" % (method, joined)


def _joined(pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Pairs in order of their names, encoded; an empty value keeps its ``=``."""
    ordered = sorted(pairs)
    return b"&".join([b"%b=%b" % (percent_encode(n), percent_encode(v)) for n, v in ordered])


def _rpc_signature(secret: str, text: bytes) -> bytes:
    digest = hmac.digest(secret.encode() + b"&", text, "sha1")
    return b2a_base64(digest, newline=False)


_MAX_SHOWN = 16 * 1024


def _mismatch(text: bytes) -> RpcError:
    # The wording up to the colon is what aliyun-python-sdk-core looks for to explain a mistake.
    return RpcError(
        400,
        "SignatureDoesNotMatch",
        "Specified signature is not matched with our calculation. "
        f"server string to sign is:{text_of(text[:_MAX_SHOWN])}",
    )


# --- ACS3 -------------------------------------------------------------------


def _claim_from_headers(request: RpcRequest, authorization: bytes, now_ms: int) -> RpcClaim:
    algorithm, _, rest = authorization.partition(b" ")
    if algorithm != ALGORITHM:
        raise RpcError(400, "InvalidSignatureMethod", "Specified signature method is not valid.")
    found = dict(_pair(text) for text in rest.split(b","))
    signed = found.get(b"SignedHeaders", b"").lower().split(b";")
    if not found.get(b"Credential") or not found.get(b"Signature"):
        raise _incomplete("Authorization")
    headers = request.headers
    for name in _PROTOCOL_HEADERS:
        if not headers.get(name):
            raise _incomplete(name.decode())
    for name in headers:
        # Otherwise a listener could choose another action for a captured signature.
        if (name.startswith(b"x-acs-") or name == b"host") and name not in signed:
            raise _incomplete(text_of(name))
    _require_recent(text_of(headers[b"x-acs-date"]), now_ms)
    token = headers.get(b"x-acs-security-token")
    return _HeaderClaim(
        access_key_id=text_of(found[b"Credential"]),
        security_token=text_of(token) if token else None,
        nonce=text_of(headers[b"x-acs-signature-nonce"]),
        provided=found[b"Signature"],
        request=request,
        signed=signed,
    )


def _pair(text: bytes) -> tuple[bytes, bytes]:
    name, _, value = text.strip().partition(b"=")
    return name, value


def _incomplete(name: str) -> RpcError:
    return RpcError(
        400, "IncompleteSignature", f"The request signature does not cover or lacks {name}."
    )


def _canonical_request(request: RpcRequest, signed: Sequence[bytes]) -> bytes:
    names = sorted(set(signed))
    headers = request.headers
    lines = b"".join([b"%b:%b\n" % (name, headers.get(name, b"").strip()) for name in names])
    # The digest of the body that arrived, whatever x-acs-content-sha256 says.
    digest = sha256(request.body).hexdigest().encode()
    return b"%b\n/\n%b\n%b\n%b\n%b" % (
        request.method,
        _joined(request.query),
        lines,
        b";".join(names),
        digest,
    )


def _acs3_string_to_sign(canonical: bytes) -> bytes:
    return b"%b\n%b" % (ALGORITHM, sha256(canonical).hexdigest().encode())


def _acs3_signature(secret: str, text: bytes) -> bytes:
    return hmac.digest(secret.encode(), text, "sha256").hex().encode()


# --- signing ----------------------------------------------------------------


def sign_parameters(
    method: str,
    parameters: Mapping[str, str],
    *,
    access_key_id: str,
    secret: str,
    now_ms: int,
    nonce: str,
    security_token: str | None = None,
) -> dict[str, str]:
    """*parameters* with the common ones and the signature of RPC 1.0 added."""
    signed = {
        **parameters,
        "AccessKeyId": access_key_id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": nonce,
        "Timestamp": format_iso_seconds(now_ms),
    }
    if security_token:
        signed["SecurityToken"] = security_token
    pairs = [(name.encode(), value.encode()) for name, value in signed.items()]
    text = _rpc_string_to_sign(method.encode(), pairs)
    return {**signed, "Signature": _rpc_signature(secret, text).decode()}


def sign_acs3(
    request: RpcRequest,
    *,
    action: str,
    version: str,
    access_key_id: str,
    secret: str,
    now_ms: int,
    nonce: str,
    security_token: str | None = None,
) -> dict[str, str]:
    """The headers that sign *request*, which must have a ``host``, with ACS3."""
    added = {
        "x-acs-action": action,
        "x-acs-version": version,
        "x-acs-date": format_iso_seconds(now_ms),
        "x-acs-signature-nonce": nonce,
        "x-acs-content-sha256": sha256(request.body).hexdigest(),
    }
    if security_token:
        added["x-acs-security-token"] = security_token
    headers = {**request.headers, **{n.encode(): v.encode() for n, v in added.items()}}
    names = sorted(
        name for name in headers if name.startswith(b"x-acs-") or name in (b"host", b"content-type")
    )
    covered = RpcRequest(request.method, request.query, headers, request.body)
    text = _acs3_string_to_sign(_canonical_request(covered, names))
    added["authorization"] = (
        f"{ALGORITHM.decode()} Credential={access_key_id},"
        f"SignedHeaders={b';'.join(names).decode()},"
        f"Signature={_acs3_signature(secret, text).decode()}"
    )
    return added
