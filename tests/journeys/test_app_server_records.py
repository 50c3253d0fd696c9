"""Issue 10, C5: somebody with a key of the storage, who wants a record of what was never uploaded.

Every callback here is signed by the storage itself: it signs for each of its users.  The server's
root stands for any of them.
"""

import base64
import json
import urllib.error
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from forms import get_json, post_form, v1_fields
from uploading import FORM

from ossia.client.signing_client import Reply
from ossia.testing.inbox import Inbox, Received
from running import Demo, signer

BUCKET = "somebody-elses"


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as opened:
        yield opened


def records(demo: Demo) -> list[dict[str, Any]]:
    request = Request(demo.page + "uploads?limit=1000", headers={"Accept": "application/json"})
    with urlopen(request, timeout=10) as response:
        found: list[dict[str, Any]] = json.load(response)["uploads"]
    return found


def has_it_say(
    demo: Demo,
    body: str,
    url: str = "",
    bucket: str = BUCKET,
    key: str = "x",
    content: bytes = b"x",
) -> Reply:
    """Store something with a callback of one's own making."""
    client = signer(demo.server)
    client.request("PUT", bucket)
    given = {
        "callbackUrl": url or demo.page + "callback",
        "callbackBody": body,
        "callbackBodyType": FORM,
    }
    parameter = base64.b64encode(json.dumps(given).encode()).decode()
    return client.request("PUT", bucket, key, headers={"x-oss-callback": parameter}, body=content)


