"""The story of RAM over memory, without a socket; and the limits of the account."""

import asyncio
import time
from urllib.parse import parse_qsl

import pytest

from federating import federation_of
from ossia.api.sts import RpcService
from ossia.client.ram import RamClient
from ossia.domain.identity.identities import Identities
from ossia.domain.identity.sessions import Sessions
from ossia.protocol.signature_rpc import RpcRequest
from ram_story import ALLOW, STORY, TRUST, Teller, row
from stored import in_memory


class WallClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


@pytest.fixture
def teller() -> Teller:
    store, clock = in_memory(WallClock()), WallClock()
    identities = Identities(
        store, clock, account_id="1234", root_access_key_id="ROOT", root_access_key_secret="root"
    )
    sessions = Sessions(identities.store, clock)
    service = RpcService(identities, sessions, federation_of(identities), store, clock)

    def send(_url: str, body: bytes) -> tuple[int, bytes]:
        pairs = [(n.encode(), v.encode()) for n, v in parse_qsl(body.decode())]
        answer = asyncio.run(service.answer_rpc(RpcRequest(b"POST", pairs, {})))
        return answer.status, answer.body

    return Teller(RamClient("http://ram", "ROOT", "root", None, send), "1234")


def test_the_story(teller: Teller) -> None:
    for told in STORY:
        teller.tell(told)


USER = row("CreateUser", UserName="u")
GROUP = row("CreateGroup", GroupName="g")
ROLE = row("CreateRole", RoleName="r", AssumeRolePolicyDocument=TRUST)
POLICY = row("CreatePolicy", PolicyName="p", PolicyDocument=ALLOW)
FULL = {"PolicyType": "System", "PolicyName": "AliyunOSSFullAccess"}
READ = {"PolicyType": "System", "PolicyName": "AliyunOSSReadOnlyAccess"}


@pytest.mark.parametrize(
    ("limit", "before", "last"),
    [
        ("users.MOST_USERS", [USER], row("CreateUser", "LimitExceeded.User", 409, UserName="v")),
        (
            "groups.MOST_GROUPS",
            [GROUP],
            row("CreateGroup", "LimitExceeded.Group", 409, GroupName="h"),
        ),
        (
            "roles.MOST_ROLES",
            [ROLE],
            row(
                "CreateRole",
                "LimitExceeded.Role",
                409,
                RoleName="s",
                AssumeRolePolicyDocument=TRUST,
            ),
        ),
        (
            "policies.MOST_POLICIES",
            [POLICY],
            row("CreatePolicy", "LimitExceeded.Policy", 409, PolicyName="q", PolicyDocument=ALLOW),
        ),
        (
            "policies.MOST_ATTACHED",
            [USER, row("AttachPolicyToUser", UserName="u", **FULL)],
            row("AttachPolicyToUser", "LimitExceeded.User.Policy", 409, UserName="u", **READ),
        ),
        (
            "policies.MOST_ATTACHED",
            [ROLE, row("AttachPolicyToRole", RoleName="r", **FULL)],
            row("AttachPolicyToRole", "LimitExceeded.Role.Policy", 409, RoleName="r", **READ),
        ),
        (
            "groups.MOST_GROUPS_OF_USER",
            [
                USER,
                GROUP,
                row("CreateGroup", GroupName="h"),
                row("AddUserToGroup", UserName="u", GroupName="g"),
            ],
            row("AddUserToGroup", "LimitExceeded.User.Group", 409, UserName="u", GroupName="h"),
        ),
        (
            "oidc_providers.MOST_PROVIDERS",
            [row("CreateOIDCProvider", OIDCProviderName="a", IssuerUrl="https://a.b")],
            row(
                "CreateOIDCProvider",
                "LimitExceeded.OIDCProvider",
                409,
                OIDCProviderName="c",
                IssuerUrl="https://c.d",
            ),
        ),
    ],
)
def test_limits(
    teller: Teller, monkeypatch: pytest.MonkeyPatch, limit: str, before: list[object], last: object
) -> None:
    monkeypatch.setattr(f"ossia.domain.identity.ram.{limit}", 1)
    for told in (*before, last):
        teller.tell(told)  # type: ignore[arg-type]  # rows


def test_a_provider_has_five_fingerprints(teller: Teller) -> None:
    teller.tell(
        row(
            "CreateOIDCProvider",
            "LimitExceeded.OIDCProvider.Fingerprint",
            409,
            OIDCProviderName="a",
            IssuerUrl="https://a.b",
            Fingerprints="1,2,3,4,5,6",
        )
    )
    teller.tell(
        row(
            "CreateOIDCProvider",
            "InvalidParameter.IssuerUrl.Length",
            OIDCProviderName="a",
            IssuerUrl="https://" + "a" * 250,
        )
    )
    teller.tell(
        row(
            "CreateOIDCProvider",
            "InvalidParameter.IssuerUrl",
            OIDCProviderName="a",
            IssuerUrl="http://a.b",
        )
    )
    teller.tell(
        row(
            "CreateOIDCProvider",
            "InvalidParameter.IssuerUrl",
            OIDCProviderName="a",
            IssuerUrl="https://[",
        )
    )
