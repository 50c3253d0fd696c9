"""What is wrong with a signature is told by the right code and error-cause number."""

from typing import Any

import pytest

from ossia.errors import OssError
from ossia.protocol import signature_v1, signature_v2, signature_v4
from ossia.protocol.dates import format_http
from ossia.protocol.signature import read_claim, read_form_claim
from ossia.protocol.signed_request import SignedRequest

NOW = 1735787045000
"""2025-01-02T03:04:05Z."""
REGION = "cn-hangzhou"
DATE = b"Thu, 02 Jan 2025 03:04:05 GMT"
CREDENTIAL = b"AK/20250102/cn-hangzhou/oss/aliyun_v4_request"
V1_HEADERS = {b"authorization": b"OSS AK:AAAA=", b"date": DATE}
V1_QUERY = {b"OSSAccessKeyId": b"AK", b"Expires": b"9999999999", b"Signature": b"x"}
V2_HEADERS = {b"authorization": b"OSS2 AccessKeyId:AK,Signature:AAAA=", b"date": DATE}
V4_HEADERS = {
    b"x-oss-date": b"20250102T030405Z",
    b"authorization": b"OSS4-HMAC-SHA256 Credential=%b,Signature=00" % CREDENTIAL,
}
V4_QUERY = {
    b"x-oss-signature-version": b"OSS4-HMAC-SHA256",
    b"x-oss-credential": CREDENTIAL,
    b"x-oss-date": b"20250102T030405Z",
    b"x-oss-expires": b"3600",
    b"x-oss-signature": b"00",
}
V2_QUERY = {
    b"x-oss-signature-version": b"OSS2",
    b"x-oss-expires": b"1735790645",
    b"x-oss-access-key-id": b"AK",
    b"x-oss-signature": b"AA==",
}
V4_FORM = {
    "policy": "e30=",
    "x-oss-signature-version": "OSS4-HMAC-SHA256",
    "x-oss-credential": CREDENTIAL.decode(),
    "x-oss-date": "20250102T030405Z",
    "x-oss-signature": "00",
}


def request(
    headers: dict[bytes, bytes] | None = None, query: dict[bytes, bytes] | None = None
) -> SignedRequest:
    return SignedRequest(b"GET", b"b", b"k", list((query or {}).items()), headers or {})


def refusal(request: SignedRequest, region: str = REGION) -> OssError:
    with pytest.raises(OssError) as caught:
        read_claim(request, now_ms=NOW, region=region)
    return caught.value


def without(table: dict[Any, Any], name: Any) -> dict[Any, Any]:
    return {key: value for key, value in table.items() if key != name}


@pytest.mark.parametrize(
    ("authorization", "ec"),
    [
        pytest.param(b"OSS AK", "0002-00000062", id="v1-without-colon"),
        pytest.param(b"OSS :AA==", "0002-00000062", id="v1-without-key-id"),
        pytest.param(b"OSS AK:", "0002-00000062", id="v1-without-signature"),
        pytest.param(b"Basic QTpC", "0002-00000062", id="unknown-scheme"),
        pytest.param(b"OSS4-HMAC-SHA256", "0002-00000062", id="scheme-only"),
        pytest.param(b"OSS2 Key:AK,Signature:AA==", "0002-00000104", id="v2-unknown-key"),
        pytest.param(b"OSS2 AccessKeyId:AK", None, id="v2-without-signature"),
        pytest.param(b"OSS4-HMAC-SHA256 Signature=00", "0002-00000202", id="v4-one-pair"),
        pytest.param(b"OSS4-HMAC-SHA256 a=1,b=2,c=3,d=4", "0002-00000202", id="v4-four-pairs"),
        pytest.param(
            b"OSS4-HMAC-SHA256 Credential,Signature=00", "0002-00000203", id="v4-no-equals"
        ),
        pytest.param(
            b"OSS4-HMAC-SHA256 Credential=%b,AdditionalHeaders=host" % CREDENTIAL,
            "0002-00000202",
            id="v4-without-signature",
        ),
        pytest.param(
            b"OSS4-HMAC-SHA256 Credential=%b,AdditionalHeaders=,Signature=00" % CREDENTIAL,
            "0002-00000209",
            id="v4-additional-headers-empty",
        ),
        pytest.param(
            b"OSS4-HMAC-SHA256 Credential=%b,AdditionalHeaders=host;;range,Signature=00"
            % CREDENTIAL,
            "0002-00000210",
            id="v4-additional-header-without-name",
        ),
        pytest.param(b"OSS4-HMAC-SHA256 x=1,Signature=00", "0002-00000213", id="v4-no-credential"),
    ],
)
def test_malformed_authorization(authorization: bytes, ec: str | None) -> None:
    headers = {**V4_HEADERS, b"date": DATE, b"authorization": authorization}
    refused = refusal(request(headers))
    assert (refused.status, refused.code, refused.ec) == (400, "InvalidArgument", ec)
    assert "ArgumentName" in refused.details


