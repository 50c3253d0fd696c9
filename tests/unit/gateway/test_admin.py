"""The admin API: who may, filters, paging, replay, recovery, what is owed, its description."""

import asyncio
import base64
import json
import time
from typing import Any

import msgspec
import pytest
from admin_world import ACCEPTS, REFUSES, AdminWorld, allow, read, refusal
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from openapi_spec_validator import validate

from ossia.api.admin import admin
from ossia.api.admin.openapi import openapi
from ossia.api.admin.route import PREFIX
from ossia.client.signing_client import SigningClient
from ossia.domain.callbacks.advice import explain
from ossia.records import Delivery, StoredObject


@pytest.fixture
def world() -> AdminWorld:
    return AdminWorld()


def ids(page: Any) -> list[str]:
    return [each["id"] for each in page["callbacks"]]


# --- listing


async def test_newest_first_with_an_explanation(world: AdminWorld) -> None:
    first, second = await world.deliver("a"), await world.deliver("b", says=ACCEPTS)
    world.clock.at += 1000
    page = read(await world.get("callbacks"))
    assert ids(page) == [second.id, first.id]
    assert (page["next_before"], page["latest"]) == (None, second.id)
    row = page["callbacks"][1]
    assert row["explanation"] == explain(first).lines()
    assert row["explanation"][0].startswith("Nothing listens on 127.0.0.1:8000")
    assert (row["bucket"], row["key"], row["request_id"]) == ("mine", "a", "REQa")
    assert (row["status"], row["accepted"], row["fault"]) == (None, False, "not connected")
    assert page["callbacks"][0]["status"] == 200
    assert row["at"] == "2023-11-14T22:13:21.000Z"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"bucket": "mine"}, "ba"),
        ({"bucket": "theirs"}, "c"),
        ({"bucket": "mine", "key": "a"}, "a"),
        ({"request_id": "REQb"}, "b"),
        ({"message_id": "msg_c"}, "c"),
        ({"accepted": "true"}, "b"),
        ({"accepted": "false"}, "ca"),
        ({"since": "2023-11-14T22:13:22Z"}, "cb"),
        ({"since": "2023-11-15T06:13:23+08:00"}, "c"),
        ({"since": "1700000003000"}, "c"),
        ({"bucket": ""}, "cba"),
        ({"limit": "2"}, "cb"),
    ],
)
async def test_filters(world: AdminWorld, query: dict[str, str], found: str) -> None:
    await world.deliver("a")
    await world.deliver("b", says=ACCEPTS)
    await world.deliver("c", bucket="theirs")
    page = read(await world.get("callbacks", **query))
    assert "".join(each["key"] for each in page["callbacks"]) == found


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_pages_together_are_the_whole(world: AdminWorld, size: int) -> None:
    made = [(await world.deliver(str(number))).id for number in range(6)]
    found: list[str] = []
    before = ""
    while True:
        page = read(await world.get("callbacks", limit=str(size), before=before))
        found += ids(page)
        if page["next_before"] is None:
            break
        before = page["next_before"]
    assert found == made[::-1]


