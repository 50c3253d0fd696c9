"""What is told of a check, and how it ends."""

from enum import IntEnum
from typing import Any, Final

import click

from ossia.commands.terminal import safe
from ossia.node.events import shown
from ossia.node.progress import Progress

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
        self._progress = Progress(as_json=as_json)
        self._counts: dict[str, int] = {}
        self.outcome = Outcome.SOUND

    def begin(self, name: str, text: str) -> None:
        """What is looked at now."""
        self._progress.say("step", f"{text} …", step=name)

    def note(self, text: str, **facts: Any) -> None:
        """Something that is no fault."""
        self._progress.say("note", text, text=text, **facts)

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
            self._progress.say("mended", "What was counted wrong is set right.")

    def _found(self, event: str, text: str, facts: dict[str, Any]) -> None:
        count = self._counts[event] = self._counts.get(event, 0) + 1
        mark = click.style("bad" if event == "damage" else "off", fg="red")
        if self._as_json or count <= _MANY:
            self._progress.say(event, f"  {mark}  {safe(text)}", text=text, **facts)

    def expect(self, size: int) -> None:
        """So many bytes are to be read."""
        self._progress.begin("read", size)

    def read(self, size: int) -> None:
        """So many more were."""
        self._progress.note(size)

    def end(self, *, rows: int, objects: int, size: int) -> None:
        """What was looked at, and how it is."""
        for event, count in self._counts.items():
            if count > _MANY and not self._as_json:
                more = f"  …and {count - _MANY} more ({event}); --json tells all of them."
                self._progress.say(event, more)
        read = f"({rows} rows, {objects} objects, {shown(size)})"
        self._progress.say(
            "done",
            f"{_CONCLUSIONS[self.outcome]}  {read}",
            outcome=self.outcome.name.lower(),
            rows=rows,
            objects=objects,
            bytes=size,
            damaged=self._counts.get("damage", 0),
        )
