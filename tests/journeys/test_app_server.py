"""From a token or a form to the application's answer, through real processes."""

import base64
import io
import json
import subprocess
import sys
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import oss2  # type: ignore[import-untyped]
import pytest
from forms import Answer, Fields, get_json, post_form, replaced, v1_fields, v4_fields
from PIL import Image

from ossia.appserver.config import write_samples
from ossia.testing.inbox import Inbox
from running import Demo, running_demo

Sign = Callable[[Demo], tuple[dict[str, Any], Callable[..., Fields]]]


def v1(demo: Demo) -> tuple[dict[str, Any], Callable[..., Fields]]:
    return get_json(demo.page + "policy"), v1_fields


def v4(demo: Demo) -> tuple[dict[str, Any], Callable[..., Fields]]:
    return get_json(demo.page + "get_post_signature_for_oss_upload"), v4_fields


both_versions = pytest.mark.parametrize("sign", [v1, v4], ids=["v1", "v4"])


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    return file.getvalue()


def recorded(demo: Demo, key: str) -> list[dict[str, Any]]:
    request = Request(demo.page + "uploads?limit=1000", headers={"Accept": "application/json"})
    with urlopen(request, timeout=10) as response:
        found: list[dict[str, Any]] = json.load(response)["uploads"]
    return [upload for upload in found if upload["object"] == key]


def content_of(demo: Demo, key: str) -> bytes:
    server = demo.server
    auth = oss2.Auth(server.access_key_id, server.access_key_secret)
    found: bytes = oss2.Bucket(auth, server.endpoint, demo.bucket).get_object(key).read()
    return found


# --- the mobile flow: token, SDK, callback


@pytest.fixture
def sts_bucket(demo: Demo) -> oss2.Bucket:
    token = get_json(demo.page + "sts/getsts")
    assert token["StatusCode"] == 200
    auth = oss2.StsAuth(token["AccessKeyId"], token["AccessKeySecret"], token["SecurityToken"])
    return oss2.Bucket(auth, demo.endpoint, demo.bucket)


def callback_headers(url: str, body: str, variables: dict[str, str]) -> dict[str, str]:
    def encode(value: dict[str, str]) -> str:
        return base64.b64encode(json.dumps(value).encode()).decode()

    return {
        "x-oss-callback": encode({"callbackUrl": url, "callbackBody": body}),
        "x-oss-callback-var": encode(variables),
    }


def test_token_upload_callback_answer(demo: Demo, sts_bucket: oss2.Bucket) -> None:
    headers = callback_headers(
        demo.page + "callback",
        "filename=${object}&size=${size}&photo=${x:photo}&system=${x:system}",
        {"x:photo": "me at the sea", "x:system": "android"},
    )
    result = sts_bucket.put_object("mobile/一.jpg", b"photo", headers=headers)
    answer = json.loads(result.resp.read())
    assert answer["Status"] == "OK"
    assert (answer["object"], answer["size"]) == ("mobile/一.jpg", 5)
    assert answer["vars"] == {"photo": "me at the sea", "system": "android"}
    assert recorded(demo, "mobile/一.jpg")[0]["bucket"] == demo.bucket


def test_token_allows_what_its_policy_says(demo: Demo, sts_bucket: oss2.Bucket) -> None:
    sts_bucket.put_object("mobile/written", b"x")
    with pytest.raises(oss2.exceptions.AccessDenied):
        sts_bucket.get_object("mobile/written")
    with pytest.raises(oss2.exceptions.AccessDenied):
        sts_bucket.delete_object("mobile/written")
    other = oss2.Bucket(sts_bucket.auth, demo.endpoint, "another-bucket")
    with pytest.raises(oss2.exceptions.ServerError) as denied:
        other.create_bucket()
    assert denied.value.status == 403


def test_every_alias_gives_a_token(demo: Demo) -> None:
    for path in ("token", "sts", "sts/getsts"):
        request = Request(demo.page + path, headers={"Origin": "http://page.example"})
        with urlopen(request, timeout=10) as response:
            assert json.load(response)["status"] == 200
            assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "may_write"),
    [
        ("all_policy.txt", True),
        ("bucket_read_policy.txt", False),
        ("bucket_read_write_policy.txt", True),
    ],
)
def test_config_of_the_tutorial_as_it_stands(
    demo: Demo, tmp_path: Path, policy: str, *, may_write: bool
) -> None:
    """`config.json` and the policy files of the tutorial; the role may write only."""
    config = write_samples(tmp_path)
    keys = json.loads((demo.server.data / "data" / "appserver" / "config.json").read_text())
    config.write_text(json.dumps({**keys, "PolicyFile": f"policy/{policy}"}))
    command = ["--listen", "127.0.0.1:0", "--endpoint", demo.endpoint, "--bucket", demo.bucket]
    with running_app_server(tmp_path, *command) as url:
        token = get_json(url)
    auth = oss2.StsAuth(token["AccessKeyId"], token["AccessKeySecret"], token["SecurityToken"])
    bucket = oss2.Bucket(auth, demo.endpoint, demo.bucket)
    if may_write:
        assert bucket.put_object(f"tutorial/{policy}", b"x").status == 200
    else:
        with pytest.raises(oss2.exceptions.AccessDenied):
            bucket.put_object(f"tutorial/{policy}", b"x")