async def test_following(world: AdminWorld) -> None:
    first = await world.deliver("a")
    assert ids(read(await world.get("callbacks", after=first.id))) == []
    waiting = asyncio.create_task(world.get("callbacks", after=first.id, wait="20"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    second = await world.deliver("b")
    await asyncio.sleep(0.6)
    assert not waiting.done()
    # A worker may still be about to write an older row.
    world.clock.at += 501
    page = read(await waiting)
    assert ids(page) == [second.id]
    assert page["latest"] == second.id


async def test_following_begins_before_what_is_not_settled(world: AdminWorld) -> None:
    empty = read(await world.get("callbacks"))["latest"]
    row = await world.deliver("a")
    world.clock.at += 100
    latest = read(await world.get("callbacks"))["latest"]
    assert empty < latest < row.id
    world.clock.at += 1000
    for after in (empty, latest):
        assert ids(read(await world.get("callbacks", after=after))) == [row.id]


async def test_following_ends_with_the_time_and_with_the_server(world: AdminWorld) -> None:
    begun = time.monotonic()
    page = read(await world.get("callbacks", after="f", wait="0.5"))
    assert (ids(page), page["latest"]) == ([], "f")
    assert 0.4 < time.monotonic() - begun < 5
    world.closing = True
    begun = time.monotonic()
    read(await world.get("callbacks", after="f", wait="20"))
    assert time.monotonic() - begun < 10


# --- one


async def test_detail(world: AdminWorld) -> None:
    row = await world.deliver("a", body=b"\xff", says=ACCEPTS)
    found = read(await world.get(f"callbacks/{row.id}"))
    assert found["body"] == {"text": None, "base64": "/w=="}
    assert found["reply_body"] == {"text": "{}", "base64": None}
    assert found["headers"]["x-oss-tag"] == "CALLBACK"
    signed = base64.b64decode(found["signature"]["string_to_sign"]["base64"])
    assert signed == b"/cb\n\xff"
    assert "openssl dgst -md5 -verify" in found["signature"]["command"]
    assert len(found["signature"]["mistakes"]) == 4
    assert set(found["timings"]) == {
        "resolve_ms", "connect_ms", "tls_ms", "first_byte_ms", "total_ms",
    }  # fmt: skip


async def test_head_has_no_body(world: AdminWorld) -> None:
    row = await world.deliver()
    got, head = [await world.get(f"callbacks/{row.id}", None, each) for each in ("GET", "HEAD")]
    assert (head.status, head.body, head.content_length()) == (200, b"", len(got.body))
    missing = await world.get("callbacks/0", None, "HEAD")
    assert (missing.status, missing.body) == (404, b"")


# --- replay


async def test_replay_as_it_was(world: AdminWorld) -> None:
    row = await world.deliver()
    world.sender.says = ACCEPTS
    made = read(await world.post(f"callbacks/{row.id}/replay"))
    assert (made["kind"], made["accepted"], made["message_id"]) == ("replay", True, "msg_a.txt")
    assert world.sender.attempts[-1].body == row.message.body
    assert ids(read(await world.get("callbacks"))) == [made["id"], row.id]


async def test_replay_elsewhere_and_edited(world: AdminWorld) -> None:
    row = await world.deliver()
    url = "http://127.0.0.1:9/new?x=1"
    for fields, body in (({"body": "é"}, "é".encode()), ({"body_base64": "/w=="}, b"\xff")):
        made = read(await world.post(f"callbacks/{row.id}/replay", url=url, **fields))
        assert made["url"] == url
        sent = world.sender.attempts[-1]
        assert (sent.port, sent.target, sent.body) == (9, "/new?x=1", body)


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "ftp://x/"},
        {"url": "no url"},
        {"body_base64": "%"},
        {"body": "a", "body_base64": "YQ=="},
        {"body": 7},
        {"uri": "http://127.0.0.1/"},
    ],
)
async def test_replay_refuses(world: AdminWorld, fields: dict[str, Any]) -> None:
    row = await world.deliver()
    answer = await world.post(f"callbacks/{row.id}/replay", **fields)
    assert refusal(answer) == (400, "InvalidArgument")
    assert len(world.sender.attempts) == 1


async def test_a_cut_body_is_not_replayed(world: AdminWorld) -> None:
    row = await world.deliver(body=b"x" * 300_000)
    assert read(await world.get(f"callbacks/{row.id}"))["is_cut"] is True
    assert refusal(await world.post(f"callbacks/{row.id}/replay")) == (400, "InvalidArgument")


# --- recovery


async def recover(world: AdminWorld, **fields: Any) -> Any:
    return read(await world.post("callbacks/recover", **{"since": "0", **fields}))


