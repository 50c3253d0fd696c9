"""The log of a server, as its settings want it."""

from pathlib import Path

from ossia.gateway.access_lines import ACCESS_LINES
from ossia.logs.lines import LINES
from ossia.logs.outlet import LogFile, Outlet, StandardError, Target, log_to
from ossia.settings import Settings, SettingsError


def open_server_log(settings: Settings) -> Outlet:
    """Log to where the settings say from now on.  Raises `SettingsError`."""
    form = settings.log_format
    outlet = Outlet(_target(settings), LINES[form], ACCESS_LINES[form])
    log_to(outlet)
    return outlet


def _target(settings: Settings) -> Target:
    if not settings.log_file:
        return StandardError()
    try:
        return LogFile(Path(settings.log_file))
    except OSError as error:
        raise SettingsError(
            f"--log-file {settings.log_file} cannot be written ({error.strerror}): choose another "
            "place, or make its folder."
        ) from error
