"""Roles."""

from ossia.api.ram.fields import listed, paged, role_fields, whole_role_fields
from ossia.api.ram.operation import (
    Call,
    Description,
    Document,
    Fields,
    Marker,
    RoleName,
    SessionSeconds,
    UpTo1000,
    ram,
)
from ossia.domain.identity.ram import roles
from ossia.records import Role


@ram.operation("role/{role_name}")
async def create_role(
    call: Call,
    role_name: RoleName,
    assume_role_policy_document: Document,
    description: Description = "",
    max_session_duration: SessionSeconds = roles.MIN_SESSION_S,
) -> Fields:
    """Create a role that the principals of its trust policy may assume."""
    role = await call.change(
        roles.create_role,
        role_name,
        assume_role_policy_document,
        description=description,
        max_session_s=max_session_duration,
    )
    return {"Role": whole_role_fields(role, call.account_id)}


@ram.operation("role/{role_name}")
async def get_role(call: Call, role_name: RoleName) -> Fields:
    """Describe a role, its trust policy included."""
    role = await call.view().get(Role, role_name)
    return {"Role": whole_role_fields(role, call.account_id)}


@ram.operation("role/{role_name}")
async def update_role(
    call: Call,
    role_name: RoleName,
    new_assume_role_policy_document: Document | None = None,
    new_description: Description | None = None,
    new_max_session_duration: SessionSeconds | None = None,
) -> Fields:
    """Change a role's trust policy, description or longest session."""
    role = await call.change(
        roles.update_role,
        role_name,
        trust=new_assume_role_policy_document,
        description=new_description,
        max_session_s=new_max_session_duration,
    )
    return {"Role": whole_role_fields(role, call.account_id)}


@ram.operation("role/{role_name}")
async def delete_role(call: Call, role_name: RoleName) -> Fields:
    """Delete a role without policies; its sessions end."""
    await call.change(roles.delete_role, role_name)
    return {}


@ram.operation("role/*")
async def list_roles(call: Call, marker: Marker = "", max_items: UpTo1000 = 100) -> Fields:
    """List the roles by name."""
    found, has_more = await call.view().page(Role, marker, max_items)
    page = listed("Roles", "Role", (role_fields(role, call.account_id) for role in found))
    return paged(page, found[-1].name if found else "", has_more=has_more)
