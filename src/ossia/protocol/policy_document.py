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
5. In a bucket policy a statement for ``*`` without a condition is not meant for the root of
   the account that owns the bucket.  Source: OSS documentation, "Bucket Policy".
6. Variables (`policy_text`) may stand in the fifth part of a resource and in what a condition on
   text wants.  A document that has some is compiled anew for whoever asks (`for_whom`): decisions
   cost the same.  As it stands it speaks to somebody about whom nothing is known.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, Self, TypeVar

from ossia.protocol.conditions import (
    Conditions,
    Context,
    Unmet,
    compile_conditions,
    is_known,
    texts_of,
)
from ossia.protocol.policy_place import (
    ARN_PARTS,
    Place,
    Reach,
    Test,
    always,
    compile_reach,
    compile_resource,
    compile_resources,
    place_of,
    reach_by,
)
from ossia.protocol.policy_public import NOWHERE, Opening, are_public, opening_of
from ossia.protocol.policy_text import (
    PolicyError,
    compile_pattern,
    fill,
    has_wildcard,
    refuse_variables,
    variables_in,
)

__all__ = [
    "Asker",
    "Decision",
    "Grammar",
    "PolicyDocument",
    "PolicyError",
    "Rules",
    "Statement",
    "Verdict",
    "compile_principals",
]

_VERSION = "1"
_REMEMBERED_ACTIONS = 512
_REMEMBERED_BUCKETS = 1024
_REMEMBERED_ASKERS = 256
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


class Asker(NamedTuple):
    """Who asks, as a ``Principal`` may mean him.

    *names* are his ARN, his account's root ARN, the ids of account and user; *is_owner* says
    that he is the root of the account that owns the bucket.
    """

    names: Sequence[str] = ()
    is_owner: bool = False


NOBODY = Asker()


class Statement(NamedTuple):
    """One statement, compiled.

    ``opening`` and ``is_public``, which follows from those of the whole policy, are of use in
    bucket policies only.
    ``variables`` are those without a value; ``source`` is what was compiled, by ``grammar``.
    """

    number: int
    sid: str
    effect: Verdict
    covers_action: Callable[[str], bool]
    covers_resource: Callable[[Place], bool]
    covers_principal: Callable[[Asker], bool]
    condition: Conditions | None
    opening: Opening
    is_public: bool
    reach: Reach
    variables: frozenset[str]
    source: dict[str, Any]
    grammar: Grammar

    def misses(self, action: str, place: Place, asker: Asker) -> Iterator[str]:
        """The elements, condition aside, that do not cover the request."""
        if not self.covers_action(action.lower()):
            yield "Action"
        if not self.covers_resource(place):
            yield "Resource"
        if not self.covers_principal(asker):
            yield "Principal"

    def unmet(self, context: Context) -> Iterator[Unmet]:
        """The parts of the condition that do not hold."""
        if self.condition is not None:
            yield from self.condition.unmet(context)


_Candidate = tuple[
    Test | None, Callable[[Asker], bool] | None, Callable[[Context], bool] | None, Decision
]
"""What is left to test of a statement, and what it says; None is a test that always holds."""


class Rules:
    """The statements of one document that are about one action.

    ``keys`` are the condition keys that they ask about: the context need not hold others.
    """

    __slots__ = ("_in_buckets", "_statements", "keys")

    def __init__(self, statements: Sequence[Statement]) -> None:
        # The denying ones first: whatever holds first decides.
        self._statements = sorted(statements, key=lambda each: each.effect is Verdict.ALLOW)
        self._in_buckets: dict[tuple[str, str, str], tuple[_Candidate, ...]] = {}
        self.keys: frozenset[str] = frozenset().union(
            *(each.condition.keys for each in statements if each.condition is not None)
        )

    def decide(self, place: Place, context: Context, asker: Asker) -> Decision:
        """What they say, and which statement says it."""
        head, tail = place.head, place.tail
        bucket, slash, _ = tail.partition("/")
        candidates = self._in_buckets.get((head, bucket, slash))
        if candidates is None:
            candidates = self._find(head, bucket, slash)
        made, is_covered = None, True
        for covers_tail, covers_principal, hold, decision in candidates:
            # Neighbours are often about the same resources.
            if covers_tail is not made:
                made, is_covered = covers_tail, covers_tail is None or covers_tail(tail)
            if (
                is_covered
                and (covers_principal is None or covers_principal(asker))
                and (hold is None or hold(context))
            ):
                return decision
        return _UNDECIDED

    def may_allow_in(self, place: Place, asker: Asker) -> bool:
        """Whether they could allow *asker* something in the bucket at *place*.

        Conditions, and what is denied, are left aside.
        """
        head, bucket = place.head, place.tail
        found = self._in_buckets.get((head, bucket, "/"))
        if found is None:
            found = self._find(head, bucket, "/")
        return any(
            decision.verdict is Verdict.ALLOW
            and (covers_principal is None or covers_principal(asker))
            for _, covers_principal, _, decision in found
        )

    def _find(self, head: str, bucket: str, slash: str) -> tuple[_Candidate, ...]:
        """Those that can be about *bucket* or, with *slash*, about something in it.

        A policy knows few of many buckets.
        """
        if len(self._in_buckets) >= _REMEMBERED_BUCKETS:
            self._in_buckets.clear()
        found = tuple(
            (
                None if covers_tail is always else covers_tail,
                None if each.covers_principal is always else each.covers_principal,
                None if each.condition is None else each.condition.hold,
                Decision(each.effect, each.number),
            )
            for each in self._statements
            if (covers_tail := each.reach(head, bucket, bool(slash))) is not None
        )
        self._in_buckets[head, bucket, slash] = found
        return found


