"""What the official SDKs sign, in process and without a network, is what we verify and sign."""

# mypy: disable-error-code="import-untyped"

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlsplit

import oss2
import pytest
from alibabacloud_oss_v2.credentials import StaticCredentialsProvider
from alibabacloud_oss_v2.signer import SignerV1, SignerV4
from alibabacloud_oss_v2.types import HttpRequest, SigningContext
from oss2.http import Request

from ossia.errors import SignatureDoesNotMatch
from ossia.protocol import signature_v1, signature_v2, signature_v4
from ossia.protocol.signature import read_claim
from ossia.protocol.signed_request import SignedRequest

REGION = "cn-hangzhou"
AK, SECRET, TOKEN = "AKexample", "secretExample", "CAIS+/=token"
HOST = "examplebucket.oss-cn-hangzhou.aliyuncs.com"
CASES = [
    pytest.param("GET", "", {}, {}, id="bucket"),
    pytest.param("GET", "", {"acl": ""}, {}, id="sub-resource"),
    pytest.param("GET", "", {"list-type": "2", "prefix": "a b/", "continuation-token": "x=="}, {}, id="listing"),
    pytest.param("PUT", "a/b.txt", {}, {"content-type": "text/plain", "x-oss-meta-a": "1"}, id="put"),
    pytest.param("PUT", "k", {"partNumber": "1", "uploadId": "0A+/="}, {"content-md5": "AA=="}, id="part"),
    pytest.param("GET", "dir/中文 +&=?%.txt", {"versionId": "null"}, {"range": "bytes=0-9"}, id="key"),
    pytest.param("PUT", "cb", {}, {"x-oss-callback": "e30=", "x-oss-callback-var": "e30="}, id="callback"),
]  # fmt: skip
cases = pytest.mark.parametrize(("method", "key", "query", "headers"), CASES)
tokens = pytest.mark.parametrize("token", ["", TOKEN], ids=["key", "token"])


def verify(method: str, key: str, url: str, headers: Any) -> str | None:
    """Check a request as it would arrive; returns the security token."""
    query = [
        (unquote_to_bytes(name), unquote_to_bytes(value))
        for name, _, value in (pair.partition("=") for pair in urlsplit(url).query.split("&"))
        if name
    ]
    arrived = SignedRequest(
        method.encode(),
        b"examplebucket",
        key.encode(),
        query,
        {str(n).lower().encode(): str(v).encode() for n, v in headers.items()},
    )
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    claim = read_claim(arrived, now_ms=now_ms, region=REGION)
    assert claim is not None
    assert claim.access_key_id == AK
    claim.check(SECRET)
    with pytest.raises(SignatureDoesNotMatch):
        claim.check(SECRET + "x")
    return claim.security_token


@pytest.mark.parametrize("version", [oss2.AUTH_VERSION_1, oss2.AUTH_VERSION_2, oss2.AUTH_VERSION_4])
@cases
@tokens
def test_oss2(
    version: str, token: str, method: str, key: str, query: dict[str, str], headers: dict[str, str]
) -> None:
    provider = oss2.credentials.StaticCredentialsProvider(AK, SECRET, token)
    auth = oss2.make_auth(AK, SECRET, version)
    auth.credentials_provider = provider
    url = f"http://{HOST}/{quote(key)}"
    sent = Request(
        method,
        url,
        params=dict(query),
        headers={**headers, "host": HOST},
        region=REGION,
        product="oss",
    )
    auth._sign_request(sent, "examplebucket", key)
    given = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in sent.params.items())
    assert verify(method, key, f"{url}?{given}", sent.headers) == (token or None)

    sent = Request(
        method,
        url,
        params=dict(query),
        headers={**headers, "host": HOST},
        region=REGION,
        product="oss",
    )
    signed = auth._sign_url(sent, "examplebucket", key, 60)
    assert verify(method, key, signed, {**headers, "host": HOST}) == (token or None)


