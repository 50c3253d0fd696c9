import json

import pytest
from gateway_world import World

from ossia.access.authenticate import Authenticator
from ossia.client.signing_client import SigningClient
from ossia.errors import OssError
from ossia.gateway.metrics import Admission, MetricsSide
from ossia.http.message import Response
from ossia.protocol.policy_place import place_of

KEY = "0123456789abcdef"
BEARER = {"Authorization": f"Bearer {KEY}"}


async def shown(accept: str) -> tuple[str, bytes]:
    return f"text/{accept or 'plain'}", b"ossia_up 1\n"


class Metered(World):
    """A gateway with metrics, which have *key*; *alone*: at an address of their own."""

    def __init__(self, key: str = "", *, alone: bool = False) -> None:
        super().__init__()
        admission = Admission(
            key=key.encode() or None,
            authenticator=Authenticator(self.identities, self.sessions, region=""),
            clock=self.clock,
            place=place_of("acs:ossia:cn-test:1234:metrics/*"),
        )
        side = MetricsSide(shown, admission.at_own_address() if alone else admission)
        self.gateway._sides = (side.answer, *self.gateway._sides)
        self.counted: list[tuple[str, int, str]] = []
        self.gateway._note = lambda answered: self.counted.append(answered[:3])

    async def scrape(self, headers: dict[str, str] | None = None, method: str = "GET") -> Response:
        return await self.hand(method, "/-/metrics", headers or {})

    async def user(self, *actions: str) -> SigningClient:
        statement = {
            "Effect": "Allow",
            "Action": [*actions],
            "Resource": ["acs:ossia:*:*:metrics/*"],
        }
        await self.identities.create_user("prometheus")
        await self.identities.create_policy(
            "scraping", json.dumps({"Version": "1", "Statement": [statement]})
        )
        await self.identities.attach_to_user("scraping", "prometheus")
        key = await self.identities.create_access_key("prometheus")
        return self.signer(key.id, key.secret)


async def test_strangers_see_nothing() -> None:
    for world in (Metered(), Metered(KEY), Metered(KEY, alone=True)):
        answer = await world.scrape()
        assert answer.status == 403
        assert b"ossia_up" not in answer.body
        assert world.counted == [("GetMetrics", 403, "ANONYMOUS")]


@pytest.mark.parametrize("alone", [False, True])
async def test_who_has_the_key_sees_metrics(alone: bool) -> None:
    answer = await Metered(KEY, alone=alone).scrape({**BEARER, "Accept": "html"})
    assert (answer.status, answer.body) == (200, b"ossia_up 1\n")
    assert ("Content-Type", "text/html") in answer.headers
    assert ("Cache-Control", "no-store") in answer.headers


@pytest.mark.parametrize("given", ["0123456789abcdeF", "0123456789abcdef0", "\xff"])
@pytest.mark.parametrize("alone", [False, True])
async def test_another_key_opens_nothing(given: str, alone: bool) -> None:
    answer = await Metered(KEY, alone=alone).scrape({"Authorization": f"Bearer {given}"})
    assert answer.status == 403


async def test_without_a_key_no_key_opens_anything() -> None:
    assert (await Metered().scrape(BEARER)).status == 403
    # The blank is trimmed: no key, and no signature either.
    for world in (Metered(), Metered(KEY)):
        assert (await world.scrape({"Authorization": "Bearer "})).status == 400


async def test_an_address_of_its_own_asks_for_nothing_without_a_key() -> None:
    assert (await Metered(alone=True).scrape()).status == 200


@pytest.mark.parametrize("key", ["", KEY])
async def test_a_policy_lets_in_who_signs(key: str) -> None:
    world = Metered(key)
    assert (await world.ask("GET", "-", "metrics")).status == 200
    scraper = await world.user("ossia:GetMetrics")
    assert (await world.ask("GET", "-", "metrics", by=scraper)).status == 200
    assert world.counted == [("GetMetrics", 200, "ROOT"), ("GetMetrics", 200, "USER")]


async def test_another_policy_does_not() -> None:
    world = Metered(KEY)
    other = await world.user("ossia:ListCallbacks")
    assert (await world.ask("GET", "-", "metrics", by=other)).status == 403
    wrong = world.signer("ROOT", "wrong")
    assert (await world.ask("GET", "-", "metrics", by=wrong)).status == 403


async def test_head_tells_the_length_and_others_are_refused() -> None:
    world = Metered(KEY)
    head = await world.scrape(BEARER, "HEAD")
    assert (head.status, head.body, head.content_length()) == (200, b"", 11)
    assert (await world.scrape(BEARER, "POST")).status == 405


async def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(Metered(KEY).gateway._sides[0].__self__.__dict__)  # type: ignore[attr-defined]  # a bound method


async def test_every_service_says_what_it_was_asked_for() -> None:
    world = Metered()
    await world.hand("GET", "/-/health", {})
    await world.hand("GET", "/-/ready", {})
    await world.hand("GET", "/-/nothing", {})
    await world.hand("POST", "/?Action=GetCallerIdentity&Version=2015-04-01", {})
    await world.ask("PUT", "bucket")
    asks = {"Origin": "http://a", "Access-Control-Request-Method": "GET"}
    await world.hand("OPTIONS", "/bucket/key", asks)
    await world.ask("GET", "bucket", "key")
    await world.hand("BREW", "/bucket/key", {})
    world.gateway.refuse(OssError())
    assert world.counted == [
        ("Health", 200, ""),
        ("Ready", 200, ""),
        ("", 404, ""),
        ("GetCallerIdentity", 400, "ANONYMOUS"),
        ("PutBucket", 200, "ROOT"),
        ("Preflight", 403, "ANONYMOUS"),
        ("GetObject", 404, "ROOT"),
        ("", 405, "ANONYMOUS"),
        ("", 400, ""),
    ]


async def test_bytes_are_counted_that_come_and_that_go() -> None:
    world = Metered()
    sizes: list[tuple[str, int, int]] = []
    world.gateway._note = lambda answered: sizes.append((answered[0], *answered[4:]))
    large = bytes(100_000)
    await world.ask("PUT", "bucket")
    await world.ask("PUT", "bucket", "small", body=b"12345")
    await world.ask("PUT", "bucket", "large", body=large)
    await world.ask("GET", "bucket", "small")
    answer = await world.ask("GET", "bucket", "large", headers={"Range": "bytes=10-19"})
    for span in answer.spans:
        span.close()
    await world.ask("HEAD", "bucket", "large")
    assert sizes == [
        ("PutBucket", 0, 0),
        ("PutObject", 5, 0),
        ("PutObject", 100_000, 0),
        ("GetObject", 0, 5),
        ("GetObject", 0, 10),
        ("HeadObject", 0, 0),
    ]
    world.ingest.close()
