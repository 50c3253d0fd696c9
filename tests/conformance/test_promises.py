"""Issue 10, part C, over HTTP: promises about permissions, as somebody would try to break them."""

import json
from collections.abc import Iterator

import pytest
from access_world import World, access_world, assert_denied, block, make_place

from ossia.client.ram import RamClient, RamRefused
from ossia.client.signing_client import Reply, SigningClient
from ossia.client.sts import assume_role
from ossia.errors import RpcError

POLICY = [("policy", "")]
BLOCK = [("publicAccessBlock", "")]
NETWORK = "0.0.0.0/0.0.0.0"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with access_world(tmp_path_factory.mktemp("promises")) as made:
        yield made


def written(*statements: dict[str, object]) -> str:
    return json.dumps({"Version": "1", "Statement": list(statements)})


def put_policy(world: World, bucket: str, condition: object, principal: str = "*") -> Reply:
    resource = [f"acs:oss:*:*:{bucket}", f"acs:oss:*:*:{bucket}/*"]
    statement = {
        "Effect": "Allow",
        "Action": "oss:*",
        "Principal": [principal],
        "Resource": resource,
        "Condition": condition,
    }
    return world.root.request("PUT", bucket, query=POLICY, body=written(statement).encode())


# --- C1 ---

EVERYBODY = [
    pytest.param({"StringEquals": {"acs:SourceVpc": ""}}, id="the-empty-name"),
    pytest.param({"StringEqualsIgnoreCase": {"acs:SourceVpc": ["vpc-1", ""]}}, id="in-a-list"),
    pytest.param({"StringLike": {"acs:SourceVpc": ""}}, id="as-a-pattern"),
    pytest.param(
        {"IpAddress": {"acs:SourceIp": [f"{first}.0.0.0/8" for first in range(256)]}},
        id="every-network",
    ),
    pytest.param(
        {"IpAddress": {"acs:SourceIp": ["126.0.0.0/8", "127.0.0.0/8"]}}, id="two-neighbours"
    ),
]


@pytest.mark.parametrize("condition", EVERYBODY)
def test_c1_what_lets_everybody_in_is_public(world: World, condition: object) -> None:
    place = make_place(world)
    anonymous = SigningClient(world.server.endpoint, version=0)
    assert put_policy(world, place.bucket, condition).status == 200
    status = world.root.request("GET", place.bucket, query=[("policyStatus", "")])
    assert status.element("IsPublic") == "true"
    assert anonymous.request("GET", place.bucket, "user/k").status == 200
    blocked = world.root.request("PUT", place.bucket, query=BLOCK, body=block("true"))
    assert blocked.status == 200
    assert_denied(anonymous.request("GET", place.bucket, "user/k"))
    assert_denied(anonymous.request("PUT", place.bucket, "user/k", body=b"mine"))
    assert_denied(put_policy(world, place.bucket, condition))


def test_c1_what_keeps_most_out_is_not(world: World) -> None:
    place = make_place(world)
    private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/16"]
    blocked = world.root.request("PUT", place.bucket, query=BLOCK, body=block("true"))
    assert blocked.status == 200
    assert put_policy(world, place.bucket, {"IpAddress": {"acs:SourceIp": private}}).status == 200
    anonymous = SigningClient(world.server.endpoint, version=0)
    assert anonymous.request("GET", place.bucket, "user/k").status == 200


def test_c1_many_statements_of_few_addresses_are_everybody(world: World) -> None:
    """No statement names many addresses; all together name most of IPv4."""
    place = make_place(world)
    statements = [
        {
            "Effect": "Allow",
            "Principal": ["*"],
            "Action": ["oss:*"],
            "Resource": ["acs:oss:*:*:*"],
            "Condition": {
                "IpAddress": {"acs:SourceIp": [f"{first}.0.0.0/8", f"{first + 1}.0.0.0/9"]}
            },
        }
        for first in range(28, 128, 2)
    ]
    # The tests come from 127.0.0.1, which 127.0.0.0/9 of the last statement holds.
    policy = written(*statements).encode()
    anonymous = SigningClient(world.server.endpoint, version=0)
    assert world.root.request("PUT", place.bucket, query=POLICY, body=policy).status == 200
    status = world.root.request("GET", place.bucket, query=[("policyStatus", "")])
    assert status.element("IsPublic") == "true"
    assert anonymous.request("GET", place.bucket, "user/k").status == 200
    blocked = world.root.request("PUT", place.bucket, query=BLOCK, body=block("true"))
    assert blocked.status == 200
    assert_denied(anonymous.request("GET", place.bucket, "user/k"))
    assert_denied(anonymous.request("PUT", place.bucket, "user/n", body=b"mine"))
    assert_denied(world.root.request("PUT", place.bucket, query=POLICY, body=policy))