@pytest.mark.parametrize(
    ("credential", "header", "query", "form"),
    [
        pytest.param(b"AK", "213", "224", "710", id="one-part"),
        pytest.param(b"AK/20250102/cn-hangzhou/oss/aws4_request", "213", "224", "710", id="tail"),
        pytest.param(
            b"A/K/20250102/cn-hangzhou/oss/aliyun_v4_request", "213", "224", "710", id="six"
        ),
        pytest.param(
            b"/20250102/cn-hangzhou/oss/aliyun_v4_request", "213", "222", "708", id="no-id"
        ),
        pytest.param(
            b"A K/20250102/cn-hangzhou/oss/aliyun_v4_request", "213", "222", "708", id="bad-id"
        ),
        pytest.param(
            b"AK/2025010/cn-hangzhou/oss/aliyun_v4_request", "212", "223", "709", id="short-day"
        ),
        pytest.param(
            b"AK/20251301/cn-hangzhou/oss/aliyun_v4_request", "212", "223", "709", id="no-such-day"
        ),
        pytest.param(
            b"AK/20250101/cn-hangzhou/oss/aliyun_v4_request", "212", "223", "709", id="another-day"
        ),
        pytest.param(
            b"AK/20250102/cn-beijing/oss/aliyun_v4_request", "226", "226", "226", id="region"
        ),
        pytest.param(
            b"AK/20250102/oss-cn-hangzhou/oss/aliyun_v4_request",
            "226",
            "226",
            "226",
            id="oss-region",
        ),
        pytest.param(
            b"AK/20250102/cn-hangzhou/s3/aliyun_v4_request", "227", "227", "227", id="product"
        ),
    ],
)
def test_v4_credential(credential: bytes, header: str, query: str, form: str) -> None:
    headers = {
        **V4_HEADERS,
        b"authorization": b"OSS4-HMAC-SHA256 Credential=%b,Signature=00" % credential,
    }
    in_header = refusal(request(headers))
    in_query = refusal(request(query={**V4_QUERY, b"x-oss-credential": credential}))
    fields = {**V4_FORM, "x-oss-credential": credential.decode()}
    with pytest.raises(OssError) as caught:
        read_form_claim(fields, now_ms=NOW, region=REGION)
    for refused, cause in ((in_header, header), (in_query, query), (caught.value, form)):
        assert (refused.code, refused.ec) == ("InvalidArgument", f"0002-00000{cause}")
    if header == "226":
        assert in_header.text == "Invalid signing region in Authorization header."


def test_an_empty_region_accepts_any() -> None:
    assert read_claim(request(V4_HEADERS), now_ms=NOW, region="") is not None


@pytest.mark.parametrize("scheme", [b"OSS AK:AA==", b"OSS2 AccessKeyId:AK,Signature:AA==", b"v4"])
def test_a_date_is_needed(scheme: bytes) -> None:
    if scheme == b"v4":
        scheme = V4_HEADERS[b"authorization"]
    for dates in ({}, {b"date": b"yesterday"}, {b"x-oss-date": b"2025-01-02"}, {b"date": b"\xff"}):
        refused = refusal(request({b"authorization": scheme, **dates}))
        assert (refused.status, refused.code, refused.ec) == (403, "AccessDenied", "0002-00000503")


