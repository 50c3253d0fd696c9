"""Users, keys, roles and policies: what is kept, what is refused, who calls."""

import json
from typing import Any

import pytest

from ossia.domain.identity.identities import (
    ANONYMOUS,
    SYSTEM_POLICIES,
    CallerKind,
    Identities,
    compiled,
)
from ossia.domain.identity.ram import policies, roles, users
from ossia.domain.identity.sessions import Sessions
from ossia.errors import InvalidAccessKeyId, InvalidSecurityToken, RpcError
from ossia.protocol.policy_document import Verdict
from ossia.records import AccessKey, Role, User
from stored import Stored, in_memory

NOW = 1_735_787_045_000
KEY = "acs:oss:cn-hangzhou:1234:b/k"
TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"RAM": ["acs:ram::1234:root"]},
        },
    }
)


class MovingClock:
    def __init__(self) -> None:
        self.at_ms = NOW

    def now_ms(self) -> int:
        return self.at_ms


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def store(clock: MovingClock) -> Stored:
    return in_memory(clock)


def identities_of(store: Stored, clock: MovingClock) -> Identities:
    return Identities(
        store,
        clock,
        account_id="1234",
        root_access_key_id="ROOT",
        root_access_key_secret="rootSecret",
    )


@pytest.fixture
def identities(store: Stored, clock: MovingClock) -> Identities:
    return identities_of(store, clock)


def policy(action: str, effect: str = "Allow") -> str:
    return json.dumps(
        {"Version": "1", "Statement": [{"Effect": effect, "Action": action, "Resource": "*"}]}
    )


async def refusal(awaitable: Any) -> tuple[int, str]:
    with pytest.raises(RpcError) as caught:
        await awaitable
    return caught.value.status, caught.value.code


async def test_a_user_calls_with_his_key_and_policies(identities: Identities) -> None:
    user = await identities.create_user("alice", display_name="Alice", comments="c")
    key = await identities.create_access_key("alice")
    await identities.create_policy("put", policy("oss:PutObject"))
    await identities.attach_to_user("put", "alice")
    await identities.attach_to_user("AliyunOSSReadOnlyAccess", "alice")

    assert len(user.id) == 18
    assert user.id.isdigit()
    assert await identities.find_access_key(key.id) == key
    assert (key.active, key.created_at, len(key.secret)) == (True, NOW, 30)
    caller = await identities.user_caller(key)
    assert (caller.kind, caller.id, caller.access_key_id) == (CallerKind.USER, user.id, key.id)
    assert caller.arn == "acs:ram::1234:user/alice"
    assert {"acs:ram::1234:user/alice", "acs:ram::1234:root", "1234", user.id} == set(
        caller.asker.names
    )
    allowed = {
        action
        for action in ("oss:PutObject", "oss:GetObject", "oss:DeleteObject")
        for document in caller.policies
        if document.decide(action, KEY, {}).verdict is Verdict.ALLOW
    }
    assert allowed == {"oss:PutObject", "oss:GetObject"}


async def test_the_root_key_is_not_stored(identities: Identities, store: Stored) -> None:
    key = await identities.find_access_key("ROOT")
    assert key is not None
    assert key.secret == "rootSecret"
    caller = await identities.user_caller(key)
    assert (caller.kind, caller.arn, caller.id) == (CallerKind.ROOT, "acs:ram::1234:root", "1234")
    assert await store.list_identities("access_key", "", 10) == []


async def test_an_unknown_key_is_nobodys(identities: Identities) -> None:
    assert await identities.find_access_key("LTAIx") is None
    with pytest.raises(InvalidAccessKeyId):
        await identities.user_caller(AccessKey(id="LTAIx", secret="s", user_name="gone"))
    assert ANONYMOUS.asker.names == ()


async def test_a_session_calls_with_the_policies_its_role_has_now(
    identities: Identities, store: Stored, clock: MovingClock
) -> None:
    role = await identities.create_role("app", TRUST, description="d", max_session_s=7200)
    sessions = Sessions(identities.store, clock)
    session, _ = await sessions.issue(
        role, account_id="1234", name="bob", policy=policy("oss:*"), expires_at=NOW
    )
    await identities.attach_to_role("AliyunOSSFullAccess", "app")
    caller = await identities.session_caller(session)
    assert (caller.kind, caller.id) == (CallerKind.SESSION, role.id)
    assert caller.arn == "acs:ram::1234:assumed-role/app/bob"
    assert "acs:ram::1234:role/app" in caller.asker.names
    assert "arn:sts::1234:assumed-role/app/bob" in caller.asker.names
    assert caller.policy_names == ("AliyunOSSFullAccess",)
    assert caller.policies == (compiled(SYSTEM_POLICIES["AliyunOSSFullAccess"].document),)
    assert caller.session_policy is compiled(policy("oss:*"))

    await identities.store.change(policies.detach, Role, "app", "AliyunOSSFullAccess", "System")
    assert (await identities.session_caller(session)).policies == ()
    await identities.store.change(roles.delete_role, "app")
    with pytest.raises(InvalidSecurityToken):
        await identities.session_caller(session)
    await identities.create_role("app", TRUST)
    with pytest.raises(InvalidSecurityToken):
        await identities.session_caller(session)


async def test_changes_of_another_worker_are_seen_at_once(
    identities: Identities, store: Stored, clock: MovingClock
) -> None:
    other = identities_of(store, clock)
    await identities.create_user("alice")
    key = await identities.create_access_key("alice")
    assert await other.find_access_key(key.id) == key
    await identities.attach_to_user("AliyunOSSFullAccess", "alice")
    assert len((await other.user_caller(key)).policies) == 1
    await identities.store.change(users.delete_access_key, "alice", key.id)
    assert await other.find_access_key(key.id) is None


