"""Groups of users."""

from typing import Final

from msgspec.structs import replace

from ossia.domain.identity.ram.refusals import already_there, in_use, too_many
from ossia.domain.identity.random_names import new_id
from ossia.domain.identity.store import Draft, View
from ossia.errors import RpcError
from ossia.records import Group, User

MOST_GROUPS: Final = 100
MOST_GROUPS_OF_USER: Final = 50


async def create_group(draft: Draft, name: str, *, comments: str = "") -> Group:
    """A group without members and policies."""
    if await draft.find(Group, name) is not None:
        raise already_there(Group)
    if len(await draft.all(Group)) >= MOST_GROUPS:
        raise too_many("Group")
    return draft.put(
        Group(
            id="g-" + new_id("4"),
            name=name,
            comments=comments,
            created_at=draft.now_ms,
            updated_at=draft.now_ms,
        )
    )


async def update_group(
    draft: Draft, name: str, new_name: str | None, comments: str | None
) -> Group:
    """Change name or comments; members and policies stay."""
    group = await draft.get(Group, name)
    renamed = replace(
        group,
        name=new_name or name,
        comments=group.comments if comments is None else comments,
        updated_at=draft.now_ms,
    )
    if renamed.name != name:
        if await draft.find(Group, renamed.name) is not None:
            raise already_there(Group)
        draft.remove(group)
        for member in await members_of(draft, name):
            groups = {renamed.name if each == name else each: at for each, at in _joined(member)}
            draft.put(replace(member, groups=groups))
    return draft.put(renamed)


async def delete_group(draft: Draft, name: str) -> None:
    """Remove a group that has neither members nor policies."""
    group = await draft.get(Group, name)
    if await members_of(draft, name):
        raise in_use("Group.User")
    if group.policies:
        raise in_use("Group.Policy")
    draft.remove(group)


async def add_user(draft: Draft, user_name: str, group_name: str) -> None:
    """Give a user the policies of a group."""
    user = await draft.get(User, user_name)
    await draft.get(Group, group_name)
    if group_name in user.groups:
        raise RpcError(
            409, "EntityAlreadyExists.User.Group", "The user has already joined the group."
        )
    if len(user.groups) >= MOST_GROUPS_OF_USER:
        raise too_many("User.Group")
    draft.put(replace(user, groups={**user.groups, group_name: draft.now_ms}))


async def remove_user(draft: Draft, user_name: str, group_name: str) -> None:
    """Take the policies of a group from a user."""
    user = await draft.get(User, user_name)
    await draft.get(Group, group_name)
    if group_name not in user.groups:
        raise RpcError(404, "EntityNotExist.User.Group", "The user has not joined the group.")
    groups = {name: at for name, at in _joined(user) if name != group_name}
    draft.put(replace(user, groups=groups))


async def members_of(view: View, group_name: str) -> list[User]:
    """Every member of a group, by name."""
    return [user for user in await view.all(User) if group_name in user.groups]


def _joined(user: User) -> list[tuple[str, int]]:
    return list(user.groups.items())
