"""``ossia policy create | list | show | delete | attach | detach | version …``."""

from pathlib import Path
from typing import Any, Final

import click

from ossia.client.ram import RamClient
from ossia.commands.ram import (
    JSON_FILE,
    as_json_option,
    document_of,
    done,
    holder_options,
    names_of,
    policy_type_of,
    print_entries,
    print_entry,
    ram_options,
)


@click.command("create")
@click.argument("name")
@click.argument("file", type=JSON_FILE)
@click.option("--description", help="What the policy is for.")
@as_json_option
@ram_options
def create(
    *, ram: RamClient, name: str, file: Path, description: str | None, as_json: bool
) -> None:
    """Create a policy from the JSON in FILE; it counts when it is attached."""
    made = ram.call(
        "CreatePolicy",
        PolicyName=name,
        PolicyDocument=document_of(file),
        Description=description,
    )
    print_entry(made["Policy"], as_json=as_json)


@click.command("list")
@click.option("--own", is_flag=True, help="Leave the system's out.")
@as_json_option
@ram_options
def list_(*, ram: RamClient, own: bool, as_json: bool) -> None:
    """List the policies."""
    entries = (
        entry
        for entry in ram.each("ListPolicies", "Policies", "Policy")
        if not own or entry["PolicyType"] == "Custom"
    )
    columns = ["PolicyName", "PolicyType", "DefaultVersion", "AttachmentCount", "Description"]
    print_entries(entries, columns, as_json=as_json)


@click.command("show")
@click.argument("name")
@click.option("--version", "version_id", metavar="ID", help="Another version, such as v2.")
@as_json_option
@ram_options
def show(*, ram: RamClient, name: str, version_id: str | None, as_json: bool) -> None:
    """Show a policy: its document, and who has it."""
    which: dict[str, Any] = {"PolicyType": policy_type_of(ram, name), "PolicyName": name}
    found = ram.call("GetPolicy", **which)
    version = found["DefaultPolicyVersion"]
    if version_id is not None:
        version = ram.call("GetPolicyVersion", VersionId=version_id, **which)["PolicyVersion"]
    holders = ram.call("ListEntitiesForPolicy", **which)
    entry = {
        **found["Policy"],
        "Users": names_of(holders, "Users", "User", "UserName"),
        "Groups": names_of(holders, "Groups", "Group", "GroupName"),
        "Roles": names_of(holders, "Roles", "Role", "RoleName"),
        "VersionId": version["VersionId"],
        "PolicyDocument": version["PolicyDocument"],
    }
    print_entry(entry, as_json=as_json)


@click.command("delete")
@click.argument("name")
@click.option("--force", is_flag=True, help="Detach it everywhere, and delete all versions.")
@as_json_option
@ram_options
def delete(*, ram: RamClient, name: str, force: bool, as_json: bool) -> None:
    """Delete a policy that nobody has."""
    if force:
        which = {"PolicyType": "Custom", "PolicyName": name}
        holders = ram.call("ListEntitiesForPolicy", **which)
        for kind in ("User", "Group", "Role"):
            for holder in names_of(holders, f"{kind}s", kind, f"{kind}Name"):
                ram.call(f"DetachPolicyFrom{kind}", **which, **{f"{kind}Name": holder})
    ram.call("DeletePolicy", PolicyName=name, CascadingDelete=force)
    done(f"Policy {name} is deleted.", as_json=as_json)


def _attachment(name: str, action: str, after: str, text: str) -> click.Command:
    @click.command(name, help=text)
    @click.argument("policy_name", metavar="NAME")
    @as_json_option
    @holder_options
    @ram_options
    def command(
        *, ram: RamClient, policy_name: str, holder: tuple[str, str], as_json: bool
    ) -> None:
        kind, whose = holder
        ram.call(
            f"{action}{kind}",
            PolicyType=policy_type_of(ram, policy_name),
            PolicyName=policy_name,
            **{f"{kind}Name": whose},
        )
        done(f"{kind} {whose} has policy {policy_name}{after}.", as_json=as_json)

    return command


attach = _attachment("attach", "AttachPolicyTo", "", "Give a policy to a user, a group or a role.")
detach = _attachment(
    "detach", "DetachPolicyFrom", " no more", "Take a policy from a user, a group or a role."
)


@click.group("version")
def version() -> None:
    """Versions of a policy: five at most, one of which counts."""


@version.command("list")
@click.argument("name")
@as_json_option
@ram_options
def list_versions(*, ram: RamClient, name: str, as_json: bool) -> None:
    """List the versions of a policy."""
    answer = ram.call("ListPolicyVersions", PolicyType=policy_type_of(ram, name), PolicyName=name)
    entries = answer["PolicyVersions"]["PolicyVersion"]
    print_entries(entries, ["VersionId", "IsDefaultVersion", "CreateDate"], as_json=as_json)


@version.command("create")
@click.argument("name")
@click.argument("file", type=JSON_FILE)
@click.option("--default/--no-default", "counts", default=True, help="Whether it counts at once.")
@click.option("--rotate", is_flag=True, help="Replace the oldest one if there are five.")
@as_json_option
@ram_options
def create_version(
    *, ram: RamClient, name: str, file: Path, counts: bool, rotate: bool, as_json: bool
) -> None:
    """Add the JSON in FILE as a version; it counts from now on."""
    made = ram.call(
        "CreatePolicyVersion",
        PolicyName=name,
        PolicyDocument=document_of(file),
        SetAsDefault=counts,
        RotateStrategy="DeleteOldestNonDefaultVersionWhenLimitExceeded" if rotate else None,
    )
    print_entry(made["PolicyVersion"], as_json=as_json)


@version.command("use")
@click.argument("name")
@click.argument("version_id", metavar="ID")
@as_json_option
@ram_options
def use_version(*, ram: RamClient, name: str, version_id: str, as_json: bool) -> None:
    """Let version ID count, such as v1."""
    ram.call("SetDefaultPolicyVersion", PolicyName=name, VersionId=version_id)
    done(f"Version {version_id} of policy {name} counts.", as_json=as_json)


@version.command("delete")
@click.argument("name")
@click.argument("version_id", metavar="ID")
@as_json_option
@ram_options
def delete_version(*, ram: RamClient, name: str, version_id: str, as_json: bool) -> None:
    """Delete a version that does not count."""
    ram.call("DeletePolicyVersion", PolicyName=name, VersionId=version_id)
    done(f"Version {version_id} of policy {name} is deleted.", as_json=as_json)


COMMANDS: Final[tuple[click.Command, ...]] = (
    create,
    list_,
    show,
    delete,
    attach,
    detach,
    version,
)
