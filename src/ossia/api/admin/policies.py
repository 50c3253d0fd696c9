"""Why somebody may do something or not: the statements of every policy in play.

The question is about a request that nobody makes: what it would have under a condition key is
taken from ``context``; of what is not given there, only the time, the caller's name and the tags
of an object that exists are known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from ossia.access.at_bucket import AtBucket
from ossia.access.authorize import Context, Wish
from ossia.access.explain import Explanation, PolicyFinding, StatementFinding, explain
from ossia.api.admin.route import AdminCall, Subject, admin
from ossia.api.admin.services import AdminServices
from ossia.api.operation import Grant
from ossia.api.oss import oss
from ossia.domain.identity.identities import ANONYMOUS, Caller, CallerKind
from ossia.errors import InvalidArgument
from ossia.protocol.conditions import TAG_KEYS, spelled
from ossia.protocol.dates import format_iso_seconds
from ossia.protocol.policy_document import PolicyDocument, PolicyError, Verdict
from ossia.protocol.policy_place import place_of

_GRANTS: Final[dict[str | None, Grant]] = {
    **{each.version_action: each.grant for each in oss.operations},
    **{each.action: each.grant for each in oss.operations},
    **{also.version_action: also.grant for each in oss.operations for also in each.also},
    **{also.action: also.grant for each in oss.operations for also in each.also},
}
_ARN_PARTS: Final = 5


class ExplainPolicy(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"who": "as"}
):
    who: Annotated[
        str,
        Meta(
            description="An ARN, or root, anonymous, user/NAME, role/NAME, "
            "assumed-role/NAME/SESSION"
        ),
    ]
    action: Annotated[str, Meta(description="Such as oss:GetObject")]
    resource: Annotated[str, Meta(description="An ARN, BUCKET, BUCKET/KEY, or * for the service")]
    context: Annotated[
        dict[str, str | list[str]],
        Meta(description="What the request has under condition keys"),
    ] = {}
    session_policy: Annotated[str, Meta(description="A policy that narrows the session")] = ""


class UnmetComparison(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a condition that does not hold."""

    operator: str
    key: str
    wanted: list[str]
    found: list[str]


class ExplainedStatement(msgspec.Struct, frozen=True, kw_only=True):
    """One statement, and what keeps it from matching."""

    label: str
    effect: str
    matches: bool
    misses: Annotated[
        list[str], Meta(description="Action, Resource, Principal or PublicAccessBlock")
    ]
    unmet: list[UnmetComparison]
    unset: Annotated[list[str], Meta(description="Variables that have no value for the caller")]


class ExplainedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """One policy in play."""

    kind: str
    name: str
    statements: list[ExplainedStatement]


class ExplainedDecision(msgspec.Struct, frozen=True, kw_only=True, rename={"who": "as"}):
    """Whether it is permitted, and why."""

    allowed: bool
    because: str
    who: str
    action: str
    resource: str
    policies: list[ExplainedPolicy]
    acl: Annotated[str, Meta(description="The effective ACL")]
    acl_may_help: Annotated[bool, Meta(description="Whether an ACL can grant the action at all")]
    public_access_blocked: bool


async def _about_policies(_services: AdminServices, _request: ExplainPolicy) -> Subject:
    return Subject(kind="policies")


@admin.route("POST", "/policies/explain", action="ossia:ExplainPolicy", about=_about_policies)
async def explain_policy(call: AdminCall, request: ExplainPolicy) -> ExplainedDecision:
    """Tell whether somebody may do something, and which statements say so."""
    services = call.services
    caller = await _caller(services, request)
    account = services.identities.account_id
    name = request.resource
    if name.count(":") >= _ARN_PARTS - 1 and name.startswith("acs:"):
        resource = name
    else:
        resource = f"acs:oss:{services.region}:{account}:{name}"
    grant = _GRANTS.get(request.action, Grant.NONE)
    wish = Wish(
        request.action,
        place_of(resource),
        reads=grant is Grant.READ,
        writes=grant is Grant.WRITE,
    )
    around = await _Supposed.at(services, caller, wish, request.context, call.now_ms)
    return _shown(caller, wish, await explain(caller, wish, around))