@pytest.mark.parametrize("scheme", [b"OSS AK:AA==", b"OSS2 AccessKeyId:AK,Signature:AA==", b"v4"])
@pytest.mark.parametrize("skew", [-900_000, 900_000])
def test_clocks_may_differ_by_fifteen_minutes(scheme: bytes, skew: int) -> None:
    if scheme == b"v4":
        scheme = V4_HEADERS[b"authorization"]
    headers = {b"authorization": scheme, b"date": format_http(NOW + skew).encode()}
    assert read_claim(request(headers), now_ms=NOW, region=REGION) is not None
    headers[b"date"] = format_http(NOW + skew * 901 // 900).encode()
    refused = refusal(request(headers))
    assert (refused.status, refused.code, refused.ec) == (
        403,
        "RequestTimeTooSkewed",
        "0002-00000504",
    )
    assert refused.details["MaxAllowedSkewMilliseconds"] == 900_000
    assert refused.details["ServerTime"] == "2025-01-02T03:04:05.000Z"
    assert str(refused.details["RequestTime"]).endswith(".000Z")


@pytest.mark.parametrize(
    ("expires", "ec"),
    [
        pytest.param(b"", "0002-00000068", id="empty"),
        pytest.param(b"soon", "0002-00000070", id="no-number"),
        pytest.param(b"-1", "0002-00000070", id="negative"),
        pytest.param(b"9" * 400, "0002-00000070", id="enormous"),
        pytest.param(b"1735787044", "0002-00000069", id="past"),
    ],
)
def test_v1_url_expiry(expires: bytes, ec: str) -> None:
    query = {b"OSSAccessKeyId": b"AK", b"Expires": expires, b"Signature": b"AA=="}
    refused = refusal(request(query=query))
    assert (refused.status, refused.code, refused.ec) == (403, "AccessDenied", ec)
    if ec == "0002-00000069":
        assert refused.text == "Request has expired."
        assert refused.details == {
            "Expires": "2025-01-02T03:04:04.000Z",
            "ServerTime": "2025-01-02T03:04:05.000Z",
        }


@pytest.mark.parametrize("lacking", [b"OSSAccessKeyId", b"Expires", b"Signature"])
def test_v1_url_needs_all_three(lacking: bytes) -> None:
    query = {b"OSSAccessKeyId": b"AK", b"Expires": b"1735790645", b"Signature": b"AA=="}
    refused = refusal(request(query=without(query, lacking)))
    assert (refused.code, refused.ec) == ("AccessDenied", None)
    assert refused.text.startswith("Query-string authentication requires")


@pytest.mark.parametrize(
    ("changes", "code", "ec"),
    [
        pytest.param({b"x-oss-signature-version": b"OSS3"}, "InvalidArgument", "66", id="version"),
        pytest.param({b"x-oss-credential": None}, "InvalidArgument", "217", id="credential"),
        pytest.param({b"x-oss-expires": None}, "InvalidArgument", "215", id="expires"),
        pytest.param({b"x-oss-expires": b"0"}, "InvalidArgument", "232", id="too-short"),
        pytest.param({b"x-oss-expires": b"604801"}, "InvalidArgument", "232", id="too-long"),
        pytest.param({b"x-oss-expires": b"1h"}, "InvalidArgument", "232", id="no-number"),
        pytest.param({b"x-oss-date": None}, "AccessDenied", "503", id="date"),
        pytest.param({b"x-oss-signature": None}, "InvalidArgument", None, id="signature"),
        pytest.param({b"x-oss-additional-headers": b""}, "InvalidArgument", "209", id="additional"),
        pytest.param(
            {b"x-oss-date": b"20250102T030305Z", b"x-oss-expires": b"59"},
            "AccessDenied",
            None,
            id="expired",
        ),
        pytest.param(
            {b"x-oss-date": b"20250102T031906Z"}, "RequestTimeTooSkewed", "504", id="ahead"
        ),
    ],
)
def test_v4_url(changes: dict[bytes, bytes | None], code: str, ec: str | None) -> None:
    merged = {**V4_QUERY, **changes}
    query = {name: value for name, value in merged.items() if value is not None}
    refused = refusal(request(query=query))
    assert (refused.code, refused.ec) == (code, ec and f"0002-00000{ec.zfill(3)}")


def test_v4_url_may_be_used_to_its_last_second() -> None:
    query = {**V4_QUERY, b"x-oss-date": b"20250102T030305Z", b"x-oss-expires": b"60"}
    assert read_claim(request(query=query), now_ms=NOW, region=REGION) is not None


@pytest.mark.parametrize(
    ("changes", "code", "ec"),
    [
        pytest.param({b"x-oss-expires": None}, "InvalidArgument", "113", id="no-expires"),
        pytest.param({b"x-oss-expires": b""}, "InvalidArgument", "114", id="empty-expires"),
        pytest.param({b"x-oss-expires": b"x"}, "AccessDenied", "070", id="no-number"),
        pytest.param({b"x-oss-expires": b"1735787044"}, "AccessDenied", "069", id="past"),
        pytest.param({b"x-oss-access-key-id": None}, "InvalidArgument", None, id="no-id"),
        pytest.param({b"x-oss-signature": None}, "InvalidArgument", None, id="no-signature"),
    ],
)
def test_v2_url(changes: dict[bytes, bytes | None], code: str, ec: str | None) -> None:
    merged = {**V2_QUERY, **changes}
    query = {name: value for name, value in merged.items() if value is not None}
    refused = refusal(request(query=query))
    assert (refused.code, refused.ec) == (code, ec and f"0002-00000{ec}")


@pytest.mark.parametrize(
    ("changes", "ec"),
    [
        pytest.param({"x-oss-signature-version": "OSS3"}, "701", id="version"),
        pytest.param({"x-oss-signature": ""}, "704", id="empty-signature"),
        pytest.param({"x-oss-date": "2025-01-02"}, "709", id="malformed-date"),
        pytest.param(
            {"x-oss-date": "20250102T031906Z"}, "709", id="more-than-fifteen-minutes-ahead"
        ),
        pytest.param(
            {
                "x-oss-date": "20241226T030404Z",
                "x-oss-credential": "AK/20241226/cn-hangzhou/oss/aliyun_v4_request",
            },
            "709",
            id="more-than-seven-days-old",
        ),
    ],
)
def test_v4_form(changes: dict[str, str], ec: str) -> None:
    with pytest.raises(OssError) as caught:
        read_form_claim({**V4_FORM, **changes}, now_ms=NOW, region=REGION)
    assert (caught.value.code, caught.value.ec) == ("InvalidArgument", f"0002-00000{ec}")


@pytest.mark.parametrize(
    ("fields", "ec"),
    [
        ({"policy": "e30="}, "703"),
        ({"signature": "AA=="}, "702"),
        ({"ossaccesskeyid": "AK"}, "702"),
        ({"policy": "e30=", "signature": "", "ossaccesskeyid": "AK"}, "704"),
        ({"policy": "e30=", "signature": "AA==", "ossaccesskeyid": ""}, "706"),
    ],
)
def test_v1_form_signed_in_part(fields: dict[str, str], ec: str) -> None:
    with pytest.raises(OssError) as caught:
        read_form_claim(fields, now_ms=NOW, region=REGION)
    assert (caught.value.code, caught.value.ec) == ("InvalidArgument", f"0002-00000{ec}")


def test_nothing_signed_is_anonymous() -> None:
    assert read_claim(request(), now_ms=NOW, region=REGION) is None
    assert read_claim(request(query={b"acl": b""}), now_ms=NOW, region=REGION) is None
    assert read_claim(request({b"authorization": b""}), now_ms=NOW, region=REGION) is None
    assert read_form_claim({"key": "a"}, now_ms=NOW, region=REGION) is None


def test_the_first_of_repeated_parameters_counts() -> None:
    query = [(b"OSSAccessKeyId", b"AK"), (b"Expires", b"1735790645"), (b"Signature", b"AA==")]
    repeated = SignedRequest(b"GET", b"b", b"k", [*query, (b"OSSAccessKeyId", b"other")], {})
    claim = read_claim(repeated, now_ms=NOW, region=REGION)
    assert claim is not None
    assert claim.access_key_id == "AK"


# --- leniency ---------------------------------------------------------------


def check(request: SignedRequest, secret: str = "SK") -> None:
    claim = read_claim(request, now_ms=NOW, region=REGION)
    assert claim is not None
    claim.check(secret)


@pytest.mark.parametrize("module", [signature_v1, signature_v2], ids=["v1", "v2"])
def test_a_raw_plus_in_the_signature_of_a_url_is_refused_with_the_cause(module: Any) -> None:
    """W2."""
    for number in range(40):
        bare = SignedRequest(b"GET", b"b", b"%d" % number, [], {})
        added = module.presign(bare, access_key_id="AK", secret="SK", expires=1735790645)
        if "+" not in added[-1][1]:
            continue
        # A query parser turns the "+" into a space.
        signed = [(n.encode(), v.replace("+", " ").encode()) for n, v in added]
        with pytest.raises(OssError, match="does not match") as caught:
            check(SignedRequest(b"GET", b"b", b"%d" % number, signed, {}))
        assert "%2B" in str(caught.value.details["Hint"])


def test_a_mismatch_without_a_space_has_no_hint() -> None:
    signed = SignedRequest(
        b"GET", b"b", b"k", [], {b"date": DATE, b"authorization": b"OSS AK:AAAA+A=="}
    )
    with pytest.raises(OssError, match="does not match") as caught:
        check(signed)
    assert "Hint" not in caught.value.details


def test_what_a_mismatch_shows_has_a_bound() -> None:
    headers = {b"date": DATE, b"x-oss-meta-a": b"a" * 30_000, b"authorization": b"OSS AK:AA=="}
    with pytest.raises(OssError, match="does not match") as caught:
        check(SignedRequest(b"GET", b"b", b"k", [], headers))
    assert sum(len(str(each)) for each in caught.value.details.values()) < 40_000


@pytest.mark.parametrize("module", [signature_v1, signature_v2], ids=["v1", "v2"])
def test_a_url_is_valid_through_its_last_second(module: Any) -> None:
    """W33."""
    bare = SignedRequest(b"GET", b"b", b"k", [], {})
    last = NOW // 1000
    added = module.presign(bare, access_key_id="AK", secret="SK", expires=last)
    signed = signature_v1.with_query(bare, added)
    for now_ms in (last * 1000, last * 1000 + 999):
        assert read_claim(signed, now_ms=now_ms, region=REGION) is not None
    with pytest.raises(OssError, match="expired"):
        read_claim(signed, now_ms=last * 1000 + 1000, region=REGION)


def test_the_product_is_told_before_the_region() -> None:
    """W33."""
    both = b"AK/20250102/cn-other/s3/aliyun_v4_request"
    found = refusal(request(query={**V4_QUERY, b"x-oss-credential": both}))
    assert (found.ec, found.status) == ("0002-00000227", 400)
    region = b"AK/20250102/cn-other/oss/aliyun_v4_request"
    found = refusal(request(query={**V4_QUERY, b"x-oss-credential": region}))
    assert (found.ec, found.text) == (
        "0002-00000226",
        "The signing region in credential is invalid.",
    )


@pytest.mark.parametrize("place", ["header", "url"])
def test_a_signed_header_that_is_missing_is_a_bad_request(place: str) -> None:
    """W33."""
    bare = SignedRequest(b"GET", b"b", b"k", [], {b"range": b"bytes=0-9"})
    keys: dict[str, Any] = {
        "access_key_id": "AK",
        "secret": "SK",
        "now_ms": NOW,
        "region": REGION,
        "additional": ["range"],
    }
    if place == "header":
        signed = signature_v1.with_headers(bare, signature_v4.sign_headers(bare, **keys))
    else:
        signed = signature_v1.with_query(bare, signature_v4.presign(bare, lifetime_s=60, **keys))
    check(signed)
    signed.headers = without(dict(signed.headers), b"range")
    found = refusal(signed)
    assert (found.status, found.code) == (400, "InvalidArgument")
    assert found.details["ArgumentValue"] == "range"


@pytest.mark.parametrize(
    "digest", [b"78ab", b"e3b0c44298fc1c149afbf4c8996fb924", b"", b"unsigned-payload"]
)
def test_a_digest_of_the_body_is_refused(digest: bytes) -> None:
    """C7: it would be signed and not compared."""
    for signed in (
        request({**V4_HEADERS, b"x-oss-content-sha256": digest}),
        request({b"x-oss-content-sha256": digest}, V4_QUERY),
        request({**V1_HEADERS, b"x-oss-content-sha256": digest}),
        request({b"x-oss-content-sha256": digest}, V1_QUERY),
        request({**V2_HEADERS, b"x-oss-content-sha256": digest}),
        request({b"x-oss-content-sha256": digest}, V2_QUERY),
    ):
        found = refusal(signed)
        assert (found.status, found.code, found.ec) == (400, "InvalidArgument", "0002-00000214")


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        pytest.param({b"authorization": b"AWS AK:AAAA="}, {}, id="v2-header"),
        pytest.param(
            {b"authorization": b"AWS4-HMAC-SHA256 Credential=AK/x, Signature=0"}, {}, id="v4-header"
        ),
        pytest.param({}, {b"AWSAccessKeyId": b"AK", b"Signature": b"x"}, id="v2-url"),
        pytest.param({}, {b"X-Amz-Algorithm": b"AWS4-HMAC-SHA256"}, id="v4-url"),
    ],
)
def test_signatures_of_s3_are_refused_by_name(
    headers: dict[bytes, bytes], query: dict[bytes, bytes]
) -> None:
    """W37."""
    found = refusal(request(headers, query))
    assert (found.status, found.code) == (501, "NotImplemented")
    assert found.details["Operation"] == "S3Signature"


