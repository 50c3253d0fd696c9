"""The options of commands that take the settings of a server."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ossia.private_files import is_open_to_all
from ossia.settings import Settings, load, rows


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* one option per setting, and ``--config``."""
    for row in reversed(rows()):
        keywords: dict[str, Any] = {
            "help": f"{row.text} [env {row.variable}; default: {row.shown_default}]",
            "default": None,
        }
        if row.kind is bool:
            command = click.option(row.flag, row.name, is_flag=True, **keywords)(command)
        elif row.many:
            keywords["default"] = ()
            command = click.option(row.flag, row.name, multiple=True, **keywords)(command)
        else:
            command = click.option(
                row.flag, row.name, type=str, metavar=_meta(row.kind), **keywords
            )(command)
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="TOML file with settings; flags and environment win.  [env OSSIA_CONFIG]",
        envvar="OSSIA_CONFIG",
    )(command)


def _meta(kind: type) -> str:
    return {int: "N", float: "SECONDS", Path: "DIR"}.get(kind, "TEXT")


def loaded(flags: dict[str, Any], config: Path | None) -> Settings:
    """The settings that flags, environment and *config* make.  Raises `SettingsError`."""
    settings = load(flags, os.environ, config)
    if config is not None and settings.root_access_key_secret and is_open_to_all(config):
        # It is the operator's to change, so it is said and not done.
        click.echo(f"ossia: others can read {config}: chmod 600 {config}", err=True)
    return settings
