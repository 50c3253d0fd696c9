import socket
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.protocol.address_policy import AddressPolicy, Origin, kind_of, parse_host

PUBLIC = AddressPolicy()

FORBIDDEN = {
    "unspecified": ["0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0"],
    "loopback": ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"],
    "private": [
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "fc00::1",
        "fdff::1",
        "fec0::1",
        "::ffff:10.0.0.1",
        "::ffff:192.168.0.1",
    ],
    "link-local": ["169.254.0.1", "169.254.255.255", "fe80::1", "fe80::1%eth0", "febf::1"],
    "metadata": [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
    ],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1"],
    "reserved": [
        "192.0.0.8",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.9",
        "240.0.0.1",
        "255.255.255.255",
        "192.88.99.1",
        "100::1",
        "2001:db8::1",
        "2001::1",
        "3fff::1",
        "4000::1",
        "64:ff9b:1::1",
        "::2",
    ],
}
HIDDEN = {
    "nat64": ["64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254"],
    "6to4": ["2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::"],
    "teredo": ["2001:0:7f00:1::", "2001:0:808:808::f5ff:fffe"],
    "isatap": ["2600::5efe:10.0.0.1", "2600::200:5efe:127.0.0.1"],
    "compatible": ["::10.0.0.1", "::127.0.0.1"],
    "translated": ["::ffff:0:10.0.0.1"],
}


@pytest.mark.parametrize(
    ("kind", "address"), [(kind, it) for kind, addresses in FORBIDDEN.items() for it in addresses]
)
def test_what_is_not_public_is_refused(kind: str, address: str) -> None:
    refusal = PUBLIC.refuse(address)
    assert refusal is not None
    assert f"is a {kind} address" in refusal
    assert "--callback-allow" in refusal


@pytest.mark.parametrize("address", [it for addresses in HIDDEN.values() for it in addresses])
def test_hidden_addresses_are_refused(address: str) -> None:
    assert PUBLIC.refuse(address)
    assert (
        AddressPolicy.parse(["loopback"]).refuse(address) or "7f00" in address or "127" in address
    )


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "169.253.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
    ],
)
def test_public_addresses_may_be_called(address: str) -> None:
    assert PUBLIC.refuse(address) is None


@pytest.mark.parametrize(
    "address", ["", "app", "127.1", "0x7f000001", "1.2.3.4.5", "127.0.0.1\n", "::g"]
)
def test_text_that_is_no_address_is_refused(address: str) -> None:
    assert PUBLIC.refuse(address)


# Spellings that resolvers accept (inet_aton) or that people hide loopback behind.
HOSTS: list[Any] = [
    ("127.0.0.1", "127.0.0.1"),
    ("2130706433", "127.0.0.1"),
    ("0x7f000001", "127.0.0.1"),
    ("017700000001", "127.0.0.1"),
    ("0177.0.0.1", "127.0.0.1"),
    ("0x7f.1", "127.0.0.1"),
    ("127.1", "127.0.0.1"),
    ("127.0.1", "127.0.0.1"),
    ("127.0.0.1.", "127.0.0.1"),
    ("0X7F.0.0.0x1", "127.0.0.1"),
    ("00000177.0.0.01", "127.0.0.1"),
    ("0", "0.0.0.0"),
    ("10.1", "10.0.0.1"),
    ("0xa9fea9fe", "169.254.169.254"),
    ("2852039166", "169.254.169.254"),
    ("169.254.43518", "169.254.169.254"),
    ("0251.0376.0251.0376", "169.254.169.254"),
    ("[::1]", "::1"),
    ("::1", "::1"),
    ("[::ffff:127.0.0.1]", "127.0.0.1"),
    ("[fe80::1%25eth0]", "fe80::1"),
    ("3232235777", "192.168.1.1"),
]


@pytest.mark.parametrize(("host", "address"), HOSTS)
def test_spellings_of_addresses(host: str, address: str) -> None:
    assert parse_host(host) == ip_address(address)
    assert PUBLIC.refuse_host("http", host, 80)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a.b",
        "1.2.3.4.5",
        "256.1.1.1",
        "4294967296",
        "0x1ffffffff",
        "1..2",
        "08.example",
        "0x",
        "x" * 5000,
        "9" * 5000,
    ],
)
def test_names_are_no_addresses(host: str) -> None:
    assert parse_host(host) is None


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "0x{:x}", "0{:o}"]))
def test_numeric_spellings_mean_what_the_resolver_makes_of_them(number: int, shape: str) -> None:
    host = shape.format(number)
    assert str(parse_host(host)) == socket.inet_ntoa(socket.inet_aton(host))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "app.localhost"])
