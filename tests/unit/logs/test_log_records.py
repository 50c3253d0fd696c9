import logging
import sys

import pytest

from ossia.logs.records import event_of, parse_template
from ossia.logs.scope import REQUEST_ID, about


def record(name: str, template: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, "f", 1, template, args, None)


@pytest.mark.parametrize(
    ("template", "args", "name", "fields"),
    [
        ("happened", (), "happened", {}),
        ("happened n=%d reason=%r", (3, "a b"), "happened", {"n": 3, "reason": "a b"}),
        ("happened reason=%s", (OSError("x"),), "happened", {"reason": "x"}),
        ("happened url=%s://%s:%d", ("http", "h", 80), "happened", {"url": "http://h:80"}),
        ("%s reason=%s", ("beat_failed", "x"), "beat_failed", {"reason": "x"}),
        ("happened seconds=%g", (1.5,), "happened", {"seconds": 1.5}),
    ],
)
def test_a_line_of_ours_is_an_event_with_fields(
    template: str, args: tuple[object, ...], name: str, fields: dict[str, object]
) -> None:
    event = event_of(record("ossia.x", template, *args))
    assert (event.name, event.fields, event.level) == (name, fields, "WARNING")


def test_a_value_that_looks_like_fields_is_a_value() -> None:
    event = event_of(record("ossia", "happened reason=%s", "x request_id=forged status=200"))
    assert event.fields == {"reason": "x request_id=forged status=200"}


@pytest.mark.parametrize(
    "template", ["two words", "Upper x=%s", "x time=%s", "x level=%s", "x=%s", "x exception=%s"]
)
def test_what_is_written_otherwise_is_no_event(template: str) -> None:
    assert parse_template(template) is None


def test_what_libraries_say_is_a_field() -> None:
    event = event_of(record("asyncio", "Task %s was lost", "t"))
    assert event.name == "log"
    assert event.fields == {"logger": "asyncio", "message": "Task t was lost"}


def test_a_line_names_the_request_that_is_served() -> None:
    REQUEST_ID.set("")
    with about("6B"):
        assert event_of(record("ossia", "happened")).fields == {"request_id": "6B"}
        # One that is about another says so itself.
        told = event_of(record("ossia", "happened request_id=%s", "5A")).fields
        assert told == {"request_id": "5A"}
        assert event_of(record("asyncio", "lost")).fields["request_id"] == "6B"
    assert event_of(record("ossia", "happened")).fields == {}


def test_an_exception_is_a_field() -> None:
    try:
        int("no\nway")
    except ValueError:
        event = event_of(logging.LogRecord("ossia", 40, "f", 1, "failed", (), sys.exc_info()))
    assert str(event.fields["exception"]).endswith("base 10: 'no\\nway'")
