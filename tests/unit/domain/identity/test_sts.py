"""AssumeRole: who may, for how long, with what rights; GetCallerIdentity."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from federating import federation_of
from ossia.domain.identity.identities import Caller, Identities
from ossia.domain.identity.ram import policies, roles, users
from ossia.domain.identity.sessions import Sessions
from ossia.domain.identity.sts import AssumedRole, CallerIdentity, Nonces, Sts, identify
from ossia.errors import InvalidSecurityToken, RpcError
from ossia.protocol.policy_document import PolicyDocument, Verdict
from ossia.records import Role, User
from stored import in_memory

NOW = 1_735_787_045_123
ARN = "acs:ram::1234:role/App"
ASKED = {"RoleArn": ARN, "RoleSessionName": "alice"}
NO_PERMISSION = (403, "NoPermission")


def text(**statement: Any) -> str:
    return json.dumps({"Version": "1", "Statement": [{"Effect": "Allow", **statement}]})


def trust(*principals: str, **more: Any) -> str:
    return text(Action="sts:AssumeRole", Principal={"RAM": list(principals)}, **more)


class StillClock:
    def now_ms(self) -> int:
        return NOW


@dataclass
class World:
    identities: Identities
    sessions: Sessions
    sts: Sts
    user: Caller

    async def caller(self, user_name: str) -> Caller:
        return await self.identities.user_caller(await self.identities.create_access_key(user_name))

    async def assume(self, caller: Caller | None = None, **changes: str) -> AssumedRole:
        return await self.sts.assume_role(caller or self.user, {**ASKED, **changes}, {})

    async def refusal(self, caller: Caller | None = None, **changes: str) -> RpcError:
        with pytest.raises(RpcError) as caught:
            await self.assume(caller, **changes)
        return caught.value

    async def session_caller(self, role: AssumedRole) -> Caller:
        session = await self.sessions.open(role.security_token, role.access_key_id, NOW)
        return await self.identities.session_caller(session)


def code(refused: RpcError) -> tuple[int, str]:
    return refused.status, refused.code


@pytest.fixture
async def world() -> World:
    clock = StillClock()
    store = in_memory(clock)
    identities = Identities(
        store, clock, account_id="1234", root_access_key_id="ROOT", root_access_key_secret="s"
    )
    sessions = Sessions(identities.store, clock)
    await identities.create_user("alice")
    await identities.attach_to_user("AliyunSTSAssumeRoleAccess", "alice")
    await identities.create_role("App", trust("acs:ram::1234:root"), max_session_s=7200)
    await identities.attach_to_role("AliyunOSSFullAccess", "App")
    key = await identities.create_access_key("alice")
    user = await identities.user_caller(key)
    return World(
        identities, sessions, Sts(identities, sessions, federation_of(identities), clock), user
    )


async def test_a_user_assumes_a_role(world: World) -> None:
    assumed = await world.assume(DurationSeconds="7200")
    role = await world.identities.find_role("App")
    assert role is not None
    assert assumed.arn == "acs:ram::1234:role/App/alice"
    assert assumed.assumed_role_id == f"{role.id}:alice"
    assert assumed.access_key_id.startswith("STS.")
    assert assumed.expires_at == 1_735_787_045_000 + 7_200_000
    caller = await world.session_caller(assumed)
    assert caller.arn == "acs:ram::1234:assumed-role/App/alice"
    assert caller.session_policy is None
    decision = caller.policies[0].decide("oss:PutObject", "acs:oss:x:1234:b/k", {})
    assert decision.verdict is Verdict.ALLOW


async def test_an_hour_is_the_default(world: World) -> None:
    assert (await world.assume()).expires_at == 1_735_787_045_000 + 3_600_000
    assert (await world.assume(DurationSeconds="", Policy="", ExternalId="")).expires_at


async def test_a_session_policy_goes_with_the_session(world: World) -> None:
    assumed = await world.assume(
        Policy=text(Action="oss:PutObject", Resource="acs:oss:*:*:b/user/*")
    )
    policy = (await world.session_caller(assumed)).session_policy
    assert policy is not None
    assert policy.decide("oss:PutObject", "acs:oss:x:1234:b/user/a", {}).verdict is Verdict.ALLOW
    assert policy.decide("oss:PutObject", "acs:oss:x:1234:b/other", {}).verdict is Verdict.NONE


async def test_the_role_may_be_named_in_lower_case(world: World) -> None:
    await world.identities.create_role("lower", trust("acs:ram::1234:root"))
    assumed = await world.assume(RoleArn="acs:ram::1234:role/LOWER")
    assert assumed.arn == "acs:ram::1234:role/lower/alice"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"RoleArn": ""}, "MissingRoleArn"),
        ({"RoleSessionName": ""}, "MissingRoleSessionName"),
        ({"RoleArn": "App"}, "InvalidParameter.RoleArn"),
        ({"RoleArn": "acs:ram::x:role/App"}, "InvalidParameter.RoleArn"),
        ({"RoleArn": ARN + "/x"}, "InvalidParameter.RoleArn"),
        ({"RoleSessionName": "a"}, "InvalidParameter.RoleSessionName"),
        ({"RoleSessionName": "a" * 65}, "InvalidParameter.RoleSessionName"),
        ({"RoleSessionName": "a b"}, "InvalidParameter.RoleSessionName"),
        ({"RoleSessionName": "ab\n"}, "InvalidParameter.RoleSessionName"),
        ({"DurationSeconds": "899"}, "InvalidParameter.DurationSeconds"),
        ({"DurationSeconds": "7201"}, "InvalidParameter.DurationSeconds"),
        ({"DurationSeconds": "1h"}, "InvalidParameter.DurationSeconds"),
        ({"DurationSeconds": "-900"}, "InvalidParameter.DurationSeconds"),
        ({"DurationSeconds": "9" * 5000}, "InvalidParameter.DurationSeconds"),
        ({"Policy": "{}"}, "InvalidParameter.PolicyGrammar"),
        ({"Policy": text(Action="oss:*", Resource="*", Principal="*")}, "InvalidParameter.PolicyGrammar"),
        ({"Policy": text(Action="oss:*", Resource="*", Sid="x" * 2048)}, "InvalidParameter.PolicySize"),
        ({"ExternalId": "a"}, "InvalidParameter.ExternalId"),
        ({"ExternalId": "a b"}, "InvalidParameter.ExternalId"),
        ({"ExternalId": "a" * 1225}, "InvalidParameter.ExternalId"),
    ],
)  # fmt: skip
async def test_malformed_parameters(world: World, changes: dict[str, str], expected: str) -> None:
    assert code(await world.refusal(None, **changes)) == (400, expected)


async def test_the_message_names_the_maximum_of_the_role(world: World) -> None:
    refused = await world.refusal(DurationSeconds="7201")
    assert refused.text == "The Min/Max value of DurationSeconds is 15min/2hr."


async def test_root_is_refused(world: World) -> None:
    key = await world.identities.find_access_key("ROOT")
    assert key is not None
    refused = await world.refusal(await world.identities.user_caller(key))
    assert code(refused) == NO_PERMISSION
    assert refused.text == "Roles may not be assumed by root accounts."


async def test_trust_alone_is_not_enough(world: World) -> None:
    await world.identities.create_user("bob")
    bob = await world.caller("bob")
    refused = await world.refusal(bob)
    assert code(refused) == NO_PERMISSION
    assert refused.text.endswith("You should be authorized by RAM.")
    # Whether a role exists is no business of those who may not assume it.
    assert (await world.refusal(bob, RoleArn="acs:ram::1234:role/none")).text == refused.text


async def test_permission_alone_is_not_enough(world: World) -> None:
    await world.identities.create_role("closed", trust("acs:ram::1234:user/bob"))
    refused = await world.refusal(RoleArn="acs:ram::1234:role/closed")
    assert code(refused) == NO_PERMISSION
    assert "does not trust you" in refused.text


async def test_a_deny_of_the_callers_policies_wins(world: World) -> None:
    deny = json.dumps(
        {
            "Version": "1",
            "Statement": {"Effect": "Deny", "Action": "sts:*", "Resource": "acs:ram:*:*:role/app"},
        }
    )
    await world.identities.create_policy("no", deny)
    await world.identities.create_role("app", trust("acs:ram::1234:root"))
    await world.identities.attach_to_user("no", "alice")
    alice = await world.caller("alice")
    assert code(await world.refusal(alice, RoleArn="acs:ram::1234:role/app")) == NO_PERMISSION
    assert await world.assume(alice)


async def test_a_deny_of_the_trust_policy_wins(world: World) -> None:
    statements = [
        {"Effect": effect, "Action": "sts:AssumeRole", "Principal": {"RAM": [principal]}}
        for effect, principal in (("Allow", "acs:ram::1234:root"), ("Deny", world.user.arn))
    ]
    await world.identities.create_role(
        "mixed", json.dumps({"Version": "1", "Statement": statements})
    )
    assert code(await world.refusal(RoleArn="acs:ram::1234:role/mixed")) == NO_PERMISSION


@pytest.mark.parametrize("arn", ["acs:ram::1234:role/none", "acs:ram::9999:role/App"])
async def test_unknown_roles(world: World, arn: str) -> None:
    refused = await world.refusal(RoleArn=arn)
    assert code(refused) == (404, "EntityNotExist.Role")
    assert refused.text == "The specified Role not exists."


async def test_a_role_may_demand_an_external_id(world: World) -> None:
    condition = {"StringEquals": {"sts:ExternalId": "secret-word"}}
    await world.identities.create_role("third", trust("acs:ram::1234:root", Condition=condition))
    arn = "acs:ram::1234:role/third"
    assert await world.assume(RoleArn=arn, ExternalId="secret-word")
    assert code(await world.refusal(RoleArn=arn, ExternalId="other")) == NO_PERMISSION
    assert code(await world.refusal(RoleArn=arn)) == NO_PERMISSION


async def test_a_role_may_be_assumed_under_ones_own_name_only(world: World) -> None:
    condition = {"StringEquals": {"sts:RoleSessionName": "${acs:UserName}"}}
    await world.identities.create_role("own", trust("acs:ram::1234:root", Condition=condition))
    arn = "acs:ram::1234:role/own"
    assert await world.assume(RoleArn=arn, RoleSessionName="alice")
    assert code(await world.refusal(RoleArn=arn, RoleSessionName="bob")) == NO_PERMISSION
    await world.identities.attach_to_role("AliyunSTSAssumeRoleAccess", "App")
    session = await world.session_caller(await world.assume())
    # A session is no user, and so has no user's name.
    refused = await world.refusal(session, RoleArn=arn, RoleSessionName="alice")
    assert code(refused) == NO_PERMISSION


async def test_a_trust_policy_may_ask_for_the_key(world: World) -> None:
    condition = {"StringEquals": {"acs:AccessId": world.user.access_key_id}}
    await world.identities.create_role("keyed", trust("acs:ram::1234:root", Condition=condition))
    assert await world.assume(RoleArn="acs:ram::1234:role/keyed")
    other = await world.caller("alice")
    refused = await world.refusal(other, RoleArn="acs:ram::1234:role/keyed")
    assert code(refused) == NO_PERMISSION


async def test_a_session_assumes_a_further_role_within_its_session_policy(world: World) -> None:
    await world.identities.attach_to_role("AliyunSTSAssumeRoleAccess", "App")
    await world.identities.create_role("next", trust("acs:ram::1234:role/App"))
    arn = "acs:ram::1234:role/next"
    chained = await world.session_caller(await world.assume())
    assert (await world.assume(chained, RoleArn=arn)).arn == "acs:ram::1234:role/next/alice"
    narrow = await world.assume(Policy=text(Action="oss:*", Resource="*"))
    limited = await world.session_caller(narrow)
    assert code(await world.refusal(limited, RoleArn=arn)) == NO_PERMISSION
    assert code(await world.refusal(world.user, RoleArn=arn)) == NO_PERMISSION


async def test_conditions_see_the_request(world: World) -> None:
    document = text(
        Action="sts:AssumeRole",
        Resource="*",
        Condition={"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}},
    )
    caller = replace(world.user, policies=(PolicyDocument.parse(document),))
    assert await world.sts.assume_role(caller, ASKED, {"acs:SourceIp": ["10.0.0.1"]})
    with pytest.raises(RpcError):
        await world.sts.assume_role(caller, ASKED, {"acs:SourceIp": ["192.0.2.1"]})


async def test_everybody_may_know_who_he_is(world: World) -> None:
    key = await world.identities.find_access_key("ROOT")
    assert key is not None
    root = await world.identities.user_caller(key)
    assert identify(root) == CallerIdentity("1234", "acs:ram::1234:root", "Account", "1234", "1234")
    user = world.user
    assert identify(user) == CallerIdentity("1234", user.arn, "RAMUser", user.id, user.id)
    assumed = await world.assume()
    session = await world.session_caller(assumed)
    assert identify(session) == CallerIdentity(
        "1234",
        "acs:ram::1234:assumed-role/App/alice",
        "AssumedRoleUser",
        assumed.assumed_role_id,
        role_id=assumed.assumed_role_id.partition(":")[0],
    )


async def test_a_nonce_counts_once_for_every_worker() -> None:
    store = in_memory(StillClock())
    one, other = Nonces(store), Nonces(store)
    await one.use("AK", "n", NOW)
    await one.use("AK", "m", NOW)
    await one.use("other", "n", NOW)
    for at_ms in (NOW, NOW + 30 * 60_000):
        for nonces in (one, other):
            with pytest.raises(RpcError) as caught:
                await nonces.use("AK", "n", at_ms)
            assert code(caught.value) == (400, "SignatureNonceUsed")
    await other.use("AK", "n", NOW + 30 * 60_000 + 1)


async def test_nonces_that_could_not_be_repeated_are_forgotten() -> None:
    store = in_memory(StillClock())
    nonces = Nonces(store)
    for number in range(50):
        await nonces.use("AK", str(number), NOW + number * 60_000)
    counted = await store.one("select count(*) from nonce")
    assert counted[0] <= 32


async def test_a_source_identity_is_told(world: World) -> None:
    assert (await world.assume(SourceIdentity="Alice")).source_identity == "Alice"
    for wrong in ("a", "a b", "x" * 65):
        refused = await world.refusal(SourceIdentity=wrong)
        assert code(refused) == (400, "InvalidParameter.SourceIdentity")


async def test_a_session_ends_with_the_user_who_began_it(world: World) -> None:
    store = world.identities.store
    first = await world.session_caller(await world.assume())
    trusting = trust("acs:ram::1234:role/App")
    await world.identities.create_role("Next", trusting)
    await world.identities.attach_to_role("AliyunSTSAssumeRoleAccess", "App")
    first = await world.session_caller(await world.assume())
    second = await world.assume(first, RoleArn="acs:ram::1234:role/Next")
    caller = await world.session_caller(second)
    assert [name for name, _ in caller.sources] == ["user/alice", "role/App", "role/Next"]

    # The role on the way is made anew: what it lent is over, what others lend is not.
    for name in ("AliyunOSSFullAccess", "AliyunSTSAssumeRoleAccess"):
        await store.change(policies.detach, Role, "App", name, "System")
    await store.change(roles.delete_role, "App")
    await world.identities.create_role("App", trust("acs:ram::1234:root"))
    with pytest.raises(InvalidSecurityToken):
        await world.session_caller(second)
    third = await world.assume()
    await world.session_caller(third)
    await store.change(policies.detach, User, "alice", "AliyunSTSAssumeRoleAccess", "System")
    for key in await users.keys_of(store.view(), "alice"):
        await store.change(users.delete_access_key, "alice", key.id)
    await store.change(users.delete_user, "alice")
    with pytest.raises(InvalidSecurityToken):
        await world.session_caller(third)
