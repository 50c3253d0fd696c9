"""Files that hold secrets: read and written by their owner, whatever the umask and the folder.

Everything here goes by the path and keeps no file open: SQLite loses its locks on a file when a
process closes any descriptor of it.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_OWNER_ONLY: Final = 0o600
_OTHERS: Final = 0o077


def write_private(path: Path, content: bytes) -> None:
    """Write a file atomically and durably."""
    temporary = path.with_suffix(".new")
    with suppress(FileNotFoundError):
        # One that a crash left keeps the mode it has.
        temporary.unlink()
    with os.fdopen(_create(temporary), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def keep_private(path: Path) -> None:
    """Make *path* where it is missing, and take it from everybody else where it is not."""
    try:
        os.close(_create(path))
    except FileExistsError:
        make_private(path)


def make_private(path: Path) -> None:
    """Take *path*, if it is there, from everybody but its owner."""
    with suppress(FileNotFoundError):
        if path.stat().st_mode & _OTHERS:
            path.chmod(_OWNER_ONLY)


def is_open_to_all(path: Path) -> bool:
    """Whether everybody on this machine can read a file that somebody else made."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def is_open_to_others(path: Path) -> bool:
    """Whether somebody besides its owner may read or write a file."""
    return bool(path.stat().st_mode & _OTHERS)


def open_to_others(folder: Path, *, apart_from: str) -> Iterator[Path]:
    """The files below *folder* that somebody else may read or write, but for one folder in it.

    A link is not followed: whatever it leads to is not ours.
    """
    for place, folders, names in os.walk(folder):
        if Path(place) == folder and apart_from in folders:
            folders.remove(apart_from)
        for name in sorted(names):
            path = Path(place, name)
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) and mode & _OTHERS:
                yield path


def _create(path: Path) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ONLY)
    # A umask may have taken from the owner as well.
    os.fchmod(descriptor, _OWNER_ONLY)
    return descriptor
