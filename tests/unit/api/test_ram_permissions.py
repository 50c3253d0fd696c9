"""Who may do what in RAM: the account, users and sessions whose policies allow it."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from federating import federation_of
from ossia.api.ram import RAM_VERSION, Call, Operation, ram
from ossia.api.ram.operation import _PLACEHOLDER, Fields, Registry, UserName
from ossia.domain.identity.identities import Caller, Identities
from ossia.domain.identity.ram.parameters import (
    GROUP_NAME,
    POLICY_NAME,
    PROVIDER_NAME,
    ROLE_NAME,
    USER_NAME,
)
from ossia.domain.identity.sessions import Sessions
from ossia.errors import RpcError
from ossia.tables import identities
from stored import in_memory

NOW = 1_735_787_045_000
TRUST = (
    '{"Version":"1","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"RAM":"acs:ram::1234:root"}}}'
)


class StillClock:
    def now_ms(self) -> int:
        return NOW


@dataclass
class World:
    identities: Identities

    async def user(self, name: str, *statements: dict[str, Any]) -> Caller:
        """A user whose one policy has these statements."""
        await self.identities.create_user(name)
        if statements:
            await self._policy(f"of-{name}", statements)
            await self.identities.attach_to_user(f"of-{name}", name)
        return await self.identities.user_caller(await self.identities.create_access_key(name))

    async def _policy(self, name: str, statements: Any) -> None:
        document = json.dumps(
            {"Version": "1", "Statement": [{"Effect": "Allow", **s} for s in statements]}
        )
        await self.identities.create_policy(name, document)

    async def run(self, caller: Caller, action: str, **parameters: str) -> dict[str, Any]:
        call = Call(caller, self.identities, federation_of(self.identities))
        context = {"acs:SourceIp": ["10.0.0.1"]}
        answer = await ram.operations[RAM_VERSION, action].run(call, parameters, context)
        return dict(answer)

    async def may(self, caller: Caller, action: str, **parameters: str) -> bool:
        try:
            await self.run(caller, action, **parameters)
        except RpcError as refused:
            if (refused.status, refused.code) != (403, "NoPermission"):
                raise
            return False
        return True


@pytest.fixture
def world() -> World:
    return World(
        Identities(
            in_memory(StillClock()),
            StillClock(),
            account_id="1234",
            root_access_key_id="ROOT",
            root_access_key_secret="r",
        )
    )


async def test_without_a_policy_nothing_is_allowed(world: World) -> None:
    alice = await world.user("alice")
    assert not await world.may(alice, "ListUsers")
    assert not await world.may(alice, "GetUser")
    root = await world.identities.user_caller(world.identities.root_key)
    assert await world.may(root, "ListUsers")


async def test_a_user_may_manage_his_own_keys_if_a_policy_says_so(world: World) -> None:
    alice = await world.user(
        "alice", {"Action": "ram:*AccessKey*", "Resource": "acs:ram:*:1234:user/alice"}
    )
    await world.user("bob")
    key = (await world.run(alice, "CreateAccessKey"))["AccessKey"]
    assert key["AccessKeySecret"]
    listed = (await world.run(alice, "ListAccessKeys"))["AccessKeys"]["AccessKey"]
    assert len(listed) == 2
    await world.run(alice, "DeleteAccessKey", UserAccessKeyId=key["AccessKeyId"])
    assert await world.may(alice, "ListAccessKeys", UserName="alice")
    assert not await world.may(alice, "ListAccessKeys", UserName="bob")
    assert not await world.may(alice, "CreateAccessKey", UserName="bob")
    assert not await world.may(alice, "GetUser")


async def test_whether_something_exists_is_told_only_to_those_who_may(world: World) -> None:
    alice = await world.user("alice")
    for name in ("alice", "nobody"):
        assert not await world.may(alice, "GetUser", UserName=name)


async def test_an_attachment_needs_both_ends(world: World) -> None:
    await world.user("bob")
    user = {"Action": "ram:AttachPolicyToUser", "Resource": "acs:ram::1234:user/*"}
    own = {"Action": "ram:AttachPolicyToUser", "Resource": "acs:ram::1234:policy/p-*"}
    system = {"Action": "ram:AttachPolicyToUser", "Resource": "acs:ram::system:policy/AliyunOSS*"}
    half = await world.user("half", user)
    both = await world.user("both", user, own)
    preset = await world.user("preset", user, system)
    root = await world.identities.user_caller(world.identities.root_key)
    await world.run(
        root,
        "CreatePolicy",
        PolicyName="p-1",
        PolicyDocument=json.dumps(
            {"Version": "1", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
        ),
    )
    custom = {"PolicyType": "Custom", "PolicyName": "p-1", "UserName": "bob"}
    reading = {
        "PolicyType": "System",
        "PolicyName": "AliyunOSSReadOnlyAccess",
        "UserName": "bob",
    }
    everything = {**reading, "PolicyName": "AdministratorAccess"}
    assert not await world.may(half, "AttachPolicyToUser", **custom)
    assert not await world.may(both, "AttachPolicyToUser", **reading)
    assert await world.may(both, "AttachPolicyToUser", **custom)
    assert await world.may(preset, "AttachPolicyToUser", **reading)
    assert not await world.may(preset, "AttachPolicyToUser", **everything)


async def test_a_deny_wins_and_conditions_count(world: World) -> None:
    everything = {"Action": "ram:*", "Resource": "*"}
    denied = {"Effect": "Deny", "Action": "ram:DeleteUser", "Resource": "acs:ram:*:*:user/bob"}
    alice = await world.user("alice", everything, denied)
    await world.user("bob")
    assert not await world.may(alice, "DeleteUser", UserName="bob")
    assert await world.may(alice, "GetUser", UserName="bob")
    # A deny of one policy wins over what another allows.
    await world._policy("no-listing", [{"Effect": "Deny", "Action": "ram:List*", "Resource": "*"}])
    await world.identities.attach_to_user("no-listing", "alice")
    key = await world.identities.find_access_key(alice.access_key_id)
    assert key is not None
    alice = await world.identities.user_caller(key)
    assert not await world.may(alice, "ListUsers")
    assert await world.may(alice, "GetUser", UserName="bob")
    elsewhere = {"Condition": {"IpAddress": {"acs:SourceIp": "192.0.2.0/24"}}}
    carol = await world.user("carol", {**everything, **elsewhere})
    assert not await world.may(carol, "ListUsers")


async def test_groups_give_their_policies(world: World) -> None:
    alice = await world.user("alice")
    root = await world.identities.user_caller(world.identities.root_key)
    await world.run(root, "CreateGroup", GroupName="readers")
    await world.run(
        root,
        "AttachPolicyToGroup",
        GroupName="readers",
        PolicyType="System",
        PolicyName="AliyunRAMReadOnlyAccess",
    )
    await world.run(root, "AddUserToGroup", GroupName="readers", UserName="alice")
    key = await world.identities.find_access_key(alice.access_key_id)
    assert key is not None
    alice = await world.identities.user_caller(key)
    assert await world.may(alice, "ListUsers")
    assert not await world.may(alice, "CreateUser", UserName="x")
    await world.run(root, "RemoveUserFromGroup", GroupName="readers", UserName="alice")
    assert not await world.may(await world.identities.user_caller(key), "ListUsers")


async def test_a_session_policy_must_allow_too(world: World) -> None:
    role = await world.identities.create_role("r", TRUST)
    await world.identities.attach_to_role("AliyunRAMFullAccess", "r")
    policy = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"ram:List*","Resource":"*"}]}'
    session, _ = await Sessions(world.identities.store, StillClock()).issue(
        role, account_id="1234", name="s", policy=policy, expires_at=NOW + 1
    )
    caller = await world.identities.session_caller(session)
    assert await world.may(caller, "ListUsers")
    assert not await world.may(caller, "GetRole", RoleName="r")
    # A session is nobody's user.
    with pytest.raises(RpcError, match="UserName is mandatory"):
        await world.run(caller, "ListAccessKeys")


async def test_renaming_a_user_ends_the_sessions_he_began(world: World) -> None:
    alice = await world.user("alice")
    role = await world.identities.create_role("r", TRUST)
    session, _ = await Sessions(world.identities.store, StillClock()).issue(
        role, account_id="1234", name="s", policy="", expires_at=NOW + 1, sources=alice.sources
    )
    caller = await world.identities.session_caller(session)
    assert caller.sources == (("user/alice", alice.id), ("role/r", role.id))
    root = await world.identities.user_caller(world.identities.root_key)
    await world.run(root, "UpdateUser", UserName="alice", NewUserName="alicia")
    key = await world.identities.find_access_key(alice.access_key_id)
    assert key is not None
    assert (await world.identities.user_caller(key)).arn == "acs:ram::1234:user/alicia"
    with pytest.raises(Exception, match="token"):
        await world.identities.session_caller(session)


async def test_the_last_use_of_a_key_is_noted_to_the_minute(world: World) -> None:
    alice = await world.user("alice")
    await world.identities.close()
    assert await world.identities.last_use(alice.access_key_id) == NOW
    stored = await identities.find(world.identities._database, "key_use", alice.access_key_id)
    assert stored == b"%d" % NOW
    root = await world.identities.user_caller(world.identities.root_key)
    key = {"UserName": "alice", "UserAccessKeyId": alice.access_key_id}
    told = await world.run(root, "GetAccessKeyLastUsed", **key)
    assert told == {"AccessKeyLastUsed": {"LastUsedDate": "2025-01-02T03:04:05Z"}}
    await world.run(root, "DeleteAccessKey", **key)
    assert await world.identities.last_use(alice.access_key_id) == 0


@pytest.mark.parametrize("kind", ["User", "Group"])
async def test_c4_another_name_needs_permission_on_both(world: World, kind: str) -> None:
    """Issue 10, C4: rights may be tied to a name, so that whoever takes it takes them over."""
    root = await world.identities.user_caller(world.identities.root_key)
    for name in ("temp-1", "boss"):
        await world.run(root, f"Create{kind}", **{f"{kind}Name": name})
    action, folder = f"ram:Update{kind}", f"acs:ram:*:1234:{kind.lower()}"
    temporary = {"Action": action, "Resource": f"{folder}/temp-*"}
    anybody = {"Action": action, "Resource": f"{folder}/*"}
    boss = {"Effect": "Deny", "Action": action, "Resource": f"{folder}/boss*"}
    clerk = await world.user("clerk", temporary)
    denied = await world.user("denied", anybody, boss)

    async def renames(caller: Caller, old: str, new: str) -> bool:
        return await world.may(
            caller, f"Update{kind}", **{f"{kind}Name": old, f"New{kind}Name": new}
        )

    for caller in (clerk, denied):
        # Whether the name is taken is told to those only who may have it.
        for new in ("boss", "boss-2"):
            assert not await renames(caller, "temp-1", new)
        assert not await renames(caller, "boss", "temp-3")
        assert await renames(caller, "temp-1", "temp-2")
        assert await renames(caller, "temp-2", "temp-1")
        assert await world.may(
            caller, f"Update{kind}", **{f"{kind}Name": "temp-1", "NewComments": "x"}
        )


NAMING = [USER_NAME, GROUP_NAME, ROLE_NAME, POLICY_NAME, PROVIDER_NAME]


@pytest.mark.parametrize("operation", ram.operations.values(), ids=lambda each: each.name)
def test_c4_whatever_a_request_names_is_asked_for(operation: Operation) -> None:
    """Every parameter that names something of RAM is in a resource: a new one cannot be forgotten."""
    asked = {name for each in operation.resources for name in _PLACEHOLDER.findall(each)}
    naming = {each.argument for each in operation.accepted if each.parameter in NAMING}
    assert naming == asked
    assert operation.always_asked


def test_c4_resources_that_no_request_names_are_refused() -> None:
    async def get_thing(_call: Call, user_name: UserName | None = None) -> Fields:
        return {"UserName": user_name}

    for resources in ((), ("user/{user_name}",), ("user/*", "user/{other_name}")):
        with pytest.raises(TypeError, match="GetThing"):
            Registry().operation(*resources)(get_thing)
