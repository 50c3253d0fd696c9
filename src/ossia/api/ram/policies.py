"""Policies, their versions, and whom they are attached to."""

from typing import Any

from ossia.api.ram.fields import attached_fields, listed, paged, policy_fields, version_fields
from ossia.api.ram.operation import (
    Call,
    Description,
    Document,
    Fields,
    GroupName,
    Marker,
    OwnUserName,
    PolicyName,
    PolicyType,
    RoleName,
    Rotation,
    UpTo1000,
    UserName,
    VersionId,
    YesOrNo,
    ram,
)
from ossia.domain.identity.identities import role_arn
from ossia.domain.identity.ram import policies
from ossia.domain.identity.ram.policies import SYSTEM_POLICIES, Holder, find_policy
from ossia.domain.identity.store import View
from ossia.protocol.dates import format_iso_seconds
from ossia.records import Group, Policy, Role, User


@ram.operation("policy/{policy_name}")
async def create_policy(
    call: Call,
    policy_name: PolicyName,
    policy_document: Document,
    description: Description = "",
) -> Fields:
    """Create a policy."""
    policy = await call.change(
        policies.create_policy, policy_name, policy_document, description=description
    )
    return {"Policy": policy_fields(policy)}


@ram.operation("policy/{policy_name}")
async def get_policy(call: Call, policy_type: PolicyType, policy_name: PolicyName) -> Fields:
    """Describe a policy and its default version."""
    view = call.view()
    policy = await find_policy(view, policy_name, policy_type)
    counts = await policies.attachment_counts(view)
    default = policies.find_version(policy, policy.default_version)
    return {
        "Policy": {
            **policy_fields(policy),
            "PolicyDocument": policy.document,
            "AttachmentCount": counts.get(policy.name, 0),
        },
        "DefaultPolicyVersion": version_fields(policy, default),
    }


@ram.operation("policy/{policy_name}")
async def delete_policy(
    call: Call,
    policy_name: PolicyName,
    cascading_delete: YesOrNo = False,
) -> Fields:
    """Delete a policy that nobody has, and with CascadingDelete its versions."""
    await call.change(policies.delete_policy, policy_name, with_versions=cascading_delete)
    return {}


@ram.operation("policy/*")
async def list_policies(
    call: Call,
    policy_type: PolicyType | None = None,
    marker: Marker = "",
    max_items: UpTo1000 = 100,
) -> Fields:
    """List the policies by name, those of the system included."""
    view = call.view()
    found, has_more = await _page(view, policy_type, marker, max_items)
    counts = await policies.attachment_counts(view)
    entries = (
        {**policy_fields(policy), "AttachmentCount": counts.get(policy.name, 0)} for policy in found
    )
    page = listed("Policies", "Policy", entries)
    return paged(page, found[-1].name if found else "", has_more=has_more)


async def _page(
    view: View, policy_type: str | None, marker: str, max_items: int
) -> tuple[list[Policy], bool]:
    found: list[Policy] = []
    has_more = False
    if policy_type != "System":
        found, has_more = await view.page(Policy, marker, max_items)
    if policy_type != "Custom":
        found += [policy for name, policy in SYSTEM_POLICIES.items() if name > marker]
    # By bytes, as the store orders them.
    found.sort(key=lambda policy: policy.name.encode())
    return found[:max_items], has_more or len(found) > max_items


@ram.operation("policy/{policy_name}")
async def update_policy_description(
    call: Call, policy_name: PolicyName, new_description: Description
) -> Fields:
    """Change what is said about a policy."""
    policy = await call.change(policies.describe_policy, policy_name, new_description)
    return {"Policy": policy_fields(policy)}


# --- versions ---------------------------------------------------------------


@ram.operation("policy/{policy_name}")
async def create_policy_version(
    call: Call,
    policy_name: PolicyName,
    policy_document: Document,
    set_as_default: YesOrNo = False,
    rotate_strategy: Rotation = "None",
) -> Fields:
    """Add a version to a policy, which may have five."""
    policy, added = await call.change(
        policies.create_version,
        policy_name,
        policy_document,
        is_default=set_as_default,
        rotates=rotate_strategy != "None",
    )
    return {"PolicyVersion": version_fields(policy, added)}


@ram.operation("policy/{policy_name}")
async def get_policy_version(
    call: Call, policy_type: PolicyType, policy_name: PolicyName, version_id: VersionId
) -> Fields:
    """Describe one version of a policy."""
    policy = await find_policy(call.view(), policy_name, policy_type)
    version = policies.find_version(policy, version_id)
    return {"PolicyVersion": version_fields(policy, version)}


@ram.operation("policy/{policy_name}")
async def list_policy_versions(
    call: Call, policy_type: PolicyType, policy_name: PolicyName
) -> Fields:
    """List the versions of a policy."""
    policy = await find_policy(call.view(), policy_name, policy_type)
    entries = (version_fields(policy, version) for version in policy.versions)
    return listed("PolicyVersions", "PolicyVersion", entries)


