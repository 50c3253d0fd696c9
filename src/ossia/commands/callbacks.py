"""``ossia callbacks``: what people do about callbacks.  Here: the keys that sign them.

The delivery log is `commands.callbacks_log`, the receiver to try things with
`commands.callbacks_receive`.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ossia.commands import callbacks_log, callbacks_receive, callbacks_terms
from ossia.node.callback_key_files import KeyFilesError, add_key, bits_of, key_files, paths_of
from ossia.node.shared_keys import add_shared_callback_key, shared_callback_keys
from ossia.protocol.callback_signature import CallbackKey
from ossia.settings import Settings, SettingsError, load

_Command = Callable[..., Any]


def folder_options(command: _Command) -> _Command:
    """Give *command* ``--data``, ``--metadata``, ``--master-key-file`` and ``--config``."""
    for flag, meta, text in (
        ("--master-key-file", "FILE", "The gateways' master key.  [env OSSIA_MASTER_KEY_FILE]"),
        ("--metadata", "URL", "The database that gateways share.  [env OSSIA_METADATA]"),
        ("--data", "DIR", "The server's data folder.  [env OSSIA_DATA]"),
    ):
        command = click.option(flag, metavar=meta, help=text)(command)
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="OSSIA_CONFIG",
        help="TOML file with settings.  [env OSSIA_CONFIG]",
    )(command)


def server_settings(config: Path | None, **flags: str | None) -> Settings:
    """What these options and the environment say about the server."""
    return load(flags, os.environ, config)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def callbacks() -> None:
    """Look after upload callbacks: what happened to them, and the keys that sign them."""


for each in (
    *callbacks_log.COMMANDS,
    callbacks_receive.receive,
    callbacks_terms.terms,
):
    callbacks.add_command(each)


@callbacks.group()
def key() -> None:
    """The keys that sign callbacks.

    The newest signs; older ones stay under their URLs, so that receivers that know them go on.
    A running server takes a new key up within a second.
    """


@key.command()
@folder_options
@click.option("--json", "as_json", is_flag=True, help="Print the keys as JSON.")
def show(*, config: Path | None, as_json: bool, **flags: str | None) -> None:
    """Print the keys: where receivers find them, and the one that signs as PEM."""
    keys = _keys_of(server_settings(config, **flags))
    if as_json:
        click.echo(json.dumps([_described(number, keys) for number in keys], indent=2))
        return
    for number, each in keys.items():
        mark = "signs" if number == max(keys) else "kept "
        own, original = paths_of(number)
        click.echo(
            f"{number}  {mark}  RSA {bits_of(each)}  {own}  (at gosspublic.alicdn.com: {original})"
        )
    click.echo(keys[max(keys)].public_pem().decode(), nl=False)


def _described(number: int, keys: dict[int, CallbackKey]) -> dict[str, object]:
    own, original = paths_of(number)
    return {
        "number": number,
        "signs": number == max(keys),
        "bits": bits_of(keys[number]),
        "path": own,
        "original_path": original,
        "public_key": keys[number].public_pem().decode(),
    }


@key.command()
@folder_options
def rotate(*, config: Path | None, **flags: str | None) -> None:
    """Make a new key of 2048 bits, which signs from now on."""
    _add(server_settings(config, **flags), CallbackKey.generate())


@key.command("import")
@folder_options
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def import_(*, file: Path, config: Path | None, **flags: str | None) -> None:
    """Take over the private key in FILE (PEM, RSA, unencrypted), which signs from now on."""
    _add(server_settings(config, **flags), _load(file))


def _keys_of(settings: Settings) -> dict[int, CallbackKey]:
    if settings.is_shared:
        return shared_callback_keys(settings)
    folder = settings.data.absolute()
    keys = {number: _load(path) for number, path in key_files(folder).items()}
    if not keys:
        raise SettingsError(
            f"{folder} has no callback key: start the server once, or name its folder with --data."
        )
    return keys


def _load(path: Path) -> CallbackKey:
    try:
        return CallbackKey.load(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"The key {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise SettingsError(
            f"The key {path} cannot be used ({error}): give an unencrypted RSA private key as PEM."
        ) from error


def _add(settings: Settings, added: CallbackKey) -> None:
    number = (
        add_shared_callback_key(settings, added)
        if settings.is_shared
        else _kept(settings.data.absolute(), added)
    )
    click.echo(
        f"Key {number} signs from now on ({bits_of(added)} bits); its public half is answered at "
        f"{paths_of(number)[0]}.\n"
        "A running server takes it up within a second.  Receivers that trust one exact URL must "
        "be told the new one."
    )


def _kept(folder: Path, added: CallbackKey) -> int:
    try:
        return add_key(folder, added)
    except KeyFilesError as error:
        raise SettingsError(str(error)) from error
    except OSError as error:
        raise SettingsError(
            f"The key cannot be kept in {folder} ({error.strerror}): run this as the user that "
            "the server runs as."
        ) from error
