"""May this caller do this: policies first, then ACLs (sts-ram.md, section 5.1).

1. A session policy must allow.
2. An explicit deny of any policy refuses; an allow permits.
3. Where no policy decides, an ACL may grant reading or writing of objects, and nothing else.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from ossia.domain.identities import Caller, CallerKind
from ossia.errors import AccessDenied
from ossia.protocol.policy_document import PolicyDocument, Verdict

Context = Mapping[str, Sequence[str]]
AclReader = Callable[[], Awaitable[str]]
"""Gives the effective ACL of what is asked for; called only when it decides."""

_BY_POLICY = "You have no right to access this object."
_BY_SESSION = "Access denied by authorizer's policy."
_ANONYMOUS = "Anonymous user has no right to access this {thing}."
_READABLE = frozenset({"public-read", "public-read-write"})
_WRITABLE = frozenset({"public-read-write"})


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be permitted: *action* on *resource*; ``grant`` names the ACL right that helps."""

    action: str
    resource: str
    reads: bool
    writes: bool


async def authorize(caller: Caller, wish: Wish, context: Context, acl: AclReader) -> None:
    """Return if *caller* may; raise `AccessDenied` with the reason otherwise."""
    if caller.kind is CallerKind.ROOT:
        return
    if caller.kind is not CallerKind.ANONYMOUS:
        if caller.session_policy is not None:
            _require(caller.session_policy, wish, context)
        verdict = _combined(caller.policies, wish, context)
        if verdict is Verdict.ALLOW:
            return
        if verdict is Verdict.DENY:
            raise _denied(caller, wish, _BY_POLICY, "Explicit deny")
    if (wish.reads or wish.writes) and (await acl() in (_READABLE if wish.reads else _WRITABLE)):
        return
    raise _refusal(caller, wish)


def _require(policy: PolicyDocument, wish: Wish, context: Context) -> None:
    if policy.decide(wish.action, wish.resource, context).verdict is not Verdict.ALLOW:
        raise AccessDenied(
            _BY_SESSION,
            AuthAction=wish.action,
            Resource=wish.resource,
            NoPermissionType="SessionPolicy",
        )


def _combined(policies: Sequence[PolicyDocument], wish: Wish, context: Context) -> Verdict:
    combined = Verdict.NONE
    for policy in policies:
        verdict = policy.decide(wish.action, wish.resource, context).verdict
        if verdict is Verdict.DENY:
            return verdict
        if verdict is Verdict.ALLOW:
            combined = verdict
    return combined


def _refusal(caller: Caller, wish: Wish) -> AccessDenied:
    on_object = "/" in wish.resource
    if caller.kind is CallerKind.ANONYMOUS:
        if on_object:
            return _denied(caller, wish, AccessDenied.message, "ImplicitDeny")
        thing = "bucket" if wish.resource.rpartition(":")[2] not in {"", "*"} else "service"
        if thing == "service":
            return _denied(caller, wish, "You are forbidden to list buckets.", "ImplicitDeny")
        return _denied(caller, wish, _ANONYMOUS.format(thing=thing), "ImplicitDeny")
    return _denied(caller, wish, _BY_POLICY, "ImplicitDeny")


def _denied(caller: Caller, wish: Wish, message: str, kind: str) -> AccessDenied:
    return AccessDenied(
        message,
        AuthAction=wish.action,
        AuthPrincipalType=caller.kind.value,
        AuthPrincipalOwnerId=caller.account_id,
        AuthPrincipalDisplayName=caller.id,
        Resource=wish.resource,
        NoPermissionType=kind,
    )
