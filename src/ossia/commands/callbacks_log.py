"""``ossia callbacks list | show | tail | replay | recover | pending``: the delivery log.

Exit codes: 0 done, 1 a callback was not accepted, 2 the command or the server could not be used.
"""

import base64
import re
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import IO, Any, Final

import click

from ossia.commands.admin_server import (
    AdminRefusedError,
    AdminServer,
    UnreachableError,
    server_options,
)
from ossia.commands.callbacks_text import line, page, pending_line, table
from ossia.commands.terminal import json_line, safe
from ossia.settings import SettingsError

_WAIT_S: Final = 15
_RETRY_S: Final = 1
_NOT_FOUND: Final = 404
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one value a line.")


def _print_json(value: object) -> None:
    click.echo(json_line(value))


@click.command("list")
@click.option("--bucket", help="Only this bucket.")
@click.option("--key", help="Only this object.")
@click.option("--request-id", help="Only the upload with this request id.")
@click.option("--failed", is_flag=True, help="Only what was not accepted.")
@click.option("--since", metavar="T", help="A time, or 30m, 2h, 1d ago.")
@click.option("--limit", default=30, show_default=True, help="Rows at most.")
@_json
@server_options
def list_(
    *, server: AdminServer, failed: bool, since: str | None, as_json: bool, **filters: Any
) -> None:
    """List attempts to deliver callbacks, newest first."""
    found = server.get(
        "callbacks", accepted=False if failed else None, since=_since(since), **filters
    )["callbacks"]
    if as_json:
        for each in found:
            _print_json(each)
        return
    for text in table(found):
        click.echo(text)
    if not found:
        click.echo("No callbacks yet: upload with a callback, then look again.", err=True)


@click.command()
@click.argument("row_id", metavar="[ID]", default="")
@click.option("--signature", is_flag=True, help="Show the string to sign for any answer.")
@click.option("--string-to-sign", is_flag=True, help="Print only those bytes.")
@_json
@server_options
def show(
    *, server: AdminServer, row_id: str, signature: bool, string_to_sign: bool, as_json: bool
) -> None:
    """Explain one attempt: the newest, or ID, which may be the upload's request id, too."""
    row = _find(server, row_id)
    if string_to_sign:
        shown = row["signature"]["string_to_sign"]
        raw = base64.b64decode(shown["base64"]) if shown["text"] is None else shown["text"].encode()
        click.echo(raw, nl=False)
    elif as_json:
        _print_json(row)
    else:
        for text in page(row, with_signature=signature):
            click.echo(text)


def _find(server: AdminServer, row_id: str) -> Any:
    """The row with that id, or the newest of the upload with that request id, or of all."""
    if row_id:
        try:
            return server.get(f"callbacks/{row_id}")
        except AdminRefusedError as refused:
            if refused.status != _NOT_FOUND:
                raise
    found = server.get("callbacks", request_id=row_id or None, limit=1)["callbacks"]
    if not found:
        what = f"{row_id!r} is neither a row nor the request id of an upload" if row_id else "none"
        raise SettingsError(
            f"No such callback: {what}. `ossia callbacks list` shows what there is; the log keeps "
            "some days."
        )
    return server.get(f"callbacks/{found[0]['id']}")


@click.command()
@click.option("--bucket", help="Only this bucket.")
@click.option("--failed", is_flag=True, help="Only what is not accepted.")
@_json
@server_options
def tail(*, server: AdminServer, bucket: str | None, failed: bool, as_json: bool) -> None:
    """Follow callbacks as they happen; end with Ctrl-C."""
    accepted = False if failed else None
    # Rows from now on: nobody wants yesterday's again.
    after = server.get("callbacks", limit=1)["latest"]
    # Scripts wait for it, too: what happens earlier is not told.
    click.echo(f"Waiting for callbacks at {server.client.endpoint} …", err=True)
    try:
        while True:
            try:
                found = server.get(
                    "callbacks", bucket=bucket, accepted=accepted, after=after, wait=_WAIT_S
                )
            except UnreachableError:
                # A server that is started anew goes on with the same log.
                time.sleep(_RETRY_S)
                continue
            after = found["latest"]
            for each in reversed(found["callbacks"]):
                if as_json:
                    _print_json(each)
                else:
                    click.echo(line(each))
            sys.stdout.flush()
    except KeyboardInterrupt:
        return


