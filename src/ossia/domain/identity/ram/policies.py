"""Policies: their versions, and whom they are attached to.

1. System policies always exist and cannot be changed.  No custom policy may have the name of one,
   so that a name says which is meant.
2. Policies are checked when they are stored, so that looking one up cannot fail.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from ossia.domain.identity.ram.refusals import (
    already_attached,
    already_there,
    in_use,
    no_such,
    not_attached,
    too_many,
)
from ossia.domain.identity.store import Draft, View
from ossia.errors import RpcError
from ossia.protocol.policy_document import Grammar, PolicyDocument, PolicyError
from ossia.records import Group, Policy, PolicyVersion, Role, User

MOST_POLICIES: Final = 1500
MOST_VERSIONS: Final = 5
MOST_ATTACHED: Final = 20
"""Of either type, to one user, group or role."""

Holder = TypeVar("Holder", User, Group, Role)


def _preset(name: str, actions: str | list[str], description: str) -> Policy:
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    document = msgspec.json.encode({"Version": "1", "Statement": [statement]}).decode()
    return Policy(
        name=name,
        type="System",
        document=document,
        description=description,
        versions=(PolicyVersion(id="v1", document=document),),
    )


SYSTEM_POLICIES: Final = {
    policy.name: policy
    for policy in (
        _preset("AdministratorAccess", "*", "Provides full access to all services and resources."),
        _preset("AliyunOSSFullAccess", "oss:*", "Provides full access to Object Storage Service."),
        _preset(
            "AliyunOSSReadOnlyAccess",
            ["oss:Get*", "oss:List*"],
            "Provides read-only access to Object Storage Service.",
        ),
        _preset(
            "AliyunRAMFullAccess",
            "ram:*",
            "Provides full access to Resource Access Management.",
        ),
        _preset(
            "AliyunRAMReadOnlyAccess",
            ["ram:Get*", "ram:List*"],
            "Provides read-only access to Resource Access Management.",
        ),
        _preset(
            "AliyunSTSAssumeRoleAccess",
            "sts:AssumeRole",
            "Provides access to the AssumeRole operation of STS.",
        ),
    )
}
"""Policies that always exist and cannot be changed."""


@lru_cache(1024)
def compiled(document: str, grammar: Grammar = Grammar.IDENTITY) -> PolicyDocument:
    """A policy that is stored, by its text."""
    return PolicyDocument.in_force(document, grammar)


def check_document(document: str, grammar: Grammar = Grammar.IDENTITY) -> None:
    """Refuse what is not a policy."""
    try:
        PolicyDocument.parse(document, grammar)
    except PolicyError as exc:
        raise RpcError(400, "MalformedPolicyDocument", f"{exc}") from exc


# --- policies and their versions --------------------------------------------


async def create_policy(draft: Draft, name: str, document: str, *, description: str = "") -> Policy:
    """A custom policy, not yet attached to anybody."""
    check_document(document)
    if name in SYSTEM_POLICIES or await draft.find(Policy, name) is not None:
        raise already_there(Policy)
    if len(await draft.all(Policy)) >= MOST_POLICIES:
        raise too_many("Policy")
    return draft.put(
        Policy(
            name=name,
            document=document,
            description=description,
            created_at=draft.now_ms,
            updated_at=draft.now_ms,
            versions=(PolicyVersion(id="v1", document=document, created_at=draft.now_ms),),
        )
    )


async def find_policy(view: View, name: str, policy_type: str) -> Policy:
    """The policy of that type and name.  Raises `RpcError`."""
    if policy_type == "Custom":
        return await view.get(Policy, name)
    if name not in SYSTEM_POLICIES:
        raise no_such(Policy)
    return SYSTEM_POLICIES[name]


async def describe_policy(draft: Draft, name: str, description: str) -> Policy:
    """Change what is said about a policy."""
    policy = await draft.get(Policy, name)
    return draft.put(replace(policy, description=description, updated_at=draft.now_ms))


async def delete_policy(draft: Draft, name: str, *, with_versions: bool = False) -> None:
    """Remove a policy that is attached to nobody."""
    policy = await draft.get(Policy, name)
    if len(policy.versions) > 1 and not with_versions:
        raise in_use("Policy.Version")
    for kind, holders in (await holders_by_kind(draft)).items():
        if any(name in holder.policies for holder in holders):
            raise in_use(f"Policy.{kind}")
    draft.remove(policy)


async def create_version(
    draft: Draft, name: str, document: str, *, is_default: bool, rotates: bool
) -> tuple[Policy, PolicyVersion]:
    """Add a version.  With *rotates* the oldest one that is not the default makes room for it."""
    policy = await draft.get(Policy, name)
    check_document(document)
    versions = policy.versions
    if len(versions) >= MOST_VERSIONS:
        if not rotates:
            raise too_many("Policy.Version")
        oldest = next(each for each in versions if each.id != policy.default_version)
        versions = tuple(each for each in versions if each is not oldest)
    number = policy.last_version + 1
    added = PolicyVersion(id=f"v{number}", document=document, created_at=draft.now_ms)
    changed = replace(
        policy, versions=(*versions, added), last_version=number, updated_at=draft.now_ms
    )
    if is_default:
        changed = replace(changed, default_version=added.id, document=document)
    return draft.put(changed), added


def find_version(policy: Policy, version_id: str) -> PolicyVersion:
    """The version of that id.  Raises `RpcError`."""
    for version in policy.versions:
        if version.id == version_id:
            return version
    raise RpcError(404, "EntityNotExist.Policy.Version", "The policy version does not exist.")


async def set_default_version(draft: Draft, name: str, version_id: str) -> None:
    """Make another version the one that counts."""
    policy = await draft.get(Policy, name)
    version = find_version(policy, version_id)
    draft.put(
        replace(
            policy,
            default_version=version.id,
            document=version.document,
            updated_at=draft.now_ms,
        )
    )


async def delete_version(draft: Draft, name: str, version_id: str) -> None:
    """Remove a version that is not the default."""
    policy = await draft.get(Policy, name)
    find_version(policy, version_id)
    if version_id == policy.default_version:
        raise in_use("Policy.Version.Default")
    versions = tuple(each for each in policy.versions if each.id != version_id)
    draft.put(replace(policy, versions=versions, updated_at=draft.now_ms))


# --- attachments ------------------------------------------------------------


async def holders_by_kind(view: View) -> dict[str, Sequence[User | Group | Role]]:
    """Everybody whom policies can be attached to."""
    return {
        "User": await view.all(User),
        "Group": await view.all(Group),
        "Role": await view.all(Role),
    }


async def attach(
    draft: Draft, holder_type: type[Holder], holder_name: str, policy_name: str, policy_type: str
) -> None:
    """Give a user, a group or the sessions of a role what a policy allows."""
    holder = await draft.get(holder_type, holder_name)
    await find_policy(draft, policy_name, policy_type)
    if policy_name in holder.policies:
        raise already_attached(holder_type.__name__)
    same_type = [name for name in holder.policies if type_of(name) == policy_type]
    if len(same_type) >= MOST_ATTACHED:
        raise too_many(f"{holder_type.__name__}.Policy")
    policies = {**holder.policies, policy_name: draft.now_ms}
    draft.put(replace(holder, policies=policies))


async def detach(
    draft: Draft, holder_type: type[Holder], holder_name: str, policy_name: str, policy_type: str
) -> None:
    """Take it back."""
    holder = await draft.get(holder_type, holder_name)
    await find_policy(draft, policy_name, policy_type)
    if policy_name not in holder.policies:
        raise not_attached(holder_type.__name__)
    policies = {name: at for name, at in holder.policies.items() if name != policy_name}
    draft.put(replace(holder, policies=policies))


async def attached_to(view: View, policies: dict[str, int]) -> list[tuple[Policy, int]]:
    """The policies of a user, group or role, and since when."""
    return [
        (await find_policy(view, name, type_of(name)), attached_at)
        for name, attached_at in policies.items()
    ]


async def attachment_counts(view: View) -> dict[str, int]:
    """How many users, groups and roles have each policy."""
    counts: dict[str, int] = {}
    for holders in (await holders_by_kind(view)).values():
        for holder in holders:
            for name in holder.policies:
                counts[name] = counts.get(name, 0) + 1
    return counts


def type_of(policy_name: str) -> str:
    """``System`` or ``Custom``."""
    return "System" if policy_name in SYSTEM_POLICIES else "Custom"
