"""``ossia user | key | group``: who there is, and with which keys."""

from typing import Any

import click

from ossia.client.ram import RamClient
from ossia.commands.ram import (
    as_json_option,
    attached_to,
    detach_all,
    done,
    names_of,
    print_entries,
    print_entry,
    ram_options,
)

_CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=_CONTEXT)
def user() -> None:
    """Users: people and programs with keys of their own.

    \b
    ossia user create app
    ossia key create app
    ossia policy attach AliyunOSSReadOnlyAccess --user app
    """


@user.command("create")
@click.argument("name")
@click.option("--display-name", help="How people call the user.")
@click.option("--email", help="Where to reach the user.")
@click.option("--comments", help="What the user is for.")
@as_json_option
@ram_options
def create_user(*, ram: RamClient, name: str, as_json: bool, **about: str | None) -> None:
    """Create a user, who may do nothing yet."""
    given = {
        "DisplayName": about["display_name"],
        "Email": about["email"],
        "Comments": about["comments"],
    }
    print_entry(ram.call("CreateUser", UserName=name, **given)["User"], as_json=as_json)


@user.command("list")
@as_json_option
@ram_options
def list_users(*, ram: RamClient, as_json: bool) -> None:
    """List the users."""
    entries = ram.each("ListUsers", "Users", "User")
    print_entries(entries, ["UserName", "DisplayName", "Comments", "CreateDate"], as_json=as_json)


@user.command("show")
@click.argument("name")
@as_json_option
@ram_options
def show_user(*, ram: RamClient, name: str, as_json: bool) -> None:
    """Show a user with keys, groups and policies."""
    found = ram.call("GetUser", UserName=name)["User"]
    keys = ram.call("ListAccessKeys", UserName=name)["AccessKeys"]["AccessKey"]
    groups = ram.call("ListGroupsForUser", UserName=name)
    entry = {
        **found,
        "Keys": [f"{key['AccessKeyId']} ({key['Status']})" for key in keys],
        "Groups": names_of(groups, "Groups", "Group", "GroupName"),
        "Policies": [policy["PolicyName"] for policy in attached_to(ram, "User", name)],
    }
    print_entry(entry, as_json=as_json)


@user.command("delete")
@click.argument("name")
@click.option("--force", is_flag=True, help="Take keys, groups and policies away first.")
@as_json_option
@ram_options
def delete_user(*, ram: RamClient, name: str, force: bool, as_json: bool) -> None:
    """Delete a user.  Sessions that the user began end at once."""
    if force:
        keys = ram.call("ListAccessKeys", UserName=name)
        for key_id in names_of(keys, "AccessKeys", "AccessKey", "AccessKeyId"):
            ram.call("DeleteAccessKey", UserName=name, UserAccessKeyId=key_id)
        groups = ram.call("ListGroupsForUser", UserName=name)
        for group_name in names_of(groups, "Groups", "Group", "GroupName"):
            ram.call("RemoveUserFromGroup", UserName=name, GroupName=group_name)
        detach_all(ram, "User", name)
    ram.call("DeleteUser", UserName=name)
    done(f"User {name} is deleted.", as_json=as_json)


# --- keys -------------------------------------------------------------------


@click.group(context_settings=_CONTEXT)
def key() -> None:
    """Access keys of users: an id and a secret.

    \b
    ossia key create app            the secret is shown this once
    ossia key disable app LTAI5t…   before deleting: nothing breaks for good
    """


@key.command("create")
@click.argument("user_name", metavar="USER")
@as_json_option
@ram_options
def create_key(*, ram: RamClient, user_name: str, as_json: bool) -> None:
    """Create a key for USER.  Only this answer shows the secret."""
    made = ram.call("CreateAccessKey", UserName=user_name)["AccessKey"]
    print_entry(made, as_json=as_json)
    if not as_json:
        click.echo("Keep the secret now: it is not shown again.", err=True)


@key.command("list")
@click.argument("user_name", metavar="USER")
@as_json_option
@ram_options
def list_keys(*, ram: RamClient, user_name: str, as_json: bool) -> None:
    """List the keys of USER."""
    entries = ram.call("ListAccessKeys", UserName=user_name)["AccessKeys"]["AccessKey"]
    print_entries(entries, ["AccessKeyId", "Status", "CreateDate"], as_json=as_json)


