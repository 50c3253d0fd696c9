"""``POST /-/api/policies/explain``: who is asked about, and under which circumstances."""

import json
from typing import Any

import pytest
from admin_world import AdminWorld, read, refusal

TRUST = {
    "Version": "1",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": "acs:ram::1234:root"}}
    ],
}


def document(effect: str, action: str, resource: str = "*", **more: Any) -> str:
    statement = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "1", "Statement": [statement]})


@pytest.fixture
async def world() -> AdminWorld:
    made = AdminWorld()
    them = made.identities
    await them.create_user("alice")
    await them.create_role("app", json.dumps(TRUST))
    await them.create_policy("reading", document("Allow", "oss:Get*", "acs:oss:*:*:store/*"))
    await them.attach_to_user("reading", "alice")
    await them.attach_to_role("reading", "app")
    assert (await made.ask("PUT", "store")).status == 200
    headers = {"x-oss-tagging": "team=red", "x-oss-object-acl": "public-read"}
    assert (await made.ask("PUT", "store", "k", headers=headers, body=b"x")).status == 200
    return made


async def explained(world: AdminWorld, who: str, **more: Any) -> Any:
    fields = {"as": who, "action": "oss:GetObject", "resource": "store/other", **more}
    return read(await world.post("policies/explain", None, **fields))


@pytest.mark.parametrize(
    ("who", "arn", "allowed"),
    [
        ("root", "acs:ram::1234:root", True),
        ("acs:ram::1234:root", "acs:ram::1234:root", True),
        ("anonymous", "anonymous", False),
        ("user/alice", "acs:ram::1234:user/alice", True),
        ("acs:ram::1234:user/alice", "acs:ram::1234:user/alice", True),
        ("role/app", "acs:ram::1234:assumed-role/app/explained", True),
        ("acs:ram::1234:assumed-role/app/eric", "acs:ram::1234:assumed-role/app/eric", True),
        ("arn:sts::1234:assumed-role/app/eric", "acs:ram::1234:assumed-role/app/eric", True),
    ],
)
async def test_whom_it_is_about(world: AdminWorld, who: str, arn: str, allowed: bool) -> None:
    found = await explained(world, who)
    assert (found["as"], found["allowed"]) == (arn, allowed)
    assert found["resource"] == "acs:oss:cn-test:1234:store/other"


@pytest.mark.parametrize("who", ["user/nobody", "role/none", "acs:ram::9:user/alice", "", "alice"])
async def test_nobody_of_that_name(world: AdminWorld, who: str) -> None:
    fields = {"as": who, "action": "oss:GetObject", "resource": "store/k"}
    answer = await world.post("policies/explain", None, **fields)
    assert refusal(answer) == (400, "InvalidArgument")


async def test_everything_that_decides_is_told(world: AdminWorld) -> None:
    found = await explained(world, "user/alice", action="oss:PutObject")
    assert found == {
        "allowed": False,
        "because": "nothing allows it",
        "as": "acs:ram::1234:user/alice",
        "action": "oss:PutObject",
        "resource": "acs:oss:cn-test:1234:store/other",
        "policies": [
            {
                "kind": "identity policy",
                "name": "reading",
                "statements": [
                    {
                        "label": "Statement[0]",
                        "effect": "Allow",
                        "matches": False,
                        "misses": ["Action"],
                        "unmet": [],
                        "unset": [],
                    }
                ],
            }
        ],
        "acl": "private",
        "acl_may_help": True,
        "public_access_blocked": False,
    }


async def test_the_acl_of_the_object_and_blocked_public_access_count(world: AdminWorld) -> None:
    open_object = {"resource": "acs:oss:*:*:store/k"}
    found = await explained(world, "anonymous", **open_object)
    assert (found["allowed"], found["because"], found["acl"]) == (
        True,
        "the ACL permits it",
        "public-read",
    )
    services = world.gateway._services
    await services.public_access.block_everywhere(is_blocked=True)
    found = await explained(world, "anonymous", **open_object)
    assert (found["allowed"], found["public_access_blocked"]) == (False, True)
    found = await explained(world, "anonymous", action="oss:ListObjects", resource="store")
    assert (found["acl"], found["acl_may_help"]) == ("private", False)