# --- C9 ---


@pytest.mark.parametrize("network", [NETWORK, "10.0.0.0/0.0.0.255", "fe80::1%1", "10.0.0.0/+8"])
@pytest.mark.parametrize("principal", ["*", "1"])
@pytest.mark.parametrize("operator", ["IpAddress", "NotIpAddress"])
def test_c9_a_bucket_policy_with_what_is_no_network(
    world: World, operator: str, principal: str, network: str
) -> None:
    place = make_place(world)
    before = place.state()
    reply = put_policy(world, place.bucket, {operator: {"acs:SourceIp": network}}, principal)
    # The code of OSS for policies that it cannot read; see errors.md.
    assert (reply.status, reply.code) == (400, "InvalidPolicyDocument")
    assert f"{network} is not an address" in reply.element("Message")
    assert place.state() == before


def test_c9_policies_of_identities_roles_and_sessions(world: World) -> None:
    server = world.server
    client = RamClient(server.endpoint, server.access_key_id, server.access_key_secret)
    condition = {"IpAddress": {"acs:SourceIp": [NETWORK]}}
    statement = {"Effect": "Allow", "Action": "oss:*", "Resource": "*", "Condition": condition}
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"RAM": ["acs:ram::*:root"]},
        "Condition": condition,
    }
    asked = {
        "CreatePolicy": {"PolicyName": "odd", "PolicyDocument": written(statement)},
        "CreateRole": {"RoleName": "odd", "AssumeRolePolicyDocument": written(trust)},
    }
    for action, parameters in asked.items():
        with pytest.raises(RamRefused) as refused:
            client.call(action, **parameters)
        assert (refused.value.status, refused.value.code) == (400, "MalformedPolicyDocument")
        assert NETWORK in str(refused.value)
    with pytest.raises(RpcError) as caught:
        assume_role(
            server.endpoint,
            access_key_id=world.app.id,
            secret=world.app.secret,
            role_arn=f"acs:ram::{server.account_id}:role/full",
            session_name="eric",
            policy=written(statement),
        )
    assert caught.value.code == "InvalidParameter.PolicyGrammar"
    assert NETWORK in str(caught.value)


# --- C6 ---


def test_c6_tags_travel_only_by_permission(world: World) -> None:
    """Each permission where it is needed; a source without tags, and REPLACE, need neither."""
    place, target = make_place(world), make_place(world)
    everything = {"Effect": "Allow", "Action": "oss:*", "Resource": "*"}

    def copies(source: str, *denied: tuple[str, str], **headers: str) -> bool:
        statements = [
            {"Effect": "Deny", "Action": action, "Resource": f"acs:oss:*:*:{bucket}/*"}
            for action, bucket in denied
        ]
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["x-oss-copy-source"] = f"/{place.bucket}/user/{source}"
        session = world.session(allowed=written(everything, *statements))
        reply = session.request("PUT", target.bucket, "user/copy", headers=named)
        if reply.status != 200:
            assert_denied(reply)
        return reply.status == 200

    def tags() -> int:
        head = world.root.request("HEAD", target.bucket, "user/copy")
        return int(head.headers.get("x-oss-tagging-count", "0"))

    reading, writing = (
        ("oss:GetObjectTagging", place.bucket),
        ("oss:PutObjectTagging", target.bucket),
    )
    swapped = [("oss:PutObjectTagging", place.bucket), ("oss:GetObjectTagging", target.bucket)]
    assert not copies("tagged", reading)
    assert not copies("tagged", writing)
    assert not copies("tagged", reading, x_oss_tagging_directive="Copy")
    assert copies("tagged", *swapped)
    assert tags() == 1
    assert copies("k", reading, writing)
    assert tags() == 0
    assert copies("tagged", reading, writing, x_oss_tagging_directive="REPLACE")
    assert tags() == 0