@click.command()
@click.argument("row_id", metavar="ID")
@click.option("--url", help="Send it to this URL instead.")
@click.option("--edit", is_flag=True, help="Change the body in $EDITOR first.")
@click.option("--body", type=click.File("rb"), help="Send this file as the body; - for input.")
@_json
@server_options
def replay(
    *,
    server: AdminServer,
    row_id: str,
    url: str | None,
    edit: bool,
    body: IO[bytes] | None,
    as_json: bool,
) -> None:
    """Send a callback again, with the same message id; exit 1 if it is not accepted."""
    row = _find(server, row_id)
    raw = body.read() if body is not None else _edited(row) if edit else None
    made = server.post(
        f"callbacks/{row['id']}/replay",
        url=url,
        body_base64=None if raw is None else base64.b64encode(raw).decode(),
    )
    if as_json:
        _print_json(made)
    else:
        click.echo(line(made))
    sys.exit(0 if made["accepted"] else 1)


def _edited(row: Any) -> bytes:
    text: str | None = row["body"]["text"]
    if text is None or row["is_cut"]:
        raise SettingsError("This body cannot be edited as text: use --body FILE.")
    is_json = row["headers"].get("Content-Type", "").startswith("application/json")
    edited = click.edit(text, extension=".json" if is_json else ".txt")
    if edited is None:
        raise SettingsError("The body was not changed, so nothing was sent.")
    if not text.endswith("\n"):
        # Editors end every file with a line break.
        edited = edited.removesuffix("\n")
    return str(edited).encode()


@click.command()
@click.option("--since", metavar="T", required=True, help="A time, or 30m, 2h, 1d ago.")
@click.option("--bucket", help="Only this bucket.")
@_json
@server_options
def recover(*, server: AdminServer, since: str, bucket: str | None, as_json: bool) -> None:
    """Send again what an application missed: uploads whose last attempt was not accepted."""
    after: str | None = None
    until: int | None = None
    results: list[Any] = []
    while True:
        answer = server.post(
            "callbacks/recover", since=_since(since), bucket=bucket, after=after, until=until
        )
        _tell(answer["recovered"], as_json=as_json)
        results += answer["recovered"]
        after, until = answer["next_after"], answer["until"]
        if after is None:
            break
    accepted = sum(each["last"]["accepted"] for each in results)
    if not as_json:
        click.echo(f"{len(results)} missed, {accepted} accepted now.", err=True)
    sys.exit(0 if accepted == len(results) else 1)


def _tell(recovered: Sequence[Any], *, as_json: bool) -> None:
    for each in recovered:
        if as_json:
            _print_json(each)
        elif each["skipped"]:
            last = each["last"]
            click.echo(
                f"{last['id']}  {safe(last['bucket'] + '/' + last['key'])}  left alone: "
                f"{safe(each['skipped'])}"
            )
        else:
            click.echo(line(each["last"]))
    sys.stdout.flush()


@click.command()
@click.option("--bucket", help="Only this bucket.")
@click.option("--dead", is_flag=True, help="Those that were given up.")
@click.option("--retry", metavar="ID", help="Try this one now.")
@click.option("--drop", metavar="ID", help="Owe this one no longer.")
@_json
@server_options
def pending(
    *,
    server: AdminServer,
    bucket: str | None,
    dead: bool,
    retry: str | None,
    drop: str | None,
    as_json: bool,
) -> None:
    """List the callbacks that are owed (mode outbox); try or drop one."""
    if retry:
        accepted = server.post(f"callbacks/pending/{retry}/retry")["accepted"]
        if as_json:
            _print_json({"accepted": accepted})
        else:
            click.echo(
                "Accepted." if accepted else "Not accepted: `ossia callbacks show` says why."
            )
        sys.exit(0 if accepted else 1)
    if drop:
        server.get(f"callbacks/pending/{drop}", "DELETE")
        return
    for each in server.rows("callbacks/pending", "pending", bucket=bucket, dead=dead):
        if as_json:
            _print_json(each)
        else:
            click.echo(pending_line(each))


def _since(text: str | None) -> str | None:
    """The API's form of a time or of a duration before now."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text.strip())
    if found:
        return str(round((time.time() - int(found[1]) * _UNITS[found[2]]) * 1000))
    try:
        return str(round(datetime.fromisoformat(text).timestamp() * 1000))
    except ValueError as error:
        raise SettingsError(
            f"--since {text!r} is neither a time (2026-11-21T10:00) nor a duration (30m, 2h, 1d)."
        ) from error


COMMANDS: Final = (list_, show, tail, replay, recover, pending)
"""What the group ``ossia callbacks`` takes over."""
