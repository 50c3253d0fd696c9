"""Session tokens that were tampered with, at OSS and at STS of a real server."""

import json
import uuid
from base64 import b64decode, b64encode
from dataclasses import dataclass

import pytest

from ossia.client.ram import RamClient, RamRefused
from ossia.client.signing_client import SigningClient
from ossia.client.sts import Credentials, assume_role
from running import Server

STS = "2015-04-01"


@dataclass(frozen=True, slots=True)
class World:
    """Two sessions of one user."""

    server: Server
    root: RamClient
    one: Credentials
    two: Credentials
    name: str

    def at_oss(self, token: str, key: Credentials | None = None, version: int = 4) -> str:
        """What OSS says about a token: its code, or ``OK``."""
        key = key or self.one
        client = SigningClient(
            self.server.endpoint,
            key.access_key_id,
            key.access_key_secret,
            self.server.region,
            version=version,
            security_token=token,
        )
        reply = client.request("GET", "", "")
        if reply.status == 200:
            return "OK"
        return reply.body.decode().partition("<Code>")[2].partition("</Code>")[0]

    def at_sts(self, token: str, key: Credentials | None = None) -> str:
        """What STS says about it."""
        key = key or self.one
        client = RamClient(self.server.endpoint, key.access_key_id, key.access_key_secret, token)
        try:
            client.call("GetCallerIdentity", Version=STS)
        except RamRefused as refused:
            return refused.code
        return "OK"


@pytest.fixture(scope="module")
def world(server: Server) -> World:
    name = f"hostile-{uuid.uuid4().hex[:8]}"
    root = RamClient(server.endpoint, server.access_key_id, server.access_key_secret)
    root.call("CreateUser", UserName=name)
    key = root.call("CreateAccessKey", UserName=name)["AccessKey"]
    system = {"PolicyType": "System", "UserName": name}
    root.call("AttachPolicyToUser", PolicyName="AliyunSTSAssumeRoleAccess", **system)
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"RAM": f"acs:ram::{server.account_id}:user/{name}"},
    }
    trust = json.dumps({"Version": "1", "Statement": [statement]})
    root.call("CreateRole", RoleName=name, AssumeRolePolicyDocument=trust)
    root.call(
        "AttachPolicyToRole",
        RoleName=name,
        PolicyType="System",
        PolicyName="AliyunOSSReadOnlyAccess",
    )

    def assume() -> Credentials:
        return assume_role(
            server.endpoint,
            access_key_id=key["AccessKeyId"],
            secret=key["AccessKeySecret"],
            role_arn=f"acs:ram::{server.account_id}:role/{name}",
            session_name="hostile",
        )

    return World(server, root, assume(), assume(), name)


def test_the_token_itself_is_good(world: World) -> None:
    assert world.at_oss(world.one.security_token) == "OK"
    assert world.at_oss(world.one.security_token, version=1) == "OK"
    assert world.at_sts(world.one.security_token) == "OK"


def forged(world: World) -> dict[str, str]:
    one, two = (b64decode(each.security_token) for each in (world.one, world.two))
    flipped = bytearray(one)
    flipped[len(one) // 2] ^= 1
    other_number = one[:4] + (2**32 - 1).to_bytes(4) + one[8:]
    raw = {
        "spliced": one[: len(one) // 2] + two[len(one) // 2 :],
        "head-of-another": two[:20] + one[20:],
        "flipped": bytes(flipped),
        "sealed-by-no-key": other_number,
        "another-format": b"\x08\x02\x12\x01" + one[4:],
        "nothing-sealed": one[:20],
        **{f"cut-to-{length}": one[:length] for length in (1, 4, 8, 19, 36, len(one) - 1)},
    }
    return {
        **{name: b64encode(each).decode() for name, each in raw.items()},
        "no-base64": "CAIS!" + world.one.security_token,
        "doubled": world.one.security_token * 2,
        "oversized": "CAIS" + "A" * 17_000,
    }


def test_what_was_forged_is_refused(world: World) -> None:
    for name, token in forged(world).items():
        assert world.at_oss(token) == "InvalidSecurityToken", name
        assert world.at_oss(token, version=1) == "InvalidSecurityToken", name
        assert world.at_sts(token) == "InvalidSecurityToken.Malformed", name


def test_tokens_and_keys_belong_together(world: World) -> None:
    assert world.at_oss(world.two.security_token) == "InvalidSecurityToken"
    assert world.at_sts(world.two.security_token) == "InvalidSecurityToken.MismatchWithAccessKey"
    wrong = Credentials(
        access_key_id=world.one.access_key_id,
        access_key_secret=world.two.access_key_secret,
        security_token="",
        expiration="",
    )
    assert world.at_oss(world.one.security_token, wrong) == "SignatureDoesNotMatch"
    assert world.at_sts(world.one.security_token, wrong) == "SignatureDoesNotMatch"


def test_a_temporary_key_needs_its_token_and_a_lasting_one_takes_none(world: World) -> None:
    assert world.at_oss("") == "InvalidAccessKeyId"
    assert world.at_sts("") == "MissingSecurityToken"
    lasting = Credentials(
        access_key_id=world.server.access_key_id,
        access_key_secret=world.server.access_key_secret,
        security_token="",
        expiration="",
    )
    assert world.at_oss(world.one.security_token, lasting) == "InvalidAccessKeyId"
    assert world.at_sts(world.one.security_token, lasting) == "InvalidAccessKeyId.NotFound"


def test_a_session_ends_with_its_role(world: World) -> None:
    # The last test: it makes the role anew.
    role = world.root.call("GetRole", RoleName=world.name)["Role"]
    attached = {"PolicyType": "System", "PolicyName": "AliyunOSSReadOnlyAccess"}
    world.root.call("DetachPolicyFromRole", RoleName=world.name, **attached)
    assert world.at_oss(world.one.security_token) == "AccessDenied"
    world.root.call("DeleteRole", RoleName=world.name)
    again = {"AssumeRolePolicyDocument": role["AssumeRolePolicyDocument"], "RoleName": world.name}
    world.root.call("CreateRole", **again)
    world.root.call("AttachPolicyToRole", RoleName=world.name, **attached)
    assert world.at_oss(world.one.security_token) == "InvalidSecurityToken"
    assert world.at_sts(world.one.security_token) == "InvalidSecurityToken.Malformed"