def _switch(name: str, status: str, text: str) -> click.Command:
    @click.command(name, help=text)
    @click.argument("user_name", metavar="USER")
    @click.argument("key_id", metavar="KEY")
    @as_json_option
    @ram_options
    def command(*, ram: RamClient, user_name: str, key_id: str, as_json: bool) -> None:
        ram.call("UpdateAccessKey", UserName=user_name, UserAccessKeyId=key_id, Status=status)
        done(f"Key {key_id} is {status.lower()}.", as_json=as_json)

    return command


key.add_command(_switch("disable", "Inactive", "Switch KEY of USER off; requests are refused."))
key.add_command(_switch("enable", "Active", "Switch KEY of USER on again."))


@key.command("delete")
@click.argument("user_name", metavar="USER")
@click.argument("key_id", metavar="KEY")
@as_json_option
@ram_options
def delete_key(*, ram: RamClient, user_name: str, key_id: str, as_json: bool) -> None:
    """Delete KEY of USER."""
    ram.call("DeleteAccessKey", UserName=user_name, UserAccessKeyId=key_id)
    done(f"Key {key_id} is deleted.", as_json=as_json)


# --- groups -----------------------------------------------------------------


@click.group(context_settings=_CONTEXT)
def group() -> None:
    """Groups: users who have policies in common.

    \b
    ossia group create editors
    ossia group add editors alice bob
    ossia policy attach write-photos --group editors
    """


@group.command("create")
@click.argument("name")
@click.option("--comments", help="What the group is for.")
@as_json_option
@ram_options
def create_group(*, ram: RamClient, name: str, comments: str | None, as_json: bool) -> None:
    """Create a group."""
    made = ram.call("CreateGroup", GroupName=name, Comments=comments)["Group"]
    print_entry(made, as_json=as_json)


@group.command("list")
@as_json_option
@ram_options
def list_groups(*, ram: RamClient, as_json: bool) -> None:
    """List the groups."""
    entries = ram.each("ListGroups", "Groups", "Group")
    print_entries(entries, ["GroupName", "Comments", "CreateDate"], as_json=as_json)


@group.command("show")
@click.argument("name")
@as_json_option
@ram_options
def show_group(*, ram: RamClient, name: str, as_json: bool) -> None:
    """Show a group with its members and policies."""
    entry = {
        **ram.call("GetGroup", GroupName=name)["Group"],
        "Users": _members(ram, name),
        "Policies": [policy["PolicyName"] for policy in attached_to(ram, "Group", name)],
    }
    print_entry(entry, as_json=as_json)


def _members(ram: RamClient, name: str) -> list[str]:
    return names_of(ram.call("ListUsersForGroup", GroupName=name), "Users", "User", "UserName")


def _membership(name: str, action: str, text: str) -> click.Command:
    @click.command(name, help=text)
    @click.argument("group_name", metavar="GROUP")
    @click.argument("users", metavar="USER...", nargs=-1, required=True)
    @as_json_option
    @ram_options
    def command(*, ram: RamClient, group_name: str, users: tuple[str, ...], as_json: bool) -> None:
        for user_name in users:
            ram.call(action, GroupName=group_name, UserName=user_name)
        members = ", ".join(_members(ram, group_name)) or "nobody"
        done(f"Group {group_name} has now: {members}.", as_json=as_json)

    return command


group.add_command(_membership("add", "AddUserToGroup", "Make each USER a member of GROUP."))
group.add_command(_membership("remove", "RemoveUserFromGroup", "Take each USER from GROUP."))


@group.command("delete")
@click.argument("name")
@click.option("--force", is_flag=True, help="Let members leave and detach policies first.")
@as_json_option
@ram_options
def delete_group(*, ram: RamClient, name: str, force: bool, as_json: bool) -> None:
    """Delete a group."""
    if force:
        for user_name in _members(ram, name):
            ram.call("RemoveUserFromGroup", GroupName=name, UserName=user_name)
        detach_all(ram, "Group", name)
    ram.call("DeleteGroup", GroupName=name)
    done(f"Group {name} is deleted.", as_json=as_json)
