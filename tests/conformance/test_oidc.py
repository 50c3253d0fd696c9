"""A real OIDC provider (Authlib's, in a process of its own) and AssumeRoleWithOIDC by the official client."""

# mypy: disable-error-code="import-untyped"

import hmac
import json
import select
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from alibabacloud_sts20150401.client import Client
from alibabacloud_sts20150401.models import AssumeRoleWithOIDCRequest
from alibabacloud_tea_openapi.models import Config
from darabonba.exceptions import DaraException
from joserfc import jwt
from joserfc.jwk import RSAKey

from ossia.client.ram import RamClient, RamRefused
from ossia.client.signing_client import SigningClient
from ports import free_port
from running import Server, signer

CLIENT_ID = "app"


@dataclass(frozen=True, slots=True)
class Issuer:
    """The provider's process, and how people log in."""

    url: str

    def token(self, subject: str, client_id: str = CLIENT_ID) -> str:
        """An ID token by the authorization code flow."""
        back = "http://127.0.0.1:1/back"
        asked = {
            "client_id": client_id,
            "redirect_uri": back,
            "response_type": "code",
            "scope": "openid",
        }
        place = self._redirected(f"/oauth2/authorize?{urlencode(asked)}", {"sub": subject})
        code = parse_qs(urlsplit(place).query)["code"][0]
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "client_id": client_id,
            "client_secret": "any",
        }
        with urllib.request.urlopen(
            self.url + "/oauth2/token", urlencode(given).encode(), timeout=5
        ) as answer:
            token: str = json.load(answer)["id_token"]
        return token

    def _redirected(self, path: str, form: dict[str, str]) -> str:
        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_: Any) -> None:
                return None

        opener = urllib.request.build_opener(Stay)
        with pytest.raises(urllib.error.HTTPError) as redirected:
            opener.open(self.url + path, urlencode(form).encode(), timeout=5)
        place: str = redirected.value.headers["location"]
        redirected.value.close()
        return place

    def keys(self) -> list[dict[str, Any]]:
        """What it publishes."""
        with urllib.request.urlopen(self.url + "/.well-known/openid-configuration") as answer:
            place = json.load(answer)["jwks_uri"]
        with urllib.request.urlopen(place) as answer:
            keys: list[dict[str, Any]] = json.load(answer)["keys"]
        return keys


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _await_port(process, port)
        yield Issuer(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _await_port(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.stderr is not None
        select.select([process.stderr], [], [], 0.1)
    raise AssertionError("the provider does not start")


@dataclass(frozen=True, slots=True)
class World:
    """A provider that is registered, and a role that trusts it as far as ``alice``."""

    server: Server
    issuer: Issuer
    ims: "Ims"
    name: str
    bucket: str

    @property
    def provider_arn(self) -> str:
        return f"acs:ram::{self.server.account_id}:oidc-provider/{self.name}"

    def assume(self, token: str, role: str = "", **more: Any) -> Any:
        """By the official client, which signs nothing."""
        client = Client(Config(endpoint=self.server.address, protocol="http"))
        arn = f"acs:ram::{self.server.account_id}:role/{role or self.name}"
        return client.assume_role_with_oidc(
            AssumeRoleWithOIDCRequest(
                oidcprovider_arn=more.pop("provider_arn", self.provider_arn),
                role_arn=arn,
                oidctoken=token,
                role_session_name="alice",
                **more,
            )
        ).body

    def refusal(self, token: str, **more: Any) -> str:
        with pytest.raises(DaraException) as caught:
            self.assume(token, **more)
        return str(caught.value.code)


@dataclass(frozen=True, slots=True)
class Ims:
    """The API to which OIDC providers belong."""

    client: RamClient

    def call(self, action: str, **parameters: Any) -> dict[str, Any]:
        """The answer to *action*."""
        return self.client.call(action, Version="2019-08-15", **parameters)


@pytest.fixture(scope="module")
def world(server: Server, issuer: Issuer) -> World:
    name = f"oidc-{uuid.uuid4().hex[:8]}"
    ram = RamClient(server.endpoint, server.access_key_id, server.access_key_secret)
    ims = Ims(ram)
    ims.call("CreateOIDCProvider", OIDCProviderName=name, IssuerUrl=issuer.url, ClientIds=CLIENT_ID)
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Federated": [f"acs:ram::{server.account_id}:oidc-provider/{name}"]},
        "Condition": {
            "StringEquals": {
                "oidc:iss": issuer.url,
                "oidc:aud": CLIENT_ID,
                "oidc:sub": ["alice"],
            }
        },
    }
    document = json.dumps({"Version": "1", "Statement": [trust]})
    ram.call("CreateRole", RoleName=name, AssumeRolePolicyDocument=document)
    statement = {"Effect": "Allow", "Action": "oss:*", "Resource": f"acs:oss:*:*:{name}/*"}
    ram.call(
        "CreatePolicy",
        PolicyName=name,
        PolicyDocument=json.dumps({"Version": "1", "Statement": [statement]}),
    )
    ram.call("AttachPolicyToRole", RoleName=name, PolicyName=name, PolicyType="Custom")
    root = signer(server)
    assert root.request("PUT", name).status == 200
    return World(server, issuer, ims, name, name)


def test_a_token_becomes_credentials_that_work(world: World) -> None:
    body = world.assume(world.issuer.token("alice"), duration_seconds=900)
    info = body.oidctoken_info
    assert (info.subject, info.issuer, info.client_ids) == ("alice", world.issuer.url, CLIENT_ID)
    assert info.verification_info == "Success"
    assert body.assumed_role_user.arn.endswith(f"role/{world.name}/alice")
    given = body.credentials
    session = SigningClient(
        world.server.endpoint,
        given.access_key_id,
        given.access_key_secret,
        world.server.region,
        security_token=given.security_token,
    )
    assert session.request("PUT", world.bucket, "k", body=b"x").status == 200
    assert session.request("GET", world.bucket, "k").body == b"x"
    assert session.request("GET", world.bucket).status == 403


def test_a_session_policy_narrows_it(world: World) -> None:
    statement = {"Effect": "Allow", "Action": "oss:GetObject", "Resource": "*"}
    policy = json.dumps({"Version": "1", "Statement": [statement]})
    given = world.assume(world.issuer.token("alice"), policy=policy).credentials
    session = SigningClient(
        world.server.endpoint,
        given.access_key_id,
        given.access_key_secret,
        world.server.region,
        security_token=given.security_token,
    )
    assert session.request("PUT", world.bucket, "k", body=b"x").status == 403


def test_whom_the_role_does_not_trust(world: World) -> None:
    assert world.refusal(world.issuer.token("mallory")) == "NoPermission"
    token = world.issuer.token("alice")
    assert world.refusal(token, role="no-such-role") == "NoPermission"
    assert world.refusal(token, duration_seconds=7200) == "InvalidParameter.DurationSeconds"


def test_for_whom_the_token_was_not_made(world: World) -> None:
    token = world.issuer.token("alice", client_id="other")
    assert world.refusal(token) == "AuthenticationFail.OIDCToken.AudienceNotMatch"
    world.ims.call("AddClientIdToOIDCProvider", OIDCProviderName=world.name, ClientId="other")
    # The role's own condition still holds.
    assert world.refusal(token) == "NoPermission"
    world.ims.call("RemoveClientIdFromOIDCProvider", OIDCProviderName=world.name, ClientId="other")
    assert world.refusal(token) == "AuthenticationFail.OIDCToken.AudienceNotMatch"


def _json64(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _hs256(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """By hand: the library refuses to take a public key for a secret."""
    signed = f"{_json64(header)}.{_json64(claims)}"
    digest = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def test_tokens_that_were_tampered_with(world: World) -> None:
    token = world.issuer.token("alice")
    _, claims, signature = token.split(".")
    [public] = world.issuer.keys()
    now = int(time.time())
    own = {"iss": world.issuer.url, "aud": CLIENT_ID, "sub": "alice", "iat": now, "exp": now + 60}
    stranger = RSAKey.generate_key(2048, {"kid": public["kid"]})
    pem = RSAKey.import_key({n: public[n] for n in ("kty", "n", "e")}).as_pem(private=False)
    forged = {
        "none": f"{_json64({'alg': 'none'})}.{claims}.",
        "none-signed": f"{_json64({'alg': 'none'})}.{claims}.{signature}",
        "hs256-with-the-public-key": _hs256({"alg": "HS256", "kid": public["kid"]}, own, pem),
        "jwk": jwt.encode(
            {"alg": "RS256", "kid": public["kid"], "jwk": stranger.as_dict(private=False)},
            own,
            stranger,
        ),
        "jku": jwt.encode({"alg": "RS256", "jku": "http://127.0.0.1:1/keys"}, own, stranger),
        "x5u": jwt.encode({"alg": "RS256", "x5u": "http://127.0.0.1:1/keys"}, own, stranger),
        "two-parts": token.rpartition(".")[0],
        "no-text": "a.b.c",
        "oversized": token + "A" * 20_000,
    }
    for name, each in forged.items():
        assert world.refusal(each) == "AuthenticationFail.OIDCToken.Invalid", name
    for name, each in {
        "another-key": jwt.encode({"alg": "RS256", "kid": public["kid"]}, own, stranger),
        "an-unknown-key": jwt.encode({"alg": "RS256", "kid": "other"}, own, stranger),
        "other-claims": f"{token.partition('.')[0]}.{_json64(own)}.{signature}",
        "cut": token[:-8],
    }.items():
        assert world.refusal(each) == "AuthenticationFail.OIDCToken.InvalidSignature", name


def test_issuers_that_cannot_be_registered(world: World) -> None:
    for url, code in (
        ("http://oidc.example.com", "InvalidParameter.IssuerUrl"),
        ("http://10.0.0.1", "InvalidParameter.IssuerUrl"),
        ("https://oidc.example.com/?a=b", "InvalidParameter.IssuerUrl"),
        ("https://me@oidc.example.com", "InvalidParameter.IssuerUrl"),
        (world.issuer.url, "EntityAlreadyExists.OIDCProvider"),
    ):
        with pytest.raises(RamRefused) as caught:
            world.ims.call("CreateOIDCProvider", OIDCProviderName="other", IssuerUrl=url)
        assert caught.value.code == code


def test_an_issuer_inside_the_network_is_not_asked(world: World) -> None:
    # A metadata service: nobody connects there, whoever registers it.
    name = f"inside-{uuid.uuid4().hex[:8]}"
    world.ims.call(
        "CreateOIDCProvider",
        OIDCProviderName=name,
        IssuerUrl="https://169.254.169.254",
        ClientIds=CLIENT_ID,
    )
    arn = f"acs:ram::{world.server.account_id}:oidc-provider/{name}"
    with pytest.raises(DaraException) as caught:
        world.assume(world.issuer.token("alice"), provider_arn=arn)
    assert caught.value.code == "AuthenticationFail.OIDCToken.HttpsUrlInvalid"
    assert "--oidc-allow" in str(caught.value.message)


def test_a_provider_that_is_gone(world: World) -> None:
    token = world.issuer.token("alice")
    arn = f"acs:ram::{world.server.account_id}:oidc-provider/no-such"
    assert world.refusal(token, provider_arn=arn) == "AuthenticationFail.NoPermission"
    assert world.refusal(token, provider_arn="x") == "InvalidParameter.OIDCProviderArn"
