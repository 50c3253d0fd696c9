"""Two workers change identities of one data folder at the same time: the rules hold."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import pytest

from ossia import tables
from ossia.adapters.system import SystemClock
from ossia.domain.identity.identities import Identities
from ossia.domain.identity.ram import groups, policies, users
from ossia.domain.identity.sessions import Sessions
from ossia.errors import InvalidSecurityToken, RpcError
from ossia.ports import Rows, Unavailable
from ossia.records import Group, Policy, User
from stored import Stored, in_file

ALLOW = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*","Resource":"*"}]}'
TRUST = (
    '{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"RAM":"acs:ram::1234:root"}}]}'
)


def identities_of(store: Stored) -> Identities:
    return Identities(
        store, SystemClock(), account_id="1234", root_access_key_id="R", root_access_key_secret="r"
    )


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[tuple[Identities, Identities]]:
    stores = [in_file(tmp_path, SystemClock()) for _ in range(2)]
    yield identities_of(stores[0]), identities_of(stores[1])
    for store in stores:
        await store.close()


async def outcomes(*changes: Awaitable[Any]) -> list[str]:
    """``done`` or the code of the refusal."""
    done = await asyncio.gather(*changes, return_exceptions=True)
    for each in done:
        assert not isinstance(each, BaseException) or isinstance(each, RpcError), each
    return [each.code if isinstance(each, RpcError) else "done" for each in done]


async def test_a_name_is_given_once(workers: tuple[Identities, Identities]) -> None:
    one, two = workers
    for number in range(20):
        name = f"u{number}"
        found = await outcomes(one.create_user(name), two.create_user(name))
        assert sorted(found) == ["EntityAlreadyExists.User", "done"]


async def test_a_user_never_has_three_keys(workers: tuple[Identities, Identities]) -> None:
    one, two = workers
    await one.create_user("u")
    found = await outcomes(*(each.create_access_key("u") for _ in range(5) for each in (one, two)))
    assert found.count("done") == users.MOST_KEYS
    assert len(await users.keys_of(one.store.view(), "u")) == users.MOST_KEYS


async def test_no_attached_policy_is_deleted(workers: tuple[Identities, Identities]) -> None:
    one, two = workers
    await one.create_user("u")
    for number in range(20):
        name = f"p{number}"
        await one.create_policy(name, ALLOW)
        found = await outcomes(
            one.attach_to_user(name, "u"), two.store.change(policies.delete_policy, name)
        )
        user = await one.store.view().get(User, "u")
        policy = await one.store.view().find(Policy, name)
        # One of them was first; the other heard of it.
        assert found in (
            ["done", "DeleteConflict.Policy.User"],
            ["EntityNotExist.Policy", "done"],
        )
        assert (name in user.policies) is (policy is not None)
        if policy is not None:
            await one.store.change(policies.detach, User, "u", name, "Custom")


async def test_no_change_is_lost(workers: tuple[Identities, Identities]) -> None:
    one, two = workers
    await one.create_user("u")
    for number in range(20):
        await one.store.change(groups.create_group, f"g{number}")
    await outcomes(
        *(
            (one if number % 2 else two).store.change(groups.add_user, "u", f"g{number}")
            for number in range(20)
        )
    )
    assert len((await one.store.view().get(User, "u")).groups) == 20


async def test_a_role_deleted_by_one_worker_ends_sessions_at_the_other(
    workers: tuple[Identities, Identities],
) -> None:
    one, two = workers
    role = await one.create_role("r", TRUST)
    user = await one.create_user("u")
    clock = SystemClock()

    async def session_of(identities: Identities) -> Any:
        session, token = await Sessions(identities.store, clock).issue(
            role,
            account_id="1234",
            name="s",
            policy="",
            expires_at=clock.now_ms() + 900_000,
            sources=((f"user/{user.name}", user.id),),
        )
        opened = await Sessions(two.store, clock).open(token, session.access_key_id, clock.now_ms())
        assert opened == session
        return session

    session = await session_of(one)
    assert (await two.session_caller(session)).id == role.id
    await one.store.change(users.delete_user, "u")
    with pytest.raises(InvalidSecurityToken):
        await two.session_caller(session)
    again = await one.create_user("u")
    assert again.id != user.id
    with pytest.raises(InvalidSecurityToken):
        await two.session_caller(session)


async def test_a_policy_changed_by_one_worker_counts_at_the_other_at_once(
    workers: tuple[Identities, Identities],
) -> None:
    one, two = workers
    await one.create_user("u")
    key = await one.create_access_key("u")
    await one.store.change(groups.create_group, "g")
    await one.create_policy("p", ALLOW)
    assert (await two.user_caller(key)).policies == ()
    for changing, count in (
        (one.store.change(policies.attach, User, "u", "p", "Custom"), 1),
        (one.store.change(policies.detach, User, "u", "p", "Custom"), 0),
    ):
        await changing
        assert len((await two.user_caller(key)).policies) == count
    await one.store.change(groups.add_user, "u", "g")
    assert (await two.user_caller(key)).policies == ()

    await one.store.change(policies.attach, Group, "g", "p", "Custom")
    caller = await two.user_caller(key)
    assert (len(caller.policies), caller.policy_names) == (1, ("p",))
    assert await two.user_caller(key) is caller
    await two.close()


async def test_a_store_that_always_changes_is_given_up(
    workers: tuple[Identities, Identities], monkeypatch: pytest.MonkeyPatch
) -> None:

    one, _ = workers

    async def restless(_: Rows) -> int:
        return -1

    monkeypatch.setattr(tables.identities, "epoch", restless)
    monkeypatch.setattr("ossia.domain.identity.store._ATTEMPTS", 3)
    with pytest.raises(Unavailable):
        await one.create_user("u")