async def test_recover_sends_what_was_missed_oldest_first(world: AdminWorld) -> None:
    missed = await world.deliver("missed")
    done = await world.deliver("done")
    await world.deliver("done", says=ACCEPTS, message=done.message)
    late = await world.deliver("late")
    world.sender.says = ACCEPTS
    world.sender.attempts.clear()
    world.clock.at += 1000
    answer = await recover(world)
    assert [each["failed"] for each in answer["recovered"]] == [missed.id, late.id]
    assert [each["last"]["accepted"] for each in answer["recovered"]] == [True, True]
    assert answer["next_after"] is None
    assert len(world.sender.attempts) == 2
    world.clock.at += 1000
    assert (await recover(world))["recovered"] == []


async def test_recover_goes_on_where_it_stopped_and_ends(world: AdminWorld) -> None:
    made = [(await world.deliver(str(number))).id for number in range(5)]
    world.clock.at += 1000
    found: list[str] = []
    answer = await recover(world, limit=2)
    for _ in made:
        found += [each["failed"] for each in answer["recovered"]]
        if answer["next_after"] is None:
            break
        world.clock.at += 1000
        answer = await recover(world, limit=2, after=answer["next_after"], until=answer["until"])
    assert found == made


async def test_recover_looks_at_the_uploads_own_urls(world: AdminWorld) -> None:
    row = await world.deliver(urls=("http://127.0.0.1:8000/cb", "http://127.0.0.1:8001/cb"))
    world.sender.says = ACCEPTS
    read(await world.post(f"callbacks/{row.id}/replay", url="http://127.0.0.1:9/mine"))
    world.sender.says = REFUSES
    world.clock.at += 1000
    (result,) = (await recover(world))["recovered"]
    assert result["failed"] == row.id
    assert [each.port for each in world.sender.attempts[-2:]] == [8000, 8001]
    assert result["last"]["url"] == "http://127.0.0.1:8001/cb"


async def test_recover_leaves_alone_what_is_gone(world: AdminWorld) -> None:
    gone = await world.deliver("gone")
    await world.deliver("cut", body=b"x" * 300_000)
    # The key may be there: what was refused is not what is stored under it.
    refused = msgspec.structs.replace(gone.message, id="msg_refused", key="there", decides=True)
    await world.deliver(message=refused)
    world.gone.add("gone")
    world.sender.attempts.clear()
    world.clock.at += 1000
    results = (await recover(world))["recovered"]
    assert [each["skipped"][:14] for each in results] == [
        "The object is ",
        "The log holds ",
        "The applicatio",
    ]
    assert world.sender.attempts == []


async def test_recover_keeps_to_time_and_bucket(world: AdminWorld) -> None:
    await world.deliver("old")
    since = str(world.clock.at + 1)
    await world.deliver("theirs", bucket="theirs")
    await world.deliver("new")
    world.clock.at += 1000
    answer = await recover(world, since=since, bucket="mine")
    assert [each["last"]["key"] for each in answer["recovered"]] == ["new"]


async def test_what_was_replayed_is_owed_no_longer(world: AdminWorld) -> None:
    row = await owe(world, "a")
    world.sender.says = ACCEPTS
    read(await world.post(f"callbacks/{row.id}/replay", body="edited"))
    read(await world.post(f"callbacks/{row.id}/replay", url="http://127.0.0.1:9/"))
    assert await world.outbox.find("msg_a") is not None
    read(await world.post(f"callbacks/{row.id}/replay"))
    assert await world.outbox.find("msg_a") is None


# --- what is owed


async def owe(world: AdminWorld, key: str, *, bucket: str = "mine") -> Delivery:
    """An attempt that failed, and its row of what is owed."""
    row = await world.deliver(key, bucket=bucket)
    pending = world.outbox.owed(row.message)
    bucket_id = await world_bucket(world)
    stored = StoredObject(
        bucket_id=bucket_id, key=key, size=0, etag="E", crc64=0, modified_at=0, inline=b""
    )
    await world.metadata.put_object(stored, owed=pending)
    return row


