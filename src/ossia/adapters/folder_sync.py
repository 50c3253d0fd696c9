"""Bring a folder to the disk: a file's name is on it only when its folder is."""

import os
from pathlib import Path


def sync_folder(folder: Path | str) -> None:
    """Wait until the names in *folder* would outlive a crash.  Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
