"""Whom a proxy speaks for: the walk through ``X-Forwarded-For``, hostile ones included."""

import asyncio
import time
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.http.body import NO_BODY
from ossia.http.forwarded import NO_PROXIES, Proxies, revealing
from ossia.http.message import Request, Response

PROXIES = Proxies([ip_network(each) for each in ("10.0.0.0/8", "2001:db8::/64", "192.0.2.7")])
PEER = "10.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        pytest.param(b"198.51.100.1", "198.51.100.1", id="one"),
        pytest.param(b" 198.51.100.1\t", "198.51.100.1", id="blanks"),
        pytest.param(b"203.0.113.9, 198.51.100.1", "198.51.100.1", id="what-he-says-himself"),
        pytest.param(b"198.51.100.1, 10.9.9.9, 192.0.2.7", "198.51.100.1", id="a-row-of-proxies"),
        pytest.param(b"203.0.113.9,198.51.100.1,10.9.9.9", "198.51.100.1", id="and-himself"),
        pytest.param(b"10.1.1.1, 10.2.2.2", "10.1.1.1", id="proxies-alone-the-farthest"),
        pytest.param(b"203.0.113.9, junk, 10.2.2.2", "10.2.2.2", id="junk-ends-the-walk"),
        pytest.param(b"203.0.113.9,,10.2.2.2", "10.2.2.2", id="nothing-ends-the-walk"),
        pytest.param(b"203.0.113.9, unknown", PEER, id="junk-at-once"),
        pytest.param(b"", PEER, id="empty"),
        pytest.param(b",", PEER, id="comma"),
        pytest.param(b"198.51.100.1:4711", "198.51.100.1", id="port"),
        pytest.param(b"198.51.100.1, 10.0.0.2:80", "198.51.100.1", id="port-of-a-proxy"),
        pytest.param(b"[2001:db8:1::1]", "2001:db8:1::1", id="brackets"),
        pytest.param(b"[2001:db8:1::1]:4711", "2001:db8:1::1", id="brackets-and-port"),
        pytest.param(b"2001:DB8:1:0::1", "2001:db8:1::1", id="v6-in-its-usual-form"),
        pytest.param(b"198.51.100.1, 2001:db8::5", "198.51.100.1", id="a-v6-proxy"),
        pytest.param(b"198.51.100.1, ::ffff:10.0.0.2", "198.51.100.1", id="a-v4-proxy-as-v6"),
        pytest.param(b"::ffff:198.51.100.1", "198.51.100.1", id="v4-as-v6"),
        pytest.param(b"198.51.100.1:", PEER, id="no-port"),
        pytest.param(b"198.51.100.1:http", PEER, id="a-word-for-a-port"),
        pytest.param(b"198.51.100.1:1234567", PEER, id="a-long-port"),
        pytest.param(b"[198.51.100.1]:80", "198.51.100.1", id="v4-in-brackets"),
        pytest.param(b"[2001:db8:1::1", PEER, id="open-bracket"),
        pytest.param(b"2001:db8:1::1]", PEER, id="closed-bracket"),
        pytest.param(b"[2001:db8:1::1]junk", PEER, id="behind-the-bracket"),
        pytest.param(b"fe80::1%eth0", PEER, id="a-zone"),
        pytest.param(b"198.51.100.01", PEER, id="octal"),
        pytest.param(b"198.51.100", PEER, id="too-short"),
        pytest.param(b"198.51.100.256", PEER, id="too-much"),
        pytest.param(b"3325256705", PEER, id="a-number"),
        pytest.param(b'"198.51.100.1"', PEER, id="quotes"),
        pytest.param(b"198.51.100.1 198.51.100.2", PEER, id="blank-between"),
        pytest.param(b"198.51.100.1\x00", PEER, id="nul"),
        pytest.param(b"198.51.100.1\xb2", PEER, id="not-ascii"),
        pytest.param(b"unix:", PEER, id="unix"),
        pytest.param(b"1" * 32_000, PEER, id="long"),
        pytest.param(b":" * 32_000, PEER, id="long-colons"),
        pytest.param(b" " * 32_000 + b"198.51.100.1", "198.51.100.1", id="long-blanks"),
    ],
)
def test_the_client_is_the_last_who_is_no_proxy(forwarded: bytes, client: str) -> None:
    assert PROXIES.client_of(PEER, forwarded) == client


@pytest.mark.parametrize("entry", [b"10.0.0.2", b"", b"junk", b"2001:db8::5"])
def test_ten_thousand_entries_cost_no_more_than_a_few(entry: bytes) -> None:
    forwarded = b"203.0.113.9," + b",".join([entry] * 10_000)
    begun = time.process_time()
    for _ in range(100):
        assert PROXIES.client_of(PEER, forwarded) != "203.0.113.9"
    # About 0.01 s; a walk to the end would take 2 s.
    assert time.process_time() - begun < 0.5


def test_what_is_remembered_has_bounds() -> None:
    proxies = Proxies([ip_network("10.0.0.0/8")])
    for number in range(2000):
        proxies.client_of(PEER, b"%01000d" % number)
    assert proxies._remembered.cache_info().currsize == 0
    for number in range(2000):
        proxies.client_of(PEER, b"198.51.100.1, %d" % number)
    assert proxies._remembered.cache_info().currsize == 1024


def test_as_many_proxies_as_there_ever_are_are_walked_through() -> None:
    assert PROXIES.client_of(PEER, b"203.0.113.9" + b",10.0.0.2" * 30) == "203.0.113.9"


@given(st.binary(max_size=200))
def test_whatever_is_said_the_client_is_an_address(said: bytes) -> None:
    client = PROXIES.client_of(PEER, said)
    assert str(ip_address(client)) == client


@pytest.mark.parametrize(
    ("peer", "is_one"),
    [
        ("10.255.0.1", True),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("2001:db8::1", True),
        ("2001:db8:1::1", False),
        ("::ffff:10.0.0.1", True),
        ("fe80::1%eth0", False),
        ("", False),
    ],
)
def test_who_is_a_proxy(peer: str, is_one: bool) -> None:
    assert (peer in PROXIES) is is_one
    assert peer not in NO_PROXIES


@pytest.mark.parametrize(
    ("said", "by_tls", "secure"),
    [
        (b"https", False, True),
        (b"HTTPS", False, True),
        (b"http", True, False),
        (None, True, True),
        (None, False, False),
        (b"https, http", False, False),
        (b"http, https", False, True),
        (b"https\x00", False, False),
        (b"", True, False),
    ],
)
def test_the_scheme_is_what_the_nearest_proxy_says(
    said: bytes | None, by_tls: bool, secure: bool
) -> None:
    async def handle(request: Request) -> Response:
        return Response(200, [("secure", str(request.secure)), ("peer", request.peer)])

    headers = {b"x-forwarded-for": b"198.51.100.1"}
    if said is not None:
        headers[b"x-forwarded-proto"] = said
    request = Request(b"GET", b"/", headers, NO_BODY, PEER, by_tls)
    response = asyncio.run(_answer(handle, request))
    assert response.headers == [("secure", str(secure)), ("peer", "198.51.100.1")]


async def _answer(handle: object, request: Request) -> Response:
    return await revealing(handle, PROXIES)(request)  # type: ignore[arg-type]  # of the test
