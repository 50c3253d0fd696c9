"""What the commands about users, groups, roles, policies and tokens share.

They ask RAM and STS over HTTP, as any other client.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click

from ossia.client.ram import STS_VERSION, RamClient, RamRefused, RamUnreachable
from ossia.commands.access_options import Access, access_options
from ossia.commands.terminal import json_line, safe
from ossia.settings import SettingsError

_Command = Callable[..., Any]

NOT_FOUND: Final = 404
_REMEDIES: Final = {
    "NoPermission": " The key of --access-key-id needs a policy that allows this action.",
    "InvalidAccessKeyId.NotFound": " Check --access-key-id, or the folder of --data.",
    "SignatureDoesNotMatch": " Check --access-key-secret.",
    "DeleteConflict.User": " With --force, keys, memberships and attached policies go with it.",
    "DeleteConflict.Group": " With --force, members leave and policies are detached first.",
    "DeleteConflict.Role": " With --force, policies are detached first.",
    "DeleteConflict.Policy": " With --force, it is detached everywhere and all versions go.",
    "LimitExceeded.User.AccessKey": " Delete one with `ossia key delete`.",
    "LimitExceeded.Policy.Version": " Give --rotate to replace the oldest one.",
}
"""What to do about a refusal, by the beginning of its code."""


def ram_options(command: _Command) -> _Command:
    """Give *command* the options that name server and key; it receives ``ram``.

    A refusal of the server becomes one line.
    """

    def with_ram(*, access: Access, **others: Any) -> Any:
        ram = RamClient(access.endpoint, access.access_key_id, access.secret, access.security_token)
        try:
            return command(ram=ram, **others)
        except RamUnreachable as error:
            raise SettingsError(
                f"{error} Start the server with `ossia serve`, or name it with --endpoint."
            ) from error
        except RamRefused as refused:
            remedies = [text for code, text in _REMEDIES.items() if refused.code.startswith(code)]
            raise SettingsError(f"{refused}{''.join(remedies)}") from refused

    with_ram.__name__ = command.__name__
    with_ram.__doc__ = command.__doc__
    return access_options(with_ram)


JSON_FILE: Final = click.Path(path_type=Path, dir_okay=False)
"""The type of arguments that name a policy file."""
as_json_option: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def account_of(ram: RamClient) -> str:
    """The account of the key."""
    account: str = ram.call("GetCallerIdentity", Version=STS_VERSION)["AccountId"]
    return account


def document_of(path: Path) -> str:
    """The text of a policy file.  What is wrong with the policy itself the server says."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8: save it as such.") from error
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingsError(
            f"{path} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        ) from error
    # The server counts characters, which white space should not use up.
    return json.dumps(parsed, ensure_ascii=False, separators=(",", ":"))


def print_entries(
    entries: Iterable[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool
) -> None:
    """A list: everything as JSON, or *columns* as a table."""
    found = list(entries)
    if as_json:
        click.echo(json_line(found))
        return
    rows = [[safe(str(entry.get(column, ""))) for column in columns] for entry in found]
    widths = [max(len(row[at]) for row in [list(columns), *rows]) for at in range(len(columns))]
    for row in [list(columns), *rows] if rows else []:
        padded = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        click.echo("  ".join(padded).rstrip())
    if not rows:
        click.echo("None yet.", err=True)


def print_entry(entry: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing: as JSON, or a line for each of its fields that say something."""
    if as_json:
        click.echo(json_line(entry))
        return
    for name, value in entry.items():
        if value not in ("", None, []):
            text = ", ".join(value) if isinstance(value, list) else str(value)
            click.echo(f"{safe(name):<24} {_readable(text)}")


def _readable(text: str) -> str:
    """A policy, indented; any other text in one line."""
    if text.startswith("{"):
        with suppress(ValueError):
            return "\n" + json_line(json.loads(text), indent=2)
    return safe(text)


def done(text: str, *, as_json: bool) -> None:
    """Say what happened; scripts read the exit code."""
    click.echo(json_line({"done": text}) if as_json else safe(text))


def names_of(answer: Mapping[str, Any], plural: str, singular: str, name: str) -> list[str]:
    """One field of every entry of a list in an answer."""
    return [entry[name] for entry in answer[plural][singular]]


def holder_options(command: _Command) -> _Command:
    """``--user``, ``--group`` and ``--role``; *command* receives ``holder``: kind and name."""

    def with_holder(*, user: str | None, group: str | None, role: str | None, **more: Any) -> Any:
        given = [
            (kind, name)
            for kind, name in (("User", user), ("Group", group), ("Role", role))
            if name
        ]
        if len(given) != 1:
            raise click.UsageError("Give one of --user, --group and --role.")
        return command(holder=given[0], **more)

    with_holder.__name__ = command.__name__
    with_holder.__doc__ = command.__doc__
    vars(with_holder)["__click_params__"] = getattr(command, "__click_params__", [])
    for kind in ("role", "group", "user"):
        with_holder = click.option(f"--{kind}", metavar="NAME", help=f"A {kind}'s name.")(
            with_holder
        )
    return with_holder


def policy_type_of(ram: RamClient, name: str) -> str:
    """``Custom`` for one of the account's own, otherwise ``System``."""
    try:
        ram.call("GetPolicy", PolicyType="Custom", PolicyName=name)
    except RamRefused as refused:
        if refused.status != NOT_FOUND:
            raise
        return "System"
    return "Custom"


def attached_to(ram: RamClient, kind: str, name: str) -> list[dict[str, Any]]:
    """The policies that a user, group or role has itself."""
    answer = ram.call(f"ListPoliciesFor{kind}", **{f"{kind}Name": name})
    found: list[dict[str, Any]] = answer["Policies"]["Policy"]
    return found


def detach_all(ram: RamClient, kind: str, name: str) -> None:
    """Take every policy from a user, group or role."""
    for policy in attached_to(ram, kind, name):
        ram.call(
            f"DetachPolicyFrom{kind}",
            PolicyType=policy["PolicyType"],
            PolicyName=policy["PolicyName"],
            **{f"{kind}Name": name},
        )
