"""Tokens of OIDC providers: which hold, whose keys are asked for and when, whom roles trust."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, RSAKey

from federating import Documents
from ossia.domain.identity.federation import FederatedToken, Federation, trusts_provider
from ossia.domain.identity.identities import Identities
from ossia.domain.identity.ram.oidc_providers import create_provider
from ossia.errors import RpcError
from ossia.protocol.oidc_token import MAX_CHARACTERS, SKEW_S, TokenRefused, read_header
from stored import in_memory

NOW_S = 1_735_787_045
ISSUER = "https://issuer.example.com/realm"
ARN = "acs:ram::1234:oidc-provider/idp"
PLACE = "https://keys.example.com/jwks"
KEY = RSAKey.generate_key(2048, {"kid": "one"})
CURVE = ECKey.generate_key("P-256", {"kid": "curve"})
STRANGER = RSAKey.generate_key(2048, {"kid": "one"})
CLAIMS = {"iss": ISSUER, "sub": "alice", "aud": "app", "iat": NOW_S - 5, "exp": NOW_S + 300}
TOKEN = "AuthenticationFail.OIDCToken"


class StillClock:
    def now_ms(self) -> int:
        return NOW_S * 1000


def published(*keys: RSAKey | ECKey | dict[str, Any]) -> bytes:
    listed = [each if isinstance(each, dict) else each.as_dict(private=False) for each in keys]
    return json.dumps({"keys": listed}).encode()


class World:
    def __init__(self) -> None:
        store = in_memory(StillClock())
        identities = Identities(
            store,
            StillClock(),
            account_id="1234",
            root_access_key_id="R",
            root_access_key_secret="",
        )
        self.store = identities.store
        self.documents = Documents(
            {
                f"{ISSUER}/.well-known/openid-configuration": json.dumps(
                    {"issuer": ISSUER, "jwks_uri": PLACE}
                ).encode(),
                PLACE: published(KEY, CURVE),
            }
        )
        self.federation = Federation(
            identities.store, self.documents, account_id="1234", allows_plain=lambda _: False
        )

    async def verify(self, token: str, at_s: int = NOW_S, arn: str = ARN) -> FederatedToken:
        given = {"OIDCProviderArn": arn, "OIDCToken": token}
        return await self.federation.verify(given, at_s * 1000)

    async def refusal(self, token: str, at_s: int = NOW_S, arn: str = ARN) -> tuple[int, str]:
        with pytest.raises(RpcError) as caught:
            await self.verify(token, at_s, arn)
        return caught.value.status, caught.value.code.removeprefix(TOKEN + ".")


@pytest.fixture
async def world() -> World:
    world = World()
    await world.store.change(
        create_provider, "idp", ISSUER, client_ids=["app", "cli"], issuance_limit_h=1
    )
    return world


def signed(key: RSAKey | ECKey = KEY, header: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    algorithm = "ES256" if isinstance(key, ECKey) else "RS256"
    return jwt.encode({"alg": algorithm, "kid": key.kid, **(header or {})}, claims, key)


@pytest.mark.parametrize("key", [KEY, CURVE], ids=["RS256", "ES256"])
async def test_a_token_of_the_issuer_holds(world: World, key: RSAKey | ECKey) -> None:
    token = await world.verify(signed(key, aud=["other", "cli"]))
    assert token == FederatedToken(
        provider_arn=ARN,
        issuer=ISSUER,
        subject="alice",
        audience=("other", "cli"),
        issued_at=NOW_S - 5,
        expires_at=NOW_S + 300,
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://issuer.example.com"}, "IssuerNotMatch"),
        ({"iss": ISSUER + "/"}, "IssuerNotMatch"),
        ({"iss": None}, "Invalid"),
        ({"aud": "other"}, "AudienceNotMatch"),
        ({"aud": []}, "AudienceNotMatch"),
        ({"aud": [7]}, "Invalid"),
        ({"aud": None}, "Invalid"),
        ({"sub": None}, "Invalid"),
        ({"sub": ""}, "Invalid"),
        ({"exp": NOW_S}, "Expired"),
        ({"exp": None}, "Invalid"),
        ({"exp": "never"}, "Invalid"),
        ({"exp": True}, "Invalid"),
        ({"exp": 2**60}, "Invalid"),
        ({"iat": None}, "Invalid"),
        ({"iat": NOW_S + SKEW_S + 1}, "Invalid"),
        ({"iat": NOW_S - 3601}, "Expired"),
        ({"nbf": NOW_S + SKEW_S + 1}, "Invalid"),
        ({"nbf": "x"}, "Invalid"),
    ],
)
async def test_claims_that_do_not_hold(world: World, changes: dict[str, Any], code: str) -> None:
    assert await world.refusal(signed(**changes)) == (401, code)


async def test_the_edges_of_time_hold(world: World) -> None:
    for changes in (
        {"exp": NOW_S + 1},
        {"iat": NOW_S + SKEW_S, "nbf": NOW_S + SKEW_S},
        {"iat": NOW_S - 3600},
    ):
        await world.verify(signed(**changes))


async def test_a_token_is_replayed_after_its_end(world: World) -> None:
    token = signed()
    await world.verify(token, NOW_S + 299)
    assert await world.refusal(token, NOW_S + 300) == (401, "Expired")


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("", "Invalid"),
        ("abc", "Invalid"),
        ("a" * (MAX_CHARACTERS + 1), "Invalid"),
        ("a.b", "Invalid"),
        ("a.b.c.d", "Invalid"),
        ("a.b.c", "Invalid"),
        ("ä.b.c", "Invalid"),
        ("W10.e30.c", "Invalid"),
        ("bnVsbA.e30.c", "Invalid"),
        (signed()[:-2], "InvalidSignature"),
        (signed()[:-342], "InvalidSignature"),
        (signed(STRANGER), "InvalidSignature"),
        (signed(header={"kid": "curve"}), "InvalidSignature"),
        (signed(header={"kid": "none"}), "InvalidSignature"),
        (signed(header={"kid": "../one"}), "InvalidSignature"),
        (".".join((*signed(sub="a").split(".")[:2], signed().split(".")[2])), "InvalidSignature"),
    ],
)
async def test_what_the_issuer_has_not_signed(world: World, token: str, code: str) -> None:
    assert await world.refusal(token) == (401, code)


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "b64", "zip", "enc", "crit"])
async def test_headers_that_bring_their_own_key_are_refused(world: World, name: str) -> None:
    values = {"alg": "RS256", "kid": "one", name: STRANGER.as_dict(private=False)}
    _, *rest = signed(STRANGER).split(".")
    assert await world.refusal(".".join((_header(values), *rest))) == (401, "Invalid")


def _header(values: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "RS1", "PS256", "ES384", "", 7])
async def test_other_algorithms_are_refused(world: World, algorithm: object) -> None:
    _, *rest = signed().split(".")
    forged = ".".join((_header({"alg": algorithm, "kid": "one"}), *rest))
    assert await world.refusal(forged) == (401, "Invalid")


async def test_a_token_without_key_id_needs_a_single_key(world: World) -> None:
    nameless = jwt.encode({"alg": "RS256"}, CLAIMS, KEY)
    await world.verify(nameless)
    world.documents.documents[PLACE] = published(KEY, STRANGER)
    token = jwt.encode({"alg": "RS256"}, {**CLAIMS, "exp": NOW_S + 900}, KEY)
    assert await world.refusal(token, NOW_S + 601) == (401, "InvalidSignature")


async def test_keys_that_cannot_sign_tokens_are_left_out(world: World) -> None:
    with pytest.warns(SecurityWarning):
        weak = RSAKey.generate_key(1024, {"kid": "weak"})
    other = ECKey.generate_key("P-384", {"kid": "p384"})
    encrypting = {**STRANGER.as_dict(private=False), "use": "enc"}
    confused = {**STRANGER.as_dict(private=False), "alg": "ES256"}
    junk = [{"kty": "RSA", "kid": "one"}, {"kty": "oct", "k": "AA"}, {"kty": "EC", "crv": "P-256"}]
    world.documents.documents[PLACE] = published(weak, other, encrypting, confused, *junk, KEY)
    await world.verify(signed())
    assert await world.refusal(signed(weak)) == (401, "InvalidSignature")


# --- fetching ---------------------------------------------------------------


async def test_keys_are_kept_and_fetched_again_for_an_unknown_one(world: World) -> None:
    for _ in range(3):
        await world.verify(signed())
    assert len(world.documents.fetched) == 2
    rotated = RSAKey.generate_key(2048, {"kid": "two"})
    world.documents.documents[PLACE] = published(rotated)
    # A stranger with many key ids does not make us ask all the time.
    for at_s in (NOW_S, NOW_S + 29):
        assert await world.refusal(signed(rotated), at_s) == (401, "InvalidSignature")
    assert len(world.documents.fetched) == 2
    await world.verify(signed(rotated), NOW_S + 30)
    assert len(world.documents.fetched) == 4
    # What the issuer withdraws ends with that.
    assert await world.refusal(signed(), NOW_S + 31) == (401, "InvalidSignature")


async def test_keys_are_fetched_again_after_a_while(world: World) -> None:
    await world.verify(signed(exp=NOW_S + 3000))
    await world.verify(signed(exp=NOW_S + 3000), NOW_S + 599)
    assert len(world.documents.fetched) == 2
    await world.verify(signed(exp=NOW_S + 3000), NOW_S + 600)
    assert len(world.documents.fetched) == 4


@pytest.mark.parametrize(
    "configuration",
    [
        b"",
        b"[]",
        b"{}",
        b'{"issuer":"https://other","jwks_uri":"https://keys.example.com/jwks"}',
        json.dumps({"issuer": ISSUER, "jwks_uri": "http://keys.example.com/jwks"}).encode(),
        json.dumps({"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"}).encode(),
        json.dumps({"issuer": ISSUER, "jwks_uri": "https://nobody.example.com"}).encode(),
    ],
)
async def test_an_issuer_that_is_none(world: World, configuration: bytes) -> None:
    world.documents.documents[f"{ISSUER}/.well-known/openid-configuration"] = configuration
    assert await world.refusal(signed()) == (401, "HttpsUrlInvalid")
    fetched = len(world.documents.fetched)
    assert await world.refusal(signed(), NOW_S + 29) == (401, "HttpsUrlInvalid")
    assert len(world.documents.fetched) == fetched


@pytest.mark.parametrize("keys", [b"", b"{}", b'{"keys":{}}', b"\xff"])
async def test_keys_that_are_none(world: World, keys: bytes) -> None:
    world.documents.documents[PLACE] = keys
    assert await world.refusal(signed()) == (401, "HttpsUrlInvalid")


@pytest.mark.parametrize(
    ("arn", "refusal"),
    [
        ("", (400, "MissingOIDCProviderArn")),
        ("acs:ram::1234:role/idp", (400, "InvalidParameter.OIDCProviderArn")),
        ("acs:ram::9999:oidc-provider/idp", (401, "AuthenticationFail.NoPermission")),
        ("acs:ram::1234:oidc-provider/other", (401, "AuthenticationFail.NoPermission")),
    ],
)
async def test_a_provider_that_is_not_registered(
    world: World, arn: str, refusal: tuple[int, str]
) -> None:
    assert await world.refusal(signed(), arn=arn) == refusal
    assert world.documents.fetched == []


# --- trust ------------------------------------------------------------------


def trust(*statements: dict[str, Any]) -> str:
    return json.dumps(
        {"Version": "1", "Statement": [{"Action": "sts:AssumeRole", **each} for each in statements]}
    )


ALLOW = {"Effect": "Allow", "Principal": {"Federated": [ARN]}}


@pytest.mark.parametrize(
    ("document", "trusts"),
    [
        (trust(ALLOW), True),
        (trust({**ALLOW, "Principal": {"Federated": ARN, "RAM": "*"}}), True),
        (trust({**ALLOW, "Condition": {"StringEquals": {"oidc:sub": "alice"}}}), True),
        (trust({**ALLOW, "Condition": {"StringEquals": {"oidc:sub": "bob"}}}), False),
        (trust({**ALLOW, "Condition": {"StringLike": {"oidc:aud": "a*"}}}), True),
        (
            trust({**ALLOW, "Condition": {"StringEquals": {"sts:RoleSessionName": "${oidc:sub}"}}}),
            True,
        ),
        (
            trust({**ALLOW, "Condition": {"StringEquals": {"sts:RoleSessionName": "${oidc:iss}"}}}),
            False,
        ),
        (
            trust({**ALLOW, "Condition": {"StringEquals": {"sts:RoleSessionName": "${oidc:aud}"}}}),
            False,
        ),
        (trust({**ALLOW, "Principal": {"Federated": [ARN + "2"]}}), False),
        # "*" and the account mean those who have an identity in it.
        (trust({**ALLOW, "Principal": "*"}), False),
        (trust({**ALLOW, "Principal": {"RAM": ["*"]}}), False),
        (trust({**ALLOW, "Principal": {"Federated": "*"}}), False),
        (trust({**ALLOW, "Principal": {"RAM": [ARN]}}), False),
        (trust(ALLOW, {"Effect": "Deny", "Principal": {"Federated": ARN}}), False),
        (trust(ALLOW, {"Effect": "Deny", "Principal": "*"}), False),
        (trust(ALLOW, {"Effect": "Deny", "Principal": {"RAM": "acs:ram::1234:root"}}), True),
        (json.dumps({"Version": "1", "Statement": {"Action": "sts:AssumeRole", **ALLOW}}), True),
        (trust({**ALLOW, "Action": "sts:Other"}), False),
    ],
)
def test_trust(document: str, trusts: bool) -> None:
    context = {
        "oidc:sub": ["alice"],
        "oidc:aud": ["app", "alice"],
        "sts:RoleSessionName": ["alice"],
    }
    assert trusts_provider(document, "acs:ram::1234:role/r", ARN, context) is trusts


@pytest.mark.parametrize("opened", [b'{"a":', b"[", b'{"a":['])
def test_b6_a_deeply_nested_header_is_refused(opened: bytes) -> None:
    """Issue 10, B6: a token is a stranger's, and its header is read before anything is checked."""
    nested = opened * (MAX_CHARACTERS * 3 // 4 // len(opened) - 10)
    with pytest.raises(TokenRefused):
        read_header(f"{urlsafe_b64encode(nested).decode().rstrip('=')}.e30.AA")
