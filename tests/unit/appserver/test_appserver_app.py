import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from asgi import Answer, ask
from starlette.applications import Starlette
from world import CONFIG, KEY_URL, LENT, NOW_MS, TOKENS_ONLY, lend

from ossia.appserver.answers import Lend
from ossia.appserver.app import create_app
from ossia.appserver.config import AppConfig
from ossia.appserver.stored import StorageSilentError, Stored
from ossia.appserver.uploads import Uploads
from ossia.client import Credentials, StsUnreachable
from ossia.errors import RpcError
from ossia.protocol.callback import decode_callback
from ossia.protocol.callback_request import outgoing_headers, string_to_sign
from ossia.protocol.callback_signature import CallbackKey
from ossia.protocol.callback_template import BodyType

VECTORS = Path(__file__).parents[2] / "vectors" / "callback"
KEY = CallbackKey.load((VECTORS / "test_key.pem").read_bytes())
BODY = (
    b"bucket=examplebucket&object=user-dir%2Fa.png&size=6014&mimeType=image%2Fpng"
    b"&width=396&height=221&reqId=5C0A&x:name=a%20b.png"
)
RECORDED = {
    "when": "2030-01-01T00:00:00Z",
    "bucket": "examplebucket",
    "object": "user-dir/a.png",
    "size": 6014,
    "mimeType": "image/png",
    "width": 396,
    "height": 221,
    "vars": {"x:name": "a b.png"},
}


def fetch(url: str) -> bytes:
    assert url == KEY_URL
    return KEY.public_pem()


STORED = {
    "user-dir/a.png": 6014,
    "user-dir/a.txt": 9,
    "p.jpg": 5,
    "<b>": 1234,
    "a": 1,
    "b": 1,
    "c": 1,
}


def look(bucket: str, key: str) -> Stored | None:
    """What HEAD says: any object of these is there."""
    if key == "silent":
        raise StorageSilentError("the storage is not reached")
    size = STORED.get(key)
    if size is None:
        return None
    return Stored(etag=f"ETAG-{bucket}", size=size, mime_type="image/png", modified="then", age_s=0)


@pytest.fixture
def uploads() -> Iterator[Uploads]:
    opened = Uploads(Path(":memory:"))
    yield opened
    opened.close()


def app_of(
    uploads: Uploads, *, config: AppConfig = CONFIG, lend: Lend = lend, static: str = "/nonexistent"
) -> Starlette:
    return create_app(
        config,
        uploads,
        lend=lend,
        fetch=fetch,
        look=look,
        now_ms=lambda: NOW_MS,
        static=Path(static),
    )


@pytest.fixture
def app(uploads: Uploads) -> Starlette:
    return app_of(uploads)


async def call_back(
    app: Starlette,
    body: bytes = BODY,
    *,
    body_type: BodyType = BodyType.FORM,
    signed: bytes | None = None,
    key_url: str = KEY_URL,
    bucket: str = "examplebucket",
    request_id: str = "5C0A",
) -> Answer:
    """Deliver a callback as our server sends it; *signed* is the body that the signature is of."""
    fields = {
        "callbackUrl": CONFIG.callback_url,
        "callbackBody": "x",
        "callbackBodyType": body_type,
    }
    config = decode_callback(base64.b64encode(json.dumps(fields).encode()).decode())
    headers = outgoing_headers(
        config,
        config.urls[0],
        body,
        authorization=KEY.sign(string_to_sign("/callback", "", body if signed is None else signed)),
        key_url=key_url,
        date="",
        request_id=request_id,
        bucket=bucket,
        requester="1",
    )
    return await ask(app, "POST", "/callback", headers=headers, body=body)


