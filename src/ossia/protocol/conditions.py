"""Conditions of the policy language, compiled to plain functions.

A block ``{operator: {key: value or list}}`` holds when every operator holds for every of
its keys; one of the listed values is enough.  A key that the request does not have makes
an operator false and its negation true.  Source: RAM documentation, "Policy elements".

Where the documentation is silent: of several values in the request one must match, and
none may for a negated operator; a value of the request that cannot be read as what the
operator compares does not match.

A value of more than `MOST_CHARACTERS` is not held against patterns, but for those that are a
beginning and a star: such a comparison does not hold where a statement allows and holds where it
denies, negated or not, so that nobody gains anything by a long value.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from operator import eq, ge, gt, le, lt
from typing import NamedTuple, TypeVar

from ossia.protocol.dates import parse_iso_day
from ossia.protocol.policy_network import parse_network
from ossia.protocol.policy_text import (
    VARIABLES,
    PolicyError,
    check_variables,
    compile_pattern,
    is_beginning,
    plain_text,
)

Context = Mapping[str, Sequence[str]]
"""Facts about a request by condition key, spelled as in `KEYS`."""

_T = TypeVar("_T")
_Test = Callable[[str], bool]
_Hold = Callable[[Context], bool]
_Chain = Callable[[_Hold | None], _Hold]
"""A comparison that, where it holds, goes on to what is given: nothing is called in between."""

KEYS = (
    "acs:SourceIp",
    "acs:SourceVpc",
    "acs:UserAgent",
    "acs:CurrentTime",
    "acs:SecureTransport",
    "acs:MFAPresent",
    "oss:Prefix",
    "oss:Delimiter",
    "oss:x-oss-acl",
    "oss:x-oss-object-acl",
    "sts:ExternalId",
    "sts:RoleSessionName",
    *VARIABLES,
)
"""Condition keys with one spelling; policies may write them in any case."""

ABSENT_KEYS = (
    "acs:SourceVpcId",
    "acs:SourceVpcIp",
    "oss:object-remaining-retention-days",
    "oss:DataAccessPointArn",
    "oss:DataAccessPointAccount",
    "oss:AccessPointNetworkOrigin",
)
"""Documented keys about what this server does not have: no request ever carries them."""

TAG_KEYS = ("oss:BucketTag/", "oss:ExistingObjectTag/", "oss:RequestObjectTag/")
"""Prefixes of condition keys that name a tag; the tag itself keeps its case."""

_SPELLING = {key.lower(): key for key in (*KEYS, *ABSENT_KEYS)}
MOST_CHARACTERS = 1024
"""No name is longer (keys have 1023 bytes): looking at more costs time, and helps nobody."""
_MOST_DIGITS = 64
_LONGEST_ADDRESS = 64
_OCTETS = 4
_MAX_OCTET = 255
_V4 = 4


class Comparison(NamedTuple):
    """One operator on one key, compiled."""

    operator: str
    key: str
    wanted: tuple[str, ...]
    then: _Chain


class Unmet(NamedTuple):
    """A comparison that does not hold, and what the request has under its key."""

    operator: str
    key: str
    wanted: tuple[str, ...]
    found: tuple[str, ...]


class Conditions:
    """A whole ``Condition`` element; ``hold`` tells of the facts about a request."""

    __slots__ = ("comparisons", "hold", "keys")

    def __init__(self, comparisons: Sequence[Comparison]) -> None:
        self.comparisons = tuple(comparisons)
        self.keys = frozenset(each.key for each in comparisons)
        rest: _Hold | None = None
        for each in reversed(self.comparisons):
            rest = each.then(rest)
        self.hold: _Hold = rest or _always

    def unmet(self, context: Context) -> Iterator[Unmet]:
        """The comparisons that do not hold."""
        for operator, key, wanted, then in self.comparisons:
            if not then(None)(context):
                yield Unmet(operator, key, wanted, tuple(context.get(key, ())))


def _always(_context: Context) -> bool:
    return True


def compile_conditions(block: object, *, denies: bool = False) -> Conditions:
    """Compile a ``Condition`` element, of a statement that *denies* or one that allows.

    Raises `PolicyError`.
    """
    if not isinstance(block, dict):
        raise PolicyError("Condition must be an object")
    return Conditions(
        [
            _compile_one(operator, key, values, denies=denies)
            for operator, keys in block.items()
            for key, values in _object(operator, keys).items()
        ]
    )


def one_of(tests: Sequence[Callable[[_T], bool]]) -> Callable[[_T], bool]:
    """A test that holds where one of *tests* does."""
    if len(tests) == 1:
        return tests[0]

    def test(subject: _T) -> bool:
        for each in tests:  # noqa: SIM110 - a generator costs more than the tests
            if each(subject):
                return True
        return False

    return test


def is_known(key: str) -> bool:
    """Whether a key, spelled as `Conditions.keys` are, means something to this server."""
    if key.startswith(TAG_KEYS):
        return not key.endswith("/") and "${" not in key
    return key.lower() in _SPELLING


def texts_of(element: str, value: object) -> list[str]:
    """The strings of an element that is one string or a list of them.  Raises `PolicyError`."""
    values = value if isinstance(value, list) else [value]
    texts = [text for text in values if isinstance(text, str) and text]
    if not texts or len(texts) != len(values):
        raise PolicyError(f"{element} must be a string or a list of strings")
    return texts


def _object(operator: str, keys: object) -> dict[str, object]:
    if operator not in _OPERATORS:
        raise PolicyError(f"unknown condition operator {operator}")
    if not isinstance(keys, dict) or not keys:
        raise PolicyError(f"{operator} must be an object of condition keys")
    return keys


def _compile_one(operator: str, key: str, values: object, *, denies: bool) -> Comparison:
    listed = values if isinstance(values, list) else [values]
    if not listed:
        raise PolicyError(f"{operator} of {key} has no value")
    make, negated = _OPERATORS[operator]
    wanted = tuple(_scalar(operator, key, value) for value in listed)
    if operator.startswith("String"):
        for text in wanted:
            check_variables(text)
    key = spelled(key)
    if make is compile_pattern and not all(map(is_beginning, wanted)):
        test = one_of([make(value) for value in wanted])
        return Comparison(operator, key, wanted, _fits(key, test, negated=negated, denies=denies))
    then = _comparing(key, make, wanted)
    return Comparison(operator, key, wanted, _negation(then) if negated else then)


def _comparing(key: str, make: Callable[[str], _Test] | None, wanted: Sequence[str]) -> _Chain:
    if make is None:
        # Equal texts: by far the most frequent, and one call of the interpreter's own.
        texts = frozenset(text for value in wanted if (text := plain_text(value)) is not None)
        return _equal(key, texts.isdisjoint)
    if make is compile_pattern:
        return _begins(key, tuple(value[:-1] for value in wanted))
    if make is _string_ignoring_case:
        return _some(key, _string_ignoring_case(wanted))
    test = one_of([make(value) for value in wanted])
    if make is _address:
        # The same clients ask again and again; what is no address is not remembered.
        known = lru_cache(maxsize=256)(test)
        return _some(key, lambda text: len(text) <= _LONGEST_ADDRESS and known(text))
    return _some(key, test)


def _fits(key: str, test: _Test, *, negated: bool, denies: bool) -> _Chain:
    """Patterns, whose cost grows with the value."""

    def then(rest: _Hold | None) -> _Hold:
        def hold(context: Context) -> bool:
            found = context.get(key, ())
            for text in found:
                if len(text) > MOST_CHARACTERS:
                    return denies and (rest is None or rest(context))
            for text in found:
                if test(text):
                    return not negated and (rest is None or rest(context))
            return negated and (rest is None or rest(context))

        return hold

    return then


def _equal(key: str, differs: Callable[[Sequence[str]], bool]) -> _Chain:
    def then(rest: _Hold | None) -> _Hold:
        if rest is None:
            return lambda context: not differs(context.get(key, ()))
        return lambda context: not differs(context.get(key, ())) and rest(context)

    return then


def _some(key: str, test: _Test) -> _Chain:
    def then(rest: _Hold | None) -> _Hold:
        def hold(context: Context) -> bool:
            for text in context.get(key, ()):
                if test(text):
                    return rest is None or rest(context)
            return False

        return hold

    return then


def _begins(key: str, beginnings: tuple[str, ...]) -> _Chain:
    # As `_some`, and worth writing again: no call of ours for each text.
    def then(rest: _Hold | None) -> _Hold:
        def hold(context: Context) -> bool:
            for text in context.get(key, ()):
                if text.startswith(beginnings):
                    return rest is None or rest(context)
            return False

        return hold

    return then


def _negation(chain: _Chain) -> _Chain:
    def then(rest: _Hold | None) -> _Hold:
        hold = chain(None)
        if rest is None:
            return lambda context: not hold(context)
        return lambda context: not hold(context) and rest(context)

    return then


def spelled(key: str) -> str:
    """A condition key as `KEYS` and `TAG_KEYS` spell it.  Raises `PolicyError` if it is empty."""
    if not key:
        raise PolicyError("a condition key is empty")
    for prefix in TAG_KEYS:
        if key.lower().startswith(prefix.lower()):
            return prefix + key[len(prefix) :]
    return _SPELLING.get(key.lower(), key)


def _scalar(operator: str, key: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise PolicyError(f"{operator} of {key} has a value that is no string, number or boolean")


# --- one value against one value --------------------------------------------


def _string_ignoring_case(wanted: Sequence[str]) -> _Test:
    """All values at once: the text is folded once."""
    plain = (plain_text(value) for value in wanted)
    folded = frozenset(text.casefold() for text in plain if text is not None)
    return lambda text: text.casefold() in folded


def _numeric(compare: Callable[[Decimal, Decimal], bool]) -> Callable[[str], _Test]:
    def make(value: str) -> _Test:
        limit = _number(value)
        if limit is None:
            raise PolicyError(f"{value} is not a number")

        def test(text: str) -> bool:
            number = _number(text)
            return number is not None and compare(number, limit)

        return test

    return make


def _number(text: str) -> Decimal | None:
    if len(text) > _MOST_DIGITS:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _date(compare: Callable[[int, int], bool]) -> Callable[[str], _Test]:
    def make(value: str) -> _Test:
        try:
            limit = parse_iso_day(value)
        except ValueError as exc:
            raise PolicyError(f"{value} is not an ISO 8601 date") from exc

        def test(text: str) -> bool:
            try:
                return compare(parse_iso_day(text), limit)
            except ValueError:
                return False

        return test

    return make


def _bool(value: str) -> _Test:
    wanted = value.lower()
    if wanted not in {"true", "false"}:
        raise PolicyError(f"{value} is neither true nor false")
    size = len(wanted)
    # Strangers write long values, and a policy may have thousands to compare them with.
    return lambda text: len(text) == size and text.lower() == wanted


def _address(value: str) -> _Test:
    if "*" in value:
        return _starred_address(value)
    network = parse_network(value)
    version = network.version
    mask, base = int(network.netmask), int(network.network_address)

    def test(text: str) -> bool:
        found = _read_address(text)
        return found is not None and found[0] == version and found[1] & mask == base

    return test


def _starred_address(value: str) -> _Test:
    """``*``, or an IPv4 address with stars for octets (OSS, "Condition keys": acs:SourceIp)."""
    octets = value.split(".")
    stars = [octet == "*" for octet in octets]
    if value == "*":
        return lambda text: _read_address(text) is not None
    if len(octets) != _OCTETS or not all(
        star or (octet.isascii() and octet.isdigit() and int(octet) <= _MAX_OCTET)
        for octet, star in zip(octets, stars, strict=True)
    ):
        raise PolicyError(f"{value} is not an address or a CIDR block")
    mask = int.from_bytes(bytes(0 if star else _MAX_OCTET for star in stars))
    base = int.from_bytes(bytes(0 if octet == "*" else int(octet) for octet in octets))

    def test(text: str) -> bool:
        found = _read_address(text)
        return found is not None and found[0] == _V4 and found[1] & mask == base

    return test


@lru_cache(maxsize=4096)
def _read_address(text: str) -> tuple[int, int] | None:
    """The version of an address, and the address as a number."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket shows an IPv4 client as ::ffff:192.0.2.1.
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.version, int(address)


_OPERATORS: dict[str, tuple[Callable[[str], _Test] | None, bool]] = {
    "StringEquals": (None, False),
    "StringNotEquals": (None, True),
    "StringEqualsIgnoreCase": (_string_ignoring_case, False),
    "StringNotEqualsIgnoreCase": (_string_ignoring_case, True),
    "StringLike": (compile_pattern, False),
    "StringNotLike": (compile_pattern, True),
    "NumericEquals": (_numeric(eq), False),
    "NumericNotEquals": (_numeric(eq), True),
    "NumericLessThan": (_numeric(lt), False),
    "NumericLessThanEquals": (_numeric(le), False),
    "NumericGreaterThan": (_numeric(gt), False),
    "NumericGreaterThanEquals": (_numeric(ge), False),
    "DateEquals": (_date(eq), False),
    "DateNotEquals": (_date(eq), True),
    "DateLessThan": (_date(lt), False),
    "DateLessThanEquals": (_date(le), False),
    "DateGreaterThan": (_date(gt), False),
    "DateGreaterThanEquals": (_date(ge), False),
    "Bool": (_bool, False),
    "IpAddress": (_address, False),
    "NotIpAddress": (_address, True),
    "IpAddressIncludeBorder": (_address, False),
}
