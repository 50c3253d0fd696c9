"""The key that scrapers of metrics have, and where they may ask without one."""

from pathlib import Path
from typing import Final

from ossia.settings import Settings, SettingsError

_LEAST: Final = 16


def scrape_key(settings: Settings) -> bytes | None:
    """The key in the file of the settings, if there is one.  Raises `SettingsError`."""
    if not settings.metrics_key_file:
        return None
    try:
        key = Path(settings.metrics_key_file).read_bytes().strip()
    except OSError as error:
        raise SettingsError(
            f"--metrics-key-file {settings.metrics_key_file}: {error.strerror}."
        ) from error
    if len(key) < _LEAST or not key.isascii() or len(key.split()) != 1:
        raise SettingsError(
            f"--metrics-key-file {settings.metrics_key_file} holds no key: write one line of at "
            f"least {_LEAST} letters and digits, for example that of `openssl rand -hex 32`."
        )
    return key