# --- tokens


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/token", "/sts", "/sts/getsts"])
async def test_token_is_what_every_client_reads(app: Starlette, path: str, method: str) -> None:
    answer = await ask(app, method, path, headers={"Origin": "http://example.com"})
    assert answer.status == 200
    assert answer.json() == {
        "StatusCode": 200,
        "status": 200,
        "AccessKeyId": LENT.access_key_id,
        "AccessKeySecret": LENT.access_key_secret,
        "SecurityToken": LENT.security_token,
        "Expiration": "2030-01-01T00:15:00Z",
    }
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("refused", "code", "message"),
    [
        (
            RpcError(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."),
            "InvalidAccessKeyId.NotFound",
            "Specified access key is not found.",
        ),
        (StsUnreachable("STS cannot be reached"), "StsUnreachable", "STS cannot be reached"),
    ],
    ids=["refused", "unreachable"],
)
async def test_refusal_is_what_every_client_reads(
    uploads: Uploads, refused: Exception, code: str, message: str
) -> None:
    def refuse(policy: str, name: str, duration_s: int) -> Credentials:
        raise refused

    app = app_of(uploads, lend=refuse)
    answer = await ask(app, "GET", "/token")
    assert answer.status == 200
    expected = {"StatusCode": 500, "ErrorCode": code, "ErrorMessage": message}
    assert answer.json() == expected
    form = await ask(app, "GET", "/policy?version=v4")
    assert (form.status, form.json()) == (502, expected)


# --- forms


async def test_policy_is_version_1(app: Starlette) -> None:
    answer = await ask(app, "GET", "/policy")
    assert answer.json()["accessid"] == "testAccessKeyId"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("target", ["/policy?version=v4", "/get_post_signature_for_oss_upload"])
async def test_policy_is_version_4(app: Starlette, target: str) -> None:
    answer = await ask(app, "GET", target)
    assert answer.json()["security_token"] == LENT.security_token
    assert answer.headers["cache-control"] == "no-store"


async def test_without_bucket_there_is_no_policy(uploads: Uploads) -> None:
    app = app_of(uploads, config=TOKENS_ONLY)
    answer = await ask(app, "GET", "/policy")
    assert (answer.status, answer.json()["ErrorCode"]) == (500, "NoBucket")
    assert (await ask(app, "GET", "/token")).json()["StatusCode"] == 200


# --- callbacks


async def test_callback_is_recorded_and_answered(app: Starlette) -> None:
    answer = await call_back(app)
    assert (answer.status, answer.json()) == (200, {"Status": "OK", **RECORDED})
    assert int(answer.headers["content-length"]) == len(answer.body)
    listed = await ask(app, "GET", "/uploads", headers={"Accept": "application/json"})
    assert listed.json() == {"uploads": [RECORDED]}


async def test_callback_in_json(app: Starlette) -> None:
    body = (
        b'{"filename":"user-dir/a.txt","size":9,"mimeType":"text/plain","width":null,'
        b'"bucket":"examplebucket","tags":["a"]}'
    )
    answer = (await call_back(app, body, body_type=BodyType.JSON)).json()
    assert (answer["object"], answer["size"], answer["width"]) == ("user-dir/a.txt", 9, None)
    assert answer["vars"] == {"tags": '["a"]'}


async def test_callback_of_the_mobile_tutorial(app: Starlette) -> None:
    body = b"filename=p.jpg&size=5&photo=&system=android"
    answer = (await call_back(app, body)).json()
    assert (answer["object"], answer["bucket"]) == ("p.jpg", "examplebucket")
    assert answer["vars"] == {"photo": "", "system": "android"}


async def test_repeated_callback_is_recorded_once(app: Starlette, uploads: Uploads) -> None:
    first = await call_back(app)
    # Headers are not signed: a repetition may claim another request.
    second = await call_back(app, request_id="6D1B")
    assert first.json() == second.json()
    assert len(uploads.latest(10)) == 1


async def test_uploads_without_request_id_are_all_recorded(
    app: Starlette, uploads: Uploads
) -> None:
    for name in (b"a", b"b"):
        await call_back(app, b"bucket=examplebucket&object=" + name, request_id="")
    assert [upload.object for upload in uploads.latest(10)] == ["b", "a"]


async def test_wrong_signature_is_refused(app: Starlette, uploads: Uploads) -> None:
    answer = await call_back(app, signed=b"object=another")
    assert answer.status == 400
    assert answer.json() == {
        "Status": "verify not ok",
        "Reason": "the signature does not match path, query and body",
    }
    assert not uploads.latest(10)


@pytest.mark.parametrize(
    "key_url",
    [
        "http://oss.internal:9000/examplebucket/public_key.pem",
        "http://gosspublic.alicdn.com/callback_pub_key_v1.pem",
        KEY_URL + "?x",
    ],
)
async def test_other_keys_are_not_trusted(app: Starlette, key_url: str) -> None:
    answer = await call_back(app, key_url=key_url)
    assert answer.status == 400
    assert "is not trusted" in answer.json()["Reason"]


