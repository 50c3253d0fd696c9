"""Who is told what first: the caller, then the bucket, then what is not offered (W7, W8, W42)."""

import base64
import hashlib
import time
import uuid
from urllib.parse import quote_plus

import pytest
from asking import Ask

from ossia.api.operation import Declined, Operation, Scope
from ossia.api.oss import oss
from ossia.client.signing_client import Reply, SigningClient
from ossia.protocol import signature_v1, signature_v4
from ossia.protocol.signed_request import SignedRequest
from running import Server

DECLINED = sorted(oss.declined, key=lambda each: (each.name, each.method))


def asked(
    client: SigningClient,
    method: str,
    scope: Scope,
    selectors: frozenset[str],
    bucket: str,
    header: str | None = None,
) -> Reply:
    query = [
        (name, value) for name, _, value in (each.partition("=") for each in sorted(selectors))
    ]
    place = {Scope.SERVICE: ("", ""), Scope.BUCKET: (bucket, ""), Scope.OBJECT: (bucket, "k")}[
        scope
    ]
    headers = {} if header is None else {header: "x"}
    return client.request(method, *place, query=query, headers=headers)


@pytest.fixture(scope="session")
def stranger(server: Server) -> SigningClient:
    return SigningClient(server.endpoint, "LTAInobody", "nothing", server.region)


@pytest.mark.parametrize("declined", DECLINED, ids=lambda each: each.name)
def test_what_is_not_offered_is_told_to_callers_of_buckets_that_exist(
    client: SigningClient, stranger: SigningClient, bucket: str, declined: Declined
) -> None:
    """W8: authenticate, then the bucket, then 501."""
    method, scope, selectors = declined.method, declined.scope, declined.selectors
    header = declined.header
    reply = asked(client, method, scope, selectors, bucket, header)
    assert reply.status == 501
    assert method == "HEAD" or reply.element("Operation") == declined.name
    reply = asked(stranger, method, scope, selectors, bucket, header)
    assert (reply.status, reply.code in {"InvalidAccessKeyId", ""}) == (403, True)
    if scope is not Scope.SERVICE:
        absent = f"b-{uuid.uuid4().hex[:20]}"
        assert asked(client, method, scope, selectors, absent, header).status == 404


@pytest.mark.parametrize(
    ("method", "query"),
    [
        ("POST", [("acl", "")]),
        ("DELETE", [("bucketInfo", "")]),
        ("PUT", [("acl", ""), ("cors", "")]),
    ],
    ids=["other-method", "no-such-method", "two-selectors"],
)
def test_what_is_no_operation_is_told_after_the_caller_too(
    client: SigningClient,
    stranger: SigningClient,
    bucket: str,
    method: str,
    query: list[tuple[str, str]],
) -> None:
    assert client.request(method, bucket, query=query).code in {
        "MethodNotAllowed",
        "InvalidArgument",
    }
    assert stranger.request(method, bucket, query=query).code == "InvalidAccessKeyId"
    assert client.request(method, "b-absent", query=query).code == "NoSuchBucket"


OFFERED = sorted(
    (
        each
        for each in oss.operations
        if each.scope is not Scope.SERVICE and "/" not in "".join(each.selectors)
    ),
    key=lambda each: each.name,
)


@pytest.mark.parametrize("version", [1, 4])
@pytest.mark.parametrize("operation", OFFERED, ids=lambda each: each.name)
def test_an_unknown_key_at_an_absent_bucket(
    server: Server, operation: Operation, version: int
) -> None:
    """W7: 404 but for what creates a bucket."""
    client = SigningClient(server.endpoint, "LTAInobody", "x", server.region, version=version)
    absent = f"b-{uuid.uuid4().hex[:20]}"
    method, scope = operation.method, operation.scope
    reply = asked(client, method, scope, operation.selectors, absent)
    expected = 403 if operation.creates_bucket else 404
    assert reply.status == expected
    if method != "HEAD":
        assert reply.code == ("InvalidAccessKeyId" if expected == 403 else "NoSuchBucket")


def test_an_unknown_key_at_a_bucket_that_exists(stranger: SigningClient, bucket: str) -> None:
    assert stranger.request("GET", bucket).code == "InvalidAccessKeyId"
    assert stranger.request("GET", bucket, "k").code == "InvalidAccessKeyId"


def test_a_wrong_signature_at_an_absent_bucket_is_a_wrong_signature(server: Server) -> None:
    """errors.md, section 9: only who is nobody learns of the bucket instead."""
    wrong = SigningClient(server.endpoint, server.access_key_id, "wrong", server.region)
    assert wrong.request("GET", "b-absent").code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("version", [1, 4])
