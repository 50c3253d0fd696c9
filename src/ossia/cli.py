"""The command line: ``ossia up``, ``serve``, ``appserver``, ``callbacks``, ``user``, …."""

import json
import logging
import math
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from ossia import __version__
from ossia.commands.options import events_as_json, work_folder
from ossia.commands.server_settings import loaded, server_options
from ossia.logs.outlet import log_to_standard_error
from ossia.settings import SettingsError

log = logging.getLogger("ossia")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Object storage that speaks Alibaba Cloud OSS, upload callbacks included.

    Start with `ossia up`: it runs everything, ready to click.
    """


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print the version as JSON.")
def version(*, as_json: bool) -> None:
    """Print the version."""
    click.echo(json.dumps({"version": __version__}) if as_json else f"ossia {__version__}")


@cli.command()
@server_options
@events_as_json
def serve(*, as_json: bool, config: Path | None, **flags: Any) -> None:
    """Serve the OSS data API, STS and RAM on one port."""
    from ossia.node.serve import serve as run  # noqa: PLC0415 - `ossia version` must not load the server

    sys.exit(run(loaded(flags, config), as_json=as_json))


@cli.command()
@server_options
@click.option(
    "--appserver",
    default="127.0.0.1:7080",
    show_default=True,
    help="Address of the demonstration's application server.",
)
@click.option(
    "--bucket", default="ossia-demo", show_default=True, help="The demonstration's bucket."
)
@events_as_json
def up(*, appserver: str, bucket: str, as_json: bool, config: Path | None, **flags: Any) -> None:
    """Run the whole flow, ready to click: object store, STS, application server, upload page."""
    from ossia.node.demo import up as run  # noqa: PLC0415 - as above

    sys.exit(run(loaded(flags, config), appserver=appserver, bucket=bucket, as_json=as_json))


class Elsewhere(click.Command):
    """A command of another module, which is imported when it is run."""

    def __init__(self, name: str, place: str, text: str) -> None:
        super().__init__(
            name,
            help=text,
            params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
            context_settings={"ignore_unknown_options": True},
            add_help_option=False,
            callback=self._run,
        )
        self._place = place

    def imported(self) -> click.Command:
        """The command itself."""
        module, _, name = self._place.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def _run(self, arguments: tuple[str, ...]) -> None:
        self.imported().main(list(arguments), prog_name=f"ossia {self.name}")


for _name, _place, _text in (
    (
        "appserver",
        "ossia.appserver.cli:appserver",
        "Run the customer's side: token server, policy signer, callback receiver, upload page.",
    ),
    (
        "callbacks",
        "ossia.commands.callbacks:callbacks",
        "Look after upload callbacks: what happened to them, replay, a receiver, keys.",
    ),
    (
        "lifecycle",
        "ossia.commands.lifecycle:lifecycle",
        "Lifecycle rules: what would go, by which rule, and when they were gone by last.",
    ),
    ("user", "ossia.commands.ram_users:user", "Users: people and programs with keys of their own."),
    ("key", "ossia.commands.ram_users:key", "Access keys of users."),
    ("group", "ossia.commands.ram_users:group", "Groups: users who have policies in common."),
    ("role", "ossia.commands.ram_roles:role", "Roles: rights lent for a time to whom they trust."),
    ("policy", "ossia.commands.policy:policy", "Policies: what users, groups and roles may do."),
    (
        "trace",
        "ossia.commands.trace:trace",
        "Tell the story of one request: its log lines, and the callbacks that came of it.",
    ),
    ("token", "ossia.commands.token:token", "Temporary keys of a role, ready to paste."),
    ("kms", "ossia.commands.kms:kms", "Keys for server-side encryption, and the master key."),
    (
        "backup",
        "ossia.commands.backup:backup",
        "Backups of a running server: incremental, encrypted, of one point in time.",
    ),
    (
        "restore",
        "ossia.commands.backup:restore",
        "Make a new server of a backup, on this engine or the other.",
    ),
):
    cli.add_command(Elsewhere(_name, _place, _text))


@cli.command()
@click.option(
    "--from",
    "source",
    required=True,
    type=click.Path(path_type=Path),
    metavar="PLACE",
    help="A data folder, or a TOML file with the settings of gateways.",
)
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    metavar="PLACE",
    help="The same of what takes it over: a new folder, or settings with a new database.",
)
@click.option("--last", is_flag=True, help="The source takes no writes any more: finish, verify.")
@work_folder
@events_as_json
def migrate(*, source: Path, target: Path, last: bool, work: Path | None, as_json: bool) -> None:
    """Carry everything that is stored from one form to another while the source serves.

    Run it as often as you like: each run carries over what has changed.  Then start the source
    with --read-only and run it with --last, which is short.
    """
    from ossia.node.migration.migrate import migrate as run  # noqa: PLC0415 - as above

    sys.exit(run(source, target, last=last, as_json=as_json, work=work))


@cli.command()
@server_options
@events_as_json
def upgrade(*, as_json: bool, config: Path | None, **flags: Any) -> None:
    """Finish what a new version changes in what is stored, beside the gateways that serve.

    Run it once all gateways run the new version and you will not go back: the version before
    cannot be started on the same database afterwards.
    """
    from ossia.node.upgrade import upgrade as run  # noqa: PLC0415 - as above

    sys.exit(run(loaded(flags, config), as_json=as_json))


@cli.command()
@server_options
@click.option("--quick", is_flag=True, help="Do not read the bytes: only see that they are there.")
@click.option("--repair", is_flag=True, help="Set right what is counted wrong; touches no object.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0),
    default=0,
    metavar="MB",
    help="Megabytes to read in a second at most.  [default: as fast as it goes]",
)
@work_folder
@events_as_json
def check(
    *,
    quick: bool,
    repair: bool,
    rate: float,
    work: Path | None,
    as_json: bool,
    config: Path | None,
    **flags: Any,
) -> None:
    """Read everything that is stored and tell what is damaged, beside the server that serves it.

    Exits with 0 if everything is what it was; with 1 if something is damaged, which only a backup
    brings back; with 3 if something is counted wrong, which --repair sets right (the server of a
    data folder must be stopped for it).
    """
    from ossia.node.checking.check import Wish  # noqa: PLC0415 - as above
    from ossia.node.checking.check import check as run  # noqa: PLC0415 - as above

    wish = Wish(reads=not quick, repairs=repair, rate=math.ceil(rate * 1e6), work=work)
    sys.exit(run(loaded(flags, config), wish, as_json=as_json))


@cli.command()
@server_options
@click.option("--callback-url", help="A callback URL whose reachability is to be checked.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(*, callback_url: str | None, as_json: bool, config: Path | None, **flags: Any) -> None:
    """Check folder or database, S3 engine, port, clock, keys and callback reachability."""
    from ossia.node.doctor import examine  # noqa: PLC0415 - as above

    sys.exit(examine(loaded(flags, config), callback_url=callback_url, as_json=as_json))


def main() -> None:
    """Run the command line; what the user must act on is one line, never a traceback."""
    log_to_standard_error()
    try:
        _run()
    except SystemExit as end:
        if "obstore" in sys.modules:
            _leave(end.code)
        raise


def _run() -> None:
    try:
        cli.main(standalone_mode=True)
    except SettingsError as error:
        from ossia.commands.terminal import safe  # noqa: PLC0415 - as above

        # It may hold what a server or a file says.
        click.echo(f"ossia: {safe(str(error))}", err=True)
        sys.exit(2)


def _leave(code: str | int | None) -> NoReturn:
    """End the process without taking the interpreter down.

    Threads of obstore's runtime that hear of a given-up request ask for the interpreter's lock,
    and if the interpreter is being taken down just then, the process ends by SIGABRT instead of
    *code* (https://github.com/PyO3/pyo3-async-runtimes/issues/40).  No command leaves anything to
    what runs at an interpreter's end.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))
