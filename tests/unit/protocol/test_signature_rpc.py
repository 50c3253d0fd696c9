"""Signatures of STS and RAM requests: vectors, falsifications, the codes of refusals."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from ossia.errors import RpcError
from ossia.protocol.dates import parse_iso
from ossia.protocol.signature_rpc import (
    RpcClaim,
    RpcRequest,
    read_rpc_claim,
    sign_acs3,
    sign_parameters,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "signature"
FORM = "application/x-www-form-urlencoded; charset=UTF-8"
NOW = 1893456000000
"""2030-01-01T00:00:00Z."""

vectors = pytest.mark.parametrize(
    "vector",
    [pytest.param(v, id=v["id"]) for v in json.loads((VECTORS / "rpc.json").read_text())],
)


def _request(vector: dict[str, Any]) -> RpcRequest:
    form = [tuple(pair) for pair in vector["form"]]
    headers = {**vector["headers"], **({"content-type": FORM} if form else {})}
    return RpcRequest(
        vector["method"].encode(),
        [(name.encode(), value.encode()) for name, value in vector["query"]],
        {name.encode(): value.encode() for name, value in headers.items()},
        urlencode(form).encode(),
    )


def _claim(request: RpcRequest, now_ms: int = NOW) -> RpcClaim:
    claim = read_rpc_claim(request, now_ms=now_ms)
    assert claim is not None
    return claim


def _refusal(request: RpcRequest) -> RpcError:
    with pytest.raises(RpcError) as caught:
        _claim(request).check("testsecret")
    return caught.value


@vectors
def test_known_signature_is_accepted(vector: dict[str, Any]) -> None:
    claim = _claim(_request(vector), parse_iso(vector["now"]))
    claim.check(vector["secret"])
    assert claim.access_key_id == vector["access_key_id"]
    assert claim.nonce == vector["nonce"]
    assert claim.security_token is None


@vectors
def test_another_secret_is_told_what_was_signed(vector: dict[str, Any]) -> None:
    claim = _claim(_request(vector), parse_iso(vector["now"]))
    with pytest.raises(RpcError) as caught:
        claim.check("other")
    assert (caught.value.status, caught.value.code) == (400, "SignatureDoesNotMatch")
    known, _, text = caught.value.text.partition("server string to sign is:")
    assert known == "Specified signature is not matched with our calculation. "
    assert text == vector.get("string_to_sign", text)


@vectors
def test_a_changed_request_is_refused(vector: dict[str, Any]) -> None:
    for change in ("method", "added", "body"):
        request = _request(vector)
        if change == "method":
            request.method = b"PUT"
        elif change == "added":
            request.query = [*request.query, (b"DurationSeconds", b"43200")]
        elif request.headers.get(b"x-acs-action") or request.body:
            request.body += b"&Policy="
        else:
            continue
        with pytest.raises(RpcError) as caught:
            _claim(request, parse_iso(vector["now"])).check(vector["secret"])
        assert caught.value.code == "SignatureDoesNotMatch"


# --- RPC 1.0 ----------------------------------------------------------------

PARAMETERS = {"Action": "GetCallerIdentity", "Version": "2015-04-01"}
KEYS: dict[str, Any] = {"access_key_id": "testid", "secret": "testsecret"}


def _parameters(**changes: str | None) -> RpcRequest:
    given = sign_parameters("GET", PARAMETERS, now_ms=NOW, nonce="0.123", **KEYS)
    merged = {**given, **changes}
    return RpcRequest(
        b"GET", [(n.encode(), v.encode()) for n, v in merged.items() if v is not None], {}
    )


@pytest.mark.parametrize(
    "name",
    [
        "AccessKeyId",
        "Signature",
        "SignatureMethod",
        "SignatureVersion",
        "SignatureNonce",
        "Timestamp",
    ],
)
@pytest.mark.parametrize("value", [None, ""], ids=["absent", "empty"])
def test_mandatory_parameters(name: str, value: str | None) -> None:
    refused = _refusal(_parameters(**{name: value}))
    assert (refused.status, refused.code) == (400, f"Missing{name}")
    assert refused.text == f"{name} is mandatory for this action."


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"SignatureMethod": "HMAC-SHA512"}, "InvalidSignatureMethod"),
        ({"SignatureVersion": "2.0"}, "InvalidParameter"),
        ({"SignatureType": "BEARERTOKEN"}, "InvalidParameter"),
        ({"Timestamp": "yesterday"}, "InvalidTimeStamp.Format"),
        ({"Timestamp": "2030-01-01 00:00:00"}, "InvalidTimeStamp.Format"),
        ({"Timestamp": "2030-01-01T00:15:01Z"}, "InvalidTimeStamp.Expired"),
        ({"Timestamp": "2029-12-31T23:44:59Z"}, "InvalidTimeStamp.Expired"),
        ({"Timestamp": "2030-01-01T00:15:00Z"}, "SignatureDoesNotMatch"),
        ({"Timestamp": "2029-12-31T23:45:00.000Z"}, "SignatureDoesNotMatch"),
        ({"Signature": "\u20ac"}, "SignatureDoesNotMatch"),
    ],
)
def test_refused_parameters(changes: dict[str, str], code: str) -> None:
    refused = _refusal(_parameters(**changes))
    assert (refused.status, refused.code) == (400, code)


def test_an_empty_signature_type_is_accepted() -> None:
    given = sign_parameters(
        "GET", {**PARAMETERS, "SignatureType": ""}, now_ms=NOW, nonce="Nonce-1", **KEYS
    )
    pairs = [(n.encode(), v.encode()) for n, v in given.items()]
    _claim(RpcRequest(b"GET", pairs, {})).check("testsecret")


def test_a_token_is_read_and_signed() -> None:
    given = sign_parameters(
        "GET", PARAMETERS, now_ms=NOW, nonce="n", security_token="CAIS+/=", **KEYS
    )
    pairs = [(n.encode(), v.encode()) for n, v in given.items()]
    claim = _claim(RpcRequest(b"GET", pairs, {}))
    claim.check("testsecret")
    assert claim.security_token == "CAIS+/="


def test_a_raw_plus_in_a_signature_is_read_as_such() -> None:
    for number in range(30):
        given = sign_parameters("GET", PARAMETERS, now_ms=NOW, nonce=str(number), **KEYS)
        given["Signature"] = given["Signature"].replace("+", " ")
        pairs = [(n.encode(), v.encode()) for n, v in given.items()]
        _claim(RpcRequest(b"GET", pairs, {})).check("testsecret")


def test_nothing_signed_is_anonymous() -> None:
    assert read_rpc_claim(RpcRequest(b"GET", [(b"Action", b"A")], {}), now_ms=NOW) is None


def test_a_body_is_a_form_only_if_it_says_so() -> None:
    assert RpcRequest(b"POST", [], {b"content-type": b"text/plain"}, b"Action=A").parameters() == {}
    form = RpcRequest(b"POST", [(b"a", b"1")], {b"content-type": FORM.encode()}, b"a=2&b=x+y&c")
    assert form.parameters() == {"a": "1", "b": "x y", "c": ""}


# --- ACS3 -------------------------------------------------------------------


def _acs3(token: str | None = None, **changes: str | None) -> RpcRequest:
    bare = RpcRequest(b"POST", [(b"b", b""), (b"a", b"1")], {b"host": b"sts"}, b"body")
    given = sign_acs3(
        bare,
        action="GetCallerIdentity",
        version="2015-04-01",
        now_ms=NOW,
        nonce="n",
        security_token=token,
        **KEYS,
    )
    merged = {"host": "sts", **given, **{n.replace("_", "-"): v for n, v in changes.items()}}
    headers = {n.encode(): v.encode() for n, v in merged.items() if v is not None}
    return RpcRequest(bare.method, bare.query, headers, bare.body)


def test_acs3_token_is_read_and_signed() -> None:
    claim = _claim(_acs3("CAIS+/="))
    claim.check("testsecret")
    assert claim.security_token == "CAIS+/="
    assert _refusal(_acs3("CAIS+/=", x_acs_security_token="other")).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("name", ["action", "version", "date", "signature-nonce", "content-sha256"])
def test_acs3_headers_are_mandatory(name: str) -> None:
    refused = _refusal(_acs3(**{f"x-acs-{name}": None}))
    assert (refused.status, refused.code) == (400, "IncompleteSignature")
    assert f"x-acs-{name}" in refused.text


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"x-acs-date": "2030-01-01T00:15:01Z"}, "InvalidTimeStamp.Expired"),
        ({"x-acs-date": "20300101T000000Z"}, "InvalidTimeStamp.Format"),
        ({"x-acs-action": "AssumeRole"}, "SignatureDoesNotMatch"),
        ({"host": "other"}, "SignatureDoesNotMatch"),
        ({"x-acs-unsigned": "1"}, "IncompleteSignature"),
        ({"authorization": "ACS3-HMAC-SM3 Credential=testid"}, "InvalidSignatureMethod"),
        ({"authorization": "ACS3-HMAC-SHA256"}, "IncompleteSignature"),
        (
            {"authorization": "ACS3-HMAC-SHA256 Credential=testid,Signature=00"},
            "IncompleteSignature",
        ),
    ],
)
def test_acs3_refusals(changes: dict[str, str], code: str) -> None:
    refused = _refusal(_acs3(**changes))
    assert (refused.status, refused.code) == (400, code)


def test_forms_carry_any_text() -> None:
    """A session policy in Chinese, as a POST form carries it."""
    request = RpcRequest(
        b"POST",
        [],
        {b"content-type": b"application/x-www-form-urlencoded; charset=UTF-8"},
        b"Action=AssumeRole&Policy=%E4%B8%AD+%2B&Empty=",
    )
    assert request.parameters() == {"Action": "AssumeRole", "Policy": "中 +", "Empty": ""}
