"""Eight bytes that all workers of a data folder see: they differ after every change.

Whoever changes what others keep in memory writes fresh random bytes before the change is
acknowledged; whoever has kept something compares.
"""

import mmap
import os
from pathlib import Path

_STAMP = 8


class SharedStamp:
    """The stamp in *file*, which is made where it is missing."""

    def __init__(self, file: Path) -> None:
        fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(fd, mmap.PAGESIZE)
            self._shared = mmap.mmap(fd, mmap.PAGESIZE)
        finally:
            os.close(fd)

    def get(self) -> bytes:
        """The stamp as it is now."""
        return self._shared[:_STAMP]

    def renew(self) -> None:
        """Tell every worker that something has changed."""
        self._shared[:_STAMP] = os.urandom(_STAMP)

    def close(self) -> None:
        """Release the mapping."""
        self._shared.close()