def test_localhost_is_judged_by_its_name(host: str) -> None:
    assert PUBLIC.refuse_host("http", host, 80)
    assert AddressPolicy.default(loopback=True).refuse_host("http", host, 80) is None


def test_other_names_wait_for_their_address() -> None:
    assert PUBLIC.refuse_host("http", "app.internal", 80) is None


def test_default_on_loopback_allows_loopback_only() -> None:
    policy = AddressPolicy.default(loopback=True)
    assert policy.refuse("127.0.0.1") is None
    assert policy.refuse("::1") is None
    assert policy.refuse("::ffff:127.0.0.1") is None
    assert policy.refuse("10.0.0.1")
    assert policy.refuse("0.0.0.0")
    assert AddressPolicy.default(loopback=False).refuse("127.0.0.1")


def test_private_opens_private_networks_only() -> None:
    policy = AddressPolicy.parse(["private"])
    for address in ("10.0.0.1", "192.168.9.9", "fd12::1", "100.64.1.1", "64:ff9b::10.0.0.1"):
        assert policy.refuse(address) is None
    for address in (
        "127.0.0.1",
        "169.254.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "::",
        "fd00:ec2::254",
    ):
        assert policy.refuse(address)


def test_ranges_open_what_they_contain_but_no_metadata() -> None:
    policy = AddressPolicy.parse(["10.1.0.0/16", "169.254.0.0/16", "fd00::/8"])
    assert policy.refuse("10.1.255.1") is None
    assert policy.refuse("10.2.0.1")
    assert policy.refuse("169.254.1.1") is None
    assert policy.refuse("169.254.169.254")
    assert policy.refuse("fd00:ec2::254")
    assert AddressPolicy.parse(["0.0.0.0/0"]).refuse("169.254.169.254")


def test_an_exact_address_opens_even_metadata() -> None:
    assert AddressPolicy.parse(["169.254.169.254"]).refuse("169.254.169.254") is None
    assert (
        AddressPolicy.parse(["169.254.0.0/16", "169.254.169.254/32"]).refuse("169.254.169.254")
        is None
    )
    assert (
        AddressPolicy.parse(["http://169.254.169.254"]).refuse(
            "169.254.169.254", Origin("http", "169.254.169.254", 80)
        )
        is None
    )


def test_an_origin_opens_its_own_private_address() -> None:
    policy = AddressPolicy.parse(["http://App.internal:8080"])
    origin = Origin("http", "app.INTERNAL.", 8080)
    assert policy.refuse("10.0.0.5", origin) is None
    assert policy.refuse("127.0.0.1", origin) is None
    for other in (
        None,
        Origin("http", "app.internal", 80),
        Origin("https", "app.internal", 8080),
        Origin("http", "other.internal", 8080),
        Origin("http", "xapp.internal", 8080),
    ):
        assert policy.refuse("10.0.0.5", other)
    # Whoever answers for the name must not lead us to credentials or neighbours.
    for address in ("169.254.169.254", "169.254.1.1", "0.0.0.0", "224.0.0.1"):
        assert policy.refuse(address, origin)


def test_origin_of_an_address() -> None:
    policy = AddressPolicy.parse(["http://127.0.0.1:9000", "https://[::1]"])
    assert policy.refuse_host("http", "127.0.0.1", 9000) is None
    assert policy.refuse_host("http", "127.0.0.1", 9001)
    assert policy.refuse_host("https", "::1", 443) is None


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "public",
        "app.internal",
        "10.0.0.0/33",
        "http://",
        "http://a.b/path",
        "ftp://a.b",
        "http://a.b:0",
        "http://u@a.b",
        "http://a.b:99999",
    ],
)
def test_bad_entries_name_the_setting(entry: str) -> None:
    with pytest.raises(ValueError, match="--callback-allow"):
        AddressPolicy.parse([entry])


@given(st.ip_addresses(v=4) | st.ip_addresses(network="2000::/3") | st.ip_addresses(v=6))
def test_nothing_but_public_addresses_may_be_called(address: Any) -> None:
    meant = getattr(address, "ipv4_mapped", None) or address
    if PUBLIC.refuse(str(address)) is None:
        assert kind_of(meant) == "public"
        assert meant.is_global
        assert not meant.is_multicast


@given(st.ip_addresses(v=4))
def test_mapped_addresses_are_judged_as_what_they_map(address: Any) -> None:
    mapped = f"::ffff:{address}"
    assert (PUBLIC.refuse(mapped) is None) == (PUBLIC.refuse(str(address)) is None)
    assert (PUBLIC.refuse(f"64:ff9b::{address}") is None) == (PUBLIC.refuse(str(address)) is None)


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    PUBLIC.refuse(text)
    PUBLIC.refuse_host("http", text, 80)
