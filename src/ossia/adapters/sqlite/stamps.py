"""The stamps of what workers keep in memory, one for each topic."""

import os
from pathlib import Path
from typing import Final

from ossia.adapters.sqlite.shared_stamp import SharedStamp

TOPICS: Final = ("buckets", "identities")


class SharedStamps:
    """Those of a data folder, which all its workers see."""

    def __init__(self, folder: Path) -> None:
        self._shared = {topic: SharedStamp(folder / f"metadata.{topic}") for topic in TOPICS}

    def get(self, topic: str) -> bytes:
        """The stamp as it is now."""
        return self._shared[topic].get()

    def renew(self, topic: str) -> None:
        """Tell every worker that something has changed."""
        self._shared[topic].renew()

    def close(self) -> None:
        """Release the mappings."""
        for each in self._shared.values():
            each.close()


class OwnStamps:
    """Those of one process."""

    def __init__(self) -> None:
        self._stamps = dict.fromkeys(TOPICS, b"")

    def get(self, topic: str) -> bytes:
        """The stamp as it is now."""
        return self._stamps[topic]

    def renew(self, topic: str) -> None:
        """Something has changed."""
        self._stamps[topic] = os.urandom(8)

    def close(self) -> None:
        """Nothing is to be released."""