_UNDECIDED = Decision(Verdict.NONE, None)


class PolicyDocument:
    """A policy, compiled.  Immutable; share it between requests."""

    __slots__ = ("_filled", "_rules", "_variables", "is_public", "statements")

    def __init__(self, statements: Sequence[Statement]) -> None:
        self.statements = tuple(statements)
        self.is_public = any(each.is_public for each in statements)
        self._rules: dict[str, Rules] = {}
        self._variables = sorted(frozenset().union(*(each.variables for each in statements)))
        self._filled: dict[tuple[str, ...], PolicyDocument] = {}

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
        found = [
            _compile_statement(number, each, grammar) for number, each in enumerate(statements)
        ]
        public = are_public([each.opening for each in found])
        return cls(
            [each._replace(is_public=is_so) for each, is_so in zip(found, public, strict=True)]
        )

    @classmethod
    def in_force(cls, text: str, grammar: Grammar = Grammar.IDENTITY) -> "PolicyDocument":
        """A document that is stored.

        Where it is no longer understood it denies everything to everybody it is about: what was
        accepted by another version of this program must neither open a door nor fail each request.
        """
        try:
            return cls.parse(text, grammar)
        except PolicyError:
            return cls([_compile_statement(0, _DENIAL[grammar], grammar)])

    def for_whom(self, facts: Context) -> "PolicyDocument":
        """The document with its variables filled: what it says to him about whom *facts* are.

        *facts* are values by condition key.  A variable has one if there is exactly one, and that
        is not empty.
        """
        if not self._variables:
            return self
        values = tuple(_sole(facts.get(name, ())) for name in self._variables)
        found = self._filled.get(values)
        if found is None:
            if len(self._filled) >= _REMEMBERED_ASKERS:
                self._filled.clear()
            known = {
                name: value for name, value in zip(self._variables, values, strict=True) if value
            }
            found = PolicyDocument([_filled(each, known) for each in self.statements])
            self._filled[values] = found
        return found

    def about(self, action: str) -> Rules:
        """The statements that cover *action*."""
        rules = self._rules.get(action)
        if rules is None:
            if len(self._rules) >= _REMEMBERED_ACTIONS:
                self._rules.clear()
            folded = action.lower()
            rules = Rules([each for each in self.statements if each.covers_action(folded)])
            self._rules[action] = rules
        return rules

    def decide(
        self, action: str, resource: str, context: Context, principals: Sequence[str] = ()
    ) -> Decision:
        """What this document says about *action* on *resource*, and which statement does.

        *principals* are the names of the caller that a ``Principal`` may use (his ARN, his
        account's root ARN, his user id); only trust and bucket policies look at them.
        """
        return self.about(action).decide(place_of(resource), context, Asker(principals))

    def without_public(self) -> "PolicyDocument":
        """What remains of a bucket policy where public access is blocked."""
        return PolicyDocument([each for each in self.statements if not each.is_public])

    def label_of(self, number: int) -> str:
        """How people are told of a statement: its place, and its Sid if it has one."""
        sid = next(each.sid for each in self.statements if each.number == number)
        return f"Statement[{number}]" + (f" {sid}" if sid else "")