async def world_bucket(world: AdminWorld) -> int:
    found = await world.metadata.find_bucket("store")
    if found is None:
        assert (await world.ask("PUT", "store")).status == 200
        found = await world.metadata.find_bucket("store")
    assert found is not None
    return found.id


async def test_pending(world: AdminWorld) -> None:
    await owe(world, "a")
    await owe(world, "b", bucket="theirs")
    found = read(await world.get("callbacks/pending"))
    assert [each["id"] for each in found["pending"]] == ["msg_a", "msg_b"]
    assert read(await world.get("callbacks/pending", after="msg_b"))["pending"] == []
    for request_id, count in (("R-none", 0), (found["pending"][0]["request_id"], 1)):
        of_one = read(await world.get("callbacks/pending", request_id=request_id))["pending"]
        assert len(of_one) == count
    (row,) = read(await world.get("callbacks/pending", bucket="theirs"))["pending"]
    assert (row["key"], row["attempts"], row["dead"]) == ("b", 0, False)
    assert read(await world.get("callbacks/pending", dead="true"))["pending"] == []
    world.sender.says = REFUSES
    assert read(await world.post("callbacks/pending/msg_a/retry")) == {"accepted": False}
    world.sender.says = ACCEPTS
    assert read(await world.post("callbacks/pending/msg_a/retry")) == {"accepted": True}
    dropped = await world.get("callbacks/pending/msg_b", None, "DELETE")
    assert read(dropped) == {"dropped": "msg_b"}
    for method in ("retry", "DELETE"):
        again = (
            await world.post("callbacks/pending/msg_a/retry")
            if method == "retry"
            else await world.get("callbacks/pending/msg_b", None, "DELETE")
        )
        assert refusal(again) == (404, "NoSuchCallback")


async def test_a_bucket_has_terms_of_its_own(world: AdminWorld) -> None:
    await world.ask("PUT", "store")
    as_oss = {"mode": "oss", "webhooks": False, "traceparent": False, "own": False}
    assert read(await world.get("buckets/store/callbacks")) == as_oss
    fields = {"mode": "commit-on-200", "webhooks": True}
    changed = {**fields, "traceparent": False, "own": True}
    assert read(await world.send("PUT", "buckets/store/callbacks", **fields)) == changed
    assert read(await world.get("buckets/store/callbacks")) == changed
    for bad in ({"mode": "maybe"}, {"webhooks": "yes"}, {"retries": 3}):
        answer = await world.send("PUT", "buckets/store/callbacks", **bad)
        assert refusal(answer) == (400, "InvalidArgument")
    assert read(await world.get("buckets/store/callbacks")) == changed
    assert read(await world.get("buckets/store/callbacks", None, "DELETE")) == as_oss
    for method in ("GET", "DELETE"):
        answer = await world.get("buckets/nowhere/callbacks", None, method)
        assert refusal(answer) == (404, "NoSuchBucket")


# --- who may


