"""Groups of users."""

from ossia.api.ram.fields import group_fields, listed, paged
from ossia.api.ram.operation import (
    Call,
    Comments,
    Fields,
    GroupName,
    Marker,
    OwnUserName,
    UpTo100,
    UpTo1000,
    UserName,
    ram,
)
from ossia.domain.identity.ram import groups
from ossia.protocol.dates import format_iso_seconds
from ossia.records import Group, User


@ram.operation("group/{group_name}")
async def create_group(call: Call, group_name: GroupName, comments: Comments = "") -> Fields:
    """Create a group."""
    group = await call.change(groups.create_group, group_name, comments=comments)
    return {"Group": group_fields(group)}


@ram.operation("group/{group_name}")
async def get_group(call: Call, group_name: GroupName) -> Fields:
    """Describe a group."""
    return {"Group": group_fields(await call.view().get(Group, group_name))}


@ram.operation("group/{group_name}", "group/{new_group_name}")
async def update_group(
    call: Call,
    group_name: GroupName,
    new_group_name: GroupName | None = None,
    new_comments: Comments | None = None,
) -> Fields:
    """Change a group's name or comments."""
    group = await call.change(groups.update_group, group_name, new_group_name, new_comments)
    return {"Group": group_fields(group)}


@ram.operation("group/{group_name}")
async def delete_group(call: Call, group_name: GroupName) -> Fields:
    """Delete a group without members and policies."""
    await call.change(groups.delete_group, group_name)
    return {}


@ram.operation("group/*")
async def list_groups(call: Call, marker: Marker = "", max_items: UpTo100 = 100) -> Fields:
    """List the groups by name."""
    found, has_more = await call.view().page(Group, marker, max_items)
    page = listed("Groups", "Group", map(group_fields, found))
    return paged(page, found[-1].name if found else "", has_more=has_more)


@ram.operation("user/{user_name}", "group/{group_name}")
async def add_user_to_group(call: Call, user_name: UserName, group_name: GroupName) -> Fields:
    """Make a user a member of a group."""
    await call.change(groups.add_user, user_name, group_name)
    return {}


@ram.operation("user/{user_name}", "group/{group_name}")
async def remove_user_from_group(call: Call, user_name: UserName, group_name: GroupName) -> Fields:
    """End a user's membership of a group."""
    await call.change(groups.remove_user, user_name, group_name)
    return {}


@ram.operation("user/{user_name}")
async def list_groups_for_user(call: Call, user_name: OwnUserName) -> Fields:
    """List the groups of a user."""
    view = call.view()
    user = await view.get(User, user_name)
    joined = [(await view.get(Group, name), joined_at) for name, joined_at in user.groups.items()]
    return listed(
        "Groups",
        "Group",
        (
            {
                "GroupId": group.id,
                "GroupName": group.name,
                "Comments": group.comments,
                "JoinDate": format_iso_seconds(joined_at),
            }
            for group, joined_at in joined
        ),
    )


@ram.operation("group/{group_name}")
async def list_users_for_group(
    call: Call, group_name: GroupName, marker: Marker = "", max_items: UpTo1000 = 100
) -> Fields:
    """List the members of a group by name."""
    view = call.view()
    await view.get(Group, group_name)
    members = [user for user in await groups.members_of(view, group_name) if user.name > marker]
    shown = members[:max_items]
    page = listed(
        "Users",
        "User",
        (
            {
                "UserName": user.name,
                "DisplayName": user.display_name,
                "JoinDate": format_iso_seconds(user.groups[group_name]),
            }
            for user in shown
        ),
    )
    last = shown[-1].name if shown else ""
    return paged(page, last, has_more=len(members) > len(shown))
