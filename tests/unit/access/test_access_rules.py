"""Who a caller is and what the caller may: keys, sessions, policies, ACLs."""

import json
from dataclasses import replace

import msgspec
import pytest

from ossia.access.authenticate import Authenticator
from ossia.access.authorize import Wish, authorize
from ossia.adapters.memory import MemoryMetadataStore
from ossia.client.signing_client import SigningClient
from ossia.domain.identities import ANONYMOUS, Caller, CallerKind, Identities, compiled
from ossia.domain.sessions import Sessions
from ossia.errors import (
    AccessDenied,
    InvalidAccessKeyId,
    InvalidSecurityToken,
    OssError,
    SecurityTokenExpired,
    SignatureDoesNotMatch,
)
from ossia.protocol.policy_document import PolicyDocument
from ossia.protocol.signed_request import SignedRequest

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
        self.store = MemoryMetadataStore(StillClock())
        self.identities = Identities(
            self.store,
            StillClock(),
            account_id="1234",
            root_access_key_id="ROOT",
            root_access_key_secret="root",
        )
        self.sessions = Sessions(self.store)
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
    await world.identities._put(key.id, msgspec.structs.replace(key, active=False), create=False)
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
    await world.store.delete_identity("role", "r")
    world.identities._remembered.clear()
    with pytest.raises(InvalidSecurityToken):
        await world.enter(key, secret, token, version=version)


async def test_forms_without_a_signature_are_anonymous(world: World) -> None:
    assert await world.door.form({"key": "k"}, NOW) == ANONYMOUS
    with pytest.raises(OssError):
        await world.door.form({"signature": "x"}, NOW)


# --- what a caller may ---


def document(*statements: tuple[str, str, str]) -> PolicyDocument:
    listed = [{"Effect": e, "Action": a, "Resource": r} for e, a, r in statements]
    return compiled(json.dumps({"Version": "1", "Statement": listed}))


ALLOW = document(("Allow", "oss:*", "*"))
DENY = document(("Deny", "oss:GetObject", "*"))
OTHER = document(("Allow", "oss:ListObjects", "*"))
USER = Caller(CallerKind.USER, account_id="1234", id="2", arn="acs:ram::1234:user/u")
SESSION = replace(USER, kind=CallerKind.SESSION)
READ = Wish("oss:GetObject", "acs:oss:r:1234:b/k", reads=True, writes=False)
WRITE = Wish("oss:PutObject", "acs:oss:r:1234:b/k", reads=False, writes=True)
LIST = Wish("oss:ListObjects", "acs:oss:r:1234:b", reads=False, writes=False)
SERVICE = Wish("oss:ListBuckets", "acs:oss:r:1234:*", reads=False, writes=False)


@pytest.mark.parametrize(
    ("caller", "wish", "acl", "allowed"),
    [
        (Caller(CallerKind.ROOT), READ, "private", True),
        (ANONYMOUS, READ, "private", False),
        (ANONYMOUS, READ, "public-read", True),
        (ANONYMOUS, READ, "public-read-write", True),
        (ANONYMOUS, WRITE, "public-read", False),
        (ANONYMOUS, WRITE, "public-read-write", True),
        (ANONYMOUS, READ, "odd", False),
        (ANONYMOUS, LIST, "public-read-write", False),
        (ANONYMOUS, SERVICE, "public-read-write", False),
        (USER, READ, "private", False),
        (USER, READ, "public-read", True),
        (USER, LIST, "public-read", False),
        (replace(USER, policies=(ALLOW,)), READ, "private", True),
        (replace(USER, policies=(OTHER,)), READ, "private", False),
        (replace(USER, policies=(OTHER,)), READ, "public-read", True),
        (replace(USER, policies=(ALLOW, DENY)), READ, "public-read", False),
        (replace(USER, policies=(DENY, ALLOW)), READ, "public-read", False),
        (replace(USER, policies=(ALLOW, OTHER)), READ, "private", True),
        (replace(SESSION, policies=(ALLOW,)), READ, "private", True),
        (replace(SESSION, policies=(ALLOW,), session_policy=OTHER), READ, "public-read", False),
        (replace(SESSION, policies=(ALLOW,), session_policy=DENY), READ, "public-read", False),
        (replace(SESSION, policies=(OTHER,), session_policy=ALLOW), READ, "private", False),
        (replace(SESSION, policies=(OTHER,), session_policy=ALLOW), READ, "public-read", True),
        (replace(SESSION, policies=(ALLOW,), session_policy=ALLOW), WRITE, "private", True),
    ],
)
async def test_policies_first_then_acls(
    caller: Caller, wish: Wish, acl: str, allowed: bool
) -> None:
    async def read_acl() -> str:
        return acl

    if allowed:
        await authorize(caller, wish, {}, read_acl)
        return
    with pytest.raises(AccessDenied) as caught:
        await authorize(caller, wish, {}, read_acl)
    assert caught.value.details["AuthAction"] == wish.action
    assert caught.value.details["Resource"] == wish.resource


async def test_the_acl_is_read_only_where_it_decides() -> None:
    async def never() -> str:
        raise AssertionError

    await authorize(replace(USER, policies=(ALLOW,)), READ, {}, never)
    for caller in (replace(USER, policies=(DENY,)), ANONYMOUS):
        with pytest.raises(AccessDenied):
            await authorize(caller, READ if caller is not ANONYMOUS else LIST, {}, never)
