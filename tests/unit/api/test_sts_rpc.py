"""STS requests: recognised, authenticated, dispatched, rendered."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest

from federating import federation_of
from ossia.api.sts import RpcAnswer, RpcService, is_rpc
from ossia.domain.identity.identities import Identities
from ossia.domain.identity.ram import users
from ossia.domain.identity.sessions import Sessions
from ossia.ports import Unavailable
from ossia.protocol.signature_rpc import RpcRequest, sign_acs3, sign_parameters
from ossia.records import AccessKey
from stored import Stored, in_memory

NOW = 1_735_787_045_000
TRUST = (
    '{"Version":"1","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"RAM":"acs:ram::1234:root"}}}'
)
IDENTITY = {"Action": "GetCallerIdentity", "Version": "2015-04-01"}
ASSUME = {
    "Action": "AssumeRole",
    "Version": "2015-04-01",
    "RoleArn": "acs:ram::1234:role/app",
    "RoleSessionName": "alice",
}


class MovingClock:
    def __init__(self) -> None:
        self.at_ms = NOW

    def now_ms(self) -> int:
        return self.at_ms


@dataclass
class World:
    clock: MovingClock
    store: Stored
    identities: Identities
    service: RpcService
    key: AccessKey
    nonces: int = 0

    def signed(self, parameters: dict[str, str], method: str = "GET", **changes: Any) -> RpcRequest:
        self.nonces += 1
        given: dict[str, Any] = {
            "access_key_id": self.key.id,
            "secret": self.key.secret,
            "now_ms": self.clock.at_ms,
            "nonce": str(self.nonces),
            **changes,
        }
        pairs = sign_parameters(method, parameters, **given)
        if method == "POST":
            headers = {b"content-type": b"application/x-www-form-urlencoded"}
            return RpcRequest(b"POST", [], headers, urlencode(pairs).encode())
        return RpcRequest(method.encode(), [(n.encode(), v.encode()) for n, v in pairs.items()], {})

    async def answer(self, request: RpcRequest) -> RpcAnswer:
        return await self.service.answer_rpc(request, host="sts.example.com")

    async def json(self, request: RpcRequest, status: int = 200) -> dict[str, Any]:
        answer = await self.answer(request)
        body: dict[str, Any] = json.loads(answer.body)
        assert answer.status == status, body
        assert answer.content_type == "application/json;charset=utf-8"
        assert body["RequestId"] == str(UUID(body["RequestId"])).upper()
        return body

    async def code(self, request: RpcRequest, status: int = 400) -> str:
        body = await self.json(request, status)
        assert body["HostId"] == "sts.example.com"
        assert body["Message"]
        return str(body["Code"])


@pytest.fixture
async def world() -> World:
    clock = MovingClock()
    store = in_memory(clock)
    identities = Identities(
        store, clock, account_id="1234", root_access_key_id="ROOT", root_access_key_secret="root"
    )
    await identities.create_user("alice")
    await identities.attach_to_user("AliyunSTSAssumeRoleAccess", "alice")
    await identities.create_role("app", TRUST)
    key = await identities.create_access_key("alice")
    sessions = Sessions(identities.store, clock)
    service = RpcService(identities, sessions, federation_of(identities), store, clock)
    return World(clock, store, identities, service, key)


# --- recognition ------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ({b"x-acs-action": b"A"}, [], True),
        ({}, [(b"Action", b"A"), (b"Version", b"1")], True),
        ({b"x-acs-version": b"1"}, [(b"Action", b"A")], True),
        ({b"content-type": b"application/x-www-form-urlencoded; charset=utf-8"}, [], True),
        ({}, [], False),
        ({}, [(b"Action", b"A")], False),
        ({}, [(b"acl", b"")], False),
        ({b"content-type": b"multipart/form-data; boundary=x"}, [], False),
        (
            {b"authorization": b"OSS AK:x", b"content-type": b"application/x-www-form-urlencoded"},
            [],
            False,
        ),
    ],
)
def test_is_rpc(
    headers: dict[bytes, bytes], query: list[tuple[bytes, bytes]], expected: bool
) -> None:
    assert is_rpc(headers, query) is expected


# --- operations -------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_assume_role_then_ask_who_one_is(world: World, method: str) -> None:
    body = await world.json(world.signed({**ASSUME, "DurationSeconds": "900"}, method))
    credentials = body["Credentials"]
    assert body["AssumedRoleUser"]["Arn"] == "acs:ram::1234:role/app/alice"
    assert set(credentials) == {"AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"}
    assert credentials["Expiration"] == "2025-01-02T03:19:05Z"

    session = {
        "access_key_id": credentials["AccessKeyId"],
        "secret": credentials["AccessKeySecret"],
        "security_token": credentials["SecurityToken"],
    }
    who = await world.json(world.signed(IDENTITY, method, **session))
    assert who["IdentityType"] == "AssumedRoleUser"
    assert who["Arn"] == "acs:ram::1234:assumed-role/app/alice"
    assert who["PrincipalId"] == body["AssumedRoleUser"]["AssumedRoleId"]
    assert "UserId" not in who

    session.pop("security_token")
    request = world.signed(IDENTITY, method, **session)
    assert await world.code(request) == "MissingSecurityToken"


async def test_acs3(world: World) -> None:
    bare = RpcRequest(b"POST", [(b"RoleArn", b"acs:ram::1234:role/app")], {b"host": b"sts"})
    added = sign_acs3(
        bare,
        action="GetCallerIdentity",
        version="2015-04-01",
        access_key_id=world.key.id,
        secret=world.key.secret,
        now_ms=NOW,
        nonce="n",
    )
    headers = {**bare.headers, **{n.encode(): v.encode() for n, v in added.items()}}
    who = await world.json(RpcRequest(bare.method, bare.query, headers))
    assert who["IdentityType"] == "RAMUser"
    assert who["UserId"] == who["PrincipalId"]


async def test_an_unsigned_header_does_not_choose_the_action(world: World) -> None:
    request = world.signed(IDENTITY)
    request.headers = {b"x-acs-action": b"AssumeRole", b"x-acs-version": b"2015-04-01"}
    assert (await world.json(request))["IdentityType"] == "RAMUser"


async def test_xml(world: World) -> None:
    answer = await world.answer(world.signed({**ASSUME, "Format": "xml"}))
    assert (answer.status, answer.content_type) == (200, "text/xml;charset=utf-8")
    root = ET.fromstring(answer.body)  # noqa: S314 - our own answer
    assert root.tag == "AssumeRoleResponse"
    assert root.findtext("Credentials/SecurityToken", "").startswith("CAIS")
    assert root.findtext("AssumedRoleUser/Arn") == "acs:ram::1234:role/app/alice"
    assert root.findtext("RequestId")

    refused = await world.answer(world.signed({**IDENTITY, "Action": "<&", "Format": "XML"}))
    root = ET.fromstring(refused.body)  # noqa: S314 - our own answer
    assert (refused.status, root.tag) == (404, "Error")
    assert root.findtext("Code") == "InvalidApi.NotFound"


# --- refusals ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"Action": ""}, 400, "MissingAction"),
        ({"Version": ""}, 400, "MissingVersion"),
        ({"Version": "2016-01-01"}, 400, "InvalidParameter"),
        ({"Action": "AssumeRoleWithSAML"}, 404, "InvalidApi.NotFound"),
        ({"Action": "GetAccountAlias", "Version": "2015-05-01"}, 404, "InvalidApi.NotFound"),
        ({"Action": "CreateUser"}, 404, "InvalidApi.NotFound"),
        ({"Format": "YAML"}, 400, "InvalidParameter.Format"),
    ],
)
async def test_unknown_operations(
    world: World, changes: dict[str, str], status: int, code: str
) -> None:
    assert await world.code(world.signed({**IDENTITY, **changes}), status) == code


async def test_keys_that_do_not_hold(world: World) -> None:
    unknown = world.signed(IDENTITY, access_key_id="LTAIx")
    assert await world.code(unknown, 404) == "InvalidAccessKeyId.NotFound"
    assert await world.code(world.signed(IDENTITY, secret="x")) == "SignatureDoesNotMatch"
    await world.identities.store.change(
        users.set_access_key_active, "alice", world.key.id, active=False
    )
    assert await world.code(world.signed(IDENTITY)) == "InvalidAccessKeyId.Inactive"


async def test_tokens_that_do_not_hold(world: World) -> None:
    first = (await world.json(world.signed(ASSUME)))["Credentials"]
    second = (await world.json(world.signed(ASSUME)))["Credentials"]
    keys = {"access_key_id": first["AccessKeyId"], "secret": first["AccessKeySecret"]}
    for token, code in (
        ("CAISnonsense", "Malformed"),
        (second["SecurityToken"], "MismatchWithAccessKey"),
    ):
        request = world.signed(IDENTITY, **keys, security_token=token)
        assert await world.code(request) == f"InvalidSecurityToken.{code}"
    world.clock.at_ms += 3_600_000
    request = world.signed(IDENTITY, **keys, security_token=first["SecurityToken"])
    assert await world.code(request) == "InvalidSecurityToken.Expired"


async def test_a_request_counts_once(world: World) -> None:
    request = world.signed(IDENTITY)
    await world.json(request)
    assert await world.code(request) == "SignatureNonceUsed"
    # Who cannot sign does not use up nonces.
    forged = world.signed(IDENTITY, secret="x", nonce="n")
    assert await world.code(forged) == "SignatureDoesNotMatch"
    await world.json(world.signed(IDENTITY, nonce="n"))


async def test_unsigned_requests_and_other_methods(world: World) -> None:
    pairs = [(n.encode(), v.encode()) for n, v in IDENTITY.items()]
    assert await world.code(RpcRequest(b"GET", pairs, {})) == "MissingAccessKeyId"
    assert await world.code(RpcRequest(b"PUT", pairs, {}), 405) == "UnsupportedHTTPMethod"


async def test_refusals_of_the_rules_pass_through(world: World) -> None:
    refused = await world.code(world.signed({**ASSUME, "RoleArn": "x"}))
    assert refused == "InvalidParameter.RoleArn"
    root = {"access_key_id": "ROOT", "secret": "root"}
    assert await world.code(world.signed(ASSUME, **root), 403) == "NoPermission"


async def test_what_breaks_inside_is_answered_too(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for fact, status, code in (
        (Unavailable("disk"), 503, "ServiceUnavailable"),
        (ZeroDivisionError(), 500, "InternalError"),
    ):

        async def broken(*_: object, fact: Exception = fact) -> None:
            raise fact

        monkeypatch.setattr(world.store.database, "one", broken)
        world.clock.at_ms += 1000
        assert await world.code(world.signed(IDENTITY), status) == code
    assert "ZeroDivisionError" in caplog.text