def test_a_form_signed_for_s3_is_refused_by_name() -> None:
    """W37."""
    for field in ("awsaccesskeyid", "x-amz-algorithm", "x-amz-signature"):
        with pytest.raises(OssError) as caught:
            read_form_claim({"policy": "e30=", field: "x"}, now_ms=NOW, region=REGION)
        assert (caught.value.status, caught.value.code) == (501, "NotImplemented")


SIGNED_BY = {
    "v1": [
        request({b"date": DATE, b"authorization": b"OSS AK:AA=="}),
        request({}, {b"OSSAccessKeyId": b"AK", b"Expires": b"1735790645", b"Signature": b"A"}),
    ],
    "v2": [
        request({b"date": DATE, b"authorization": b"OSS2 AccessKeyId:AK,Signature:AA=="}),
        request({}, V2_QUERY),
    ],
    "v4": [request(V4_HEADERS), request({}, V4_QUERY)],
}
FORM_BY: dict[str, dict[str, str]] = {
    "v1": {"policy": "e30=", "ossaccesskeyid": "AK", "signature": "AA=="},
    "v2": {
        "policy": "e30=",
        "x-oss-signature-version": "OSS2",
        "x-oss-access-key-id": "AK",
        "x-oss-signature": "AA==",
    },
    "v4": V4_FORM,
}


