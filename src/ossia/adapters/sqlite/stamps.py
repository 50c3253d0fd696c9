"""The stamps of what workers keep in memory, one for each topic: they differ after every change.

Whoever changes what others keep in memory renews the stamp before the change is acknowledged;
whoever has kept something compares.
"""

import mmap
import os
from pathlib import Path
from typing import Final

from ossia.tables import buckets, identities

_TOPICS: Final = (buckets.CHANGED, identities.CHANGED)
_BYTES: Final = 8


class SharedStamps:
    """Those of a data folder: a few bytes of a file each, which all its workers see."""

    def __init__(self, folder: Path) -> None:
        self._shared = {topic: _mapped(folder / f"metadata.{topic}") for topic in _TOPICS}

    def get(self, topic: str) -> bytes:
        """The stamp as it is now."""
        return self._shared[topic][:_BYTES]

    def renew(self, topic: str) -> None:
        """Tell every worker that something has changed."""
        self._shared[topic][:_BYTES] = os.urandom(_BYTES)

    def close(self) -> None:
        """Release the mappings."""
        for each in self._shared.values():
            each.close()


def _mapped(file: Path) -> mmap.mmap:
    """*file* in memory; it is made where it is missing."""
    fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(fd, mmap.PAGESIZE)
        return mmap.mmap(fd, mmap.PAGESIZE)
    finally:
        os.close(fd)


class OwnStamps:
    """Those of one process."""

    def __init__(self) -> None:
        self._stamps = dict.fromkeys(_TOPICS, b"")

    def get(self, topic: str) -> bytes:
        """The stamp as it is now."""
        return self._stamps[topic]

    def renew(self, topic: str) -> None:
        """Something has changed."""
        self._stamps[topic] = os.urandom(_BYTES)

    def close(self) -> None:
        """Nothing is to be released."""
