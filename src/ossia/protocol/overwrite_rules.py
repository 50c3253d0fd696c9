"""What must not be overwritten in a bucket: ``<OverwriteConfiguration>``, and whom a rule means.

Sources: OSS documentation, PutBucketOverwriteConfig and "Prevent files from being overwritten"; the
cause number is that of the Go SDK v2's integration test.
"""

import uuid
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from ossia.errors import MalformedXML
from ossia.protocol.policy_document import Asker, compile_principals
from ossia.protocol.policy_text import PolicyError, refuse_variables
from ossia.protocol.xml import Element, document, parse, tag

MAX_BYTES: Final = 1024 * 1024
"""100 rules with the longest prefixes and suffixes there are, of three bytes a character."""
_ROOT: Final = "OverwriteConfiguration"
_MAX_RULES: Final = 100
_MAX_AFFIX: Final = 1023
_MAX_NAME: Final = 255
"""Our bound for an id, and for a principal; the real service's is not published."""
_FORBID: Final = "forbid"
"""The only action there is."""


class OverwriteRule(NamedTuple):
    """One rule; an empty prefix or suffix means every key, no principals mean everybody."""

    id: str
    prefix: str
    suffix: str
    principals: tuple[str, ...]


class Overwriting:
    """The rules of one bucket, made once to be asked often."""

    def __init__(self, rules: tuple[OverwriteRule, ...]) -> None:
        self.rules = rules
        self._tests = [(each.prefix, each.suffix, _test_of(each)) for each in rules]

    def is_forbidden(self, key: str, asker: Asker) -> bool:
        """Whether *asker* must not replace *key*: one rule has to fit in all that it says."""
        return any(
            key.startswith(prefix) and key.endswith(suffix) and means(asker)
            for prefix, suffix, means in self._tests
        )


def _test_of(rule: OverwriteRule) -> Callable[[Asker], bool]:
    # The owner is not spared: "overwriting is prohibited in all cases", say the pages.
    return compile_principals(rule.principals or ("*",), spares_owner=False)


@lru_cache(maxsize=512)
def stored_overwriting(content: bytes) -> Overwriting:
    """What `render_overwrite_rules` stored."""
    return Overwriting(parse_overwrite_rules(content))


def parse_overwrite_rules(content: bytes) -> tuple[OverwriteRule, ...]:
    """Read ``<OverwriteConfiguration>``; a rule without an id gets one.  Raises `MalformedXML`."""
    rules = tuple(_parse_rule(each) for each in parse(content, _ROOT).all("Rule"))
    if not 1 <= len(rules) <= _MAX_RULES:
        raise _malformed(f"There must be 1 to {_MAX_RULES} Rule elements.")
    if len({rule.id for rule in rules}) < len(rules):
        raise _malformed("Two rules have the same ID.")
    return rules


def _parse_rule(rule: Element) -> OverwriteRule:
    if rule.get("Action").strip() != _FORBID:
        raise _malformed(f"Action must be {_FORBID}.")
    return OverwriteRule(
        _bounded(rule, "ID", _MAX_NAME).strip() or str(uuid.uuid4()),
        _bounded(rule, "Prefix", _MAX_AFFIX),
        _bounded(rule, "Suffix", _MAX_AFFIX),
        tuple(_principals(rule.find("Principals"))),
    )


def _bounded(rule: Element, name: str, most: int) -> str:
    if len([*rule.all(name)]) > 1:
        raise _malformed(f"A rule has at most one {name}.")
    text = rule.get(name)
    if len(text) > most:
        raise _malformed(f"{name} has at most {most} characters.")
    return text


def _principals(found: Element | None) -> Iterator[str]:
    for each in () if found is None else found.all("Principal"):
        name = each.text.strip()
        if not 1 <= len(name) <= _MAX_NAME:
            raise _malformed(f"A Principal has 1 to {_MAX_NAME} characters.")
        try:
            refuse_variables("Principal", name)
        except PolicyError as error:
            raise _malformed(f"{error}.") from error
        yield name


def render_overwrite_rules(rules: tuple[OverwriteRule, ...]) -> bytes:
    """Write ``<OverwriteConfiguration>``, of each rule what it says."""
    return document(_ROOT, *(f"<Rule>{''.join(_elements(each))}</Rule>" for each in rules))


def _elements(rule: OverwriteRule) -> Iterator[str]:
    yield tag("ID", rule.id)
    yield tag("Action", _FORBID)
    if rule.prefix:
        yield tag("Prefix", rule.prefix)
    if rule.suffix:
        yield tag("Suffix", rule.suffix)
    if rule.principals:
        names = "".join(tag("Principal", name) for name in rule.principals)
        yield f"<Principals>{names}</Principals>"


def _malformed(detail: str) -> MalformedXML:
    return MalformedXML(ec="0015-00000231", ErrorDetail=detail)