async def test_conditions_are_asked_of_the_context(world: AdminWorld) -> None:
    condition = {
        "IpAddress": {"acs:SourceIp": "10.0.0.0/8"},
        "StringEquals": {"oss:ExistingObjectTag/team": "red"},
        "StringLike": {"acs:PrincipalARN": "*:user/alice", "acs:SourceVpc": "*"},
        "Bool": {"acs:MFAPresent": "false"},
        "DateGreaterThan": {"acs:CurrentTime": "2023-01-01"},
    }
    policy = document("Allow", "oss:PutObject", Principal=["*"], Condition=condition)
    put = await world.ask("PUT", "store", query=[("policy", "")], body=policy.encode())
    assert put.status == 200
    asked = {"action": "oss:PutObject", "resource": "store/k"}
    found = await explained(world, "user/alice", **asked)
    (statement,) = found["policies"][1]["statements"]
    assert statement["misses"] == []
    assert statement["unmet"] == [
        {"operator": "IpAddress", "key": "acs:SourceIp", "wanted": ["10.0.0.0/8"], "found": []}
    ]
    at_home = {"ACS:sourceip": "10.1.1.1"}
    found = await explained(world, "user/alice", context=at_home, **asked)
    assert (found["allowed"], found["because"]) == (True, "bucket policy, Statement[0]")
    other = {**at_home, "oss:ExistingObjectTag/team": ["blue", "green"]}
    found = await explained(world, "user/alice", context=other, **asked)
    (unmet,) = found["policies"][1]["statements"][0]["unmet"]
    assert (unmet["key"], unmet["found"]) == ("oss:ExistingObjectTag/team", ["blue", "green"])
    # Where public access is blocked, the statement is narrow enough to stay.
    await world.gateway._services.public_access.block_everywhere(is_blocked=True)
    assert (await explained(world, "user/alice", context=at_home, **asked))["allowed"]
    assert not (await explained(world, "anonymous", context=at_home, **asked))["allowed"]


async def test_a_session_policy_narrows(world: AdminWorld) -> None:
    narrow = document("Allow", "oss:GetObject", "acs:oss:*:*:store/a/*")
    found = await explained(world, "role/app", session_policy=narrow)
    assert (found["allowed"], found["because"]) == (False, "the session policy does not allow it")
    assert (await explained(world, "role/app", session_policy=narrow, resource="store/a/b"))[
        "allowed"
    ]
    for who, text in (("role/app", "{}"), ("user/alice", narrow)):
        fields = {"as": who, "action": "a:b", "resource": "*", "session_policy": text}
        answer = await world.post("policies/explain", None, **fields)
        assert refusal(answer) == (400, "InvalidArgument")


async def test_of_other_services_and_of_buckets_that_do_not_exist(world: AdminWorld) -> None:
    arn = "acs:ram::1234:role/app"
    found = await explained(world, "user/alice", action="sts:AssumeRole", resource=arn)
    assert (found["allowed"], found["resource"], found["acl"]) == (False, arn, "private")
    found = await explained(world, "anonymous", resource="nowhere/k")
    assert (found["allowed"], found["policies"]) == (False, [])
    found = await explained(world, "root", action="oss:ListBuckets", resource="*")
    assert found["allowed"]


async def test_public_statements_do_not_count_where_public_access_is_blocked(
    world: AdminWorld,
) -> None:
    policy = document("Allow", "oss:PutObject", Principal=["*"]).encode()
    assert (await world.ask("PUT", "store", query=[("policy", "")], body=policy)).status == 200
    asked = {"action": "oss:PutObject"}
    assert (await explained(world, "anonymous", **asked))["allowed"]
    await world.gateway._services.public_access.block_everywhere(is_blocked=True)
    found = await explained(world, "anonymous", **asked)
    assert not found["allowed"]
    assert found["policies"][0]["statements"][0]["misses"] == ["PublicAccessBlock"]
