"""Roles: what may be assumed, by whom, for how long."""

from typing import Final

from msgspec.structs import replace

from ossia.domain.identity.ram.policies import check_document
from ossia.domain.identity.ram.refusals import already_there, in_use, too_many
from ossia.domain.identity.random_names import new_id
from ossia.domain.identity.store import Draft
from ossia.protocol.policy_document import Grammar
from ossia.records import Role

MOST_ROLES: Final = 1000
MIN_SESSION_S: Final = 3600


async def create_role(
    draft: Draft,
    name: str,
    trust: str,
    *,
    description: str = "",
    max_session_s: int = MIN_SESSION_S,
) -> Role:
    """A role that the principals of *trust* may assume."""
    check_document(trust, Grammar.TRUST)
    if await draft.find(Role, name) is not None:
        raise already_there(Role)
    if len(await draft.all(Role)) >= MOST_ROLES:
        raise too_many("Role")
    return draft.put(
        Role(
            id=new_id("3"),
            name=name,
            trust=trust,
            description=description,
            max_session_s=max_session_s,
            created_at=draft.now_ms,
            updated_at=draft.now_ms,
        )
    )


async def update_role(
    draft: Draft,
    name: str,
    *,
    trust: str | None = None,
    description: str | None = None,
    max_session_s: int | None = None,
) -> Role:
    """Change whom a role trusts, for how long, or what is said about it."""
    role = await draft.get(Role, name)
    if trust is not None:
        check_document(trust, Grammar.TRUST)
    return draft.put(
        replace(
            role,
            trust=role.trust if trust is None else trust,
            description=role.description if description is None else description,
            max_session_s=role.max_session_s if max_session_s is None else max_session_s,
            updated_at=draft.now_ms,
        )
    )


async def delete_role(draft: Draft, name: str) -> None:
    """Remove a role that has no policies any more.  Its sessions end."""
    role = await draft.get(Role, name)
    if role.policies:
        raise in_use("Role.Policy")
    draft.remove(role)
