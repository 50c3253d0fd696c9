"""Networks as conditions on addresses name them, and whether they are few addresses.

An address or a CIDR block.  Source: OSS documentation, "Condition keys": ``acs:SourceIp``.  A mask
in dots, a zone and whatever else `ipaddress` reads stand in no documentation, and a mask may be
meant as either of two things: refused.
"""

from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Final, TypeVar

from ossia.protocol.policy_text import PolicyError

Network = IPv4Network | IPv6Network
_N = TypeVar("_N", IPv4Network, IPv6Network)

_FEW_V4_BITS: Final = 32 - 7
_FEW_V6_BITS: Final = 128 - 31


def parse_network(text: str) -> Network:
    """An address or a CIDR block.  Raises `PolicyError` with the text if it is neither."""
    try:
        network = ip_network(text, strict=False)
    except ValueError as exc:
        raise PolicyError(f"{text} is not an address or a CIDR block") from exc
    _, slash, bits = text.partition("/")
    if "%" in text or (slash and not (bits.isascii() and bits.isdigit())):
        raise PolicyError(f"{text} is not an address or a CIDR block")
    return network


def are_few(networks: Collection[Network]) -> bool:
    """Whether they are, all together, fewer addresses than an IPv4 /7 and an IPv6 /31.

    One /8 (or /32) is the widest network that OSS takes for a restriction, and the private networks
    of IPv4 are little more; 256 of them are everybody.
    """
    return breadth(networks) < 1 << _FEW_V6_BITS


def breadth(networks: Collection[Network]) -> int:
    """How many addresses are in any of them, those of IPv4 weighed against those of IPv6."""
    v4 = [each for each in networks if isinstance(each, IPv4Network)]
    v6 = [each for each in networks if isinstance(each, IPv6Network)]
    return max(_count(v4) << (_FEW_V6_BITS - _FEW_V4_BITS), _count(v6))


def _count(networks: list[_N]) -> int:
    return sum(each.num_addresses for each in collapse_addresses(networks))