async def _caller(services: AdminServices, request: ExplainPolicy) -> Caller:
    found = await _find_caller(services, request.who)
    if found is None:
        raise InvalidArgument(
            "There is nobody of that name: give an ARN of this account, root, anonymous, "
            "user/NAME, role/NAME or assumed-role/NAME/SESSION.",
            ArgumentName="as",
            ArgumentValue=request.who,
        )
    if not request.session_policy:
        return found
    if found.kind is not CallerKind.SESSION:
        raise InvalidArgument("Only a session has a session policy.", ArgumentName="session_policy")
    try:
        policy = PolicyDocument.parse(request.session_policy)
    except PolicyError as error:
        raise InvalidArgument(f"The session policy is none: {error}.") from error
    return replace(found, session_policy=policy)


async def _find_caller(services: AdminServices, who: str) -> Caller | None:
    identities = services.identities
    for prefix in (f"acs:ram::{identities.account_id}:", f"arn:sts::{identities.account_id}:"):
        who = who.removeprefix(prefix)
    kind, _, name = who.partition("/")
    if kind == "user":
        return await identities.as_user(name)
    if kind in ("role", "assumed-role"):
        role_name, _, session_name = name.partition("/")
        return await identities.as_session(role_name, session_name or "explained")
    return {"root": identities.as_root(), "anonymous": ANONYMOUS}.get(who)


class _Supposed(AtBucket, frozen=True):
    """The surroundings of a request that nobody makes."""

    facts: dict[str, Sequence[str]]

    @classmethod
    async def at(
        cls,
        services: AdminServices,
        caller: Caller,
        wish: Wish,
        given: Mapping[str, str | list[str]],
        now_ms: int,
    ) -> "_Supposed":
        bucket, key = None, ""
        if wish.resource.startswith("acs:oss:"):
            bucket_name, _, key = wish.place.tail.partition("/")
            bucket = await services.buckets.peek(bucket_name)
        facts: dict[str, Sequence[str]] = {
            "acs:CurrentTime": [format_iso_seconds(now_ms)],
            "acs:SourceVpc": [""],
            "acs:MFAPresent": ["false"],
            **caller.facts,
        }
        supposed = cls(services.objects, services.public_access, bucket, key, None, facts)
        facts |= await supposed.tags(TAG_KEYS)
        for name, value in given.items():
            facts[spelled(name)] = [value] if isinstance(value, str) else value
        return supposed

    async def context(self, keys: frozenset[str]) -> Context:
        """All that is supposed."""
        del keys
        return self.facts


def _shown(caller: Caller, wish: Wish, found: Explanation) -> ExplainedDecision:
    return ExplainedDecision(
        allowed=found.ruling.allowed,
        because=found.because,
        who=caller.arn or "anonymous",
        action=wish.action,
        resource=wish.resource,
        policies=[_shown_policy(each) for each in found.policies],
        acl=found.acl,
        acl_may_help=wish.reads or wish.writes,
        public_access_blocked=found.is_public_blocked,
    )


def _shown_policy(found: PolicyFinding) -> ExplainedPolicy:
    return ExplainedPolicy(
        kind=found.kind,
        name=found.name,
        statements=[_shown_statement(each) for each in found.statements],
    )


def _shown_statement(found: StatementFinding) -> ExplainedStatement:
    return ExplainedStatement(
        label=found.label,
        effect="Deny" if found.effect is Verdict.DENY else "Allow",
        matches=found.matches,
        misses=list(found.misses),
        unmet=[
            UnmetComparison(
                operator=each.operator,
                key=each.key,
                wanted=list(each.wanted),
                found=list(each.found),
            )
            for each in found.unmet
        ],
        unset=list(found.unset),
    )
