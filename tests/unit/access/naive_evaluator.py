"""A second evaluator of policies, as plain as can be, to compare the real one with.

It reads the JSON anew for every question, knows no compiling, no caching and no order of speed, and
shares no code with `ossia.protocol`.  Each function is a sentence of the documentation.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any

Json = Any
Facts = dict[str, list[str]]


@dataclass(frozen=True)
class Question:
    """Everything that decides.  Policies are statements as JSON has them."""

    kind: str
    names: list[str]
    session: list[Json] | None
    identity: list[list[Json]]
    bucket: list[Json] | None
    action: str
    resource: str
    facts: Facts = field(default_factory=dict)
    right: str = ""
    acl: str = "private"
    blocked: bool = False
    who: dict[str, str] = field(default_factory=dict)


def may(q: Question) -> bool:
    """Whether it is permitted."""
    bucket = q.bucket or []
    if q.blocked:
        bucket = [each for each in bucket if not public(each)]
    in_bucket = {each["Effect"] for each in bucket if applies(each, q, principals=True)}
    if q.kind == "root":
        return "Deny" not in in_bucket or q.action in (
            "oss:PutBucketPolicy",
            "oss:GetBucketPolicy",
            "oss:DeleteBucketPolicy",
        )
    if q.session is not None:
        in_session = {each["Effect"] for each in q.session if applies(each, q)}
        if in_session != {"Allow"}:
            return False
    own = {each["Effect"] for policy in q.identity for each in policy if applies(each, q)}
    both = own | in_bucket
    if "Deny" in both:
        return False
    if "Allow" in both:
        return True
    if q.blocked:
        return False
    return (q.right == "read" and q.acl in ("public-read", "public-read-write")) or (
        q.right == "write" and q.acl == "public-read-write"
    )


def applies(statement: Json, q: Question, *, principals: bool = False) -> bool:
    """Whether a statement is about the question."""
    if "Action" in statement:
        action = any(like(a.lower(), q.action.lower()) for a in listed(statement["Action"]))
    else:
        action = not any(like(a.lower(), q.action.lower()) for a in listed(statement["NotAction"]))
    if "Resource" in statement:
        resource = any(same_resource(r, q.resource, q.who) for r in listed(statement["Resource"]))
    else:
        resource = not any(
            same_resource(r, q.resource, q.who) for r in listed(statement["NotResource"])
        )
    meant = not principals or means(statement, q)
    denies = statement["Effect"] == "Deny"
    holds = condition(statement.get("Condition", {}), q.facts, q.who, denies=denies)
    return action and resource and meant and holds


def listed(value: Json) -> list[Any]:
    return value if isinstance(value, list) else [value]


Letters = list[tuple[str, bool]]
"""The letters of a pattern, and whether each is one that somebody wrote as it stands."""


def letters(pattern: str, who: dict[str, str]) -> Letters | None:
    """Variables replaced by what they stand for; None if one of them stands for nothing."""
    found: Letters = []
    at = 0
    while at < len(pattern):
        if pattern.startswith("${", at):
            end = pattern.index("}", at)
            name = pattern[at + 2 : end]
            own = {key.upper(): value for key, value in who.items()}
            value = name if name in ("*", "?", "$") else own.get(name.upper(), "")
            if not value:
                return None
            found += [(letter, False) for letter in value]
            at = end + 1
        else:
            found.append((pattern[at], True))
            at += 1
    return found


def like(pattern: str, text: str, who: dict[str, str] | None = None) -> bool:
    """``*`` is any run of characters, ``?`` any one: by a table of prefixes."""
    pieces = letters(pattern, who or {})
    if pieces is None:
        return False
    ends = {0}
    for letter, written in pieces:
        if written and letter == "*":
            ends = set(range(min(ends), len(text) + 1)) if ends else set()
        else:
            wild = written and letter == "?"
            ends = {at + 1 for at in ends if at < len(text) and (wild or letter == text[at])}
    return len(text) in ends


def is_beginning(pattern: str, who: dict[str, str] | None) -> bool:
    """Whether nothing in it is special but one star at the end."""
    pieces = letters(pattern, who or {})
    if not pieces or pieces[-1] != ("*", True):
        return False
    return not any(letter in "*?$" for letter, _ in pieces[:-1])


def same_resource(pattern: str, resource: str, who: dict[str, str] | None = None) -> bool:
    """Part by part; only the fifth holds colons; ``oss-`` before a region means nothing."""
    if pattern == "*":
        return True
    wanted, found = pattern.split(":", 4), resource.split(":", 4)
    for parts in (wanted, found):
        parts[2] = parts[2].removeprefix("oss-")
    return all(like(w, f, who) for w, f in zip(wanted, found, strict=True))


def means(statement: Json, q: Question) -> bool:
    """Whether ``Principal`` means the caller."""
    value = statement["Principal"]
    names = value.get("RAM", []) if isinstance(value, dict) else value
    names = ["*"] if names == [] and not isinstance(value, dict) else listed(names)
    for name in names:
        if name == "*":
            if q.kind != "root" or statement.get("Condition"):
                return True
        elif name.count(":") >= 4:
            if any(own.count(":") >= 4 and same_resource(name, own) for own in q.names):
                return True
        elif any(like(name, own) for own in q.names):
            return True
    return False


def condition(
    block: Json, facts: Facts, who: dict[str, str] | None = None, *, denies: bool = False
) -> bool:
    for operator, keys in block.items():
        for key, wanted in keys.items():
            found = facts.get(key, [])
            values = [str(v).lower() if isinstance(v, bool) else str(v) for v in listed(wanted)]
            positive, negated = OPERATORS[operator]
            if operator in ("StringLike", "StringNotLike"):
                beginnings = all(is_beginning(value, who) for value in values)
                if not beginnings and any(len(text) > 1024 for text in found):
                    # Nobody gains anything by a value that is too long.
                    if not denies:
                        return False
                    continue
                hit = any(like(value, text, who) for text in found for value in values)
            else:
                known = [letters(value, who or {}) for value in values]
                plain = [
                    "".join(letter for letter, _ in each) for each in known if each is not None
                ]
                hit = any(positive(text, value) for text in found for value in plain)
            if hit == negated:
                return False
    return True


def number(text: str) -> Fraction | None:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None


def moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def ordered(read: Callable[[str], Any], *signs: int) -> Callable[[str, str], bool]:
    def compare(text: str, value: str) -> bool:
        left, right = read(text), read(value)
        if left is None or right is None:
            return False
        return ((left > right) - (left < right)) in signs

    return compare


def octets(text: str) -> int | None:
    """An IPv4 address as a number."""
    parts = text.split(".")
    if len(parts) != 4 or not all(p.isdigit() and int(p) < 256 for p in parts):
        return None
    return sum(int(p) << (24 - 8 * at) for at, p in enumerate(parts))


def in_network(text: str, value: str) -> bool:
    address = octets(text)
    if address is None:
        return False
    if "*" in value:
        return value == "*" or all(
            w in ("*", f) for w, f in zip(value.split("."), text.split("."), strict=True)
        )
    base, _, bits = value.partition("/")
    shift = 32 - int(bits or 32)
    network = octets(base)
    return network is not None and address >> shift == network >> shift


def both_cases(text: str, value: str) -> bool:
    return text.upper() == value.upper()


OPERATORS: dict[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (str.__eq__, False),
    "StringNotEquals": (str.__eq__, True),
    "StringEqualsIgnoreCase": (both_cases, False),
    "StringNotEqualsIgnoreCase": (both_cases, True),
    "StringLike": (str.__eq__, False),
    "StringNotLike": (str.__eq__, True),
    "NumericEquals": (ordered(number, 0), False),
    "NumericNotEquals": (ordered(number, 0), True),
    "NumericLessThan": (ordered(number, -1), False),
    "NumericLessThanEquals": (ordered(number, -1, 0), False),
    "NumericGreaterThan": (ordered(number, 1), False),
    "NumericGreaterThanEquals": (ordered(number, 1, 0), False),
    "DateEquals": (ordered(moment, 0), False),
    "DateNotEquals": (ordered(moment, 0), True),
    "DateLessThan": (ordered(moment, -1), False),
    "DateLessThanEquals": (ordered(moment, -1, 0), False),
    "DateGreaterThan": (ordered(moment, 1), False),
    "DateGreaterThanEquals": (ordered(moment, 1, 0), False),
    "Bool": (both_cases, False),
    "IpAddress": (in_network, False),
    "NotIpAddress": (in_network, True),
    "IpAddressIncludeBorder": (in_network, False),
}


def public(statement: Json) -> bool:
    """OSS documentation, "Block public access", the table of what is not public."""
    if statement["Effect"] == "Deny":
        return False
    value = statement["Principal"]
    names = value.get("RAM", []) if isinstance(value, dict) else (listed(value) or ["*"])
    if not any("*" in name or "?" in name for name in listed(names)):
        return False
    for operator, keys in statement.get("Condition", {}).items():
        for key, wanted in keys.items():
            values = [str(v) for v in listed(wanted)]
            if (
                key in ("acs:SourceVpc", "acs:SourceVpcId", "acs:AccessId")
                and operator in ("StringEquals", "StringEqualsIgnoreCase", "StringLike")
                and not any(v == "" or "*" in v or "?" in v or "${" in v for v in values)
            ):
                return False
            if (
                key in ("acs:SourceIp", "acs:SourceVpcIp")
                and operator in ("IpAddress", "IpAddressIncludeBorder")
                and not any("*" in v for v in values)
                and addresses_in(values) < 2**25
            ):
                return False
    return True


def addresses_in(networks: list[str]) -> int:
    """How many IPv4 addresses are in any of them: block after block of a size that all have."""
    bounds = []
    for network in networks:
        base, _, bits = network.partition("/")
        first, shift = octets(base), 32 - int(bits or 32)
        assert first is not None
        bounds.append((first >> shift << shift, (first >> shift << shift) + (1 << shift)))
    edges = sorted({edge for each in bounds for edge in each})
    return sum(
        end - start
        for start, end in pairwise(edges)
        if any(low <= start < high for low, high in bounds)
    )
