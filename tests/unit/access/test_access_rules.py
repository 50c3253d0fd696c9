"""Who a caller is: keys, sessions, forms."""

import pytest

from ossia.access.authenticate import Authenticator
from ossia.client.signing_client import SigningClient
from ossia.domain.identity.identities import ANONYMOUS, Caller, CallerKind, Identities
from ossia.domain.identity.ram.roles import delete_role
from ossia.domain.identity.ram.users import set_access_key_active
from ossia.domain.identity.sessions import Sessions
from ossia.errors import (
    InvalidAccessKeyId,
    InvalidSecurityToken,
    OssError,
    SecurityTokenExpired,
    SignatureDoesNotMatch,
)
from ossia.protocol.signed_request import SignedRequest
from stored import in_memory

NOW = 1_700_000_000_000
TRUST = (
    '{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"RAM":["acs:ram::1234:root"]}}]}'
)


class StillClock:
    def now_ms(self) -> int:
        return NOW


class World:
    def __init__(self) -> None:
        self.store = in_memory(StillClock())
        self.identities = Identities(
            self.store,
            StillClock(),
            account_id="1234",
            root_access_key_id="ROOT",
            root_access_key_secret="root",
        )
        self.sessions = Sessions(self.identities.store, StillClock())
        self.door = Authenticator(self.identities, self.sessions, region="cn-test")

    async def enter(
        self, key: str, secret: str, token: str | None = None, *, version: int = 4, at: int = NOW
    ) -> Caller:
        signer = SigningClient("http://x", key, secret, "cn-test", version, token)
        headers = signer._signature("GET", "b", "k", (), {}, at)
        raw = {name.lower().encode(): value.encode() for name, value in headers.items()}
        request = SignedRequest(b"GET", b"b", b"k", [], raw)
        return await self.door.request(request, at, in_host=False)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("version", [1, 4])
async def test_callers(world: World, version: int) -> None:
    assert (await world.enter("ROOT", "root", version=version)).kind is CallerKind.ROOT
    assert await world.enter("", "", version=0) == ANONYMOUS
    await world.identities.create_user("u")
    key = await world.identities.create_access_key("u")
    caller = await world.enter(key.id, key.secret, version=version)
    assert (caller.kind, caller.arn) == (CallerKind.USER, "acs:ram::1234:user/u")
    with pytest.raises(SignatureDoesNotMatch):
        await world.enter(key.id, "wrong", version=version)
    with pytest.raises(InvalidAccessKeyId):
        await world.enter("NONE", "x", version=version)
    await world.identities.store.change(set_access_key_active, "u", key.id, active=False)
    # Only who holds the secret hears that the key is disabled.
    with pytest.raises(SignatureDoesNotMatch):
        await world.enter(key.id, "wrong", version=version)
    with pytest.raises(InvalidAccessKeyId, match="disabled"):
        await world.enter(key.id, key.secret, version=version)


@pytest.mark.parametrize("version", [1, 4])
async def test_sessions(world: World, version: int) -> None:
    role = await world.identities.create_role("r", TRUST)
    session, token = await world.sessions.issue(
        role, account_id="1234", name="eric", policy="", expires_at=NOW + 900_000
    )
    key, secret = session.access_key_id, session.access_key_secret
    caller = await world.enter(key, secret, token, version=version)
    assert caller.arn == "acs:ram::1234:assumed-role/r/eric"
    refused: list[tuple[str, str, str | None, int, type[OssError]]] = [
        (key, secret, None, NOW, InvalidAccessKeyId),
        (key, "wrong", token, NOW, SignatureDoesNotMatch),
        (key, secret, token[:-4], NOW, InvalidSecurityToken),
        ("STS.other", secret, token, NOW, InvalidSecurityToken),
        ("ROOT", "root", token, NOW, InvalidAccessKeyId),
        (key, secret, token, NOW + 900_000, SecurityTokenExpired),
    ]
    for key_id, with_secret, with_token, at, error in refused:
        with pytest.raises(error):
            await world.enter(key_id, with_secret, with_token, version=version, at=at)
    await world.enter(key, secret, token, version=version, at=NOW + 899_999)
    await world.identities.store.change(delete_role, "r")
    with pytest.raises(InvalidSecurityToken):
        await world.enter(key, secret, token, version=version)


async def test_forms_without_a_signature_are_anonymous(world: World) -> None:
    assert await world.door.form({"key": "k"}, NOW) == ANONYMOUS
    with pytest.raises(OssError):
        await world.door.form({"signature": "x"}, NOW)
