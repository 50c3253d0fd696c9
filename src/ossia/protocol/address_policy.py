"""Which network addresses a callback may be sent to.

The server sits inside a network and sends requests where strangers tell it to.  OSS
refuses private and loopback targets ("Private address is forbidden to callback.");
a server on a laptop must allow them, knowingly.

1. Addresses are judged, not names: whatever a name resolves to is judged again for every
   connection, so a name that changes its mind gains nothing.
2. An address that carries an IPv4 address inside (mapped, NAT64, 6to4, Teredo, ISATAP) is
   judged by that one too.
3. What is not known to be public is refused.
4. Metadata services hand out credentials; no range opens them, only their exact address does.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, NamedTuple

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SETTING: Final = "--callback-allow"
OIDC_SETTING: Final = "--oidc-allow"
"""That of policies about issuers of OIDC tokens."""


class Origin(NamedTuple):
    """A scheme, host and port that the operator named."""

    scheme: str
    host: str
    port: int


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


# First match wins.  IANA special-purpose address registries; RFC 6890 and its updates.
_KINDS: Final[tuple[tuple[str, tuple[Network, ...]], ...]] = (
    (
        "metadata",
        _networks(
            "169.254.169.254/32",  # AWS, Azure, Google, OpenStack, …
            "169.254.170.2/32",  # AWS ECS task credentials
            "169.254.170.23/32",  # AWS EKS pod identity
            "100.100.100.200/32",  # Alibaba Cloud
            "168.63.129.16/32",  # Azure host agent, in public space
            "192.0.0.192/32",  # Oracle Cloud, classic
            "fd00:ec2::254/128",  # AWS
            "fd00:ec2::23/128",  # AWS EKS
            "fd20:ce::254/128",  # Google
        ),
    ),
    ("unspecified", _networks("0.0.0.0/8", "::/128")),
    ("loopback", _networks("127.0.0.0/8", "::1/128")),
    ("link-local", _networks("169.254.0.0/16", "fe80::/10")),
    ("multicast", _networks("224.0.0.0/4", "ff00::/8")),
    (
        "private",
        _networks(
            "10.0.0.0/8",
            "100.64.0.0/10",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "fc00::/7",
            "fec0::/10",
        ),
    ),
    (
        "reserved",
        _networks(
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "240.0.0.0/4",
            "100::/64",
            "2001::/23",
            "2001:db8::/32",
            "3fff::/20",
            "5f00::/16",
        ),
    ),
    ("public", _networks("0.0.0.0/0", "2000::/3", "64:ff9b::/96")),
)


def kind_of(address: Address) -> str:
    """``public``, ``private``, ``loopback``, ``link-local``, ``metadata``, …"""
    for kind, networks in _KINDS:
        if any(address.version == net.version and address in net for net in networks):
            return kind
    return "reserved"


# Compared as an object: it is part of the keys of caches that every upload asks.
@dataclass(frozen=True, slots=True, eq=False)
class AddressPolicy:
    """What may be called besides public addresses."""

    networks: tuple[Network, ...] = ()
    origins: frozenset[Origin] = frozenset()
    kinds: frozenset[str] = frozenset(("public",))

    @classmethod
    def default(cls, *, loopback: bool) -> "AddressPolicy":
        """What applies when the setting is not given; *loopback*: we listen on loopback only."""
        return cls.parse(["loopback"] if loopback else [])

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "AddressPolicy":
        """Read the values of the setting.

        Each is an origin (``http://app.internal:8080``), an address or CIDR range, or one of
        the words ``private`` and ``loopback``.  Raises `ValueError` naming the bad entry.
        """
        networks: list[Network] = []
        origins: set[Origin] = set()
        kinds = {"public"}
        for entry in (text.strip().lower() for text in entries):
            if entry in ("private", "loopback"):
                kinds.add(entry)
            elif "://" in entry:
                origins.add(_parse_origin(entry))
            else:
                networks.append(_parse_network(entry))
        return cls(tuple(networks), frozenset(origins), frozenset(kinds))

    def refuse_host(self, scheme: str, host: str, port: int) -> str | None:
        """Why a host may not be called, as far as its spelling tells; None if it may.

        A name is only judged when it is ``localhost``; other names are judged by `refuse` when
        they are resolved.
        """
        return _refusal_of_host(self, scheme, host, port)

    def refuse(self, address: str, origin: Origin | None = None) -> str | None:
        """Why *address*, reached by way of *origin*, may not be connected to; None if it may."""
        return _refusal(self, address, origin)

    def names(self, address: Address, kind: str, origin: Origin | None) -> bool:
        """Whether the setting opens *address*, itself or by way of *origin*."""
        # A range, even 0.0.0.0/0, does not open metadata services.
        if any(
            network.version == address.version
            and address in network
            and (kind != "metadata" or network.num_addresses == 1)
            for network in self.networks
        ):
            return True
        if origin is None or _compared(origin) not in self.origins:
            return False
        # Whoever answers for a name could point it at a neighbour; the name opens only the
        # kinds that an application lives at, a spelt-out address opens itself.
        return kind in ("private", "loopback") or parse_host(origin.host) == address


def _compared(origin: Origin) -> Origin:
    return Origin(origin.scheme, _plain(origin.host), origin.port)


def _plain(host: str) -> str:
    """The one spelling under which hosts are compared."""
    address = parse_host(host)
    return host.lower().removesuffix(".") if address is None else str(address)


_ORIGIN: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?/?"
)


def _parse_origin(entry: str) -> Origin:
    found = _ORIGIN.fullmatch(entry)
    port = int((found and found["port"]) or (443 if entry.startswith("https") else 80))
    if found is None or not 0 < port <= 65535:  # noqa: PLR2004 - the last port
        raise ValueError(f"{SETTING}: {entry!r} is not an origin such as http://app.internal:8080")
    return Origin(found["scheme"], _plain(found["host"]), port)


def _parse_network(entry: str) -> Network:
    try:
        return ip_network(entry, strict=False)
    except ValueError as exc:
        raise ValueError(
            f"{SETTING}: {entry!r} is not an origin, address, CIDR range, private or loopback"
        ) from exc


_MAPPED: Final = IPv6Network("::ffff:0:0/96")
# Where the last 32 bits are an IPv4 address: compatible, mapped, translated, NAT64.
_TAIL_IPV4: Final = (
    IPv6Network("::/96"),
    _MAPPED,
    IPv6Network("::ffff:0:0:0/96"),
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
)
_SIX_TO_FOUR: Final = IPv6Network("2002::/16")
_TEREDO: Final = IPv6Network("2001::/32")
_ISATAP: Final = frozenset((0x00005EFE, 0x02005EFE))
_LOW32: Final = 0xFFFF_FFFF


def _embedded(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 address carries."""
    if not isinstance(address, IPv6Address):
        return []
    bits = int(address)
    found: list[Address] = []
    is_plain = address in (IPv6Address("::"), IPv6Address("::1"))
    is_isatap = (bits >> 32) & _LOW32 in _ISATAP
    if is_isatap or (not is_plain and any(address in net for net in _TAIL_IPV4)):
        found.append(IPv4Address(bits & _LOW32))
    if address in _SIX_TO_FOUR:
        found.append(IPv4Address((bits >> 80) & _LOW32))
    if address in _TEREDO:
        found += [IPv4Address((bits >> 64) & _LOW32), IPv4Address(~bits & _LOW32)]
    return found


_PARTS: Final = re.compile(r"(?:0x[0-9a-f]+|[0-9]+)(?:\.(?:0x[0-9a-f]+|[0-9]+)){0,3}\.?")


@lru_cache(4096)
def parse_host(host: str) -> Address | None:
    """The address that *host* spells, or None for a name.

    Resolvers read ``2130706433``, ``0x7f.1`` and ``0177.0.0.1`` as 127.0.0.1 (inet_aton), so
    all of them count as spellings.
    """
    text = host.lower().removeprefix("[").removesuffix("]")
    try:
        return _unmapped(ip_address(text.split("%", 1)[0]))
    except ValueError:
        pass
    return _inet_aton(text) if len(text) < 80 and _PARTS.fullmatch(text) else None  # noqa: PLR2004 - no spelling is that long


def _unmapped(address: Address) -> Address:
    is_mapped = isinstance(address, IPv6Address) and address in _MAPPED
    return IPv4Address(int(address) & _LOW32) if is_mapped else address


def _inet_aton(text: str) -> IPv4Address | None:
    *heads, tail = (_number(part) for part in text.removesuffix(".").split("."))
    value = 0
    for head in heads:
        if head > 255:  # noqa: PLR2004 - one byte
            return None
        value = value << 8 | head
    tail_bits = 32 - 8 * len(heads)
    return IPv4Address(value << tail_bits | tail) if tail >> tail_bits == 0 else None


def _number(part: str) -> int:
    if part.startswith("0x"):
        return int(part, 0)
    is_octal = len(part) > 1 and part[0] == "0" and not set(part) & set("89")
    return int(part, 8 if is_octal else 10)


# The same few targets are asked about again and again, at every upload.
@lru_cache(4096)
def _refusal_of_host(policy: AddressPolicy, scheme: str, host: str, port: int) -> str | None:
    address = parse_host(host)
    if address is None and re.fullmatch(r"(.+\.)?localhost\.?", host.lower()):
        address = IPv4Address("127.0.0.1")
    return None if address is None else policy.refuse(str(address), Origin(scheme, host, port))


@lru_cache(4096)
def _refusal(policy: AddressPolicy, address: str, origin: Origin | None) -> str | None:
    try:
        found = _unmapped(ip_address(address.split("%", 1)[0]))
    except ValueError:
        return f"{address} is not an address."
    for part in (found, *_embedded(found)):
        kind = kind_of(part)
        if kind not in policy.kinds and not policy.names(part, kind, origin):
            return f"{address} is a {kind} address that {SETTING} does not name."
    return None
