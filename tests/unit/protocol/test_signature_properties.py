"""Whatever is signed verifies, whatever is changed does not, and nothing escapes as a crash."""

from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ossia.errors import OssError, RpcError, SignatureDoesNotMatch
from ossia.protocol import signature_v1, signature_v2, signature_v4
from ossia.protocol.signature import read_claim, read_form_claim
from ossia.protocol.signature_rpc import (
    RpcRequest,
    read_rpc_claim,
    sign_acs3,
    sign_parameters,
)
from ossia.protocol.signed_request import SignedRequest

NOW = 1735787045000
REGION = "cn-hangzhou"
VERSIONS = (signature_v1, signature_v2, signature_v4)

names = st.sampled_from(
    [
        b"acl",
        b"uploads",
        b"prefix",
        b"uploadId",
        b"x-oss-traffic-limit",
        b"callback",
        b"a b",
        b"\xff",
    ]
)
values = st.binary(max_size=12)
pairs = st.lists(st.tuples(names, values), max_size=4, unique_by=lambda pair: pair[0])
# Values of headers arrive without surrounding space.
header_values = st.binary(max_size=12).map(bytes.strip)
headers = st.dictionaries(
    st.sampled_from(
        [b"content-type", b"content-md5", b"x-oss-meta-a", b"x-oss-callback", b"range"]
    ),
    header_values,
)
requests = st.builds(
    SignedRequest,
    method=st.sampled_from([b"GET", b"PUT", b"POST", b"DELETE", b"HEAD"]),
    bucket=st.sampled_from([b"bucket", b"b-2"]),
    key=st.binary(max_size=20),
    query=pairs,
    headers=headers,
)
secrets = st.text(min_size=1, max_size=30).filter(lambda text: text.isascii())
versions = st.sampled_from(VERSIONS)


def signed(
    module: ModuleType, request: SignedRequest, secret: str, in_url: bool, token: str | None = None
) -> SignedRequest:
    given: dict[str, Any] = {"access_key_id": "AK", "secret": secret, "security_token": token}
    if module is signature_v4:
        given["region"] = REGION
    if not in_url:
        return signature_v1.with_headers(request, module.sign_headers(request, now_ms=NOW, **given))
    times = (
        {"now_ms": NOW, "lifetime_s": 60} if module is signature_v4 else {"expires": NOW // 1000}
    )
    return signature_v1.with_query(request, module.presign(request, **given, **times))


def check(request: SignedRequest, secret: str) -> str | None:
    claim = read_claim(request, now_ms=NOW, region=REGION)
    assert claim is not None
    claim.check(secret)
    return claim.security_token


@given(versions, requests, secrets, st.booleans(), st.sampled_from([None, "CAIS+/=x"]))
def test_what_is_signed_verifies(
    module: ModuleType, request: SignedRequest, secret: str, in_url: bool, token: str | None
) -> None:
    assert check(signed(module, request, secret, in_url, token), secret) == token


@given(versions, requests, st.booleans(), st.data())
def test_any_single_change_is_refused(
    module: ModuleType, request: SignedRequest, in_url: bool, data: st.DataObject
) -> None:
    sealed = signed(module, request, "secret", in_url)
    what = data.draw(st.sampled_from(["method", "key", "bucket", "header", "query", "added"]))
    if what in {"method", "key", "bucket"}:
        setattr(sealed, what, getattr(sealed, what) + b"x")
    elif what == "header":
        names = [n for n in request.headers if n != b"range"]
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        sealed.headers = {**sealed.headers, name: sealed.headers[name] + b"x"}
    elif what == "query":
        covered = [
            pair
            for pair in request.query
            if module is not signature_v1 or pair[0] in signature_v1.SIGNED_KEYS
        ]
        if not covered:
            return
        pair = data.draw(st.sampled_from(covered))
        sealed.query = [(n, v + b"x") if (n, v) == pair else (n, v) for n, v in sealed.query]
    else:
        sealed.query = [*sealed.query, (b"partNumber", b"1")]
    with pytest.raises(SignatureDoesNotMatch):
        check(sealed, "secret")


@given(st.text(max_size=40), secrets)
def test_signed_policies_verify(policy: str, secret: str) -> None:
    policy = policy.encode("utf-8", "replace").decode() or "e30="
    credential = signature_v4.credential_for("AK", now_ms=NOW, region=REGION)
    forms = [
        {"ossaccesskeyid": "AK", "signature": signature_v1.sign_policy(policy, secret)},
        {
            "x-oss-signature-version": "OSS2",
            "x-oss-access-key-id": "AK",
            "x-oss-signature": signature_v2.sign_policy(policy, secret),
        },
        {
            "x-oss-signature-version": "OSS4-HMAC-SHA256",
            "x-oss-credential": signature_v4.credential_text(credential),
            "x-oss-date": "20250102T030405Z",
            "x-oss-signature": signature_v4.sign_policy(policy, secret, credential),
        },
    ]
    for fields in forms:
        claim = read_form_claim({**fields, "policy": policy}, now_ms=NOW, region=REGION)
        assert claim is not None
        claim.check(secret)
        other = read_form_claim({**fields, "policy": policy + "x"}, now_ms=NOW, region=REGION)
        assert other is not None
        with pytest.raises(SignatureDoesNotMatch):
            other.check(secret)


@given(
    st.sampled_from(["GET", "POST"]),
    st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=20), max_size=4),
    secrets,
    st.booleans(),
)
def test_signed_rpc_requests_verify(
    method: str, parameters: dict[str, str], secret: str, acs3: bool
) -> None:
    query = [
        (n.encode("utf-8", "replace"), v.encode("utf-8", "replace")) for n, v in parameters.items()
    ]
    plain = RpcRequest(method.encode(), query, {b"host": b"sts.example.com"}, b"")
    if acs3:
        added = sign_acs3(
            plain, action="A", version="1", access_key_id="AK", secret=secret, now_ms=NOW, nonce="n"
        )
        headers = {**plain.headers, **{n.encode(): v.encode() for n, v in added.items()}}
        request = RpcRequest(plain.method, query, headers)
    else:
        texts = {n.decode(): v.decode() for n, v in query}
        everything = sign_parameters(
            method, texts, access_key_id="AK", secret=secret, now_ms=NOW, nonce="n"
        )
        query = [(n.encode(), v.encode()) for n, v in everything.items()]
        request = RpcRequest(plain.method, query, {})
    claim = read_rpc_claim(request, now_ms=NOW)
    assert claim is not None
    claim.check(secret)
    request = RpcRequest(request.method, [*request.query, (b"Added", b"1")], request.headers)
    changed = read_rpc_claim(request, now_ms=NOW)
    assert changed is not None
    with pytest.raises(RpcError, match="server string to sign"):
        changed.check(secret)