ROUTES = [
    ("ossia:ListCallbacks", "GET", "callbacks", {}),
    ("ossia:GetCallback", "GET", "callbacks/{id}", {}),
    ("ossia:ReplayCallback", "POST", "callbacks/{id}/replay", {}),
    ("ossia:ReplayCallback", "POST", "callbacks/recover", {"since": "0"}),
    ("ossia:ManagePendingCallbacks", "GET", "callbacks/pending", {}),
    ("ossia:ManagePendingCallbacks", "POST", "callbacks/pending/msg_a/retry", {}),
    ("ossia:ManagePendingCallbacks", "DELETE", "callbacks/pending/msg_a", {}),
    ("ossia:GetCallbackTerms", "GET", "buckets/store/callbacks", {}),
    ("ossia:PutCallbackTerms", "PUT", "buckets/store/callbacks", {"mode": "outbox"}),
    ("ossia:PutCallbackTerms", "DELETE", "buckets/store/callbacks", {}),
    ("ossia:ExplainLifecycle", "GET", "buckets/store/lifecycle", {}),
    ("ossia:ExplainLifecycle", "GET", "buckets/store/lifecycle/explain", {}),
    ("ossia:RunLifecycle", "POST", "buckets/store/lifecycle/run", {}),
    (
        "ossia:ExplainPolicy",
        "POST",
        "policies/explain",
        {"as": "root", "action": "oss:GetObject", "resource": "store/k"},
    ),
    ("ossia:ListKmsKeys", "GET", "kms/keys", {}),
    ("ossia:CreateKmsKey", "POST", "kms/keys", {"description": "photos"}),
    ("ossia:GetKmsKey", "GET", "kms/keys/KEY", {}),
    ("ossia:EnableKmsKey", "POST", "kms/keys/KEY/enable", {}),
    ("ossia:RotateKmsKey", "POST", "kms/keys/KEY/rotate", {}),
    ("ossia:DisableKmsKey", "POST", "kms/keys/KEY/disable", {}),
    ("ossia:DeleteKmsKey", "DELETE", "kms/keys/KEY", {}),
    ("ossia:KeepKmsKey", "POST", "kms/keys/KEY/keep", {}),
    ("ossia:RotateMasterKey", "POST", "kms/master-key/rotate", {}),
]


def template_of(path: str) -> str:
    """The path of a route as it is declared."""
    for name, shown in (
        ("msg_a", "{message_id}"),
        ("buckets/store", "buckets/{bucket}"),
        ("KEY", "{id}"),
    ):
        path = path.replace(name, shown)
    return f"{PREFIX}/{path}"


def test_the_table_of_routes_is_complete() -> None:
    known = {
        (each.action, each.method, each.template)
        for each in admin.routes
        if each.action is not None
    }
    listed = {(action, method, template_of(path)) for action, method, path, _ in ROUTES}
    assert listed == known


async def put_rules(world: AdminWorld) -> Any:
    """Let what is in "store" go after a day."""
    rule = "<Prefix></Prefix><Status>Enabled</Status><Expiration><Days>1</Days></Expiration>"
    body = f"<LifecycleConfiguration><Rule>{rule}</Rule></LifecycleConfiguration>".encode()
    return await world.ask("PUT", "store", query=[("lifecycle", "")], body=body)


@pytest.mark.parametrize(
    "after",
    ["AAAA", "e30=", "é"]
    + [
        base64.urlsafe_b64encode(
            b'{"day":1,"rules":"","begun_at":1,"stage":"%s",%s}' % each
        ).decode()
        for each in ((b"versions", b'"place":' + b"9" * 20), (b"objects", b'"prefix":-7'))
    ],
)
async def test_a_dry_run_goes_on_only_where_it_was(world: AdminWorld, after: str) -> None:
    await world_bucket(world)
    await put_rules(world)
    answer = await world.get("buckets/store/lifecycle/explain", after=after)
    assert refusal(answer) == (400, "InvalidArgument")


@pytest.mark.parametrize("at", ["tomorrow", "2026-13-01", "9999999"])
async def test_a_dry_run_of_a_time_that_is_none(world: AdminWorld, at: str) -> None:
    await world_bucket(world)
    await put_rules(world)
    answer = await world.get("buckets/store/lifecycle/explain", at=at)
    assert refusal(answer) == (400, "InvalidArgument")


async def test_a_bucket_without_rules_has_no_dry_run(world: AdminWorld) -> None:
    await world_bucket(world)
    assert refusal(await world.get("buckets/store/lifecycle/explain"))[0] == 404
    assert refusal(await world.post("buckets/store/lifecycle/run"))[0] == 404


async def ask(
    world: AdminWorld, method: str, path: str, fields: dict[str, Any], by: SigningClient
) -> Any:
    if method in ("POST", "PUT"):
        return await world.send(method, path, by, **fields)
    return await world.get(path, by, method)


