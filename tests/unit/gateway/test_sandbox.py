"""Issue 10, D8: what somebody stored, or an application answered, is no page of the console's origin."""

import base64
import json

import pytest
from gateway_world import World

from ossia.http.message import Response


def _callback(body: str) -> str:
    given = {"callbackUrl": "http://127.0.0.1:8000/", "callbackBody": body}
    return base64.b64encode(json.dumps(given).encode()).decode()


TRUSTED_BY_NOBODY = {
    "content-security-policy": "sandbox",
    "x-content-type-options": "nosniff",
}


def guards(response: Response) -> dict[str, str]:
    named = {name.lower(): value for name, value in response.headers}
    return {name: named[name] for name in TRUSTED_BY_NOBODY if name in named}


@pytest.mark.parametrize("size", [5, 20_000])
@pytest.mark.parametrize("content_type", ["text/html", "image/png", "", "application/pdf;a=b"])
async def test_d8_objects_are_sandboxed_at_the_origin_of_the_console(
    world: World, bucket: str, content_type: str, size: int
) -> None:
    headers = {"content-type": content_type} if content_type else {}
    await world.ask("PUT", bucket, "k", [], headers, b"x" * size)
    for more in ({}, {"range": "bytes=1-2"}, {"if-match": "*"}):
        assert guards(await world.ask("GET", bucket, "k", [], more)) == TRUSTED_BY_NOBODY
    html = [("response-content-type", "text/html")]
    assert guards(await world.ask("GET", bucket, "k", html)) == TRUSTED_BY_NOBODY


async def test_d8_a_pdf_can_be_seen(world: World, bucket: str) -> None:
    """Its viewer has no access to the origin, and does not work in a sandbox."""
    await world.ask("PUT", bucket, "k", [], {"content-type": "application/pdf"}, b"%PDF-")
    assert guards(await world.ask("GET", bucket, "k")) == {"x-content-type-options": "nosniff"}


async def test_d8_a_bucket_in_the_host_has_an_origin_of_its_own(world: World, bucket: str) -> None:
    await world.ask("PUT", bucket, "k", [], {"content-type": "text/html"}, b"x")
    await world.ask("PUT", bucket, "k", [("acl", "")], {"x-oss-object-acl": "public-read"})
    hosted = await world.hand("GET", "/k", {"host": f"{bucket}.oss.test"})
    assert (hosted.status, guards(hosted)) == (200, {})
    by_path = await world.hand("GET", f"/{bucket}/k", {"host": "oss.test"})
    assert (by_path.status, guards(by_path)) == (200, TRUSTED_BY_NOBODY)


async def test_d8_an_applications_answer_is_not_ours(world: World, bucket: str) -> None:
    told = {"x-oss-callback": _callback("object=${object}")}
    assert guards(await world.ask("PUT", bucket, "k", [], told, b"x")) == TRUSTED_BY_NOBODY
    assert guards(await world.ask("PUT", bucket, "k", [], {}, b"x")) == {}
    assert guards(await world.ask("GET", bucket)) == {}
