"""Which server the command line asks, and with whose key: options of every command that does."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click

from ossia.settings import SettingsError

KEYS_FILE: Final = "keys.json"

_Command = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Access:
    """A server's endpoint, without a trailing slash, and a key for it."""

    endpoint: str
    access_key_id: str
    secret: str = field(repr=False)
    security_token: str | None = field(repr=False)


def access_options(command: _Command) -> _Command:
    """Give *command* the options that name server and key; it receives ``access``."""

    def with_access(**given: Any) -> Any:
        place = {name: given.pop(name) for name in _NAMES}
        return command(access=access_of(**place), **given)

    with_access.__name__ = command.__name__
    with_access.__doc__ = command.__doc__
    return plain_access_options(with_access)


def plain_access_options(command: _Command) -> _Command:
    """Give *command* the same options; it receives what `access_of` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def access_of(
    *,
    endpoint: str,
    access_key_id: str | None,
    access_key_secret: str | None,
    security_token: str | None,
    data: Path,
) -> Access:
    """What the options say.  Raises `SettingsError` where there is no key."""
    _check_endpoint(endpoint)
    key = (access_key_id, access_key_secret or "") if access_key_id else _kept_key(data)
    return Access(endpoint.rstrip("/"), *key, security_token)


_NAMES: Final = ("endpoint", "access_key_id", "access_key_secret", "security_token", "data")


_OPTIONS: Final = (
    click.option(
        "--endpoint",
        default="http://127.0.0.1:9000",
        show_default=True,
        show_envvar=True,
        envvar="OSSIA_ENDPOINT",
        help="URL of the server.",
    ),
    click.option(
        "--access-key-id", envvar="OSSIA_ACCESS_KEY_ID", show_envvar=True, help="Whose key."
    ),
    click.option(
        "--access-key-secret",
        envvar="OSSIA_ACCESS_KEY_SECRET",
        show_envvar=True,
        help="Its secret; without a key, the root key in --data is taken.",
    ),
    click.option(
        "--security-token",
        envvar="OSSIA_SECURITY_TOKEN",
        show_envvar=True,
        help="The token of a temporary key.",
    ),
    click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("./ossia-data"),
        show_default=True,
        envvar="OSSIA_DATA",
        show_envvar=True,
        help="The server's data folder, for the root key.",
    ),
)


def _check_endpoint(endpoint: str) -> None:
    place = urlsplit(endpoint)
    if place.scheme not in ("http", "https") or not place.hostname:
        raise SettingsError(f"--endpoint {endpoint!r} is not a URL such as http://127.0.0.1:9000.")


def _kept_key(data: Path) -> tuple[str, str]:
    path = data / KEYS_FILE
    try:
        kept = json.loads(path.read_text())
        return kept["root_access_key_id"], kept["root_access_key_secret"]
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(
            f"No key: {path} cannot be read ({getattr(error, 'strerror', None) or 'not a key file'}"
            "). Give --access-key-id and --access-key-secret, or the server's folder with --data."
        ) from error