@pytest.mark.parametrize(("action", "method", "path", "fields"), ROUTES)
async def test_only_whose_policy_allows(
    world: AdminWorld, action: str, method: str, path: str, fields: dict[str, Any]
) -> None:
    row = await owe(world, "a")
    assert (await put_rules(world)).status == 200
    path = path.replace("{id}", row.id).replace("KEY", (await world.kms.create()).id)
    actions = sorted({each for each, *_ in ROUTES} - {action})
    user = await world.looker(allow("oss:*"), *(allow(each) for each in actions))
    sent = len(world.sender.attempts)
    for by in (user, world.anonymous):
        answer = await ask(world, method, path, fields, by)
        assert refusal(answer) == (403, "AccessDenied")
    assert (
        json.loads((await ask(world, method, path, fields, user)).body)["error"]["details"][
            "AuthAction"
        ]
        == action
    )
    assert len(world.sender.attempts) == sent
    assert await world.outbox.find("msg_a") is not None
    await world.identities.create_policy(
        "more", json.dumps({"Version": "1", "Statement": [allow(action)]})
    )
    await world.identities.attach_to_user("more", "looker")
    world.clock.at += 2000
    assert (await ask(world, method, path, fields, user)).status == 200


async def test_a_policy_may_name_bucket_and_key(world: AdminWorld) -> None:
    mine, theirs = await world.deliver("a"), await world.deliver("c", bucket="theirs")
    user = await world.looker(allow("ossia:*", "mine/*"))
    assert ids(read(await world.get("callbacks", user, bucket="mine"))) == [mine.id]
    assert refusal(await world.get("callbacks", user)) == (403, "AccessDenied")
    assert refusal(await world.get("callbacks", user, bucket="theirs")) == (403, "AccessDenied")
    assert read(await world.get(f"callbacks/{mine.id}", user))["key"] == "a"
    assert refusal(await world.get(f"callbacks/{theirs.id}", user)) == (403, "AccessDenied")
    # Whoever may not see every row does not learn which ids exist.
    assert refusal(await world.get("callbacks/0", user)) == (403, "AccessDenied")
    assert refusal(await world.post(f"callbacks/{theirs.id}/replay", user))[0] == 403


async def test_a_deny_hides_rows_from_lists(world: AdminWorld) -> None:
    await world.deliver("open")
    await world.deliver("hidden", bucket="theirs")
    user = await world.looker(allow("ossia:*"), allow("ossia:*", "theirs/*", effect="Deny"))
    page = read(await world.get("callbacks", user))
    assert [each["key"] for each in page["callbacks"]] == ["open"]
    world.clock.at += 1000
    answer = read(await world.post("callbacks/recover", user, since="0"))
    assert [each["last"]["key"] for each in answer["recovered"]] == ["open"]


@pytest.mark.parametrize("version", [1, 4])
async def test_signatures(world: AdminWorld, version: int) -> None:
    for secret, status in (("root", 200), ("wrong", 403)):
        by = world.signer("ROOT", secret, version=version)
        assert (await world.get("callbacks", by, bucket="mine")).status == status
    elsewhere = SigningClient("http://oss.test", "ROOT", "root", "cn-anywhere", version)
    assert (await world.get("callbacks", elsewhere)).status == 200
    unknown = world.signer("NOBODY", "x", version=version)
    assert refusal(await world.get("callbacks", unknown)) == (403, "InvalidAccessKeyId")


async def test_a_signature_is_for_one_path(world: AdminWorld) -> None:
    signed = world.root._signature("GET", "-", "api/callbacks", [], {}, world.clock.at)
    moved = await world.hand("GET", "/-/api/callbacks/pending", signed)
    assert refusal(moved) == (403, "SignatureDoesNotMatch")