@pytest.mark.parametrize("signer", [SignerV1(), SignerV4()], ids=["v1", "v4"])
@pytest.mark.parametrize("in_url", [False, True], ids=["header", "url"])
@cases
@tokens
def test_alibabacloud_oss_v2(
    signer: Any,
    in_url: bool,
    token: str,
    method: str,
    key: str,
    query: dict[str, str],
    headers: dict[str, str],
) -> None:
    given = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in query.items())
    request = HttpRequest(
        method, f"http://{HOST}/{quote(key)}?{given}", headers={**headers, "host": HOST}
    )
    context = SigningContext(
        bucket="examplebucket",
        key=key,
        request=request,
        product="oss",
        region=REGION,
        credentials=StaticCredentialsProvider(AK, SECRET, token or None).get_credentials(),
        additional_headers={"host", "range"} if isinstance(signer, SignerV4) else None,
    )
    context.auth_method_query = in_url
    context.expiration_time = datetime.now(UTC) + timedelta(minutes=1)
    signer.sign(context)
    assert verify(method, key, request.url, request.headers) == (token or None)


@pytest.mark.parametrize("module", [signature_v1, signature_v2, signature_v4])
@cases
def test_we_sign_urls_as_oss2_does(
    module: Any, method: str, key: str, query: dict[str, str], headers: dict[str, str]
) -> None:
    version = {
        signature_v1: oss2.AUTH_VERSION_1,
        signature_v2: oss2.AUTH_VERSION_2,
        signature_v4: oss2.AUTH_VERSION_4,
    }[module]
    url = f"http://{HOST}/{quote(key)}"
    sent = Request(
        method, url, params=dict(query), headers=dict(headers), region=REGION, product="oss"
    )
    theirs = dict(
        parse_qsl(
            urlsplit(
                oss2.make_auth(AK, SECRET, version)._sign_url(sent, "examplebucket", key, 60)
            ).query
        )
    )
    ours = SignedRequest(
        method.encode(),
        b"examplebucket",
        key.encode(),
        [(n.encode(), v.encode()) for n, v in query.items()],
        {n.encode(): v.encode() for n, v in headers.items()},
    )
    if module is signature_v4:
        at_ms = (
            int(datetime.strptime(theirs["x-oss-date"] + "+0000", "%Y%m%dT%H%M%SZ%z").timestamp())
            * 1000
        )
        added = module.presign(
            ours, access_key_id=AK, secret=SECRET, now_ms=at_ms, lifetime_s=60, region=REGION
        )
    else:
        expires = int(theirs.get("Expires") or theirs["x-oss-expires"])
        added = module.presign(ours, access_key_id=AK, secret=SECRET, expires=expires)
    assert dict(added).items() <= theirs.items()


# Ways to say that there is no type.  W53: the Java SDK sends it empty and signs none; the C# SDK
# signs the empty one that it sends, the C++ SDK one that it does not send.
NO_TYPE: tuple[dict[str, str], ...] = ({}, {"content-type": ""})


@pytest.mark.parametrize("sent", NO_TYPE, ids=["absent", "empty"])
@pytest.mark.parametrize("is_line", [False, True], ids=["no-line", "empty-line"])
def test_v4_takes_an_empty_type_for_none(sent: dict[str, str], is_line: bool) -> None:
    signed = {"content-type": " "} if is_line else {}
    verify("PUT", "part", f"http://{HOST}/part", {**sent, **_signed_by_v4("part", signed)})


def test_v4_takes_a_type_for_no_empty_one() -> None:
    headers = {"content-type": "text/html", **_signed_by_v4("part", {"content-type": " "})}
    with pytest.raises(SignatureDoesNotMatch):
        verify("PUT", "part", f"http://{HOST}/part", headers)


def _signed_by_v4(key: str, headers: dict[str, str]) -> dict[str, str]:
    covered = {name.encode(): value.encode() for name, value in headers.items()}
    request = SignedRequest(b"PUT", b"examplebucket", key.encode(), [], covered)
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    return signature_v4.sign_headers(
        request, access_key_id=AK, secret=SECRET, now_ms=now_ms, region=REGION
    )
