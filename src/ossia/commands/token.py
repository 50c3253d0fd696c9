"""``ossia token assume``: temporary keys of a role, ready to paste."""

import json
from pathlib import Path
from typing import Any, Final

import click

from ossia.client.ram import STS_VERSION, RamClient, RamRefused
from ossia.commands.ram import account_of, as_json_option, document_of, print_entry, ram_options
from ossia.commands.token_snippets import SNIPPETS, Lent
from ossia.settings import SettingsError

_FORBIDDEN: Final = "NoPermission"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def token() -> None:
    """Tokens: temporary keys of roles."""


@token.command()
@click.argument("role")
@click.option("--session", default="ossia-cli", show_default=True, help="Name, for audit.")
@click.option("--duration", type=int, metavar="SECONDS", help="900 up to the role's longest.")
@click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Session policy: allows no more than it says.",
)
@click.option("--bucket", help="Only this bucket; what the examples of --for use.")
@click.option("--prefix", help="Only what begins so; with --bucket.")
@click.option("--region", default="cn-hangzhou", show_default=True, help="For --for.")
@click.option("--for", "target", type=click.Choice(tuple(SNIPPETS)), help="Print this instead.")
@as_json_option
@ram_options
def assume(
    *,
    ram: RamClient,
    role: str,
    session: str,
    duration: int | None,
    policy: Path | None,
    bucket: str | None,
    prefix: str | None,
    region: str,
    target: str | None,
    as_json: bool,
) -> None:
    """Assume ROLE (a name or an ARN) with the key of a user whom it trusts.

    \b
    ossia token assume uploader --bucket photos --prefix users/7/
    eval "$(ossia token assume uploader --for env)"
    ossia token assume uploader --bucket photos --for python > list.py
    """
    answer = _assume(
        ram,
        RoleArn=role if role.startswith("acs:") else f"acs:ram::{account_of(ram)}:role/{role}",
        RoleSessionName=session,
        DurationSeconds=duration,
        Policy=_session_policy(policy, bucket, prefix),
    )
    given = answer["Credentials"]
    if target is None:
        print_entry({**given, "Arn": answer["AssumedRoleUser"]["Arn"]}, as_json=as_json)
        return
    lent = Lent(
        endpoint=ram.endpoint,
        region=region,
        access_key_id=given["AccessKeyId"],
        access_key_secret=given["AccessKeySecret"],
        security_token=given["SecurityToken"],
        bucket=bucket or "BUCKET",
        prefix=prefix or "",
    )
    click.echo(SNIPPETS[target](lent), nl=False)


def _assume(ram: RamClient, **parameters: object) -> dict[str, Any]:
    try:
        return ram.call("AssumeRole", Version=STS_VERSION, **parameters)
    except RamRefused as refused:
        if refused.code != _FORBIDDEN:
            raise
        raise SettingsError(
            f"{refused} Three things are needed: the key of a user (not the root's), such as "
            "--access-key-id of `ossia key create app`; a policy that lets him (`ossia policy "
            "attach AliyunSTSAssumeRoleAccess --user app`); a role that trusts him (`ossia role "
            "update ROLE --trust-user app`)."
        ) from refused


def _session_policy(policy: Path | None, bucket: str | None, prefix: str | None) -> str | None:
    if policy is not None:
        if prefix is not None:
            raise click.UsageError("--policy says it all: leave --prefix away.")
        return document_of(policy)
    if prefix is None:
        return None
    if not bucket:
        raise click.UsageError("--prefix goes with --bucket.")
    if any(mark in bucket + prefix for mark in "*?$") or not prefix:
        raise click.UsageError("--prefix is text: * and ? stand for anything in policies.")
    return _for_prefix(bucket, prefix)


def _for_prefix(bucket: str, prefix: str) -> str:
    """Everything with objects below *prefix*, and to list them."""
    statements = [
        {
            "Effect": "Allow",
            "Action": ["oss:*"],
            "Resource": [f"acs:oss:*:*:{bucket}/{prefix}*"],
        },
        {
            "Effect": "Allow",
            "Action": ["oss:ListObjects"],
            "Resource": [f"acs:oss:*:*:{bucket}"],
            "Condition": {"StringLike": {"oss:Prefix": [f"{prefix}*"]}},
        },
    ]
    return json.dumps({"Version": "1", "Statement": statements}, separators=(",", ":"))