def _sole(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else ""


# --- reading ----------------------------------------------------------------


def _load(text: str) -> dict[str, Any]:
    try:
        document = json.loads(
            text, object_pairs_hook=_without_repetition, parse_constant=_no_constant
        )
        # JSON has escapes for half of a surrogate pair, which nobody can be told of.
        json.dumps(document, ensure_ascii=False).encode()
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


def _require_known(element: Mapping[str, Any], known: set[str], place: str) -> None:
    for name in element:
        if name not in known:
            raise PolicyError(f"unknown element {name} in {place}")


def _compile_statement(number: int, statement: object, grammar: Grammar) -> Statement:
    if not isinstance(statement, dict):
        raise PolicyError("Statement must be an object or a list of objects")
    effect = _EFFECTS.get(str(statement.get("Effect")))
    if effect is None:
        raise PolicyError("Effect must be Allow or Deny")
    needs_resource, needs_principal = grammar.value
    known = {"Sid", "Effect", "Action", "NotAction", "Condition"}
    known |= {"Resource", "NotResource"} if needs_resource else set()
    known |= {"Principal"} if needs_principal else set()
    _require_known(statement, known, "a statement")
    sid = statement.get("Sid", "")
    if not isinstance(sid, str):
        raise PolicyError("Sid must be a string")
    if grammar is Grammar.TRUST and "Principal" not in statement:
        raise PolicyError("Principal is missing")
    condition = None
    if "Condition" in statement:
        condition = compile_conditions(statement["Condition"], denies=effect is Verdict.DENY)
        _check_keys(condition, grammar)
    resources = statement.get("Resource") if needs_resource else None
    covers_resource: Callable[[Place], bool] = (
        _either(statement, "Resource", compile_resources) if needs_resource else always
    )
    # A statement of a bucket policy that names nobody is kept and speaks of nobody
    # (witnessed.md, W25).
    names = ["*"] if not needs_principal else []
    if "Principal" in statement:
        names = _principal_names(statement["Principal"], grammar)
    spares_owner = grammar is Grammar.BUCKET and (condition is None or not condition.keys)
    return Statement(
        number,
        sid,
        effect,
        _either(statement, "Action", _compile_actions),
        covers_resource,
        compile_principals(names, spares_owner=spares_owner),
        condition,
        opening_of(names, condition)
        if grammar is Grammar.BUCKET and effect is Verdict.ALLOW
        else NOWHERE,
        False,  # noqa: FBT003 - `parse` knows when all are read
        reach_by(covers_resource)
        if resources is None
        else compile_reach(texts_of("Resource", resources)),
        variables_in(_varying(statement)),
        statement,
        grammar,
    )


def _filled(template: Statement, values: Mapping[str, str]) -> Statement:
    """*template* once more, with the variables filled whose values are known."""
    if template.variables.isdisjoint(values):
        return template
    source = {**template.source, **fill(_varying(template.source), values)}
    compiled = _compile_statement(template.number, source, template.grammar)
    # Not a matter of who asks.
    return compiled._replace(is_public=template.is_public)


def _varying(statement: Mapping[str, Any]) -> dict[str, Any]:
    """The elements in which variables may stand."""
    names = ("Resource", "NotResource", "Condition")
    return {name: statement[name] for name in names if name in statement}


_DENIAL: dict[Grammar, dict[str, Any]] = {
    grammar: {
        "Effect": "Deny",
        "Action": "*",
        **({"Resource": "*"} if grammar.value[0] else {}),
        **({"Principal": "*"} if grammar.value[1] else {}),
    }
    for grammar in Grammar
}
_EFFECTS = {"Allow": Verdict.ALLOW, "Deny": Verdict.DENY}


def _check_keys(condition: Conditions, grammar: Grammar) -> None:
    """Refuse keys that nothing here knows.

    Identity policies may speak of other services, whose keys this server cannot know.
    """
    for key in condition.keys:
        ours = grammar is Grammar.BUCKET or key.lower().startswith("oss:")
        if ours and not is_known(key):
            raise PolicyError(f"unknown condition key {key}")


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


def _compile_actions(patterns: list[str]) -> Callable[[str], bool]:
    for pattern in patterns:
        refuse_variables("Action", pattern)
        if ":" not in pattern and pattern != "*":
            raise PolicyError(f"{pattern} is not an action")
    tests = [compile_pattern(pattern.lower()) for pattern in patterns]
    return lambda action: any(test(action) for test in tests)


# --- principals -------------------------------------------------------------


def _principal_names(value: object, grammar: Grammar) -> list[str]:
    """The names in a ``Principal``: one, a list, or names by kind.

    Services and federated identities do not call this server, so they are understood and
    match nobody.
    """
    if isinstance(value, dict):
        _require_known(value, {"RAM", "Service", "Federated"}, "Principal")
        by_kind = {kind: _names(f"Principal.{kind}", names) for kind, names in value.items()}
        if not by_kind:
            raise PolicyError("Principal is empty")
        return by_kind.get("RAM", [])
    if value == [] and grammar is Grammar.BUCKET:
        # OSS documentation, "Bucket Policy": an empty list is equivalent to ["*"].
        return ["*"]
    return _names("Principal", value)


def _names(element: str, value: object) -> list[str]:
    names = texts_of(element, value)
    for name in names:
        refuse_variables(element, name)
    return names


def compile_principals(names: Sequence[str], *, spares_owner: bool) -> Callable[[Asker], bool]:
    """Whether somebody is one of *names*; ``*`` does not mean the owner who is to be spared."""
    if "*" in names:
        if not spares_owner:
            return always
        others = compile_principals([n for n in names if n != "*"], spares_owner=False)
        return lambda asker: not asker.is_owner or others(asker)
    plain = frozenset(name for name in names if not has_wildcard(name))
    tests = [_compile_principal(name) for name in names if name not in plain]
    if not tests:
        return lambda asker: not plain.isdisjoint(asker.names)
    return lambda asker: (
        not plain.isdisjoint(asker.names)
        or any(test(name) for name in asker.names for test in tests)
    )


def _compile_principal(pattern: str) -> Callable[[str], bool]:
    if pattern.count(":") < ARN_PARTS - 1:
        return compile_pattern(pattern)
    covers = compile_resource(pattern)
    return lambda name: covers(place_of(name))
