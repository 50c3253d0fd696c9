"""What Python's logging hands over, as an event.

Lines of ours are written ``log.warning("event field=%s other=%d", …)``: the template says the
names, the arguments are the values, and no value is ever read back out of a text.  What libraries
log is the event ``log`` with their message as a field.
"""

import logging
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ossia.logs.lines import TRACEBACK, Event
from ossia.logs.scope import REQUEST_ID

_CONVERSION: Final = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?([a-zA-Z])")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
RESERVED: Final = frozenset({"time", "level", "event", TRACEBACK})
"""What every event has by itself."""


class _Field(NamedTuple):
    name: str
    form: str
    args: int


class Template(NamedTuple):
    """The name of an event, and its fields; a name ``%s`` is the first argument."""

    name: str
    fields: tuple[_Field, ...]

    def values(self, args: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
        """The fields with their values."""
        at = int(self.name == "%s")
        for each in self.fields:
            given = args[at : at + each.args]
            at += each.args
            is_one = each.args == 1 and _CONVERSION.fullmatch(each.form)
            yield each.name, _value(given[0]) if is_one else each.form % given


def _value(given: object) -> object:
    return given if given is None or isinstance(given, (str, int, float)) else str(given)


@lru_cache(256)
def parse_template(text: str) -> Template | None:
    """What *text* says; None where it is not written as an event."""
    name, *rest = text.split(" ")
    fields = []
    for each in rest:
        field, equals, form = each.partition("=")
        if not equals or not _NAME.fullmatch(field) or field in RESERVED:
            return None
        fields.append(_Field(field, form, len(_CONVERSION.findall(form))))
    if name != "%s" and not _NAME.fullmatch(name):
        return None
    return Template(name, tuple(fields))


def event_of(record: logging.LogRecord) -> Event:
    """The event of *record*, with the request that is being served."""
    name, fields = _told(record)
    request_id = REQUEST_ID.get()
    if request_id and "request_id" not in fields:
        fields["request_id"] = request_id
    if record.exc_info and record.exc_info[1] is not None:
        fields[TRACEBACK] = _formatter.formatException(record.exc_info)
    return Event(record.created, record.levelname, name, fields)


_formatter: Final = logging.Formatter()


def _told(record: logging.LogRecord) -> tuple[str, dict[str, Any]]:
    if record.name.partition(".")[0] == "ossia":
        template = parse_template(str(record.msg))
        args = record.args or ()
        if template is not None and isinstance(args, tuple):
            name = str(args[0]) if template.name == "%s" else template.name
            return name, dict(template.values(args))
    return "log", {"logger": record.name, "message": record.getMessage()}