def replay(demo: Demo, received: Received, **headers: str) -> int:
    """Send a callback that arrived elsewhere to the application server."""
    kept = {
        name: value
        for name, value in received.headers.items()
        if name in ("authorization", "x-oss-pub-key-url", "content-type", "x-oss-bucket")
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(
        demo.page + "callback", data=received.body, headers={**kept, **named}, method="POST"
    )
    try:
        with urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def granted_body(demo: Demo, key: str) -> tuple[dict[str, Any], str]:
    """A form, and what its callback says of *key*."""
    form = get_json(demo.page + "policy")
    body = json.loads(base64.b64decode(form["callback"]))["callbackBody"]
    told = body.replace("${bucket}", demo.bucket).replace("${object}", key).replace("${etag}", "E")
    return form, told


def claims(demo: Demo, key: str, **more: str) -> str:
    return urlencode({"bucket": demo.bucket, "object": key, **more})


def test_c5_any_user_can_have_it_called_and_nothing_is_recorded(demo: Demo) -> None:
    before = records(demo)
    for body in (
        claims(demo, "user-dir/forged", size="1"),
        claims(demo, "user-dir/forged", size="1", grant="x.y"),
        claims(demo, "${object}"),
        "object=user-dir/forged",
    ):
        reply = has_it_say(demo, body)
        assert (reply.status, reply.code) == (203, "CallbackFailed")
    assert records(demo) == before


def test_c5_a_replay_from_ones_own_receiver_is_not_recorded(demo: Demo, inbox: Inbox) -> None:
    """Path and body are signed, and neither host nor headers."""
    before = records(demo)
    assert has_it_say(demo, claims(demo, "user-dir/forged"), inbox.url).status == 200
    (received,) = inbox.wait(1)
    assert replay(demo, received) == 400
    assert replay(demo, received, x_oss_bucket=demo.bucket) == 400
    assert records(demo) == before


def test_c5_another_bucket_in_the_header_is_refused(demo: Demo, inbox: Inbox) -> None:
    key = "user-dir/header.txt"
    assert signer(demo.server).request("PUT", demo.bucket, key, body=b"x").status == 200
    has_it_say(demo, claims(demo, key), inbox.url)
    (received,) = inbox.wait(1)
    assert received.headers["x-oss-bucket"] == BUCKET
    assert replay(demo, received) == 400
    # Headers are not signed: with the right one it is what an app with a token says, and true.
    assert replay(demo, received, x_oss_bucket=demo.bucket) == 200


def test_c5_a_grant_makes_nothing_true_but_what_it_grants(demo: Demo) -> None:
    before = records(demo)
    _, body = granted_body(demo, "elsewhere/forged")
    assert has_it_say(demo, body, bucket=demo.bucket).status == 203
    _, body = granted_body(demo, "user-dir/mine")
    assert has_it_say(demo, body).status == 203
    assert records(demo) == before


def test_c5_what_a_form_told_is_recorded_once(demo: Demo, inbox: Inbox) -> None:
    """Its callback, played again by whoever has its text, through a receiver of his own."""
    key = "user-dir/once.txt"
    form = get_json(demo.page + "policy")
    answer = post_form(form["host"], v1_fields(form, key, name="a"), b"hello")
    first = answer.json()
    known = json.loads(base64.b64decode(form["callback"]))["callbackBody"]
    etag = signer(demo.server).request("HEAD", demo.bucket, key).headers["etag"].strip('"')
    again = (
        known.replace("${bucket}", demo.bucket)
        .replace("${object}", key)
        .replace("${etag}", etag)
        .replace("${size}", "999999")
        .replace("${reqId}", "another")
    )
    has_it_say(demo, again, inbox.url, bucket=demo.bucket, key="user-dir/other.txt")
    (received,) = inbox.wait(1)
    for _ in range(2):
        assert replay(demo, received) == 200
    found = [each for each in records(demo) if each["object"] == key]
    assert [each["size"] for each in found] == [5]
    assert found[0]["when"] == first["when"]


def test_c5_what_a_token_stored_is_looked_at(demo: Demo, inbox: Inbox) -> None:
    key = "user-dir/by-token.txt"
    told = "bucket=${bucket}&object=${object}&size=${size}&etag=${etag}&x:who=${x:who}"
    reply = has_it_say(demo, told, bucket=demo.bucket, key=key, content=b"hello")
    assert (reply.status, json.loads(reply.body)["object"]) == (200, key)
    before = records(demo)
    # Its size is what it is, and nobody else's story becomes a second record.
    for body in (claims(demo, key, size="6"), claims(demo, key, etag="0" * 32)):
        assert has_it_say(demo, body, bucket=demo.bucket, key="user-dir/lie").status == 203
    for etag in ({}, {"etag": reply.headers["etag"]}):
        retold = claims(demo, key, reqId="another", who="mallory", **etag)
        assert has_it_say(demo, retold, bucket=demo.bucket, key="user-dir/lie").status == 203
    assert [each for each in records(demo) if each["object"] == key] == [
        each for each in before if each["object"] == key
    ]
    assert "mallory" not in json.dumps(records(demo))


def test_c5_what_a_form_stored_is_not_told_anew(demo: Demo, inbox: Inbox) -> None:
    """A callback of one's own text, played again with another header, about somebody's upload."""
    key = "user-dir/form-first.txt"
    form = get_json(demo.page + "policy")
    first = post_form(form["host"], v1_fields(form, key, name="a"), b"hello").json()
    etag = signer(demo.server).request("HEAD", demo.bucket, key).headers["etag"].strip('"')
    story = {"object": key, "user": "mallory", "x:uid": "7", "mimeType": "text/html"}
    for number, body in enumerate((urlencode(story), urlencode({**story, "etag": etag}))):
        has_it_say(demo, body, inbox.url)
        received = inbox.wait(number + 1)[-1]
        assert replay(demo, received, x_oss_bucket=demo.bucket) == 400
    (found,) = [each for each in records(demo) if each["object"] == key]
    assert {"Status": "OK", **found} == first


def test_c5_the_same_callback_twice_is_one_record(demo: Demo, inbox: Inbox) -> None:
    key = "user-dir/twice.txt"
    body = "bucket=${bucket}&object=${object}&size=${size}&reqId=${reqId}"
    has_it_say(demo, body, inbox.url, bucket=demo.bucket, key=key)
    (received,) = inbox.wait(1)
    assert [replay(demo, received) for _ in range(3)] == [200, 200, 200]
    assert len([each for each in records(demo) if each["object"] == key]) == 1