async def test_signed_in_the_url(world: AdminWorld) -> None:
    await world.deliver()
    world.clock.at = time.time_ns() // 1_000_000
    for version in (1, 4):
        url = world.signer("ROOT", "root", version=version).url(
            "GET", "-", "api/callbacks", query=[("bucket", "mine")]
        )
        answer = await world.hand("GET", url.removeprefix("http://oss.test"), {})
        assert len(read(answer)["callbacks"]) == 1


# --- what is wrong


@pytest.mark.parametrize(
    ("method", "path", "query", "expected"),
    [
        ("GET", "callbacks", {"limit": "0"}, (400, "InvalidArgument")),
        ("GET", "callbacks", {"limit": "many"}, (400, "InvalidArgument")),
        ("GET", "callbacks", {"wait": "21"}, (400, "InvalidArgument")),
        ("GET", "callbacks", {"accepted": "perhaps"}, (400, "InvalidArgument")),
        ("GET", "callbacks", {"since": "yesterday"}, (400, "InvalidArgument")),
        ("GET", "callbacks", {"buckets": "x"}, (400, "InvalidArgument")),
        ("GET", "callbacks/0", {}, (404, "NoSuchCallback")),
        ("GET", "nothing", {}, (404, "NoSuchKey")),
        ("DELETE", "callbacks", {}, (405, "MethodNotAllowed")),
        ("POST", "callbacks/recover", {}, (400, "InvalidArgument")),
    ],
)
async def test_errors(
    world: AdminWorld, method: str, path: str, query: dict[str, str], expected: tuple[int, str]
) -> None:
    assert refusal(await world.get(path, None, method, **query)) == expected


async def test_a_body_that_is_no_object(world: AdminWorld) -> None:
    for body in (b"[]", b"{", b"\xff"):
        answer = await world.ask("POST", "-", "api/callbacks/recover", body=body)
        assert refusal(answer) == (400, "InvalidArgument")


async def test_names_that_are_not_utf_8(world: AdminWorld) -> None:
    for target in ("/-/api/%ff", "/-/api/callbacks?bucket=%ff"):
        assert refusal(await world.hand("GET", target, {})) == (400, "InvalidArgument")


async def test_other_paths_are_not_ours(world: AdminWorld) -> None:
    assert (await world.hand("GET", "/-/health", {})).body.startswith(b"<?xml")


# --- the description


async def test_description_is_open_valid_and_complete(world: AdminWorld) -> None:
    document = read(await world.get("openapi.json", world.anonymous))
    validate(document)
    assert document == json.loads(json.dumps(openapi()))
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }
    assert described == {(each.method, each.template) for each in admin.routes}
    (parameters,) = [document["paths"]["/-/api/callbacks"]["get"]["parameters"]]
    assert {each["name"] for each in parameters} == {
        "bucket", "key", "request_id", "message_id", "accepted", "since", "before", "after",
        "limit", "wait",
    }  # fmt: skip
    recover_body = document["paths"]["/-/api/callbacks/recover"]["post"]["requestBody"]
    assert recover_body["content"]["application/json"]["schema"]["required"] == ["since"]
    assert all(each.summary for each in admin.routes)


async def test_answers_are_as_described(world: AdminWorld) -> None:
    document = openapi()
    row = await owe(world, "a")
    key = await world.kms.create()
    await put_rules(world)
    for _, method, path, fields in ROUTES:
        named = path.replace("{id}", row.id).replace("KEY", key.id)
        answer = await ask(world, method, named, fields, world.root)
        operation = document["paths"][template_of(path)][method.lower()]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(
            read(answer)
        )
        if path.endswith("/retry"):
            await owe(world, "a")


@pytest.mark.parametrize("opened", [b'{"a":', b"[", b'{"a":['])
async def test_b6_a_deeply_nested_document_is_refused(world: AdminWorld, opened: bytes) -> None:
    """Issue 10, B6: somebody who may send it; strangers are refused before it is read."""
    answer = await world.ask("POST", "-", "api/callbacks/recover", body=opened * 100_000)
    assert refusal(answer) == (400, "InvalidArgument")
