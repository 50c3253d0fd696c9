"""``ossia kms``: keys for server-side encryption, and the master key that seals them.

They ask the admin API of a running server, as any other client.
"""

from typing import Any, Final

import click

from ossia.commands.admin_server import AdminServer, server_options
from ossia.commands.ram import as_json_option, done, print_entries, print_entry
from ossia.commands.terminal import json_line, safe
from ossia.protocol.seal import make_key

_CONTEXT: Final[dict[str, Any]] = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=_CONTEXT)
def kms() -> None:
    """Keys for server-side encryption, and the master key that seals them.

    \b
    ossia kms key create --description photos
    ossia kms key rotate ID
    ossia kms master-key rotate
    """


@kms.group()
def key() -> None:
    """Keys that requests name as x-oss-server-side-encryption-key-id."""


@key.command()
@click.option("--description", default="", help="What it is for.")
@as_json_option
@server_options
def create(*, server: AdminServer, description: str, as_json: bool) -> None:
    """Make a key, and print its id."""
    made = server.post("kms/keys", description=description)
    click.echo(json_line(made) if as_json else safe(made["id"]))


@key.command("list")
@as_json_option
@server_options
def list_keys(*, server: AdminServer, as_json: bool) -> None:
    """List the keys."""
    found = server.get("kms/keys")["keys"]
    print_entries(found, ["id", "state", "created_at", "description"], as_json=as_json)


@key.command()
@click.argument("key_id", metavar="ID")
@as_json_option
@server_options
def show(*, server: AdminServer, key_id: str, as_json: bool) -> None:
    """Show a key and its versions."""
    found = server.get(f"kms/keys/{key_id}")
    if not as_json:
        found["versions"] = [f"{each['number']} ({each['made_at']})" for each in found["versions"]]
    print_entry(found, as_json=as_json)


@key.command()
@click.argument("key_id", metavar="ID")
@as_json_option
@server_options
def disable(*, server: AdminServer, key_id: str, as_json: bool) -> None:
    """Let nobody read or write what is encrypted under a key, until it is enabled."""
    server.post(f"kms/keys/{key_id}/disable")
    done(f"{key_id} is disabled: its objects can be neither read nor written.", as_json=as_json)


@key.command()
@click.argument("key_id", metavar="ID")
@as_json_option
@server_options
def enable(*, server: AdminServer, key_id: str, as_json: bool) -> None:
    """Let a key be used again."""
    server.post(f"kms/keys/{key_id}/enable")
    done(f"{key_id} is enabled.", as_json=as_json)


@key.command()
@click.argument("key_id", metavar="ID")
@as_json_option
@server_options
def rotate(*, server: AdminServer, key_id: str, as_json: bool) -> None:
    """Use a new version of a key from now on; no object is touched, and old ones stay readable."""
    number = server.post(f"kms/keys/{key_id}/rotate")["versions"][-1]["number"]
    done(f"Version {number} of {key_id} is used from now on.", as_json=as_json)


@key.command()
@click.argument("key_id", metavar="ID")
@click.option(
    "--days",
    type=click.IntRange(0, 366),
    default=30,
    show_default=True,
    help="Until it is gone; 0: at once, and for good.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json_option
@server_options
def delete(*, server: AdminServer, key_id: str, days: int, yes: bool, as_json: bool) -> None:
    """Delete a key: in some days everything that is encrypted under it is lost for good."""
    if not yes:
        click.confirm(
            f"Everything that is encrypted under {key_id} will be lost. Delete it?", abort=True
        )
    when = server.get(f"kms/keys/{key_id}", "DELETE", days=days)["delete_at"]
    text = f"{key_id} is gone." if not days else f"{key_id} is gone on {when}."
    done(f"{text} Until then `ossia kms key keep` keeps it." if days else text, as_json=as_json)


@key.command()
@click.argument("key_id", metavar="ID")
@as_json_option
@server_options
def keep(*, server: AdminServer, key_id: str, as_json: bool) -> None:
    """Keep a key that was to be deleted; it is disabled then."""
    server.post(f"kms/keys/{key_id}/keep")
    done(f"{key_id} stays. It is disabled: `ossia kms key enable {key_id}`.", as_json=as_json)


@kms.group("master-key")
def master_key() -> None:
    """The master key, under which the keys themselves are sealed."""


@master_key.command()
def new() -> None:
    """Print a new master key, for gateways that share a database (docs/encryption.md)."""
    click.echo(make_key())


@master_key.command("rotate")
@as_json_option
@server_options
def rotate_master_key(*, server: AdminServer, as_json: bool) -> None:
    """Seal every key under another master key; no object is touched."""
    found = server.post("kms/master-key/rotate")
    if as_json:
        click.echo(json_line(found))
        return
    click.echo(
        safe(f"{found['keys']} keys are sealed under the new master key in {found['file']}.")
    )
    if found["lost"]:
        click.echo(f"{found['lost']} keys could not be opened and are as they were.", err=True)
    click.echo(safe(found["next"]))
