import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from world import CONFIG, EVERYBODY, LENT, NOW_MS, REGION

from ossia.appserver.upload_policy import callback_field, v1_form, v4_form
from ossia.errors import AccessDenied
from ossia.protocol import signature_v1, signature_v4
from ossia.protocol.callback import decode_callback
from ossia.protocol.post_policy import PostPolicy

V1 = v1_form(CONFIG, EVERYBODY, NOW_MS)
V4 = v4_form(CONFIG, EVERYBODY, LENT, NOW_MS)


def v1_fields(**changes: str) -> dict[str, str]:
    """What the upload page sends, with lower-case names as the server sees them."""
    return {
        "key": V1["dir"] + "${filename}",
        "policy": V1["policy"],
        "ossaccesskeyid": V1["accessid"],
        "success_action_status": "200",
        "callback": V1["callback"],
        "signature": V1["signature"],
        "x:name": "a.png",
    } | changes


def v4_fields(**changes: str) -> dict[str, str]:
    return {
        "success_action_status": "200",
        "policy": V4["policy"],
        "x-oss-signature": V4["signature"],
        "x-oss-signature-version": V4["x_oss_signature_version"],
        "x-oss-credential": V4["x_oss_credential"],
        "x-oss-date": V4["x_oss_date"],
        "x-oss-security-token": V4["security_token"],
        "key": V4["dir"] + "a.png",
        "callback": V4["callback"],
    } | changes


def test_v1_answer_is_that_of_the_samples() -> None:
    assert set(V1) == {"accessid", "host", "policy", "signature", "expire", "callback", "dir"}
    assert V1["accessid"] == "testAccessKeyId"
    assert V1["host"] == "http://127.0.0.1:9000/examplebucket"
    assert V1["dir"] == "user-dir/"
    assert V1["expire"] == NOW_MS // 1000 + 60


def test_v4_answer_is_that_of_the_samples() -> None:
    assert set(V4) == {
        "version",
        "x_oss_signature_version",
        "x_oss_credential",
        "x_oss_date",
        "signature",
        "security_token",
        "policy",
        "expire",
        "callback",
        "host",
        "dir",
    }
    credential = "STS.testAccessKeyId/20300101/cn-hangzhou/oss/aliyun_v4_request"
    assert V4["x_oss_credential"] == credential
    assert V4["x_oss_date"] == "20300101T000000Z"
    assert V4["version"] == V4["x_oss_signature_version"] == "OSS4-HMAC-SHA256"


def test_v1_form_is_accepted() -> None:
    signature_v1.claim_from_form(v1_fields()).check("testAccessKeySecret")
    policy = PostPolicy.parse(V1["policy"])
    policy.check(v1_fields(), "examplebucket", NOW_MS)
    assert policy.length_range == (0, 1048576000)
    assert policy.expires_at_ms == V1["expire"] * 1000


def test_v4_form_is_accepted() -> None:
    claim = signature_v4.claim_from_form(v4_fields(), now_ms=NOW_MS, region=REGION)
    claim.check("testSessionSecret")
    assert claim.security_token == "CAIStesttoken+/="
    policy = PostPolicy.parse(V4["policy"])
    policy.check(v4_fields(), "examplebucket", NOW_MS, require_v4_fields=True)


OTHER_CALLBACK = callback_field("http://evil.example/", (), {}, "g")
FALSIFIED = [
    pytest.param({"callback": ""}, "$callback", id="callback-dropped"),
    pytest.param({"callback": OTHER_CALLBACK}, "$callback", id="callback-redirected"),
    pytest.param({"key": "other/a.png"}, "$key", id="another-prefix"),
    pytest.param({"x-oss-object-acl": "public-read"}, "$x-oss-object-acl", id="acl"),
    pytest.param({"success_action_status": "204"}, "$success_action_status", id="status"),
]


@pytest.mark.parametrize(("changes", "field"), FALSIFIED)
def test_falsified_v1_form_is_refused(changes: dict[str, str], field: str) -> None:
    with pytest.raises(AccessDenied) as denied:
        PostPolicy.parse(V1["policy"]).check(v1_fields(**changes), "examplebucket", NOW_MS)
    assert f'"{field}"' in str(denied.value)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        *FALSIFIED,
        pytest.param({"x-oss-security-token": "CAISother"}, "$x-oss-security-token", id="token"),
        pytest.param({"x-oss-date": "20300101T000001Z"}, "$x-oss-date", id="date"),
    ],
)
def test_falsified_v4_form_is_refused(changes: dict[str, str], field: str) -> None:
    with pytest.raises(AccessDenied) as denied:
        PostPolicy.parse(V4["policy"]).check(v4_fields(**changes), "examplebucket", NOW_MS)
    assert f'"{field}"' in str(denied.value)


@pytest.mark.parametrize("form", [V1, V4], ids=["v1", "v4"])
def test_form_is_for_one_bucket(form: dict[str, Any]) -> None:
    with pytest.raises(AccessDenied, match="bucket"):
        PostPolicy.parse(form["policy"]).check(v4_fields(), "otherbucket", NOW_MS)


@pytest.mark.parametrize("form", [V1, V4], ids=["v1", "v4"])
def test_form_expires(form: dict[str, Any]) -> None:
    with pytest.raises(AccessDenied, match="Policy expired"):
        PostPolicy.parse(form["policy"]).check(v4_fields(), "examplebucket", NOW_MS + 60_000)


def test_v4_form_does_not_outlive_its_token() -> None:
    form = v4_form(CONFIG, replace(EVERYBODY, form_lifetime_s=3600), LENT, NOW_MS)
    assert form["expire"] == NOW_MS // 1000 + 900
    assert PostPolicy.parse(form["policy"]).expires_at_ms == NOW_MS + 900_000


def test_callback_is_one_that_oss_accepts() -> None:
    field = callback_field("http://127.0.0.1:7080/callback", ("x:name", "x:user"), {}, "text.mac")
    callback = decode_callback(field, form_variables={"x:name": "a", "x:user": "b"})
    assert str(callback.urls[0]) == "http://127.0.0.1:7080/callback"
    assert callback.body.startswith("bucket=${bucket}&object=${object}&etag=${etag}&size=${size}&")
    assert "&grant=text.mac&" in callback.body
    assert callback.body.endswith("&x:name=${x:name}&x:user=${x:user}")
    assert json.loads(base64.b64decode(field))["callbackBodyType"] == callback.body_type
