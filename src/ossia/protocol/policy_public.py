"""What makes statements of a bucket policy public.

Source: OSS documentation, "Block public access": not public is what names fixed principals, or asks
for a fixed network or key.  A comparison restricts only where it holds for some and not for
everybody:

1. Text does if it is fixed and not empty: every request here comes from no VPC, whose name is the
   empty text, so that a comparison with that excludes nobody.
2. Addresses do if all that are named are few together (`policy_network`), in one statement and in
   the whole policy: what one statement may not say at once, many may not say in turn.
3. Negations, dates, truth values and whatever the client may say of himself do not.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from itertools import chain
from typing import Final

from ossia.protocol.conditions import Comparison, Conditions
from ossia.protocol.policy_network import Network, are_few, breadth, parse_network
from ossia.protocol.policy_text import has_wildcard

Opening = tuple[Network, ...]
"""Networks from which whoever is no fixed principal may come; none where he may not."""

NOWHERE: Final[Opening] = ()

_EVERYWHERE: Final[Opening] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
_EQUALS: Final = frozenset({"StringEquals", "StringEqualsIgnoreCase", "StringLike"})
_IS_IN: Final = frozenset({"IpAddress", "IpAddressIncludeBorder"})
_TEXTS: Final = frozenset({"acs:SourceVpc", "acs:SourceVpcId", "acs:AccessId"})
_ADDRESSES: Final = frozenset({"acs:SourceIp", "acs:SourceVpcIp"})


def opening_of(names: Sequence[str], condition: Conditions | None) -> Opening:
    """What is open to everybody of that which is allowed to *names* under *condition*.

    Comparisons of one condition hold together, so that the narrowest bounds them all.
    """
    if not any(has_wildcard(name) for name in names):
        return NOWHERE
    comparisons = () if condition is None else condition.comparisons
    if any(map(_is_fixed_text, comparisons)):
        return NOWHERE
    named = [tuple(map(parse_network, each.wanted)) for each in comparisons if _is_networks(each)]
    return min(_EVERYWHERE, *named, key=breadth) if named else _EVERYWHERE


def are_public(openings: Sequence[Opening]) -> list[bool]:
    """Which of the statements of one policy are, by the openings of all."""
    narrow = [are_few(each) for each in openings]
    # What is public by itself is no reason to take another's few addresses for many.
    together = chain.from_iterable(
        each for each, is_narrow in zip(openings, narrow, strict=True) if is_narrow
    )
    are_narrow = are_few(set(together))
    return [
        bool(each) and not (is_narrow and are_narrow)
        for each, is_narrow in zip(openings, narrow, strict=True)
    ]


def _is_fixed_text(comparison: Comparison) -> bool:
    return (
        comparison.key in _TEXTS
        and comparison.operator in _EQUALS
        and all(text and not has_wildcard(text) for text in comparison.wanted)
    )


def _is_networks(comparison: Comparison) -> bool:
    return (
        comparison.key in _ADDRESSES
        and comparison.operator in _IS_IN
        and not any("*" in text for text in comparison.wanted)
    )
