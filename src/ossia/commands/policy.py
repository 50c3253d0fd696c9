"""``ossia policy``: what policies permit, asked of a running server.

To keep them is the business of `commands.ram_policies`.
Each command is a function in `COMMANDS`; another one needs no more than its line there.
"""

from typing import Any, Final

import click

from ossia.commands import ram_policies
from ossia.commands.admin_server import AdminServer, server_options
from ossia.commands.terminal import json_line, safe


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def policy() -> None:
    """Policies: what users, groups and roles may do, and why.

    \b
    ossia policy create write-photos write-photos.json
    ossia policy attach write-photos --user app
    ossia policy explain --as user/app --action oss:PutObject --resource photos/a.png
    """


@click.command()
@click.option(
    "--as",
    "who",
    required=True,
    metavar="ARN",
    help="Who asks: an ARN, or root, anonymous, user/NAME, role/NAME, assumed-role/NAME/SESSION.",
)
@click.option("--action", required=True, metavar="ACTION", help="Such as oss:GetObject.")
@click.option(
    "--resource", required=True, metavar="RESOURCE", help="An ARN, BUCKET, BUCKET/KEY, or *."
)
@click.option(
    "--context",
    multiple=True,
    metavar="KEY=VALUE",
    help="What the request has under a condition key, such as acs:SourceIp=10.0.0.1; repeatable.",
)
@click.option(
    "--session-policy",
    type=click.File(),
    metavar="FILE",
    help="A policy that narrows the session.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@server_options
def explain(
    *,
    server: AdminServer,
    who: str,
    action: str,
    resource: str,
    context: tuple[str, ...],
    session_policy: Any,
    as_json: bool,
) -> None:
    """Tell whether somebody may do something, and which statements say so."""
    found = server.post(
        "policies/explain",
        **{"as": who},
        action=action,
        resource=resource,
        context=_pairs(context),
        session_policy=None if session_policy is None else session_policy.read(),
    )
    click.echo(json_line(found) if as_json else "\n".join(map(safe, _lines(found))))


COMMANDS: Final = (explain, *ram_policies.COMMANDS)

for each in COMMANDS:
    policy.add_command(each)


def _pairs(given: tuple[str, ...]) -> dict[str, list[str]]:
    pairs: dict[str, list[str]] = {}
    for pair in given:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise click.BadParameter(
                f"{pair!r} is not KEY=VALUE, such as acs:SourceIp=10.0.0.1.",
                param_hint="--context",
            )
        pairs.setdefault(key, []).append(value)
    return pairs


def _lines(found: dict[str, Any]) -> list[str]:
    outcome = "Allowed" if found["allowed"] else "Refused"
    lines = [f"{outcome}: {found['because']}."]
    lines.append(f"{found['as']}  {found['action']}  {found['resource']}")
    for each in found["policies"]:
        lines.append("")
        lines.append(f"{each['kind']} {each['name']}".rstrip())
        lines += [line for statement in each["statements"] for line in _told(statement)]
    if not found["policies"]:
        lines.append("No policy is in play.")
    lines.append("")
    helps = "" if found["acl_may_help"] else " (no ACL can grant this action)"
    lines.append(f"ACL: {found['acl']}{helps}")
    if found["public_access_blocked"]:
        lines.append("Public access is blocked: public ACLs and public statements do not count.")
    return lines


def _told(statement: dict[str, Any]) -> list[str]:
    head = f"  {statement['label']:<16} {statement['effect']:<5}"
    if statement["matches"]:
        return [f"{head} matches"]
    unset = [f"    {name} has no value here" for name in statement["unset"]]
    if statement["misses"]:
        return [f"{head} does not match: {', '.join(statement['misses'])}", *unset]
    return [f"{head} does not match: Condition", *unset] + [
        f"    {unmet['operator']} {unmet['key']}: wanted {_listed(unmet['wanted'])}, "
        f"the request has {_listed(unmet['found']) or 'nothing'}"
        for unmet in statement["unmet"]
    ]


def _listed(values: list[str]) -> str:
    return " or ".join(repr(value) for value in values)
