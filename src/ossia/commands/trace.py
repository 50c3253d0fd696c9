"""``ossia trace REQUEST_ID``: everything that is known of one request, as one story.

Log lines come from files, deliveries and what is owed from the server that is running; either alone
is worth a look.  Exit codes: 0 something is known, 1 nothing is, 2 it could not be looked for.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from ossia.commands.access_options import access_of, plain_access_options
from ossia.commands.admin_server import AdminServer, server_of
from ossia.commands.callbacks_text import result
from ossia.commands.terminal import json_line, safe
from ossia.logs.files import events_about, siblings
from ossia.settings import SettingsError

_ID: Final = re.compile(r"[0-9A-Za-z_-]{8,64}")
_SHOWN_ELSEWHERE: Final = frozenset(
    {"time", "level", "event", "exception", "request_id", "method", "path", "operation", "bucket"}
    | {"key", "status", "us", "caller", "arn", "caller_kind", "peer", "received", "sent"}
)


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened: when, where that is known from, and what is known."""

    at: str
    source: str
    facts: Mapping[str, Any]

    def instant(self) -> datetime:
        """When, to be compared."""
        found = datetime.fromisoformat(self.at)
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@dataclass(slots=True)
class Story:
    """What was found, where was looked, and where nothing could be seen."""

    moments: list[Moment] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def read_logs(self, request_id: str, paths: tuple[Path, ...]) -> None:
        """Add the lines of *paths* and of what they were rotated to."""
        for path in paths:
            found = siblings(path)
            if not found:
                self.faults.append(f"{path}: there is no such file")
            for each in found:
                try:
                    self._read_log(request_id, each)
                except (OSError, EOFError) as error:
                    reason = getattr(error, "strerror", None) or str(error)
                    self.faults.append(f"{each}: {reason}")

    def _read_log(self, request_id: str, path: Path) -> None:
        # Of a file that breaks off the beginning counts.
        self.places.append(str(path))
        for event in events_about(request_id, path):
            self.moments.append(Moment(event["time"], "log", event))

    def ask(self, request_id: str, server: AdminServer) -> None:
        """Add what *server* knows."""
        try:
            for row in _deliveries(server, request_id):
                self.moments.append(Moment(row["at"], "delivery", row))
            for row in _owed(server, request_id):
                self.moments.append(Moment(row["created_at"], "owed", row))
        except SettingsError as error:
            self.faults.append(str(error))
        else:
            self.places.append(server.client.endpoint)


def _deliveries(server: AdminServer, request_id: str) -> Iterator[Any]:
    before: str | None = None
    while True:
        page = server.get("callbacks", request_id=request_id, before=before)
        yield from page["callbacks"]
        before = page["next_before"]
        if before is None:
            return


def _owed(server: AdminServer, request_id: str) -> Iterator[Any]:
    for dead in (False, True):
        yield from server.rows("callbacks/pending", "pending", request_id=request_id, dead=dead)


@click.command()
@click.argument("request_id")
@click.option(
    "--log",
    "logs",
    type=click.Path(path_type=Path),
    multiple=True,
    envvar="OSSIA_LOG_FILE",
    show_envvar=True,
    help="Log file, read with what it was rotated to (FILE.1, FILE-20261128.gz, …).",
)
@click.option("--no-server", is_flag=True, help="Read log files only.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one value a line.")
@plain_access_options
def trace(
    *, request_id: str, logs: tuple[Path, ...], no_server: bool, as_json: bool, **place: Any
) -> None:
    """Tell the story of one request: log lines, attempts to deliver its callback, what is owed.

    REQUEST_ID is what every answer has as x-oss-request-id, and every error as RequestId.
    """
    request_id = request_id.strip()
    if not _ID.fullmatch(request_id):
        raise SettingsError(
            f"{request_id!r} is no request id: give what x-oss-request-id or RequestId says."
        )
    story = Story()
    story.read_logs(request_id, logs)
    if not no_server:
        try:
            server = server_of(access_of(**place))
        except SettingsError as error:
            story.faults.append(str(error))
        else:
            story.ask(request_id, server)
    for each in story.faults:
        click.echo(f"ossia trace: {safe(each)}", err=True)
    if not story.moments:
        _tell_nothing(request_id, story, logs)
    for moment in sorted(story.moments, key=Moment.instant):
        if as_json:
            click.echo(json_line({"source": moment.source, "at": moment.at} | dict(moment.facts)))
        else:
            for text in _lines(moment):
                click.echo(text)


def _tell_nothing(request_id: str, story: Story, logs: tuple[Path, ...]) -> None:
    where = ", ".join(story.places) or "nowhere"
    hint = "" if logs else "  Name the server's log with --log."
    click.echo(f"Nothing is known of {request_id}; looked in: {safe(where)}.{hint}", err=True)
    sys.exit(1 if story.places else 2)


# --- for people


def _lines(moment: Moment) -> Iterator[str]:
    facts = moment.facts
    at = moment.instant().astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    head = f"{at}  {moment.source:<8}  "
    if moment.source == "delivery":
        yield f"{head}{facts['kind']} {facts['attempt']} to {safe(facts['url'])}: {result(facts)}"
        if not facts["accepted"]:
            yield from (f"{'':<35}{safe(each)}" for each in facts["explanation"])
        yield f"{'':<35}ossia callbacks show {safe(facts['id'])}"
    elif moment.source == "owed":
        yield f"{head}{_owed_line(facts)}"
    elif facts["event"] == "access":
        yield f"{head}{_access_line(facts)}"
    else:
        yield f"{head}{facts['level']} {safe(str(facts['event']))}{_rest(facts)}"
        trace_back = str(facts.get("exception", ""))
        yield from (f"{'':<35}{safe(each)}" for each in trace_back.split("\n") if each)


def _access_line(facts: Mapping[str, Any]) -> str:
    def said(name: str) -> str:
        return safe(str(facts.get(name, "")))

    what = said("operation") or f"{said('method')} {said('path')}"
    on = f" {said('bucket')}" if said("bucket") else ""
    on += f"/{said('key')}" if said("key") else ""
    who = said("arn") or said("caller_kind") or "nobody known"
    return (
        f"{what}{on} by {who} from {said('peer')}: {said('status')} in {_ms(facts.get('us'))} ms, "
        f"{said('received')} bytes in, {said('sent')} out{_rest(facts)}"
    )


def _ms(us: object) -> str:
    return f"{int(us) / 1000:,.1f}" if isinstance(us, int | str) and str(us).isdigit() else "?"


def _rest(facts: Mapping[str, Any]) -> str:
    """The fields that nothing else says."""
    rest = (f"{name}={value}" for name, value in facts.items() if name not in _SHOWN_ELSEWHERE)
    told = safe(" ".join(rest))
    return f"  {told}" if told else ""


def _owed_line(facts: Mapping[str, Any]) -> str:
    state = "given up" if facts["dead"] else f"next try {facts['not_before']}"
    error = f": {safe(facts['last_error'])}" if facts["last_error"] else ""
    return f"owed as {safe(facts['id'])}, {facts['attempts']} tries, {state}{error}"
