"""``ossia lifecycle``: what the lifecycle rules of a bucket would do, asked of a running server."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import click

from ossia.commands.admin_server import AdminServer, server_options
from ossia.commands.terminal import json_line, safe

_POLL_S: Final = 0.5


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def lifecycle() -> None:
    """Lifecycle rules: what would go, by which rule, and when they were gone by last.

    \b
    ossia lifecycle explain photos --at 2027-01-01
    ossia lifecycle status photos
    """


@lifecycle.command()
@click.argument("bucket")
@click.option("--prefix", default="", metavar="TEXT", help="Keys that begin so.  [default: all]")
@click.option(
    "--at",
    metavar="DATE",
    help="As it will be then, if nothing changes: 2026-12-24, or a time with its zone.  "
    "[default: now]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one line for each of them.")
@server_options
def explain(
    *, server: AdminServer, bucket: str, prefix: str, at: str | None, as_json: bool
) -> None:
    """Tell what is due in BUCKET, and by which rule.  Nothing is done.

    The worker acts upon it at its next pass: after midnight UTC, and when rules change.
    """
    counts: Counter[str] = Counter()
    looked_at = 0
    for answer in _answers(server, bucket, prefix=prefix, at=at):
        looked_at = answer["looked_at"]
        for each in answer["due"]:
            counts[_deed(each)] += 1
            click.echo(json_line(each) if as_json else safe(_line(each)))
    if not as_json:
        done = ", ".join(f"{deed}: {count}" for deed, count in sorted(counts.items()))
        click.echo(f"{done or 'Nothing is due'} (of {looked_at} looked at).")


@lifecycle.command()
@click.argument("bucket")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@server_options
def status(*, server: AdminServer, bucket: str, as_json: bool) -> None:
    """Tell how far the worker has come in BUCKET, or what it did last."""
    _show(server.get(f"buckets/{bucket}/lifecycle"), as_json=as_json)


@lifecycle.command()
@click.argument("bucket")
@click.option("--wait", is_flag=True, help="Return when it is done.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@server_options
def run(*, server: AdminServer, bucket: str, wait: bool, as_json: bool) -> None:
    """Go through BUCKET once more, today's pass notwithstanding.

    The worker does it at its next look (--lifecycle-interval of the server); a pass that is being
    made comes to its end before.
    """
    found = server.post(f"buckets/{bucket}/lifecycle/run")
    while wait and found["stage"] != "done":
        time.sleep(_POLL_S)
        found = server.get(f"buckets/{bucket}/lifecycle")
    _show(found, as_json=as_json)


def _answers(server: AdminServer, bucket: str, **asked: Any) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        answer = server.get(f"buckets/{bucket}/lifecycle/explain", **asked, after=after)
        yield answer
        after = answer["after"]
        if not after:
            return


def _deed(each: dict[str, Any]) -> str:
    new = each["storage_class"]
    return f"{each['deed']} to {new}" if new else str(each["deed"])


def _line(each: dict[str, Any]) -> str:
    which = each["version"] or each["upload"]
    what = f"{each['key']} ({which})" if which else each["key"]
    return f"{_deed(each):<24} {what}  [{each['rule']}: {each['reason']}; since {each['since']}]"


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json_line(found))
        return
    click.echo(f"stage      {found['stage']}")
    for name in ("begun", "ended"):
        if found[name]:
            click.echo(f"{name:<10} {found[name]}")
    click.echo(f"looked at  {found['looked_at']}")
    for name, count in sorted(found["counts"].items()):
        click.echo(f"{name:<10} {count}")