# --- arbitrary bytes --------------------------------------------------------

schemes = st.sampled_from([b"OSS ", b"OSS2 ", b"OSS4-HMAC-SHA256 ", b"ACS3-HMAC-SHA256 ", b""])
junk = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"Credential=AK/20250102/cn-hangzhou/oss/aliyun_v4_request,Signature=00",
            b"Credential=\xff/00000000//,Signature=,AdditionalHeaders=;",
            b"AccessKeyId:AK,Signature:AA==,AdditionalHeaders:\xff",
            b"20250102T030405Z",
            b"00000000T000000Z",
            b"Thu, 02 Jan 2025 03:04:05 GMT",
            b"1735790645",
            b"OSS2",
            b"OSS4-HMAC-SHA256",
        ]
    ),
)
auth_headers = st.fixed_dictionaries(
    {},
    optional={
        b"authorization": st.tuples(schemes, junk).map(b"".join),
        b"date": junk,
        b"x-oss-date": junk,
        b"x-oss-security-token": junk,
        b"host": junk,
        b"x-acs-action": junk,
        b"x-acs-version": junk,
        b"x-acs-date": junk,
        b"x-acs-signature-nonce": junk,
        b"x-acs-content-sha256": junk,
        b"content-type": st.just(b"application/x-www-form-urlencoded"),
    },
)
auth_names = [
    b"OSSAccessKeyId", b"Expires", b"Signature", b"security-token", b"x-oss-signature-version",
    b"x-oss-credential", b"x-oss-date", b"x-oss-expires", b"x-oss-signature",
    b"x-oss-access-key-id", b"x-oss-additional-headers", b"AccessKeyId", b"SignatureMethod",
    b"SignatureVersion", b"SignatureNonce", b"Timestamp",
]  # fmt: skip
auth_pairs = st.lists(st.tuples(st.sampled_from(auth_names), junk), max_size=8)


@settings(max_examples=400)
@given(auth_headers, auth_pairs, st.binary(max_size=10))
def test_reading_arbitrary_bytes_never_crashes(
    headers: dict[bytes, bytes], query: list[tuple[bytes, bytes]], key: bytes
) -> None:
    with suppress(OssError):
        claim = read_claim(SignedRequest(key, key, key, query, headers), now_ms=NOW, region=REGION)
        if claim is not None:
            claim.check("secret")
    with suppress(RpcError):
        rpc = read_rpc_claim(RpcRequest(b"POST", query, headers, key), now_ms=NOW)
        if rpc is not None:
            rpc.check("secret")


@given(
    st.dictionaries(
        st.sampled_from([name.decode().lower() for name in auth_names] + ["policy"]),
        st.one_of(st.text(max_size=20), junk.map(lambda text: text.decode("utf-8", "replace"))),
    )
)
def test_reading_arbitrary_forms_never_crashes(fields: dict[str, str]) -> None:
    with suppress(OssError):
        claim = read_form_claim(fields, now_ms=NOW, region=REGION)
        if claim is not None:
            claim.check("secret")
