"""Why a caller may do something or not: what each statement of each policy in play says.

The outcome is that of `access.authorize`, by the same code; the statements are told beside it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ossia.access.authorize import (
    Basis,
    Context,
    Ruling,
    Surroundings,
    Wish,
    deciding,
    rule,
)
from ossia.domain.identity.identities import Caller
from ossia.protocol.conditions import Unmet
from ossia.protocol.policy_document import PolicyDocument, Statement, Verdict


class StatementFinding(NamedTuple):
    """One statement.  It matches unless it misses something, or part of its condition is unmet.

    ``unset`` are the variables that have no value for this caller.
    """

    label: str
    effect: Verdict
    misses: tuple[str, ...]
    unmet: tuple[Unmet, ...]
    unset: tuple[str, ...]

    @property
    def matches(self) -> bool:
        """Whether it is about the request."""
        return not self.misses and not self.unmet


class PolicyFinding(NamedTuple):
    """One policy, by its kind and its name."""

    kind: str
    name: str
    statements: tuple[StatementFinding, ...]


class Explanation(NamedTuple):
    """The outcome, what decided in words, and every policy in play."""

    ruling: Ruling
    because: str
    policies: tuple[PolicyFinding, ...]
    acl: str
    is_public_blocked: bool


async def explain(caller: Caller, wish: Wish, around: Surroundings) -> Explanation:
    """All there is to say about a wish."""
    is_blocked = await around.blocks_public()
    policies = list(_in_play(caller, around))
    keys: frozenset[str] = frozenset().union(
        *(policy.about(wish.action).keys for _, _, policy in policies)
    )
    context = await around.context(keys)
    found = tuple(
        PolicyFinding(
            kind,
            name,
            tuple(
                _finding(policy, each, wish, context, caller, is_blocked=is_blocked)
                for each in policy.statements
            ),
        )
        for kind, name, policy in policies
    )
    ruling = await rule(caller, wish, around)
    return Explanation(
        ruling, _because(caller, around, ruling), found, await around.acl(), is_blocked
    )


def _in_play(caller: Caller, around: Surroundings) -> Iterator[tuple[str, str, PolicyDocument]]:
    if caller.session_policy is not None:
        yield "session policy", "", caller.session_policy
    for name, policy in zip(caller.policy_names, caller.policies, strict=True):
        yield "identity policy", name, policy
    if around.bucket_policy is not None:
        yield "bucket policy", "", around.bucket_policy.for_whom(caller.facts)


def _finding(
    policy: PolicyDocument,
    statement: Statement,
    wish: Wish,
    context: Context,
    caller: Caller,
    *,
    is_blocked: bool,
) -> StatementFinding:
    misses = [*statement.misses(wish.action, wish.place, caller.asker)]
    if statement.is_public and is_blocked:
        misses.append("PublicAccessBlock")
    # Only what is about the action has its keys looked up.
    unmet = () if "Action" in misses else tuple(statement.unmet(context))
    return StatementFinding(
        policy.label_of(statement.number),
        statement.effect,
        tuple(misses),
        unmet,
        tuple(sorted(statement.variables)),
    )


def _because(caller: Caller, around: Surroundings, ruling: Ruling) -> str:
    if ruling.statement is not None:
        name, policy = deciding(caller, around, ruling)
        return f"{name}, {policy.label_of(ruling.statement)}"
    if ruling.basis is Basis.SESSION:
        return "the session policy does not allow it"
    return _BECAUSE[ruling.basis]


_BECAUSE = {
    Basis.ROOT: "the root of the account may, unless a bucket policy denies it",
    Basis.ACL: "the ACL permits it",
    Basis.NOTHING: "nothing allows it",
}
