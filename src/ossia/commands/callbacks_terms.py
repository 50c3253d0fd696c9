"""``ossia callbacks terms``: what the callbacks of one bucket guarantee."""

import json
from typing import Any

import click

from ossia.commands.admin_server import AdminServer, server_options

MODES = ("oss", "outbox", "commit-on-200")


@click.command()
@click.argument("bucket")
@click.option(
    "--mode",
    type=click.Choice(MODES),
    help="oss: one attempt. outbox: kept and tried again until accepted. commit-on-200: the object "
    "is visible only if the application accepts it.",
)
@click.option("--webhooks/--no-webhooks", default=None, help="Sign as Standard Webhooks, too.")
@click.option("--traceparent/--no-traceparent", default=None, help="Pass the W3C trace on.")
@click.option("--server-default", is_flag=True, help="Follow the server's settings again.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@server_options
def terms(
    *, server: AdminServer, bucket: str, server_default: bool, as_json: bool, **wanted: Any
) -> None:
    """Show or change what the callbacks of BUCKET guarantee (beyond OSS)."""
    path = f"buckets/{bucket}/callbacks"
    changes = {name: value for name, value in wanted.items() if value is not None}
    if server_default and changes:
        raise click.UsageError("--server-default goes with no other change.")
    shown = server.get(path, "DELETE" if server_default else "GET")
    if changes:
        kept = {name: value for name, value in shown.items() if name != "own"}
        shown = server.post(path, "PUT", **{**kept, **changes})
    if as_json:
        click.echo(json.dumps(shown))
        return
    source = "its own" if shown["own"] else "the server's"
    click.echo(f"bucket       {bucket} ({source} terms)")
    click.echo(f"mode         {shown['mode']}")
    for name in ("webhooks", "traceparent"):
        click.echo(f"{name:<12} {'on' if shown[name] else 'off'}")
