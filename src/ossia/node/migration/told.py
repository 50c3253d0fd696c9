"""What is told of bytes and rows that are carried over: lines for people, or events as JSON."""

import time
from typing import Any, Final

from ossia.node.events import say, shown

_TELL_EVERY_S: Final = 1.0


class Told:
    """Counts what is carried over, and tells of it once a second."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._next = time.monotonic() + _TELL_EVERY_S
        self.blobs = 0
        self.bytes = 0
        self.rows = 0
        self.read = 0

    def note_blob(self, blobs: int, size: int) -> None:
        """Blobs were copied."""
        self.blobs += blobs
        self.bytes += size
        self._now_and_then()

    def note_rows(self, rows: int) -> None:
        """Rows were written or removed."""
        self.rows += rows
        self._now_and_then()

    def note_read(self, size: int) -> None:
        """An object was read back."""
        self.read += size
        self._now_and_then()

    def _now_and_then(self) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _TELL_EVERY_S
            back = f", {shown(self.read)} read back" if self.read else ""
            self.say(
                "progress",
                f"  {self.blobs} blobs, {shown(self.bytes)}, {self.rows} rows so far{back}",
                blobs=self.blobs,
                bytes=self.bytes,
                rows=self.rows,
                read=self.read,
            )

    def say_passed(self, put_off: int) -> None:
        """Tell what a pass has done, and what comes next."""
        left = f"; {put_off} objects are left for the next pass" if put_off else ""
        self.say(
            "pass",
            f"{self.blobs} blobs ({shown(self.bytes)}) and {self.rows} rows carried over{left}.\n"
            "Run this again as often as you like; then start the source with --read-only, and run "
            "it with --last.",
            blobs=self.blobs,
            bytes=self.bytes,
            rows=self.rows,
            left=put_off,
        )

    def say(self, event: str, text: str, **facts: Any) -> None:
        """Tell *text*, or the event with its facts."""
        say(event, text, as_json=self._as_json, **facts)
