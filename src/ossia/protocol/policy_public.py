"""What makes a statement of a bucket policy public.

Source: OSS documentation, "Block public access": not public is what names fixed principals, or asks
for a fixed network or key.  A comparison restricts only where it holds for some and not for
everybody:

1. Text does if it is fixed and not empty: every request here comes from no VPC, whose name is the
   empty text, so that a comparison with that excludes nobody.
2. Addresses do if all that are named are few together (`policy_network`).
3. Negations, dates, truth values and whatever the client may say of himself do not.
"""

from collections.abc import Callable, Sequence
from typing import Final

from ossia.protocol.conditions import Comparison, Conditions
from ossia.protocol.policy_network import are_few, parse_network
from ossia.protocol.policy_text import has_wildcard

_EQUALS: Final = frozenset({"StringEquals", "StringEqualsIgnoreCase", "StringLike"})
_IS_IN: Final = frozenset({"IpAddress", "IpAddressIncludeBorder"})


def is_for_everybody(names: Sequence[str], condition: Conditions | None) -> bool:
    """Whether what is allowed to the principals *names* under *condition* is public."""
    if not any(has_wildcard(name) for name in names):
        return False
    return condition is None or not any(map(_restricts, condition.comparisons))


def _restricts(comparison: Comparison) -> bool:
    rule = _RULES.get(comparison.key)
    return rule is not None and rule(comparison)


def _is_fixed_text(comparison: Comparison) -> bool:
    return comparison.operator in _EQUALS and all(
        text and not has_wildcard(text) for text in comparison.wanted
    )


def _is_small_network(comparison: Comparison) -> bool:
    return (
        comparison.operator in _IS_IN
        and not any("*" in text for text in comparison.wanted)
        and are_few([parse_network(text) for text in comparison.wanted])
    )


_RULES: Final[dict[str, Callable[[Comparison], bool]]] = {
    "acs:SourceVpc": _is_fixed_text,
    "acs:SourceVpcId": _is_fixed_text,
    "acs:AccessId": _is_fixed_text,
    "acs:SourceIp": _is_small_network,
    "acs:SourceVpcIp": _is_small_network,
}
