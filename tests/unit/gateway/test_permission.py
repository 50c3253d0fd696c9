"""What conditions, ACLs and blocked public access see of a request, without a socket."""

import json
from itertools import product
from typing import Any

import pytest
from gateway_world import World, code, element

from ossia.records import Bucket, StoredObject

BUCKET = "mine"


@pytest.fixture
async def world() -> World:
    made = World()
    assert (await made.ask("PUT", BUCKET)).status == 200
    tagged = {"x-oss-tagging": "team=red"}
    assert (await made.ask("PUT", BUCKET, "k", headers=tagged, body=b"x")).status == 200
    return made


async def permit(world: World, *conditions: dict[str, Any]) -> None:
    statements = [
        {
            "Effect": "Allow",
            "Action": "oss:*",
            "Principal": ["*"],
            "Resource": "*",
            "Condition": each,
        }
        for each in conditions
    ]
    text = json.dumps({"Version": "1", "Statement": statements}).encode()
    assert (await world.ask("PUT", BUCKET, query=[("policy", "")], body=text)).status == 200


@pytest.mark.parametrize(
    ("condition", "method", "key", "query", "headers", "status"),
    [
        ({"StringEquals": {"oss:ExistingObjectTag/team": "red"}}, "GET", "k", [], {}, 200),
        ({"StringEquals": {"oss:ExistingObjectTag/team": "red"}}, "GET", "none", [], {}, 403),
        ({"StringEquals": {"oss:ExistingObjectTag/team": "red"}}, "GET", "", [], {}, 403),
        ({"StringEquals": {"oss:RequestObjectTag/a": "b"}}, "PUT", "n", [], {"x-oss-tagging": "a=b"}, 200),
        ({"StringEquals": {"oss:RequestObjectTag/a": "b"}}, "PUT", "n", [], {"x-oss-tagging": "a=c"}, 403),
        ({"StringEquals": {"oss:RequestObjectTag/a": "b"}}, "PUT", "n", [], {"x-oss-tagging": "a=b&a=b"}, 403),
        # What a later append ignores (W22) and what an empty header does not say (W21) is no reason.
        ({"StringEquals": {"oss:RequestObjectTag/a": "b"}}, "POST", "log", [("append", ""), ("position", "0")], {"x-oss-tagging": "a=b"}, 200),
        ({"StringEquals": {"oss:RequestObjectTag/a": "b"}}, "POST", "log", [("append", ""), ("position", "1")], {"x-oss-tagging": "a=b"}, 403),
        ({"StringEquals": {"oss:x-oss-object-acl": ""}}, "PUT", "n", [], {"x-oss-object-acl": ""}, 403),
        ({"StringEquals": {"oss:x-oss-acl": ""}}, "PUT", "", [("acl", "")], {"x-oss-acl": ""}, 403),
        ({"StringLike": {"oss:Prefix": "a/*"}}, "GET", "", [("prefix", "a/b")], {}, 200),
        ({"StringLike": {"oss:Prefix": "a/*"}}, "GET", "k", [("prefix", "a/b")], {}, 403),
        ({"StringEquals": {"oss:x-oss-acl": "private"}}, "PUT", "", [("acl", "")], {"x-oss-acl": "private"}, 200),
        ({"StringEquals": {"oss:x-oss-acl": "private"}}, "GET", "", [("acl", "")], {"x-oss-acl": "private"}, 403),
        ({"StringEquals": {"oss:x-oss-object-acl": "private"}}, "PUT", "n", [], {"x-oss-object-acl": "private"}, 200),
        ({"StringEquals": {"oss:x-oss-object-acl": "private"}}, "PUT", "n", [], {}, 403),
        ({"StringEquals": {"acs:UserAgent": "me"}}, "GET", "k", [], {"User-Agent": "me"}, 200),
        ({"StringLike": {"acs:UserAgent": "*"}}, "GET", "k", [], {}, 403),
        ({"IpAddress": {"acs:SourceIp": "192.0.2.0/24"}}, "GET", "k", [], {}, 200),
        ({"Bool": {"acs:SecureTransport": "false", "acs:MFAPresent": "false"}}, "GET", "k", [], {}, 200),
        ({"DateLessThan": {"acs:CurrentTime": "2024-01-01"}}, "GET", "k", [], {}, 200),
        ({"StringLike": {"acs:SourceVpc": "*"}}, "GET", "k", [], {}, 200),
        ({"StringLike": {"acs:AccessId": "*"}}, "GET", "k", [], {}, 403),
        ({"StringLike": {"acs:PrincipalARN": "*"}}, "GET", "k", [], {}, 403),
    ],
)  # fmt: skip
async def test_conditions_of_the_anonymous(
    world: World,
    condition: dict[str, Any],
    method: str,
    key: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    status: int,
) -> None:
    # An upload with tags needs to tag as well, which the condition does not see.
    tagging = {"StringEquals": {"oss:RequestObjectTag/a": ["b"]}}
    await permit(world, condition, tagging)
    answer = await world.ask(method, BUCKET, key, query, headers, b"", by=world.anonymous)
    assert answer.status == status, answer.body


