"""What is told of a check: lines for people and a bar, or events as JSON; and how it ends."""

import json
import sys
import time
from enum import IntEnum
from typing import Any, Final

import click

from ossia.commands.terminal import safe

_TELL_EVERY_S: Final = 1.0
_MANY: Final = 100
"""Lines of one kind for people; JSON has them all."""


class Outcome(IntEnum):
    """Exit codes."""

    SOUND = 0
    DAMAGED = 1
    MENDABLE = 3


_CONCLUSIONS: Final = {
    Outcome.SOUND: "Everything is what it was.",
    Outcome.DAMAGED: "What is listed is not what it was: restore it from a backup.",
    Outcome.MENDABLE: "No bytes are lost; ossia check --repair sets right what is listed.",
}


class Told:
    """Tells what was found, and remembers how bad it is."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._counts: dict[str, int] = {}
        self._next = time.monotonic() + _TELL_EVERY_S
        self._bar: Any = None
        self._read = self._size = 0
        self.outcome = Outcome.SOUND

    def begin(self, name: str, text: str) -> None:
        """What is looked at now."""
        self._say("step", f"{text} …", step=name)

    def note(self, text: str, **facts: Any) -> None:
        """Something that is no fault."""
        self._say("note", text, text=text, **facts)

    def damage(self, text: str, **facts: Any) -> None:
        """Something is not what it was, and nothing here can bring it back."""
        self.outcome = Outcome.DAMAGED
        self._found("damage", text, facts)

    def wrong(self, text: str) -> None:
        """Something is counted wrong, which can be set right."""
        if self.outcome is Outcome.SOUND:
            self.outcome = Outcome.MENDABLE
        self._found("mendable", text, {})

    def mended(self) -> None:
        """What was counted wrong is set right."""
        if self._counts.get("mendable"):
            if self.outcome is Outcome.MENDABLE:
                self.outcome = Outcome.SOUND
            self._say("mended", "What was counted wrong is set right.")

    def _found(self, event: str, text: str, facts: dict[str, Any]) -> None:
        count = self._counts[event] = self._counts.get(event, 0) + 1
        mark = click.style("bad" if event == "damage" else "off", fg="red")
        if self._as_json or count <= _MANY:
            self._say(event, f"  {mark}  {safe(text)}", text=text, **facts)

    def expect(self, size: int) -> None:
        """So many bytes are to be read: on a terminal a bar shows how far it is."""
        self._size = size
        if not self._as_json and sys.stderr.isatty():
            self._bar = click.progressbar(length=max(size, 1), label="  bytes", file=sys.stderr)
            self._bar.__enter__()

    def read(self, size: int) -> None:
        """So many more were."""
        self._read += size
        if self._bar is not None:
            self._bar.update(size)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + _TELL_EVERY_S
            line = f"  {self._read / 1e6:.0f} of {self._size / 1e6:.0f} MB"
            self._say("progress", line, read=self._read, of=self._size)

    def all_read(self) -> None:
        """There is no more to read."""
        if self._bar is not None:
            self._bar.finish()
            self._bar.__exit__(None, None, None)
            self._bar = None

    def end(self, *, rows: int, objects: int, size: int) -> None:
        """What was looked at, and how it is."""
        for event, count in self._counts.items():
            if count > _MANY and not self._as_json:
                click.echo(f"  …and {count - _MANY} more ({event}); --json tells all of them.")
        read = f"({rows} rows, {objects} objects, {size / 1e6:.2f} MB)"
        self._say(
            "done",
            f"{_CONCLUSIONS[self.outcome]}  {read}",
            outcome=self.outcome.name.lower(),
            rows=rows,
            objects=objects,
            bytes=size,
            damaged=self._counts.get("damage", 0),
        )

    def _say(self, event: str, line: str, /, **facts: Any) -> None:
        if not self._as_json:
            if line:
                click.echo(line)
        else:
            click.echo(json.dumps({"event": event, **facts}))
