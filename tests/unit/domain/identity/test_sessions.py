"""Session tokens: sealed, expiring, the same for every worker."""

import asyncio
from base64 import b64decode, b64encode

import pytest

from ossia.domain.identity.ram.parameters import SESSION_SECONDS
from ossia.domain.identity.sessions import KEY_SEALS_FOR_MS, Session, Sessions
from ossia.domain.identity.store import IdentityStore
from ossia.errors import InvalidAccessKeyId, InvalidSecurityToken, SecurityTokenExpired
from ossia.records import Role
from stored import Stored, in_memory

NOW = 1_735_787_045_000
ROLE = Role(id="300000000000000001", name="App", trust="{}")


class SetClock:
    def __init__(self) -> None:
        self.at_ms = NOW

    def now_ms(self) -> int:
        return self.at_ms


def store() -> Stored:
    return in_memory(SetClock())


def sessions_of(metadata: Stored, clock: SetClock | None = None) -> Sessions:
    clock = clock or SetClock()
    return Sessions(IdentityStore(metadata, clock), clock)


async def issue(sessions: Sessions, policy: str = "") -> tuple[Session, str]:
    return await sessions.issue(
        ROLE, account_id="1234", name="alice", policy=policy, expires_at=NOW + 900_000
    )


async def test_a_token_opens_to_what_was_issued() -> None:
    sessions = sessions_of(store())
    session, token = await issue(sessions, policy='{"Version":"1"}')
    assert token.startswith("CAIS")
    assert session.access_key_id.startswith("STS.")
    assert session.access_key_secret.encode() not in b64decode(token)
    assert (session.role_id, session.role_name, session.name) == (ROLE.id, "App", "alice")
    for _ in range(2):
        assert await sessions.open(token, session.access_key_id, NOW) == session


async def test_every_worker_opens_it_and_another_deployment_does_not() -> None:
    shared = store()
    session, token = await issue(sessions_of(shared))
    assert await sessions_of(shared).open(token, session.access_key_id, NOW) == session
    with pytest.raises(InvalidSecurityToken):
        await sessions_of(store()).open(token, session.access_key_id, NOW)


async def test_no_two_sessions_are_alike() -> None:
    sessions = sessions_of(store())
    (first, one), (second, two) = await issue(sessions), await issue(sessions)
    assert one != two
    assert first.access_key_id != second.access_key_id
    assert first.access_key_secret != second.access_key_secret
    with pytest.raises(InvalidSecurityToken) as caught:
        await sessions.open(one, second.access_key_id, NOW)
    assert caught.value.ec == "0002-00000004"


async def test_it_ends() -> None:
    sessions = sessions_of(store())
    session, token = await issue(sessions)
    await sessions.open(token, session.access_key_id, NOW + 899_999)
    with pytest.raises(SecurityTokenExpired) as caught:
        await sessions.open(token, session.access_key_id, NOW + 900_000)
    assert (caught.value.status, caught.value.ec) == (403, "0002-00000007")


async def test_any_changed_character_is_refused() -> None:
    sessions = sessions_of(store())
    session, token = await issue(sessions)
    for at in range(len(token.rstrip("="))):
        other = "A" if token[at] != "A" else "Q"
        with pytest.raises(InvalidSecurityToken) as caught:
            await sessions.open(token[:at] + other + token[at + 1 :], session.access_key_id, NOW)
        assert caught.value.ec == "0002-00000006"


@pytest.mark.parametrize(
    "token",
    ["", "CAIS", "CAISAAAA", "CAIS\u00e4", "CAIS" + "A" * 64, "A" * 20_000, "C A I S", "\x00"],
)
async def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidSecurityToken):
        await sessions_of(store()).open(token, "STS.x", NOW)


async def test_a_token_with_a_permanent_key_is_refused() -> None:
    sessions = sessions_of(store())
    _, token = await issue(sessions)
    with pytest.raises(InvalidAccessKeyId) as caught:
        await sessions.open(token, "LTAIx", NOW)
    assert caught.value.ec == "0002-00000002"


async def test_the_worker_that_is_second_uses_the_key_of_the_first() -> None:
    shared = store()
    one, two = sessions_of(shared), sessions_of(shared)
    (first, token), (second, other) = await asyncio.gather(issue(one), issue(two))
    assert await two.open(token, first.access_key_id, NOW) == first
    assert await one.open(other, second.access_key_id, NOW) == second
    assert _number(token) == _number(other) == 1


async def test_every_day_another_key_seals() -> None:
    shared, clock = store(), SetClock()
    sessions = sessions_of(shared, clock)
    tokens = []
    for _ in range(4):
        tokens.append(await issue(sessions))
        clock.at_ms += KEY_SEALS_FOR_MS
    assert [_number(token) for _, token in tokens] == [1, 2, 3, 4]
    # The first two could not live any more, and their keys are gone.
    later = sessions_of(shared, clock)
    for session, token in tokens[:2]:
        with pytest.raises(InvalidSecurityToken):
            await later.open(token, session.access_key_id, NOW)
    for session, token in tokens[2:]:
        assert await later.open(token, session.access_key_id, NOW) == session


async def test_a_key_outlives_the_longest_session_it_sealed() -> None:
    shared, clock = store(), SetClock()
    await issue(sessions_of(shared, clock))
    clock.at_ms += KEY_SEALS_FOR_MS - 1
    session, token = await issue(sessions_of(shared, clock))
    assert _number(token) == 1
    clock.at_ms += SESSION_SECONDS.most * 1000
    sessions = sessions_of(shared, clock)
    await issue(sessions)
    assert await sessions.open(token, session.access_key_id, NOW) == session


async def test_tokens_cannot_be_spliced() -> None:
    sessions = sessions_of(store())
    (first, one), (_, two) = await issue(sessions), await issue(sessions, policy="x" * 40)
    left, right = b64decode(one), b64decode(two)
    for at in range(1, len(left)):
        with pytest.raises(InvalidSecurityToken):
            await sessions.open(
                b64encode(left[:at] + right[at:]).decode(), first.access_key_id, NOW
            )
    for at in range(len(left)):
        with pytest.raises(InvalidSecurityToken):
            await sessions.open(b64encode(left[:at]).decode(), first.access_key_id, NOW)


async def test_a_key_number_is_part_of_what_is_sealed() -> None:
    shared, clock = store(), SetClock()
    sessions = sessions_of(shared, clock)
    session, token = await issue(sessions)
    clock.at_ms += KEY_SEALS_FOR_MS
    await issue(sessions)
    raw = bytearray(b64decode(token))
    raw[7] = 2
    with pytest.raises(InvalidSecurityToken):
        await sessions.open(b64encode(bytes(raw)).decode(), session.access_key_id, NOW)


def _number(token: str) -> int:
    return int.from_bytes(b64decode(token)[4:8])


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ossia.domain.identity.sessions._REMEMBERED", 2)
    sessions = sessions_of(store())
    issued = [await issue(sessions) for _ in range(4)]
    for session, token in issued * 2:
        assert await sessions.open(token, session.access_key_id, NOW) == session
    assert len(sessions._opened) == 2