async def test_the_object_is_looked_up_for_its_own_tags_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    objects = world.gateway._services.objects
    peek = objects.peek

    async def noted(bucket: Bucket, key: str, version: str | None = None) -> StoredObject | None:
        asked.append(key)
        return await peek(bucket, key, version)

    monkeypatch.setattr(objects, "peek", noted)
    for key, looks in (("Bucket", 0), ("RequestObject", 0), ("ExistingObject", 1)):
        await permit(world, {"StringNotEquals": {f"oss:{key}Tag/team": "blue"}})
        asked.clear()
        assert (await world.ask("GET", BUCKET, "k", by=world.anonymous)).status == 200
        assert len(asked) == looks


async def test_the_time_goes_on(world: World) -> None:
    await permit(world, {"DateLessThan": {"acs:CurrentTime": "2024-01-01"}})
    assert (await world.ask("GET", BUCKET, "k", by=world.anonymous)).status == 200
    world.clock.at = 1_704_067_200_000
    assert (await world.ask("GET", BUCKET, "k", by=world.anonymous)).status == 403


async def test_a_user_has_a_key_and_a_name(world: World) -> None:
    await world.identities.create_user("alice")
    key = await world.identities.create_access_key("alice")
    alice = world.signer(key.id, key.secret)
    for condition in (
        {"StringEquals": {"acs:AccessId": key.id}},
        {"StringEquals": {"acs:PrincipalARN": "acs:ram::1234:user/alice"}},
        {"StringEquals": {"acs:UserName": "alice"}},
        {"StringNotLike": {"acs:UserId": "${acs:UserName}"}, "StringLike": {"acs:UserId": "*"}},
    ):
        await permit(world, condition)
        assert (await world.ask("GET", BUCKET, "k", by=alice)).status == 200
        assert (await world.ask("GET", BUCKET, "k", by=world.anonymous)).status == 403


async def test_everybody_has_a_folder_of_his_own(world: World) -> None:
    statements = [
        {
            "Effect": "Allow",
            "Action": ["oss:GetObject", "oss:PutObject"],
            "Principal": ["*"],
            "Resource": "acs:oss:*:*:mine/home/${acs:UserName}/*",
        },
        {
            "Effect": "Allow",
            "Action": "oss:ListObjects",
            "Principal": ["*"],
            "Resource": "acs:oss:*:*:mine",
            "Condition": {"StringLike": {"oss:Prefix": "home/${acs:UserName}/*"}},
        },
    ]
    text = json.dumps({"Version": "1", "Statement": statements}).encode()
    assert (await world.ask("PUT", BUCKET, query=[("policy", "")], body=text)).status == 200
    by = {"": world.anonymous}
    for name in ("alice", "bob"):
        await world.identities.create_user(name)
        key = await world.identities.create_access_key(name)
        by[name] = world.signer(key.id, key.secret)
    for who, folder in product(by, ("alice", "bob", "", "${acs:UserName}")):
        status = 200 if who and who == folder else 403
        key_there = f"home/{folder}/k"
        assert (await world.ask("PUT", BUCKET, key_there, body=b"x", by=by[who])).status == status
        assert (await world.ask("GET", BUCKET, key_there, by=by[who])).status == status
        query = [("prefix", f"home/{folder}/")]
        assert (await world.ask("GET", BUCKET, query=query, by=by[who])).status == status
    # As it was written, and not as it was filled.
    assert (await world.ask("GET", BUCKET, query=[("policy", "")])).body == text


