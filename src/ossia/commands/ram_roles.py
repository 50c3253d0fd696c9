"""``ossia role``: roles that users assume, for temporary keys."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from ossia.client.ram import RamClient
from ossia.commands.ram import (
    JSON_FILE,
    account_of,
    as_json_option,
    attached_to,
    detach_all,
    document_of,
    done,
    print_entries,
    print_entry,
    ram_options,
)
from ossia.settings import SettingsError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def role() -> None:
    """Roles: rights without a key, lent for an hour to whom they trust.

    \b
    ossia role create uploader --trust-user app
    ossia policy attach AliyunSTSAssumeRoleAccess --user app
    ossia policy attach write-photos --role uploader
    ossia token assume uploader --access-key-id … --access-key-secret …
    """


@dataclass(frozen=True, slots=True)
class _Trust:
    """Whom a role is to trust, as the options say."""

    file: Path | None
    users: tuple[str, ...]
    roles: tuple[str, ...]
    account: bool

    def document(self, ram: RamClient) -> str | None:
        """The trust policy that the options ask for; None if they ask for none."""
        names = bool(self.users or self.roles or self.account)
        if self.file is not None:
            if names:
                raise click.UsageError("--trust FILE says it all: leave the other --trust-… away.")
            return document_of(self.file)
        if not names:
            return None
        base = f"acs:ram::{account_of(ram)}:"
        principals = [f"{base}user/{name}" for name in self.users]
        principals += [f"{base}role/{name}" for name in self.roles]
        principals += [f"{base}root"] if self.account else []
        statement = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"RAM": principals},
        }
        return json.dumps({"Version": "1", "Statement": [statement]}, separators=(",", ":"))


def _role_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What creating and changing a role have in common; *command* receives ``trusts``."""

    def with_trust(
        *,
        trust: Path | None,
        users: tuple[str, ...],
        roles: tuple[str, ...],
        trust_account: bool,
        **more: Any,
    ) -> Any:
        return command(trusts=_Trust(trust, users, roles, trust_account), **more)

    with_trust.__name__ = command.__name__
    with_trust.__doc__ = command.__doc__
    vars(with_trust)["__click_params__"] = getattr(command, "__click_params__", [])
    for option in reversed(_OPTIONS):
        with_trust = option(with_trust)
    return with_trust


_OPTIONS: Final = (
    click.option("--trust", type=JSON_FILE, metavar="FILE", help="Trust policy, as JSON."),
    click.option(
        "--trust-user", "users", multiple=True, metavar="USER", help="May assume it (repeatable)."
    ),
    click.option(
        "--trust-role", "roles", multiple=True, metavar="ROLE", help="May assume it (repeatable)."
    ),
    click.option(
        "--trust-account", is_flag=True, help="Every user whom a policy allows may assume it."
    ),
    click.option("--description", help="What the role is for."),
    click.option("--max-session", type=int, metavar="SECONDS", help="Longest session: 3600-43200."),
)


@role.command("create")
@click.argument("name")
@_role_options
@as_json_option
@ram_options
def create_role(
    *,
    ram: RamClient,
    name: str,
    trusts: _Trust,
    description: str | None,
    max_session: int | None,
    as_json: bool,
) -> None:
    """Create a role, and say whom it trusts."""
    document = trusts.document(ram)
    if document is None:
        raise click.UsageError(
            "Whom does it trust? Give --trust-user, --trust-role, --trust-account or --trust FILE."
        )
    made = ram.call(
        "CreateRole",
        RoleName=name,
        AssumeRolePolicyDocument=document,
        Description=description,
        MaxSessionDuration=max_session,
    )
    print_entry(made["Role"], as_json=as_json)


@role.command("list")
@as_json_option
@ram_options
def list_roles(*, ram: RamClient, as_json: bool) -> None:
    """List the roles."""
    entries = ram.each("ListRoles", "Roles", "Role")
    print_entries(entries, ["RoleName", "Arn", "Description", "CreateDate"], as_json=as_json)


@role.command("show")
@click.argument("name")
@as_json_option
@ram_options
def show_role(*, ram: RamClient, name: str, as_json: bool) -> None:
    """Show a role with its trust policy and its policies."""
    entry: dict[str, Any] = {
        **ram.call("GetRole", RoleName=name)["Role"],
        "Policies": [policy["PolicyName"] for policy in attached_to(ram, "Role", name)],
    }
    print_entry(entry, as_json=as_json)


@role.command("update")
@click.argument("name")
@_role_options
@as_json_option
@ram_options
def update_role(
    *,
    ram: RamClient,
    name: str,
    trusts: _Trust,
    description: str | None,
    max_session: int | None,
    as_json: bool,
) -> None:
    """Change whom a role trusts (all of them anew), its description or its longest session."""
    document = trusts.document(ram)
    if document is None and description is None and max_session is None:
        raise SettingsError("Nothing to change: give --trust…, --description or --max-session.")
    changed = ram.call(
        "UpdateRole",
        RoleName=name,
        NewAssumeRolePolicyDocument=document,
        NewDescription=description,
        NewMaxSessionDuration=max_session,
    )
    print_entry(changed["Role"], as_json=as_json)


@role.command("delete")
@click.argument("name")
@click.option("--force", is_flag=True, help="Detach its policies first.")
@as_json_option
@ram_options
def delete_role(*, ram: RamClient, name: str, force: bool, as_json: bool) -> None:
    """Delete a role.  Its sessions end at once."""
    if force:
        detach_all(ram, "Role", name)
    ram.call("DeleteRole", RoleName=name)
    done(f"Role {name} is deleted.", as_json=as_json)
