"""The policy language of RAM: read a document once, then decide about requests.

Three kinds of document share the language: identity policies (of users, roles and
sessions), trust policies of roles, and bucket policies.  How their verdicts combine is
the business of `access.authorize`; what the request is called is that of `api`.
Source: RAM documentation, "Policy structure and syntax".

1. A matching Deny wins over any Allow.
2. Actions are compared without regard to case, everything else with it.
3. The five parts of a resource are compared one by one, so that a ``*`` does not reach
   over a colon: ``acs:oss:*:*:mine/*`` must not cover the key ``x:mine/y`` of another bucket.
   Only the fifth part may itself contain colons.
4. What is not understood is refused when the policy is stored, never ignored when it is
   used: an overlooked word in a Deny would open a door.
"""

import json
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple, Self, TypeVar

from ossia.protocol.conditions import (
    Condition,
    Context,
    PolicyError,
    compile_conditions,
    compile_pattern,
    texts_of,
)

__all__ = ["Decision", "Grammar", "PolicyDocument", "PolicyError", "Verdict"]

_Parts = Sequence[str]
_ARN_PARTS = 5
_VERSION = "1"
_T = TypeVar("_T")


class Verdict(Enum):
    """What one document says about one request; ``NONE`` if no statement covers it."""

    ALLOW = "Allow"
    DENY = "Deny"
    NONE = "None"


class Decision(NamedTuple):
    """A verdict and the number (from 0) of the statement that decided."""

    verdict: Verdict
    statement: int | None


class Grammar(Enum):
    """Which elements a statement needs: (resource, principal)."""

    IDENTITY = (True, False)
    TRUST = (False, True)
    BUCKET = (True, True)


class _Statement(NamedTuple):
    number: int
    covers_action: Callable[[str], bool]
    covers_resource: Callable[[_Parts], bool]
    covers_principal: Callable[[Sequence[str]], bool]
    condition: Condition | None

    def covers(
        self, action: str, resource: _Parts, context: Context, principals: Sequence[str]
    ) -> bool:
        return (
            self.covers_action(action)
            and self.covers_resource(resource)
            and self.covers_principal(principals)
            and (self.condition is None or self.condition(context))
        )


class PolicyDocument:
    """A policy, compiled.  Immutable; share it between requests."""

    __slots__ = ("_allowing", "_denying")

    def __init__(self, denying: Sequence[_Statement], allowing: Sequence[_Statement]) -> None:
        self._denying = denying
        self._allowing = allowing

    @classmethod
    def parse(cls, text: str, grammar: Grammar = Grammar.IDENTITY) -> Self:
        """Read a document.  Raises `PolicyError` with the reason if it is not one."""
        document = _load(text)
        _require_known(document, {"Version", "Statement"}, "the document")
        if document.get("Version") != _VERSION:
            raise PolicyError('Version must be "1"')
        statements = document.get("Statement")
        if isinstance(statements, dict):
            statements = [statements]
        if not isinstance(statements, list) or not statements:
            raise PolicyError("Statement must be an object or a list of objects")
        by_effect: dict[str, list[_Statement]] = {"Deny": [], "Allow": []}
        for number, statement in enumerate(statements):
            if not isinstance(statement, dict):
                raise PolicyError("Statement must be an object or a list of objects")
            effect = statement.get("Effect")
            if not isinstance(effect, str) or effect not in by_effect:
                raise PolicyError("Effect must be Allow or Deny")
            by_effect[effect].append(_compile_statement(number, statement, grammar))
        return cls(by_effect["Deny"], by_effect["Allow"])

    def decide(
        self, action: str, resource: str, context: Context, principals: Sequence[str] = ()
    ) -> Decision:
        """What this document says about *action* on *resource*, and which statement does.

        *principals* are the names of the caller that a ``Principal`` may use (his ARN, his
        account's root ARN, his user id); only trust and bucket policies look at them.
        """
        action = action.lower()
        parts = _parts_of(resource)
        for statement in self._denying:
            if statement.covers(action, parts, context, principals):
                return Decision(Verdict.DENY, statement.number)
        for statement in self._allowing:
            if statement.covers(action, parts, context, principals):
                return Decision(Verdict.ALLOW, statement.number)
        return _UNDECIDED


_UNDECIDED = Decision(Verdict.NONE, None)


# --- reading ----------------------------------------------------------------


def _load(text: str) -> dict[str, Any]:
    try:
        document = json.loads(
            text, object_pairs_hook=_without_repetition, parse_constant=_no_constant
        )
    except PolicyError:
        raise
    except (ValueError, RecursionError) as exc:
        raise PolicyError(f"not JSON: {exc}") from exc
    if not isinstance(document, dict):
        raise PolicyError("a policy must be a JSON object")
    return document


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise PolicyError("an object has the same name twice")
    return found


