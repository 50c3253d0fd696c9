"""May this caller do this: policies first, then ACLs (sts-ram.md, section 5.1).

1. A session policy must allow, whatever else allows.
2. Of identity policies and the bucket's policy together an explicit deny refuses, an allow permits.
3. Where no policy decides, an ACL may grant reading or writing of objects, and nothing else.
4. The root of the account may everything that the bucket's policy does not explicitly deny; the
   policy itself is always in its hands, or a bucket could be lost for good.
5. Where public access is blocked, public statements and public ACLs count as absent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import msgspec

from ossia.domain.identity.identities import Caller, CallerKind, Standing
from ossia.errors import AccessDenied
from ossia.protocol.policy_document import Asker, PolicyDocument, Rules, Verdict
from ossia.protocol.policy_place import Place

Context = Mapping[str, Sequence[str]]

_READABLE = frozenset({"public-read", "public-read-write"})
_WRITABLE = frozenset({"public-read-write"})
_ALWAYS_THE_ROOTS = frozenset(
    {"oss:PutBucketPolicy", "oss:GetBucketPolicy", "oss:DeleteBucketPolicy"}
)
_NO_CONTEXT: Context = {}


class Wish(msgspec.Struct, frozen=True):
    """What is to be permitted: *action* on the resource at *place*.

    ``reads`` and ``writes`` tell which ACL right helps.
    """

    action: str
    place: Place
    reads: bool = False
    writes: bool = False

    @property
    def resource(self) -> str:
        """The resource in one piece."""
        return f"{self.place.head}:{self.place.tail}"


class Surroundings(Protocol):
    """What decides besides caller and wish; asked only for what matters."""

    @property
    def bucket_policy(self) -> PolicyDocument | None:
        """The policy of the bucket that the wish is about."""

    @property
    def closed_policy(self) -> PolicyDocument | None:
        """The same without its public statements."""

    async def context(self, keys: frozenset[str]) -> Context:
        """What the request has under these condition keys."""

    async def acl(self) -> str:
        """The effective ACL of what is asked for."""

    async def blocks_public(self) -> bool:
        """Whether public access to the bucket is blocked."""


@dataclass(frozen=True, slots=True)
class NoBucket:
    """Surroundings of what is in no bucket: nothing but the facts about the request."""

    facts: Context

    bucket_policy = None
    closed_policy = None

    async def context(self, keys: frozenset[str]) -> Context:
        """All there is."""
        del keys
        return self.facts

    async def acl(self) -> str:
        """Nothing is granted."""
        return "private"

    async def blocks_public(self) -> bool:
        """Nothing is public."""
        return False


class Basis(Enum):
    """What decided."""

    ROOT = "root"
    SESSION = "session policy"
    IDENTITY = "identity policy"
    BUCKET = "bucket policy"
    BOTH = "identity policy and bucket policy"
    ACL = "ACL"
    NOTHING = "nothing"


class Ruling(msgspec.Struct, frozen=True):
    """The outcome; ``policy`` is the place of the identity policy that decided."""

    allowed: bool
    basis: Basis
    explicit: bool = True
    policy: int = 0
    statement: int | None = None


_ROOT = Ruling(allowed=True, basis=Basis.ROOT)
_BY_ACL = Ruling(allowed=True, basis=Basis.ACL)
_NOTHING = Ruling(allowed=False, basis=Basis.NOTHING, explicit=False)


async def authorize(caller: Caller, wish: Wish, around: Surroundings) -> None:
    """Return if *caller* may; raise `AccessDenied` with the reason otherwise."""
    ruling = await rule(caller, wish, around)
    if not ruling.allowed:
        raise _refusal(caller, wish, around, ruling)


async def refuse_stranger(caller: Caller, wish: Wish, around: Surroundings) -> None:
    """Raise `AccessDenied` where nothing could grant *wish* to *caller* anywhere in the bucket.

    For an anonymous caller, and *wish* at the bucket itself.  Conditions and denials are left to
    `authorize`: they may depend on the object.
    """
    policy = around.bucket_policy
    if policy is not None and policy.is_public:
        policy = await _as_far_as_not_blocked(policy, around)
    if policy is not None:
        rules = policy.for_whom(caller.facts).about(wish.action)
        if rules.may_allow_in(wish.place, caller.asker):
            return
    ruling = await _rule_by_acl(wish, around)
    if not ruling.allowed:
        raise _refusal(caller, wish, around, ruling)


async def rule(caller: Caller, wish: Wish, around: Surroundings) -> Ruling:
    """Decide, and say what decided."""
    bucket_policy = around.bucket_policy
    is_root = caller.kind is CallerKind.ROOT
    if is_root and (bucket_policy is None or wish.action in _ALWAYS_THE_ROOTS):
        return _ROOT
    if bucket_policy is not None and bucket_policy.is_public:
        bucket_policy = await _as_far_as_not_blocked(bucket_policy, around)
    standing = caller.standing(wish.action)
    bucket = None
    if bucket_policy is not None:
        bucket = bucket_policy.for_whom(caller.facts).about(wish.action)
    keys = standing.keys
    if bucket is not None and bucket.keys:
        keys |= bucket.keys
    context = await around.context(keys) if keys else _NO_CONTEXT
    ruling = _decide(standing, bucket, wish.place, context, caller.asker)
    if is_root and (ruling is None or ruling.allowed):
        return _ROOT
    if ruling is not None:
        return ruling
    return await _rule_by_acl(wish, around)


async def _as_far_as_not_blocked(
    policy: PolicyDocument, around: Surroundings
) -> PolicyDocument | None:
    return around.closed_policy if await around.blocks_public() else policy


async def _rule_by_acl(wish: Wish, around: Surroundings) -> Ruling:
    grants = wish.reads or wish.writes
    if grants and await around.acl() in (_READABLE if wish.reads else _WRITABLE):
        return _NOTHING if await around.blocks_public() else _BY_ACL
    return _NOTHING


def _decide(
    standing: Standing, bucket: Rules | None, place: Place, context: Context, asker: Asker
) -> Ruling | None:
    """What the policies say together; None where they say nothing."""
    if standing.session is not None:
        verdict, statement = standing.session.decide(place, context, asker)
        if verdict is not Verdict.ALLOW:
            denies = verdict is Verdict.DENY
            return Ruling(allowed=False, basis=Basis.SESSION, explicit=denies, statement=statement)
    found: Ruling | None = None
    for number, rules in enumerate(standing.identity):
        verdict, statement = rules.decide(place, context, asker)
        if verdict is Verdict.DENY:
            found = Ruling(allowed=False, basis=Basis.IDENTITY, policy=number, statement=statement)
            break
        if verdict is Verdict.ALLOW and found is None:
            found = Ruling(allowed=True, basis=Basis.IDENTITY, policy=number, statement=statement)
    if bucket is None:
        return found
    verdict, statement = bucket.decide(place, context, asker)
    if verdict is Verdict.DENY:
        both = found is not None and not found.allowed
        return Ruling(
            allowed=False, basis=Basis.BOTH if both else Basis.BUCKET, statement=statement
        )
    if verdict is Verdict.ALLOW and found is None:
        return Ruling(allowed=True, basis=Basis.BUCKET, statement=statement)
    return found


# --- refusals ---------------------------------------------------------------

_BY_POLICY = "You have no right to access this object."
_PRINCIPAL_TYPES = {
    CallerKind.ROOT: "Account",
    CallerKind.USER: "SubUser",
    CallerKind.SESSION: "AssumedRoleUser",
}
_EXPLICIT = {
    Basis.SESSION: ("Access denied by authorizer's policy.", "0003-00000301"),
    Basis.IDENTITY: (_BY_POLICY, "0003-00000201"),
    Basis.BUCKET: ("Access denied by bucket policy.", "0003-00000101"),
    Basis.BOTH: ("Access denied by bucket policy.", "0003-00000203"),
}
"""Text and EC of a refusal by its basis (OSS documentation, the pages of these ECs)."""
_POLICY_TYPES = {
    Basis.SESSION: "SessionPolicy",
    Basis.IDENTITY: "AccountLevelIdentityBasedPolicy",
    Basis.BOTH: "AccountLevelIdentityBasedPolicy",
}


def _refusal(caller: Caller, wish: Wish, around: Surroundings, ruling: Ruling) -> AccessDenied:
    message, ec = _EXPLICIT.get(ruling.basis) or _implicit(caller, wish)
    return AccessDenied(message, ec=ec, AccessDeniedDetail=_detail(caller, wish, around, ruling))


def _implicit(caller: Caller, wish: Wish) -> tuple[str, str]:
    """Nobody allowed it."""
    name = wish.place.tail
    if caller.kind is not CallerKind.ANONYMOUS:
        if wish.reads or wish.writes:
            return AccessDenied.message, "0003-00000001"
        return _BY_POLICY, "0003-00000202"
    if "/" in name:
        return AccessDenied.message, "0003-00000001"
    if name in {"", "*"}:
        return "You are forbidden to list buckets.", "0003-00000001"
    return "Anonymous user has no right to access this bucket.", "0003-00000001"


def _detail(caller: Caller, wish: Wish, around: Surroundings, ruling: Ruling) -> dict[str, str]:
    """``<AccessDeniedDetail>``.  Callers of the account also learn which statement decided."""
    detail = {"AuthAction": wish.action, "Resource": wish.resource}
    detail["NoPermissionType"] = "ExplicitDeny" if ruling.explicit else "ImplicitDeny"
    if caller.kind is CallerKind.ANONYMOUS:
        return detail
    policy_type = _POLICY_TYPES.get(ruling.basis)
    if policy_type is not None:
        detail["PolicyType"] = policy_type
    detail["AuthPrincipalType"] = _PRINCIPAL_TYPES[caller.kind]
    detail["AuthPrincipalOwnerId"] = caller.account_id
    detail["AuthPrincipalDisplayName"] = display_name(caller)
    if ruling.statement is not None:
        name, policy = deciding(caller, around, ruling)
        detail["MatchedPolicy"] = name
        detail["MatchedStatement"] = policy.label_of(ruling.statement)
    return detail


def display_name(caller: Caller) -> str:
    """RAM documentation, "Troubleshoot access denied": a user's id, a session's role and name."""
    if caller.kind is CallerKind.SESSION:
        return ":".join(caller.arn.split("/")[1:])
    return caller.id


def deciding(caller: Caller, around: Surroundings, ruling: Ruling) -> tuple[str, PolicyDocument]:
    """The name of the policy whose statement decided, and the policy."""
    if ruling.basis is Basis.SESSION:
        assert caller.session_policy is not None
        return "session policy", caller.session_policy
    if ruling.basis is Basis.IDENTITY:
        return caller.policy_names[ruling.policy], caller.policies[ruling.policy]
    assert around.bucket_policy is not None
    return "bucket policy", around.bucket_policy