async def test_without_the_stamp_a_change_is_seen_within_a_second(
    identities: Identities, store: Stored, clock: MovingClock
) -> None:
    await identities.create_user("alice")
    key = await identities.create_access_key("alice")
    assert await identities.find_access_key(key.id) == key
    # As if the worker that changed it had been killed before it could say so.
    await store.delete_identity("access_key", key.id)
    assert await identities.find_access_key(key.id) == key
    clock.at_ms += 1000
    assert await identities.find_access_key(key.id) is None


async def test_attaching_builds_on_what_is_stored(
    identities: Identities, store: Stored, clock: MovingClock
) -> None:
    other = identities_of(store, clock)
    await identities.create_user("alice")
    assert await other.find_user("alice") is not None
    await identities.attach_to_user("AliyunOSSFullAccess", "alice")
    await other.attach_to_user("AliyunOSSReadOnlyAccess", "alice")
    user = await other.find_user("alice")
    assert user is not None
    assert user.policies == {"AliyunOSSFullAccess": NOW, "AliyunOSSReadOnlyAccess": NOW}


async def test_records_carry_a_format_version(identities: Identities, store: Stored) -> None:
    await identities.create_user("alice")
    stored = await store.find_identity("user", "alice")
    assert stored is not None
    assert stored[:1] == b"2"
    assert json.loads(stored[1:])["name"] == "alice"


async def test_records_of_the_first_format_are_read(identities: Identities, store: Stored) -> None:
    user = {"id": "2", "name": "old", "created_at": 7, "policies": ["p"]}
    kept = {"name": "p", "document": policy("oss:*"), "created_at": 5, "type": "Custom"}
    await store.put_identity("user", "old", b"1" + json.dumps(user).encode(), create=True)
    await store.put_identity("policy", "p", b"1" + json.dumps(kept).encode(), create=True)
    assert await identities.find_user("old") == User(
        id="2", name="old", created_at=7, policies={"p": 7}
    )
    found = await identities.find_policy("p")
    assert found is not None
    assert [(each.id, each.created_at) for each in found.versions] == [("v1", 5)]
    # It can be changed, too.
    await identities.store.change(
        policies.create_version, "p", policy("oss:Get*"), is_default=True, rotates=False
    )
    changed = await identities.find_policy("p")
    assert changed is not None
    assert (changed.default_version, changed.document) == ("v2", policy("oss:Get*"))


async def test_what_is_remembered_is_bounded(
    identities: Identities, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ossia.domain.identity.store._REMEMBERED", 2)
    for number in range(5):
        assert await identities.find_user(f"u{number}") is None
    assert len((await identities.store.remembered()).records) <= 2


async def test_names_are_taken_once(identities: Identities) -> None:
    await identities.create_user("alice")
    assert await refusal(identities.create_user("alice")) == (409, "EntityAlreadyExists.User")
    await identities.create_role("app", TRUST)
    assert await refusal(identities.create_role("app", TRUST)) == (409, "EntityAlreadyExists.Role")
    await identities.create_policy("p", policy("oss:*"))
    for name in ("p", "AliyunOSSFullAccess"):
        refused = await refusal(identities.create_policy(name, policy("oss:*")))
        assert refused == (409, "EntityAlreadyExists.Policy")
    await identities.attach_to_user("p", "alice")
    refused = await refusal(identities.attach_to_user("p", "alice"))
    assert refused == (409, "EntityAlreadyExists.User.Policy")
    await identities.attach_to_role("p", "app")
    refused = await refusal(identities.attach_to_role("p", "app"))
    assert refused == (409, "EntityAlreadyExists.Role.Policy")


async def test_what_is_named_must_exist(identities: Identities) -> None:
    await identities.create_user("alice")
    assert await refusal(identities.create_access_key("bob")) == (404, "EntityNotExist.User")
    assert await refusal(identities.attach_to_user("p", "bob")) == (404, "EntityNotExist.User")
    assert await refusal(identities.attach_to_user("p", "alice")) == (404, "EntityNotExist.Policy")
    assert await refusal(identities.attach_to_role("p", "app")) == (404, "EntityNotExist.Role")
    assert await identities.find_policy("AdministratorAccess") is not None


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "MissingUserName"),
        ("a b", "InvalidParameter.UserName.InvalidChars"),
        ("a/../b", "InvalidParameter.UserName.InvalidChars"),
        ("a" * 65, "InvalidParameter.UserName.Length"),
    ],
)
async def test_malformed_names_are_refused(identities: Identities, name: str, code: str) -> None:
    assert await refusal(identities.create_user(name)) == (400, code)


async def test_malformed_documents_are_refused(identities: Identities) -> None:
    malformed = (400, "MalformedPolicyDocument")
    assert await refusal(identities.create_policy("p", "{}")) == malformed
    assert await refusal(identities.create_policy("p", TRUST)) == malformed
    assert await refusal(identities.create_role("r", policy("sts:AssumeRole"))) == malformed
    too_long = policy("oss:" + "x" * 7000)
    refused = await refusal(identities.create_policy("p", too_long))
    assert refused == (400, "InvalidParameter.PolicyDocument.Length")
    for seconds in (3599, 43_201):
        refused = await refusal(identities.create_role("r", TRUST, max_session_s=seconds))
        assert refused == (400, "InvalidParameter.MaxSessionDuration")


def test_system_policies_are_policies() -> None:
    for preset in SYSTEM_POLICIES.values():
        assert preset.type == "System"
        compiled(preset.document)
    reading = compiled(SYSTEM_POLICIES["AliyunOSSReadOnlyAccess"].document)
    assert reading.decide("oss:ListObjects", KEY, {}).verdict is Verdict.ALLOW
    assert reading.decide("oss:PutObject", KEY, {}).verdict is Verdict.NONE