def _no_constant(name: str) -> None:
    raise PolicyError(f"{name} is not a JSON value")


def _require_known(element: dict[str, Any], known: set[str], place: str) -> None:
    for name in element:
        if name not in known:
            raise PolicyError(f"unknown element {name} in {place}")


def _compile_statement(number: int, statement: dict[str, Any], grammar: Grammar) -> _Statement:
    needs_resource, needs_principal = grammar.value
    known = {"Sid", "Effect", "Action", "NotAction", "Condition"}
    known |= {"Resource", "NotResource"} if needs_resource else set()
    known |= {"Principal"} if needs_principal else set()
    _require_known(statement, known, "a statement")
    if not isinstance(statement.get("Sid", ""), str):
        raise PolicyError("Sid must be a string")
    if needs_principal and "Principal" not in statement:
        raise PolicyError("Principal is missing")
    return _Statement(
        number,
        _either(statement, "Action", _compile_actions),
        _either(statement, "Resource", _compile_resources) if needs_resource else _always,
        _compile_principals(statement["Principal"]) if needs_principal else _always,
        compile_conditions(statement["Condition"]) if "Condition" in statement else None,
    )


def _either(
    statement: dict[str, Any], name: str, compiler: Callable[[list[str]], Callable[[_T], bool]]
) -> Callable[[_T], bool]:
    """The test for an element that may be written positively or as ``Not…``."""
    negated = f"Not{name}"
    if (name in statement) == (negated in statement):
        raise PolicyError(f"a statement needs one of {name} and {negated}")
    if name in statement:
        return compiler(texts_of(name, statement[name]))
    covers = compiler(texts_of(negated, statement[negated]))
    return lambda subject: not covers(subject)


def _always(_subject: object) -> bool:
    return True


def _compile_actions(patterns: list[str]) -> Callable[[str], bool]:
    for pattern in patterns:
        if ":" not in pattern and pattern != "*":
            raise PolicyError(f"{pattern} is not an action")
    return _any_text([pattern.lower() for pattern in patterns])


def _any_text(patterns: Sequence[str]) -> Callable[[str], bool]:
    """A test for text that equals or matches one of *patterns*."""
    plain = frozenset(p for p in patterns if "*" not in p and "?" not in p)
    tests = [compile_pattern(p) for p in patterns if p not in plain]
    if not tests:
        return plain.__contains__
    return lambda text: text in plain or any(test(text) for test in tests)


def _compile_resources(patterns: list[str]) -> Callable[[_Parts], bool]:
    tests = [_compile_resource(pattern) for pattern in patterns]
    if len(tests) == 1:
        return tests[0]
    return lambda parts: any(test(parts) for test in tests)


def _compile_resource(pattern: str) -> Callable[[_Parts], bool]:
    if pattern == "*":
        return _always
    parts = pattern.split(":", _ARN_PARTS - 1)
    if len(parts) < _ARN_PARTS:
        raise PolicyError(f"{pattern} is not a resource")
    # Most patterns narrow one or two of the five parts.
    tests = [
        (place, compile_pattern(part)) for place, part in enumerate(_plain(parts)) if part != "*"
    ]
    return lambda found: all(test(found[place]) for place, test in tests)


def _parts_of(resource: str) -> _Parts:
    parts = _plain(resource.split(":", _ARN_PARTS - 1))
    return parts if len(parts) == _ARN_PARTS else [*parts, *[""] * (_ARN_PARTS - len(parts))]


def _plain(parts: list[str]) -> list[str]:
    """The region with or without ``oss-``: documentation uses both, they mean the same."""
    if len(parts) > 2 and parts[2].startswith("oss-"):  # noqa: PLR2004 - the place of the region
        parts[2] = parts[2][4:]
    return parts


def _compile_principals(value: object) -> Callable[[Sequence[str]], bool]:
    """The test for a ``Principal``: a name, a list of names, or names by kind.

    Services and federated identities do not call this server, so they are understood and
    match nobody.
    """
    if isinstance(value, dict):
        _require_known(value, {"RAM", "Service", "Federated"}, "Principal")
        by_kind = {kind: texts_of(f"Principal.{kind}", names) for kind, names in value.items()}
        if not by_kind:
            raise PolicyError("Principal is empty")
        names = by_kind.get("RAM", [])
    else:
        names = texts_of("Principal", value)
    if "*" in names:
        return _always
    tests = [_compile_principal(name) for name in names]
    return lambda principals: any(test(name) for name in principals for test in tests)


def _compile_principal(pattern: str) -> Callable[[str], bool]:
    if pattern.count(":") < _ARN_PARTS - 1:
        return compile_pattern(pattern)
    covers = _compile_resource(pattern)
    return lambda name: covers(_parts_of(name))
