"""Session tokens: sealed, expiring, the same for every worker."""

from base64 import b64decode

import pytest

from ossia.adapters.memory import MemoryMetadataStore
from ossia.domain.sessions import Session, Sessions
from ossia.errors import InvalidAccessKeyId, InvalidSecurityToken, SecurityTokenExpired
from ossia.ports import Exists
from ossia.records import Role

NOW = 1_735_787_045_000
ROLE = Role(id="300000000000000001", name="App", trust="{}")


class StillClock:
    def now_ms(self) -> int:
        return NOW


def store() -> MemoryMetadataStore:
    return MemoryMetadataStore(StillClock())


async def issue(sessions: Sessions, policy: str = "") -> tuple[Session, str]:
    return await sessions.issue(
        ROLE, account_id="1234", name="alice", policy=policy, expires_at=NOW + 900_000
    )


async def test_a_token_opens_to_what_was_issued() -> None:
    sessions = Sessions(store())
    session, token = await issue(sessions, policy='{"Version":"1"}')
    assert token.startswith("CAIS")
    assert session.access_key_id.startswith("STS.")
    assert session.access_key_secret.encode() not in b64decode(token)
    assert (session.role_id, session.role_name, session.name) == (ROLE.id, "App", "alice")
    for _ in range(2):
        assert await sessions.open(token, session.access_key_id, NOW) == session


async def test_every_worker_opens_it_and_another_deployment_does_not() -> None:
    shared = store()
    session, token = await issue(Sessions(shared))
    assert await Sessions(shared).open(token, session.access_key_id, NOW) == session
    with pytest.raises(InvalidSecurityToken):
        await Sessions(store()).open(token, session.access_key_id, NOW)


async def test_no_two_sessions_are_alike() -> None:
    sessions = Sessions(store())
    (first, one), (second, two) = await issue(sessions), await issue(sessions)
    assert one != two
    assert first.access_key_id != second.access_key_id
    assert first.access_key_secret != second.access_key_secret
    with pytest.raises(InvalidSecurityToken) as caught:
        await sessions.open(one, second.access_key_id, NOW)
    assert caught.value.ec == "0002-00000004"


async def test_it_ends() -> None:
    sessions = Sessions(store())
    session, token = await issue(sessions)
    await sessions.open(token, session.access_key_id, NOW + 899_999)
    with pytest.raises(SecurityTokenExpired) as caught:
        await sessions.open(token, session.access_key_id, NOW + 900_000)
    assert (caught.value.status, caught.value.ec) == (403, "0002-00000007")


async def test_any_changed_character_is_refused() -> None:
    sessions = Sessions(store())
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
        await Sessions(store()).open(token, "STS.x", NOW)


async def test_a_token_with_a_permanent_key_is_refused() -> None:
    sessions = Sessions(store())
    _, token = await issue(sessions)
    with pytest.raises(InvalidAccessKeyId) as caught:
        await sessions.open(token, "LTAIx", NOW)
    assert caught.value.ec == "0002-00000002"


async def test_the_worker_that_is_second_uses_the_key_of_the_first() -> None:
    class Raced(MemoryMetadataStore):
        async def put_identity(self, kind: str, name: str, record: bytes, *, create: bool) -> None:
            await super().put_identity(kind, name, b"1" + b"ab" * 32, create=create)
            raise Exists

    raced = Raced(StillClock())
    session, token = await issue(Sessions(raced))
    assert await Sessions(raced).open(token, session.access_key_id, NOW) == session


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ossia.domain.sessions._REMEMBERED", 2)
    sessions = Sessions(store())
    issued = [await issue(sessions) for _ in range(4)]
    for session, token in issued * 2:
        assert await sessions.open(token, session.access_key_id, NOW) == session
    assert len(sessions._opened) == 2