@pytest.mark.parametrize("accepted", SIGNED_BY)
@pytest.mark.parametrize("version", SIGNED_BY)
def test_versions_can_be_switched_off(accepted: str, version: str) -> None:
    """C8."""
    only: dict[str, Any] = {"now_ms": NOW, "region": REGION, "versions": (accepted,)}
    readers = [lambda each=each: read_claim(each, **only) for each in SIGNED_BY[version]]
    readers.append(lambda: read_form_claim(FORM_BY[version], **only))
    for read in readers:
        if accepted == version:
            assert read() is not None
            continue
        with pytest.raises(OssError) as caught:
            read()
        assert (caught.value.status, caught.value.ec) == (403, "0002-00000034")


@pytest.mark.parametrize("name", [b"x.png", b"regions", b"name=v", b"prefix", b"OSSAccessKeyId"])
def test_a_v1_signature_for_a_key_with_a_question_mark_opens_no_other(name: bytes) -> None:
    """C8: only names that V1 signs stand behind a question mark."""
    bare = SignedRequest(b"GET", b"b", b"private.doc?" + name, [], {})
    signed = signature_v1.with_headers(
        bare, signature_v1.sign_headers(bare, access_key_id="AK", secret="SK", now_ms=NOW)
    )
    check(signed)
    parameter, _, value = name.partition(b"=")
    stolen = SignedRequest(b"GET", b"b", b"private.doc", [(parameter, value)], signed.headers)
    with pytest.raises(OssError):
        check(stolen)


