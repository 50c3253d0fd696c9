"""One event as one line: text for people, JSON for machines; and back again.

1. An event has a name and fields.  In both forms it says the same.
2. Values may be written by strangers.  What could end a value or a line, or cannot be seen, stands
   in escapes, so that no value makes a field or an event.
3. In text a value with a space, a quote or anything hidden is a JSON string, any other stands as it
   is.  Only a traceback has lines of its own: they begin with spaces, as no event does.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from time import gmtime, strftime
from typing import Any, Final

TRACEBACK: Final = "exception"
"""The field that may have many lines."""

quoted: Final = encode_basestring_ascii
"""A JSON string, in ASCII."""
_FOLLOWS: Final = "    | "


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: when, how bad, what, and what is known of it."""

    at_s: float
    level: str
    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)


def moment(at_s: float) -> str:
    """A time in UTC, RFC 3339, with milliseconds."""
    return _millisecond(int(at_s * 1000))


def moments(times_s: Iterable[float], clock_s: float) -> list[str]:
    """`moment` of each, by a clock that was at 0 when it was *clock_s*.

    Neighbours are often of one millisecond.
    """
    found = []
    made, since_s, until_s = "", 0.0, 0.0
    for at_s in times_s:
        if not since_s <= at_s < until_s:
            at_ms = int((clock_s + at_s) * 1000)
            made = _millisecond(at_ms)
            since_s, until_s = at_ms / 1000 - clock_s, (at_ms + 1) / 1000 - clock_s
        found.append(made)
    return found


def _millisecond(at_ms: int) -> str:
    return f"{_second(at_ms // 1000)}.{at_ms % 1000:03d}Z"


@lru_cache(16)
def _second(at_s: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(at_s))


def plain(value: object) -> str:
    """A value as a text line has it."""
    text = value if type(value) is str else _spelled(value)
    is_plain = text and text.isprintable() and " " not in text and '"' not in text
    return text if is_plain else quoted(text)


def _spelled(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value)


def text_line(event: Event) -> str:
    """The event for people and ``grep``."""
    fields = dict(event.fields)
    traceback = fields.pop(TRACEBACK, None)
    told = "".join(f" {name}={plain(value)}" for name, value in fields.items())
    line = f"{moment(event.at_s)} {event.level} {plain(event.name)}{told}"
    if traceback is None:
        return line
    lines = (each if each.isprintable() else quoted(each)[1:-1] for each in traceback.split("\n"))
    return "\n".join([line, *(f"{_FOLLOWS}{each}" for each in lines)])


def json_line(event: Event) -> str:
    """The event for machines."""
    head = {"time": moment(event.at_s), "level": event.level, "event": event.name}
    return json.dumps(head | dict(event.fields), default=str, separators=(",", ":"))


LINES: Final[Mapping[str, Callable[[Event], str]]] = {"text": text_line, "json": json_line}
"""Each form by its name."""


# --- and back again


def read_lines(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The events of a log, each as its fields with ``time``, ``level`` and ``event`` among them.

    What is no event of either form is passed over.
    """
    last: dict[str, Any] | None = None
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\n")
        if line.startswith(_FOLLOWS) and last is not None:
            known = last.get(TRACEBACK)
            more = line[len(_FOLLOWS) :]
            last[TRACEBACK] = more if known is None else f"{known}\n{more}"
            continue
        if last is not None:
            yield last
        last = _read_json(line) if line.startswith("{") else _read_text(line)
    if last is not None:
        yield last


def _read_json(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if {"time", "level", "event"} <= found.keys() else None


def _read_text(line: str) -> dict[str, Any] | None:
    time, _, rest = line.partition(" ")
    level, _, rest = rest.partition(" ")
    name, _, rest = rest.partition(" ")
    if not (time.endswith("Z") and level.isupper() and name):
        return None
    try:
        return {"time": time, "level": level, "event": name} | dict(_pairs(rest))
    except ValueError:
        return None


_decoder: Final = json.JSONDecoder()


def _pairs(rest: str) -> Iterator[tuple[str, str]]:
    """The fields of a text line.  Raises `ValueError` where it is none."""
    at = 0
    while at < len(rest):
        name_end = rest.index("=", at)
        name, at = rest[at:name_end], name_end + 1
        if rest.startswith('"', at):
            value, at = _decoder.raw_decode(rest, at)
        else:
            end = rest.find(" ", at)
            end = len(rest) if end < 0 else end
            value, at = rest[at:end], end
        yield name, value
        at += 1