@pytest.mark.parametrize("path", ["/{}", "/{}/"])
@pytest.mark.parametrize("slash", [b"", b"/"])
def test_a_bucket_is_signed_with_or_without_its_slash(
    client: SigningClient, server: Server, bucket: str, version: int, path: str, slash: bytes
) -> None:
    """W42: the C SDK sends ``PUT /BUCKET`` at IP addresses and signs it so."""
    client.request("PUT", bucket, "k", body=b"x")
    target = path.format(bucket)
    for method, query in (("GET", []), ("GET", [(b"acl", b"")]), ("PUT", [])):
        bare = SignedRequest(method.encode(), bucket.encode(), b"", query, {}, slash)
        headers = _signed(bare, server, version)
        suffix = "?acl" if query else ""
        assert client.send(method, target + suffix, headers, b"").status == 200
    # It is a spelling of the bucket, and of nothing below it.
    bare = SignedRequest(b"GET", bucket.encode(), b"", [], {}, slash)
    stolen = client.send("GET", f"/{bucket}/k", _signed(bare, server, version), b"")
    assert stolen.code == "SignatureDoesNotMatch"


def _signed(request: SignedRequest, server: Server, version: int) -> dict[str, str]:
    now_ms = time.time_ns() // 1_000_000
    keys = {"access_key_id": server.access_key_id, "secret": server.access_key_secret}
    # `with_headers` keeps neither: the signature is over what is given here.
    if version == 1:
        added = {"x-oss-date": signature_v1.format_http(now_ms)}
        covered = SignedRequest(
            request.method, request.bucket, request.key, request.query,
            {n.encode(): v.encode() for n, v in added.items()}, request.slash,
        )  # fmt: skip
        text = signature_v1.string_to_sign(
            covered, added["x-oss-date"].encode(), lambda n: n in signature_v1.SIGNED_KEYS
        )
        signature = signature_v1.sign(keys["secret"].encode(), text).decode()
        return {**added, "authorization": f"OSS {keys['access_key_id']}:{signature}"}
    time_text = signature_v4.format_basic(now_ms)
    added = {"x-oss-date": time_text, "x-oss-content-sha256": "UNSIGNED-PAYLOAD"}
    credential = signature_v4.credential_for(
        keys["access_key_id"], now_ms=now_ms, region=server.region
    )
    covered = SignedRequest(
        request.method, request.bucket, request.key, request.query,
        {n.encode(): v.encode() for n, v in added.items()}, request.slash,
    )  # fmt: skip
    text = signature_v4.string_to_sign(
        signature_v4.canonical_request(covered, ()), time_text.encode(), credential
    )
    key = signature_v4.signing_key(keys["secret"], credential.day, credential.region)
    listed = signature_v4.credential_text(credential)
    signature = signature_v4.sign(key, text).decode()
    return {**added, "authorization": f"OSS4-HMAC-SHA256 Credential={listed},Signature={signature}"}


@pytest.mark.parametrize("extra", [b"", b"\0\0\0\0", b"12345678"])
def test_of_a_long_content_md5_the_first_16_bytes_count(ask: Ask, extra: bytes) -> None:
    """W44: the C SDK encodes 20 bytes."""
    digest = base64.b64encode(hashlib.md5(b"hello").digest() + extra).decode()
    assert ask("PUT", "k", body=b"hello", headers={"Content-MD5": digest}).status == 200
    refused = ask("PUT", "k", body=b"other", headers={"Content-MD5": digest})
    assert refused.code == "InvalidDigest"
    short = base64.b64encode(hashlib.md5(b"hello").digest()[:15]).decode()
    assert ask("PUT", "k", body=b"hello", headers={"Content-MD5": short}).code == "InvalidDigest"


@pytest.mark.parametrize("key", ["a b", "a+b", "dir/a  b+c", "+"])
def test_a_plus_in_the_path_is_a_space(client: SigningClient, bucket: str, key: str) -> None:
    """W1: the Ruby SDK writes keys as forms are written, and signs the key that it means."""
    for version in (1, 4):
        signer = SigningClient(
            client.endpoint, client.access_key_id, client.secret, client.region, version
        )
        headers = signer._signature("PUT", bucket, key, (), {}, None)
        target = f"/{bucket}/{quote_plus(key, safe='/')}"
        assert client.send("PUT", target, headers, key.encode()).status == 200
        assert client.request("GET", bucket, key).body == key.encode()
