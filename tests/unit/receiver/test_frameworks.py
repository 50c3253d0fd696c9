"""`verified_callback` of each framework, through the framework's own test client."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django.test
import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request

import ossia.receiver.django
import ossia.receiver.starlette
from ossia.protocol.callback_request import string_to_sign
from ossia.protocol.callback_signature import CallbackKey
from ossia.receiver.verify import MAX_BODY_BYTES, CallbackNotVerified
from ossia.receiver.wsgi import target_of
from receiver_apps import django_view, fastapi_app, flask_app, set_up_django

KEY_URL = "http://oss.internal:9000/-/callback/public_key.pem"
KEY = CallbackKey.load(
    (Path(__file__).parents[2] / "vectors" / "callback" / "test_key.pem").read_bytes()
)
FORM = b"object=a%2Fb&size=5"
FORM_TYPE = "application/x-www-form-urlencoded"


def fetch(url: str) -> bytes:
    assert url == KEY_URL
    return KEY.public_pem()


@dataclass(frozen=True)
class Answer:
    status: int
    json: Any


Post = Callable[[str, bytes, dict[str, str]], Answer]
"""Target, body and headers → what the application answered."""


def flask_post(target: str, body: bytes, headers: dict[str, str]) -> Answer:
    response = flask_app([KEY_URL], fetch).test_client().post(target, data=body, headers=headers)
    return Answer(response.status_code, response.json)


def django_post(target: str, body: bytes, headers: dict[str, str]) -> Answer:
    set_up_django([KEY_URL], fetch)
    client = django.test.Client(enforce_csrf_checks=True)
    # Servers tell the length of an empty body, too.
    more: dict[str, Any] = {
        "content_type": headers["content-type"],
        "CONTENT_LENGTH": str(len(body)),
    }
    response = client.generic("POST", target, body, headers=headers, **more)
    return Answer(response.status_code, response.json())


def fastapi_post(target: str, body: bytes, headers: dict[str, str]) -> Answer:
    with TestClient(fastapi_app([KEY_URL], fetch)) as client:
        response = client.post(target, content=body, headers=headers)
    return Answer(response.status_code, response.json())


every_framework = pytest.mark.parametrize(
    "post", [flask_post, django_post, fastapi_post], ids=["flask", "django", "fastapi"]
)


def signed(target: str, body: bytes = FORM, content_type: str = FORM_TYPE) -> dict[str, str]:
    path, mark, query = target.partition("?")
    return {
        "authorization": KEY.sign(string_to_sign(path, mark + query, body)),
        "x-oss-pub-key-url": base64.b64encode(KEY_URL.encode()).decode(),
        "x-oss-bucket": "examplebucket",
        "content-type": content_type,
    }


@every_framework
@pytest.mark.parametrize(
    "target",
    ["/", "/cb", "/cb?a=%2F&b=%E4%B8%AD", "/%E4%B8%AD/a+b%20c", "/a%2Fb", "/100%2541", "/cb?a=?"],
)
def test_verified(post: Post, target: str) -> None:
    answer = post(target, FORM, signed(target))
    assert (answer.status, answer.json["Status"]) == (200, "OK")
    assert answer.json["values"] == {"object": "a/b", "size": "5"}
    assert answer.json["bucket"] == "examplebucket"


@every_framework
def test_json(post: Post) -> None:
    body = '{"object":"一","size":5}'.encode()
    answer = post("/cb", body, signed("/cb", body, "application/json"))
    assert answer.json["values"] == {"object": "一", "size": 5}


@every_framework
@pytest.mark.parametrize(
    ("target", "body"),
    [("/other", FORM), ("/cb?a=1", FORM), ("/cb", b"object=c&size=5"), ("/cb", b"")],
)
def test_other_than_signed(post: Post, target: str, body: bytes) -> None:
    answer = post(target, body, signed("/cb"))
    assert answer.status == 400
    assert "the signature does not match" in answer.json["reason"]


@every_framework
def test_unsigned(post: Post) -> None:
    answer = post("/cb", FORM, {"content-type": FORM_TYPE})
    assert answer.status == 400
    assert answer.json["reason"] == "the header authorization is missing"


@every_framework
def test_body_that_is_too_large(post: Post) -> None:
    body = bytes(MAX_BODY_BYTES + 1)
    answer = post("/cb", body, signed("/cb", body))
    assert answer.status == 400
    assert "too large" in answer.json["reason"]


# --- what test clients do not do


@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI"])
def test_raw_target_of_wsgi_servers(name: str) -> None:
    environ = {name: "//a+b%2F%41?c=%2F?", "QUERY_STRING": "wrong"}
    assert target_of(environ, b"wrong") == ("//a+b%2F%41", "c=%2F?")


@pytest.mark.parametrize("raw", ["", "http://a.example/x", "*"])
def test_target_without_a_raw_one(raw: str) -> None:
    environ = {"RAW_URI": raw, "QUERY_STRING": "c=%2F"}
    assert target_of(environ, b"/\xff+%/a b") == ("/%FF%2B%25/a%20b", "c=%2F")


def test_flask_says_which_body_it_wants() -> None:
    app = flask_app([KEY_URL], fetch)
    with app.test_request_context("/cb", method="POST", headers=signed("/cb")) as context:
        context.request.environ.pop("CONTENT_LENGTH", None)
        with pytest.raises(CallbackNotVerified, match="no length"):
            ossia.receiver.flask.verified_callback(context.request, trusted_key_urls=[KEY_URL])


@pytest.mark.parametrize("length", ["", "-1", "x", "9" * 20])
def test_django_wants_a_length(length: str) -> None:
    set_up_django([KEY_URL], fetch)
    request = django.test.RequestFactory().post("/cb", FORM, content_type=FORM_TYPE)
    request.META["CONTENT_LENGTH"] = length
    assert django_view(request).status_code == 400


def test_django_under_asgi() -> None:
    set_up_django([KEY_URL], fetch)
    target = "/%E4%B8%AD%FF?a=1"
    # Some servers leave the query in the raw path.
    for raw_path in (b"/%E4%B8%AD%FF", b"/%E4%B8%AD%FF?a=1"):
        request = django.test.AsyncRequestFactory().post(
            "/x", FORM, content_type=FORM_TYPE, headers=signed(target), QUERY_STRING="a=1"
        )
        request.scope["raw_path"] = raw_path
        request.META["QUERY_STRING"] = "a=1"
        assert django_view(request).status_code == 200


def test_bytes_that_no_request_line_has() -> None:
    """What cannot be a target is refused, not an error, and "é" does not pass for "?"."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": FORM}

    for raw_path, query in ((b"/cb\xe9", b""), (b"/cb", b"a=\xe9")):
        headers = [(name.encode(), value.encode()) for name, value in signed("/cb?a=?").items()]
        scope = {"type": "http", "method": "POST", "path": "/cb", "headers": headers}
        request = Request({**scope, "raw_path": raw_path, "query_string": query}, receive)
        with pytest.raises(CallbackNotVerified, match="not those of a request line"):
            asyncio.run(
                ossia.receiver.starlette.verified_callback(
                    request, trusted_key_urls=[KEY_URL], fetch=fetch
                )
            )
