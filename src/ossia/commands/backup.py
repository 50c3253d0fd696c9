"""``ossia backup`` and ``ossia restore``."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from ossia.commands.options import events_as_json, work_folder
from ossia.commands.server_settings import loaded, server_options
from ossia.node.backup.failures import told_in_one_line
from ossia.node.backup.forget import Rules
from ossia.node.backup.forget import forget as forget_points
from ossia.node.backup.listing import list_points
from ossia.node.backup.points import LATEST
from ossia.node.backup.repository import init as make_repository
from ossia.node.backup.repository import open_repository
from ossia.node.backup.restore import restore as restore_point
from ossia.node.backup.run import back_up
from ossia.node.backup.secret import Secret
from ossia.node.backup.verify import verify as verify_points
from ossia.node.migration.told import Told
from ossia.node.progress import Progress

_CONTEXT: Final[dict[str, Any]] = {"help_option_names": ["-h", "--help"]}
_INTERRUPTED: Final = 130

_repository = click.argument("repository", metavar="REPO", type=click.Path(path_type=Path))
_key_file = click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="OSSIA_BACKUP_KEY_FILE",
    help="File with the key of the repository, unless it is made of the passphrase in "
    "OSSIA_BACKUP_PASSPHRASE.  [env OSSIA_BACKUP_KEY_FILE]",
)


def _with_repository(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (events_as_json, _key_file, _repository):
        command = option(command)
    return command


def _secret(key_file: Path | None) -> Secret:
    return Secret(key_file, os.environ.get("OSSIA_BACKUP_PASSPHRASE", ""))


@click.group(context_settings=_CONTEXT)
def backup() -> None:
    """Backups of a running server: incremental, encrypted, of one point in time.

    \b
    ossia backup init /mnt/backup --key-file backup.key
    ossia backup run /mnt/backup --key-file backup.key --data ossia-data
    ossia backup verify /mnt/backup --key-file backup.key
    ossia restore /mnt/backup --key-file backup.key --to new-data
    """


@backup.command()
@_with_repository
def init(*, repository: Path, key_file: Path | None, as_json: bool) -> None:
    """Make a repository in a folder that is empty or not there, and its key.

    The key file is made where it is not there.  Without the key no backup can be read: keep copies
    of it, and of ossia-backup.json, where neither the server nor the repository is.
    """
    made = make_repository(repository, _secret(key_file))
    kept = str(key_file) if key_file is not None else "your passphrase"
    Progress(as_json=as_json).say(
        "made",
        f"{repository} is ready.  Its key is {kept}: without it no backup can be read.",
        id=made.id,
        key_file=None if key_file is None else str(key_file),
    )


@backup.command()
@_with_repository
@work_folder
@server_options
def run(
    *,
    repository: Path,
    key_file: Path | None,
    as_json: bool,
    work: Path | None,
    config: Path | None,
    **flags: Any,
) -> None:
    """Back up what a server stores, as it is at one moment, while it serves.

    It is given the settings of the server: --data, or --config with those of gateways.  What the
    repository has is not copied again.  Interrupted, it goes on where it was when run again.
    """

    def work_on() -> None:
        opened = open_repository(repository, _secret(key_file))
        asyncio.run(back_up(loaded(flags, config), opened, Progress(as_json=as_json), work))

    with told_in_one_line(repository):
        _interruptible(work_on)


@backup.command("list")
@_with_repository
def list_command(*, repository: Path, key_file: Path | None, as_json: bool) -> None:
    """List the points, the oldest first."""
    with told_in_one_line(repository):
        list_points(open_repository(repository, _secret(key_file)), as_json=as_json)


@backup.command()
@_with_repository
@click.argument("point", required=False)
@click.option(
    "--remove-damaged",
    is_flag=True,
    help="Remove files that are damaged: the next backup writes what the server still has.",
)
@work_folder
def verify(
    *,
    repository: Path,
    key_file: Path | None,
    as_json: bool,
    point: str | None,
    remove_damaged: bool,
    work: Path | None,
) -> None:
    """Read every file, and every object of POINT or of all points, and say what is damaged.

    The exit code is 1 if anything is.
    """

    def work_on() -> None:
        opened = open_repository(repository, _secret(key_file))
        whole = asyncio.run(
            verify_points(
                opened, point, Progress(as_json=as_json), work, remove_damaged=remove_damaged
            )
        )
        sys.exit(0 if whole else 1)

    with told_in_one_line(repository):
        _interruptible(work_on)


@backup.command()
@_with_repository
@click.option("--keep-last", type=click.IntRange(0), default=0, help="The newest so many.")
@click.option("--keep-daily", type=click.IntRange(0), default=0, help="One of so many days.")
@click.option("--keep-weekly", type=click.IntRange(0), default=0, help="One of so many weeks.")
@click.option("--keep-monthly", type=click.IntRange(0), default=0, help="One of so many months.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def forget(
    *, repository: Path, key_file: Path | None, as_json: bool, dry_run: bool, **keep: int
) -> None:
    """Remove points that no rule keeps, and what no other point needs.

    Of a day, week or month that has any points the newest is kept; days without count for nothing.
    """
    rules = Rules(**{name.removeprefix("keep_"): count for name, count in keep.items()})
    with told_in_one_line(repository):
        opened = open_repository(repository, _secret(key_file))
        forget_points(opened, rules, Progress(as_json=as_json), dry_run=dry_run)


@click.command(context_settings=_CONTEXT)
@_with_repository
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    metavar="PLACE",
    help="A new data folder, or a TOML file with the settings of gateways: a new database, and a "
    "new bucket.",
)
@click.option(
    "--point",
    default=LATEST,
    show_default=True,
    help="Its name, how that begins, or a time such as 2026-11-28T12:00 (UTC unless it says): the "
    "last point before.",
)
@work_folder
def restore(
    *,
    repository: Path,
    key_file: Path | None,
    as_json: bool,
    target: Path,
    point: str,
    work: Path | None,
) -> None:
    """Make a new server of a backup, with everything the one that was backed up had.

    PLACE may be of the other form than that was.  Every object is read back before the server may
    be started.  Interrupted, it goes on where it was when run again.
    """

    def work_on() -> None:
        opened = open_repository(repository, _secret(key_file))
        asyncio.run(restore_point(opened, target, point, Told(as_json=as_json), work))

    with told_in_one_line(repository):
        _interruptible(work_on)


def _interruptible(work: Callable[[], None]) -> None:
    try:
        work()
    except KeyboardInterrupt:
        click.echo("Interrupted.  Run it again: it goes on where it was.", err=True)
        sys.exit(_INTERRUPTED)