def test_v1_date_in_the_slot_beside_x_oss_date_is_accepted() -> None:
    headers = {b"date": DATE, b"x-oss-date": b"20250102T030405Z"}
    bare = SignedRequest(b"GET", b"b", b"k", [], headers)
    text = signature_v1.string_to_sign(bare, DATE, lambda _name: False)
    signature = signature_v1.sign(b"SK", text)
    check(
        SignedRequest(b"GET", b"b", b"k", [], {**headers, b"authorization": b"OSS AK:" + signature})
    )


@pytest.mark.parametrize("name", [b"regions", b"tag-key", b"tag-value"])
def test_v1_parameters_that_some_sdks_sign_at_the_service(name: bytes) -> None:
    bare = SignedRequest(b"GET", b"", b"", [(name, b"v")], {b"date": DATE})
    text = signature_v1.string_to_sign(bare, DATE, lambda _name: True)
    signature = signature_v1.sign(b"SK", text)
    headers = {b"date": DATE, b"authorization": b"OSS AK:" + signature}
    check(SignedRequest(b"GET", b"", b"", bare.query, headers))


def test_v1_processing_must_be_signed_where_it_could_write() -> None:
    bare = SignedRequest(b"POST", b"b", b"k", [], {})
    added = signature_v1.presign(bare, access_key_id="AK", secret="SK", expires=1735790645)
    query = [(n.encode(), v.encode()) for n, v in added]
    check(SignedRequest(b"POST", b"b", b"k", query, {}))
    query.append((b"x-oss-process", b"image/resize,w_1|sys/saveas,o_x"))
    with pytest.raises(OssError):
        check(SignedRequest(b"POST", b"b", b"k", query, {}))


