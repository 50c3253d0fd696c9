"""What can go wrong with a backup, as one line with the remedy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ossia.node.migration.blobs import DamagedError
from ossia.ports import Unavailable
from ossia.settings import SettingsError


@contextmanager
def told_in_one_line(repository: Path) -> Iterator[None]:
    """Raises `SettingsError` for whatever storage raises."""
    try:
        yield
    except Unavailable as error:
        raise SettingsError(
            f"This stopped ({error}): run it again, it goes on where it was."
        ) from error
    except DamagedError as error:
        raise SettingsError(
            f"{error}. ossia backup verify {repository} says what else is; another point may be "
            "whole."
        ) from error
    except OSError as error:
        place = error.filename or repository
        raise SettingsError(
            f"{place} cannot be used ({error.strerror}): make room and check its permissions, then "
            "run this again; it goes on where it was."
        ) from error
