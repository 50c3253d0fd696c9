"""The folder in which a pass keeps its copy of the metadata, which holds every secret there is."""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from ossia.adapters.file_lock import FileLock

_PREFIX: Final = "ossia-migrate-"
_LOCK: Final = "lock"
_YOUNG_S: Final = 60
"""Whoever has just made his folder may not hold its lock yet."""


@contextmanager
def working_folder(work: Path | None) -> Iterator[Path]:
    """A folder below *work*, or where the system has temporary files, that nobody else reads.

    What runs that were killed have left there is removed first.
    """
    place = work or Path(tempfile.gettempdir())
    for left in place.glob(f"{_PREFIX}*"):
        if _is_ours(left) and not _is_used(left):
            shutil.rmtree(left, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX, dir=place) as name,
        closing(FileLock(Path(name) / _LOCK)) as lock,
    ):
        lock.acquire()
        yield Path(name)


def _is_ours(folder: Path) -> bool:
    """Whether it is a folder that this user made, and not just now."""
    try:
        about = folder.lstat()
    except FileNotFoundError:
        return False
    is_old = time.time() - about.st_ctime > _YOUNG_S
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid() and is_old


def _is_used(folder: Path) -> bool:
    with closing(FileLock(folder / _LOCK)) as lock:
        return not lock.try_acquire()