@contextmanager
def running_app_server(folder: Path, *arguments: str) -> Iterator[str]:
    """``ossia appserver`` in *folder*; the URL of its tokens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ossia", "appserver", "--json", *arguments],
        stdout=subprocess.PIPE,
        cwd=folder,
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"] + "token"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


# --- the web flow: policy, form, callback


@both_versions
def test_form_upload_callback_answer(demo: Demo, sign: Sign) -> None:
    policy, fields = sign(demo)
    content = png(40, 30)
    name = f"{sign.__name__} photo.png"
    answer = post_form(
        policy["host"],
        fields(policy, policy["dir"] + "${filename}", name=name),
        content,
        file_name=name,
        content_type="image/png",
    )
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    told = answer.json()
    expected = {
        "bucket": demo.bucket,
        "object": f"user-dir/{name}",
        "size": len(content),
        "mimeType": "image/png",
        "width": 40,
        "height": 30,
        "vars": {"x:name": name},
    }
    assert told == {"Status": "OK", "when": told["when"], **expected}
    assert recorded(demo, f"user-dir/{name}") == [{"when": told["when"], **expected}]
    assert content_of(demo, f"user-dir/{name}") == content


def falsify(
    demo: Demo, sign: Sign, name: str, value: str | None, key: str = "user-dir/falsified"
) -> Answer:
    policy, fields = sign(demo)
    return post_form(policy["host"], replaced(fields(policy, key), name, value), b"x")


@both_versions
def test_callback_can_neither_be_dropped_nor_redirected(demo: Demo, sign: Sign) -> None:
    dropped = falsify(demo, sign, "callback", None)
    assert (dropped.status, dropped.error("Code")) == (403, "AccessDenied")
    assert '"$callback"' in dropped.error("Message")
    with Inbox() as inbox:
        own = {"callbackUrl": inbox.url, "callbackBody": "x"}
        encoded = base64.b64encode(json.dumps(own).encode()).decode()
        redirected = falsify(demo, sign, "callback", encoded)
        assert (redirected.status, redirected.error("Code")) == (403, "AccessDenied")
        assert inbox.received == []


@both_versions
@pytest.mark.parametrize("name", ["policy", "signature"])
def test_falsified_policy_is_refused(demo: Demo, sign: Sign, name: str) -> None:
    policy, fields = sign(demo)
    if name == "signature":
        name = "x-oss-signature" if "x_oss_credential" in policy else "signature"
        wider = "0" * 64 if "x_oss_credential" in policy else base64.b64encode(bytes(20)).decode()
    else:
        document = json.loads(base64.b64decode(policy["policy"]))
        document["conditions"] = []
        wider = base64.b64encode(json.dumps(document).encode()).decode()
    form = replaced(fields(policy, "elsewhere/x"), name, wider)
    answer = post_form(policy["host"], form, b"x")
    assert (answer.status, answer.error("Code")) == (403, "SignatureDoesNotMatch")


@both_versions
def test_form_writes_below_its_prefix_only(demo: Demo, sign: Sign) -> None:
    answer = falsify(demo, sign, "key", "elsewhere/x")
    assert (answer.status, answer.error("Code")) == (403, "AccessDenied")
    assert '"$key"' in answer.error("Message")


@both_versions
@pytest.mark.parametrize("name", ["callback", "signature"])
def test_page_can_read_why_its_form_was_refused(demo: Demo, sign: Sign, name: str) -> None:
    if name == "signature" and sign is v4:
        name = "x-oss-signature"
    refused = falsify(demo, sign, name, "AAAA")
    assert refused.status == 403
    assert refused.headers["access-control-allow-origin"] == "*"


def test_form_is_for_one_bucket(demo: Demo) -> None:
    policy, fields = v1(demo)
    server = demo.server
    auth = oss2.Auth(server.access_key_id, server.access_key_secret)
    oss2.Bucket(auth, server.endpoint, "elsewhere").create_bucket()
    answer = post_form(server.endpoint + "/elsewhere", fields(policy, "user-dir/x"), b"x")
    assert (answer.status, answer.error("Code")) == (403, "AccessDenied")
    assert "bucket" in answer.error("Message")


# --- callbacks that are none


def test_unsigned_callback_is_refused(demo: Demo) -> None:
    request = Request(demo.page + "callback", data=b"object=forged&size=1", method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urlopen(request, timeout=10)
    with refused.value as response:
        assert response.code == 400
        assert json.load(response)["Status"] == "verify not ok"
    assert recorded(demo, "forged") == []


# --- an application server that is not there


@pytest.fixture
def lonely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Demo]:
    """A demonstration whose callbacks go where nobody listens."""
    monkeypatch.setenv("OSSIA_APP_CALLBACK_URL", "http://127.0.0.1:1/callback")
    with running_demo(tmp_path) as running:
        yield running


@pytest.mark.slow
def test_upload_is_stored_though_the_application_is_not_reached(lonely: Demo) -> None:
    policy, fields = v4(lonely)
    answer = post_form(policy["host"], fields(policy, "user-dir/kept"), b"kept")
    assert (answer.status, answer.error("Code")) == (203, "CallbackFailed")
    assert answer.error("Message").startswith("Error status : ")
    assert content_of(lonely, "user-dir/kept") == b"kept"
    assert recorded(lonely, "user-dir/kept") == []
