"""The routes with a hook: who is asked, what a refusal looks like, whose pages may read."""

from collections.abc import Awaitable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asgi import Answer, ask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.types import ASGIApp
from world import CONFIG, LENT, NOW_MS, TOKENS_ONLY, lend

from ossia.appserver import Grant, Refused
from ossia.appserver.app import create_app
from ossia.appserver.config import ConfigError
from ossia.appserver.grant import Hook
from ossia.appserver.uploads import Upload, Uploads

APP = "https://app.example"


@pytest.fixture
def uploads() -> Iterator[Uploads]:
    opened = Uploads(Path(":memory:"))
    yield opened
    opened.close()


def grant_for(request: Request) -> Grant:
    user = request.headers.get("x-user")
    if user is None:
        raise Refused(401, "Sign in first.")
    return Grant(user=user, prefix=f"users/{user}/")


async def grant_later(request: Request) -> Grant:
    return grant_for(request)


def app_of(
    uploads: Uploads, hook: Hook | None = grant_for, origins: tuple[str, ...] = ()
) -> Starlette:
    return create_app(
        replace(CONFIG, cors_origins=origins),
        uploads,
        hook=hook,
        lend=lend,
        now_ms=lambda: NOW_MS,
        static=Path("/nonexistent"),
    )


class Returning:
    def __call__(self, request: Request) -> Awaitable[Grant]:
        return grant_later(request)


@pytest.mark.parametrize(
    "hook",
    [grant_for, grant_later, Returning()],
    ids=["sync", "async", "returns-awaitable"],
)
async def test_a_hook_decides_the_prefix(uploads: Uploads, hook: Hook) -> None:
    answer = await ask(app_of(uploads, hook), "GET", "/policy", headers={"x-user": "alice"})
    assert answer.json()["dir"] == "users/alice/"


@pytest.mark.parametrize("path", ["/token", "/sts", "/policy", "/policy?version=v4"])
async def test_a_hook_refuses(uploads: Uploads, path: str) -> None:
    answer = await ask(app_of(uploads), "GET", path)
    assert answer.status == 401
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "StatusCode": 401,
        "ErrorCode": "Refused",
        "ErrorMessage": "Sign in first.",
    }


def fail(request: Request) -> Any:
    raise KeyError(request.headers["x-user"])


@pytest.mark.parametrize(
    "hook",
    [fail, lambda _: None, lambda _: Grant(prefix="users/*/")],
    ids=["raises", "none", "star"],
)
@pytest.mark.parametrize("path", ["/token", "/policy", "/get_post_signature_for_oss_upload"])
async def test_a_hook_that_fails_grants_nothing(uploads: Uploads, path: str, hook: Any) -> None:
    answer = await ask(app_of(uploads, hook), "GET", path, headers={"x-user": "secret"})
    assert answer.status == 500
    assert answer.json()["ErrorCode"] == "HookFailed"
    assert b"secret" not in answer.body
    assert LENT.access_key_secret.encode() not in answer.body


def test_a_hook_needs_a_bucket(uploads: Uploads) -> None:
    with pytest.raises(ConfigError, match="--bucket"):
        create_app(TOKENS_ONLY, uploads, hook=grant_for)


async def test_the_application_can_be_mounted(uploads: Uploads) -> None:
    outer = Starlette(routes=[Mount("/oss", app_of(uploads))])
    user = {"x-user": "alice"}
    assert "AccessKeyId" in (await ask(outer, "GET", "/oss/token", headers=user)).json()
    v1 = await ask(outer, "GET", "/oss/policy", headers=user)
    assert "accessid" in v1.json()
    v4 = await ask(outer, "GET", "/oss/get_post_signature_for_oss_upload", headers=user)
    assert "x_oss_credential" in v4.json()


# --- what users see of each other


def uploaded(key: str) -> Upload:
    return Upload(
        request_id=key,
        at_ms=NOW_MS,
        bucket=CONFIG.bucket,
        object=key,
        size=1,
        mime_type="",
        width=None,
        height=None,
        variables={},
    )


async def test_a_user_sees_his_uploads_only(uploads: Uploads) -> None:
    for key in ("users/alice/a", "users/alice%/b", "users/bob/c", "users/Alice/d"):
        uploads.record(uploaded(key))
    app = app_of(uploads)
    answer = await ask(app, "GET", "/uploads", headers={"x-user": "alice"})
    assert [each["object"] for each in answer.json()["uploads"]] == ["users/alice/a"]
    page = await ask(app, "GET", "/uploads", headers={"x-user": "bob", "Accept": "text/html"})
    assert b"users/bob/c" in page.body
    assert b"alice" not in page.body
    assert (await ask(app, "GET", "/uploads")).status == 401


# --- whose pages


async def from_page(app: ASGIApp, origin: str | None, **headers: str) -> Answer:
    given = {"x-user": "alice", **({"Origin": origin} if origin else {}), **headers}
    return await ask(app, "GET", "/token", headers=given)


async def test_a_named_origin_may_read_with_cookies(uploads: Uploads) -> None:
    answer = await from_page(app_of(uploads, origins=(APP,)), APP)
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "ETag" in answer.headers["access-control-expose-headers"]
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://app.example.evil", "null", None]
)
async def test_another_origin_may_not(uploads: Uploads, origin: str | None) -> None:
    answer = await from_page(app_of(uploads, origins=(APP,)), origin)
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == "Origin"


async def test_without_origins_no_page_of_another_may_read(uploads: Uploads) -> None:
    answer = await from_page(app_of(uploads), APP)
    assert "access-control-allow-origin" not in answer.headers


async def test_everybodys_answers_are_read_without_cookies(uploads: Uploads) -> None:
    app = app_of(uploads, hook=None, origins=("*",))
    answer = await from_page(app, APP, Cookie="session=1")
    assert "access-control-allow-credentials" not in answer.headers


async def test_preflight(uploads: Uploads) -> None:
    app = app_of(uploads, origins=(APP,))
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-user"}
    answer = await ask(app, "OPTIONS", "/token", headers={"Origin": APP, **asked})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "x-user" in answer.headers["access-control-allow-headers"]
    assert "Origin" in answer.headers["vary"]
    evil = await ask(app, "OPTIONS", "/token", headers={"Origin": "https://evil.example", **asked})
    assert evil.status == 400
    assert "access-control-allow-origin" not in evil.headers