async def test_upload_to_another_bucket_is_refused(app: Starlette) -> None:
    # The header may say anything; the body is signed.
    answer = await call_back(app, b"bucket=otherbucket&object=a", bucket="examplebucket")
    assert answer.status == 400
    assert answer.json()["Reason"] == "the upload went to bucket 'otherbucket', not 'examplebucket'"


async def test_tokens_only_server_records_every_bucket(uploads: Uploads) -> None:
    app = app_of(uploads, config=TOKENS_ONLY)
    answer = await call_back(app, b"bucket=otherbucket&object=a", bucket="otherbucket")
    assert answer.json()["bucket"] == "otherbucket"


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b'{"object":"\\ud800"}', b"[" * 100_000],
    ids=["no-object", "no-json", "no-text", "too-deep"],
)
async def test_body_that_cannot_be_read(app: Starlette, body: bytes) -> None:
    answer = await call_back(app, body, body_type=BodyType.JSON)
    assert answer.status == 400
    assert answer.json()["Status"] == "verify not ok"


async def test_callback_must_be_posted(app: Starlette) -> None:
    assert (await ask(app, "GET", "/callback")).status == 405


# --- uploads, page, health


async def test_uploads_are_shown_to_people(app: Starlette) -> None:
    empty = await ask(app, "GET", "/uploads", headers={"Accept": "text/html,*/*"})
    assert b"Nothing was uploaded yet" in empty.body
    await call_back(app, b"bucket=examplebucket&object=%3Cb%3E&size=1234&x:name=%22%3C&reqId=1")
    await call_back(app)
    shown = await ask(app, "GET", "/uploads", headers={"Accept": "text/html,*/*"})
    assert shown.headers["content-type"].startswith("text/html")
    assert b"examplebucket/&lt;b&gt;" in shown.body
    assert b"x:name = &quot;&lt;" in shown.body
    assert b"1,234" in shown.body
    assert b"396 x 221" in shown.body


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 3), ("?limit=2", 2), ("?limit=0", 1), ("?limit=x", 3), ("?limit=99999999", 3)],
)
async def test_uploads_are_limited(app: Starlette, query: str, count: int) -> None:
    for name in (b"a", b"b", b"c"):
        await call_back(app, b"bucket=examplebucket&object=" + name, request_id=name.decode())
    assert len((await ask(app, "GET", f"/uploads{query}")).json()["uploads"]) == count


async def test_page_that_is_not_built_says_how(app: Starlette) -> None:
    answer = await ask(app, "GET", "/")
    assert answer.status == 503
    assert b"make web" in answer.body


async def test_page_talks_to_the_bucket_only(uploads: Uploads, tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>page</title>")
    (tmp_path / "assets" / "a.js").write_text("1")
    config = replace(CONFIG, upload_host="https://examplebucket.oss.example.com")
    app = app_of(uploads, config=config, static=str(tmp_path))
    answer = await ask(app, "GET", "/")
    assert (answer.status, answer.body) == (200, b"<title>page</title>")
    policy = answer.headers["content-security-policy"]
    assert "connect-src 'self' https://examplebucket.oss.example.com;" in policy
    assert (await ask(app, "GET", "/assets/a.js")).body == b"1"


async def test_health(app: Starlette) -> None:
    assert (await ask(app, "GET", "/health")).json() == {"status": "ok"}


# --- issue 10, D11: what somebody called his file is no page


@pytest.mark.parametrize(
    ("method", "target", "accept"),
    [
        ("GET", "/uploads", "text/html"),
        ("GET", "/uploads", "application/json"),
        ("GET", "/token", "*/*"),
        ("GET", "/policy", "*/*"),
        ("GET", "/policy?version=v4", "*/*"),
        ("POST", "/callback", "*/*"),
        ("GET", "/health", "*/*"),
        ("GET", "/", "text/html"),
    ],
)
async def test_d11_every_answer_is_guarded(
    app: Starlette, method: str, target: str, accept: str
) -> None:
    answer = await ask(app, method, target, headers={"Accept": accept})
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_d11_the_style_of_the_page_is_the_one_that_is_allowed(app: Starlette) -> None:
    answer = await ask(app, "GET", "/uploads", headers={"Accept": "text/html"})
    style = answer.body.partition(b"<style>")[2].partition(b"</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert answer.body.count(b"<style") == 1
    assert b"style=" not in answer.body