async def test_what_is_no_variable_is_refused_with_the_reason(world: World) -> None:
    text = b"""{"Version": "1", "Statement": {"Effect": "Allow", "Action": "oss:GetObject",
        "Principal": ["*"], "Resource": "acs:oss:*:*:mine/${aws:username}/*"}}"""
    answer = await world.ask("PUT", BUCKET, query=[("policy", "")], body=text)
    assert answer.status == 400
    assert "unknown variable ${aws:username}; there are acs:AccessId" in element(answer, "Message")


async def test_the_acl_of_a_bucket_that_is_not_there(world: World) -> None:
    """Nobody learns by copying which buckets exist."""
    await permit(world, {})
    for source in ("/nowhere/k", "/other/k"):
        headers = {"x-oss-copy-source": source}
        answer = await world.ask("PUT", BUCKET, "copy", headers=headers, by=world.anonymous)
        assert (answer.status, code(answer)) == (403, "AccessDenied")


async def test_the_block_of_the_account_is_seen_at_once(world: World) -> None:
    public = {"x-oss-object-acl": "public-read"}
    assert (await world.ask("PUT", BUCKET, "open", headers=public, body=b"x")).status == 200
    assert (await world.ask("GET", BUCKET, "open", by=world.anonymous)).status == 200
    other = type(world.gateway._services.public_access)(world.metadata, world.clock)
    await other.block_everywhere(is_blocked=True)
    assert await other.is_blocked_everywhere()
    answer = await world.ask("GET", BUCKET, "open", by=world.anonymous)
    assert (answer.status, element(answer, "EC")) == (403, "0003-00000001")
    answer = await world.ask("PUT", BUCKET, "open", headers=public, body=b"x")
    assert "Public access is blocked" in element(answer, "Message")
    text = json.dumps(
        {
            "Version": "1",
            "Statement": {"Effect": "Allow", "Action": "oss:*", "Principal": "*", "Resource": "*"},
        }
    ).encode()
    answer = await world.ask("PUT", BUCKET, query=[("policy", "")], body=text)
    assert "a public bucket policy cannot be set" in element(answer, "Message")


async def test_a_policy_is_closed_where_its_bucket_is(world: World) -> None:
    await permit(world, {})
    block = (
        b"<PublicAccessBlockConfiguration><BlockPublicAccess>true</BlockPublicAccess>"
        b"</PublicAccessBlockConfiguration>"
    )
    assert (await world.ask("GET", BUCKET, "k", by=world.anonymous)).status == 200
    query = [("publicAccessBlock", "")]
    assert (await world.ask("PUT", BUCKET, query=query, body=block)).status == 200
    assert (await world.ask("GET", BUCKET, "k", by=world.anonymous)).status == 403


async def test_a_form_has_the_acl_of_its_field(world: World) -> None:
    await permit(world, {"StringEquals": {"oss:x-oss-object-acl": "private"}})
    for acl, status in (("private", 204), ("default", 403)):
        fields = {"key": "posted", "x-oss-object-acl": acl, "file": "x"}
        body = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        headers = {"Content-Type": "multipart/form-data; boundary=b", "x-oss-object-acl": "private"}
        answer = await world.hand("POST", f"/{BUCKET}/", headers, f"{body}--b--\r\n".encode())
        assert answer.status == status, answer.body


RED = {"StringEquals": {"oss:RequestObjectTag/team": "red"}}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"<Tagging><TagSet><Tag><Key>team</Key><Value>red</Value></Tag></TagSet></Tagging>", {}, 200),
        (b"<Tagging><TagSet><Tag><Key>team</Key><Value>blue</Value></Tag></TagSet></Tagging>", {"x-oss-tagging": "team=red"}, 403),
        (b"<Tagging>", {}, 403),
        (b" " * (64 * 1024 + 1), {}, 400),
    ],
    ids=["as-wanted", "others", "none", "too-long"],
)  # fmt: skip
async def test_tags_of_a_document(
    world: World, body: bytes, headers: dict[str, str], status: int
) -> None:
    await permit(world, RED)
    answer = await world.hand("PUT", f"/{BUCKET}/k?tagging", headers, body)
    assert answer.status == status