@ram.operation("policy/{policy_name}")
async def set_default_policy_version(
    call: Call, policy_name: PolicyName, version_id: VersionId
) -> Fields:
    """Choose the version that counts."""
    await call.change(policies.set_default_version, policy_name, version_id)
    return {}


@ram.operation("policy/{policy_name}")
async def delete_policy_version(
    call: Call, policy_name: PolicyName, version_id: VersionId
) -> Fields:
    """Delete a version that is not the default."""
    await call.change(policies.delete_version, policy_name, version_id)
    return {}


# --- attachments ------------------------------------------------------------


@ram.operation("user/{user_name}", "policy/{policy_name}")
async def attach_policy_to_user(
    call: Call, policy_type: PolicyType, policy_name: PolicyName, user_name: UserName
) -> Fields:
    """Give a user a policy."""
    await call.change(policies.attach, User, user_name, policy_name, policy_type)
    return {}


@ram.operation("user/{user_name}", "policy/{policy_name}")
async def detach_policy_from_user(
    call: Call, policy_type: PolicyType, policy_name: PolicyName, user_name: UserName
) -> Fields:
    """Take a policy from a user."""
    await call.change(policies.detach, User, user_name, policy_name, policy_type)
    return {}


@ram.operation("group/{group_name}", "policy/{policy_name}")
async def attach_policy_to_group(
    call: Call, policy_type: PolicyType, policy_name: PolicyName, group_name: GroupName
) -> Fields:
    """Give the members of a group a policy."""
    await call.change(policies.attach, Group, group_name, policy_name, policy_type)
    return {}


@ram.operation("group/{group_name}", "policy/{policy_name}")
async def detach_policy_from_group(
    call: Call, policy_type: PolicyType, policy_name: PolicyName, group_name: GroupName
) -> Fields:
    """Take a policy from a group."""
    await call.change(policies.detach, Group, group_name, policy_name, policy_type)
    return {}


@ram.operation("role/{role_name}", "policy/{policy_name}")
async def attach_policy_to_role(
    call: Call, policy_type: PolicyType, policy_name: PolicyName, role_name: RoleName
) -> Fields:
    """Give the sessions of a role a policy."""
    await call.change(policies.attach, Role, role_name, policy_name, policy_type)
    return {}


@ram.operation("role/{role_name}", "policy/{policy_name}")
async def detach_policy_from_role(
    call: Call, policy_type: PolicyType, policy_name: PolicyName, role_name: RoleName
) -> Fields:
    """Take a policy from a role."""
    await call.change(policies.detach, Role, role_name, policy_name, policy_type)
    return {}


@ram.operation("user/{user_name}")
async def list_policies_for_user(call: Call, user_name: OwnUserName) -> Fields:
    """List the policies that a user has himself."""
    return await _policies_of(call, User, user_name)


@ram.operation("group/{group_name}")
async def list_policies_for_group(call: Call, group_name: GroupName) -> Fields:
    """List the policies of a group."""
    return await _policies_of(call, Group, group_name)


@ram.operation("role/{role_name}")
async def list_policies_for_role(call: Call, role_name: RoleName) -> Fields:
    """List the policies of a role."""
    return await _policies_of(call, Role, role_name)


async def _policies_of(call: Call, holder_type: type[Holder], name: str) -> Fields:
    view = call.view()
    holder = await view.get(holder_type, name)
    attached = await policies.attached_to(view, holder.policies)
    return listed("Policies", "Policy", (attached_fields(*each) for each in attached))


@ram.operation("policy/{policy_name}")
async def list_entities_for_policy(
    call: Call, policy_type: PolicyType, policy_name: PolicyName
) -> Fields:
    """List the users, groups and roles that have a policy."""
    view = call.view()
    await find_policy(view, policy_name, policy_type)

    async def having(holder_type: type[Holder]) -> list[Holder]:
        return [each for each in await view.all(holder_type) if policy_name in each.policies]

    def attached(holder: User | Group | Role) -> dict[str, Any]:
        return {"AttachDate": format_iso_seconds(holder.policies[policy_name])}

    users = [
        {"UserId": u.id, "UserName": u.name, "DisplayName": u.display_name, **attached(u)}
        for u in await having(User)
    ]
    groups = [
        {"GroupName": group.name, "Comments": group.comments, **attached(group)}
        for group in await having(Group)
    ]
    roles = [
        {
            "RoleId": role.id,
            "RoleName": role.name,
            "Arn": role_arn(call.account_id, role.name),
            "Description": role.description,
            **attached(role),
        }
        for role in await having(Role)
    ]
    return {
        **listed("Users", "User", users),
        **listed("Groups", "Group", groups),
        **listed("Roles", "Role", roles),
    }
