"""What long work tells: a line that moves on a terminal, or events as JSON lines."""

import sys
import time
from typing import Any, Final

import click

from ossia.node.events import say, shown

_BAR: Final = 30
_TERMINAL_EVERY_S: Final = 0.2
_EVERY_S: Final = 1.0
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """Counts what is done, and tells of it now and then."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._moves = not as_json and sys.stdout.isatty()
        self._every_s = _TERMINAL_EVERY_S if self._moves else _EVERY_S
        self._next = time.monotonic() + self._every_s
        self._is_shown = False
        self._doing = ""
        self._total = 0
        self.count = 0
        self.size = 0

    def begin(self, doing: str, total: int = 0) -> None:
        """Tell of something else from now on; *total* bytes if that is known."""
        self._doing, self._total, self.count, self.size = doing, total, 0, 0

    def note(self, size: int, count: int = 1) -> None:
        """So much more is done."""
        self.count += count
        self.size += size
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every_s
            self._tell()

    def _tell(self) -> None:
        text = f"{self._doing}: {self.count}, {shown(self.size)}"
        if self._total:
            part = min(1.0, self.size / self._total)
            done = "#" * round(_BAR * part)
            text = f"[{done:{_BAR}}] {part:4.0%}  {text} of {shown(self._total)}"
        if self._moves:
            click.echo(f"{_CLEAR}{text}", nl=False)
            self._is_shown = True
        else:
            facts = {"doing": self._doing, "count": self.count, "bytes": self.size}
            self.say("progress", f"  {text}", total=self._total, **facts)

    def say(self, event: str, text: str, /, **facts: Any) -> None:
        """Tell *text*, or the event with its facts."""
        if self._is_shown:
            click.echo(_CLEAR, nl=False)
            self._is_shown = False
        say(event, text, as_json=self._as_json, **facts)