def test_v4_time_may_be_the_date_header() -> None:
    bare = SignedRequest(b"GET", b"b", b"k", [], {b"date": DATE})
    credential = signature_v4.credential_for("AK", now_ms=NOW, region=REGION)
    canonical = signature_v4.canonical_request(bare, ())
    text = signature_v4.string_to_sign(canonical, DATE, credential)
    signature = signature_v4.sign(signature_v4.signing_key("SK", b"20250102", b"cn-hangzhou"), text)
    authorization = b"OSS4-HMAC-SHA256 Signature=%b, Credential=%b" % (signature, CREDENTIAL)
    check(SignedRequest(b"GET", b"b", b"k", [], {b"date": DATE, b"authorization": authorization}))


def test_chosen_headers_are_covered() -> None:
    bare = SignedRequest(b"GET", b"b", b"k", [], {b"range": b"bytes=0-9", b"host": b"h:80"})
    keys = {"access_key_id": "AK", "secret": "SK", "additional": ["Range", "host"]}
    v2: dict[str, Any] = {**keys, "expires": NOW // 1000}
    v4: dict[str, Any] = {**keys, "now_ms": NOW, "region": REGION}
    sealed = [
        signature_v1.with_headers(bare, signature_v2.sign_headers(bare, now_ms=NOW, **keys)),  # type: ignore[arg-type]
        signature_v1.with_headers(bare, signature_v4.sign_headers(bare, **v4)),
        signature_v1.with_query(bare, signature_v2.presign(bare, **v2)),
        signature_v1.with_query(bare, signature_v4.presign(bare, lifetime_s=9, **v4)),
    ]
    for signed in sealed:
        check(signed)
        signed.headers = {**signed.headers, b"range": b"bytes=0-"}
        with pytest.raises(OssError, match="does not match"):
            check(signed)


def test_a_token_is_signed_by_every_version() -> None:
    bare = SignedRequest(b"GET", b"b", b"k", [], {})
    keys: dict[str, Any] = {"access_key_id": "AK", "secret": "SK", "security_token": "CAIS+/="}
    for module, more in (
        (signature_v1, {}),
        (signature_v2, {}),
        (signature_v4, {"region": REGION}),
    ):
        added = module.sign_headers(bare, now_ms=NOW, **keys, **more)
        check(signature_v1.with_headers(bare, added))
        with pytest.raises(OssError, match="does not match"):
            check(signature_v1.with_headers(bare, {**added, "x-oss-security-token": "other"}))
