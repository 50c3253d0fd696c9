import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ossia.logs.lines import LINES, Event, json_line, moment, moments, read_lines, text_line

HOSTILE = [
    pytest.param("x\n2026-01-01T00:00:00.000Z INFO access status=200", id="line-break"),
    pytest.param("x\r2026-01-01T00:00:00.000Z INFO access", id="carriage-return"),
    pytest.param('x" status=200 y="', id="quote"),
    pytest.param("x status=200", id="space"),
    pytest.param("\x1b[2J\x9b2J", id="escape"),
    pytest.param("a\u2028b\u2029c\x85d", id="other-line-breaks"),
    pytest.param("\u202egpj.exe", id="turned-around"),
    pytest.param("", id="empty"),
    pytest.param('"', id="a-quote-alone"),
    pytest.param("\\", id="a-backslash-alone"),
    pytest.param('\\" status=200 "', id="an-escaped-quote"),
    pytest.param("a=b", id="equals"),
    pytest.param("\udcff", id="half-a-character"),
]


def read(line: str) -> list[dict[str, object]]:
    return list(read_lines(f"{line}\n".encode("utf-8", "replace").splitlines(keepends=True)))


@pytest.mark.parametrize("form", LINES)
@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_leaves_its_place(form: str, value: str) -> None:
    line = LINES[form](Event(1.5, "INFO", "access", {"key": value, "status": 404}))
    assert "\n" not in line
    assert all(each.isprintable() for each in line)
    (event,) = read(line)
    assert event["key"] == value
    assert str(event["status"]) == "404"
    assert set(event) == {"time", "level", "event", "key", "status"}


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}_x", fullmatch=True), st.text(), max_size=4))
@example({"a_x": "\\", "b_x": '"'})
def test_what_is_written_is_read(fields: dict[str, str]) -> None:
    for make in LINES.values():
        (event,) = read(make(Event(0, "ERROR", "happened", fields)))
        assert event == {
            "time": "1970-01-01T00:00:00.000Z", "level": "ERROR", "event": "happened", **fields,
        }  # fmt: skip


TRACEBACK = "Traceback:\n  File x\n2026-01-01T00:00:00.000Z INFO access status=200\n\x1b[2J\r!"


@pytest.mark.parametrize("form", LINES)
def test_a_traceback_is_one_field(form: str) -> None:
    lines = [
        LINES[form](Event(0, "ERROR", "failed", {"request_id": "1", "exception": TRACEBACK})),
        LINES[form](Event(0, "INFO", "next")),
    ]
    failed, following = read("\n".join(lines))
    assert following["event"] == "next"
    assert failed["request_id"] == "1"
    assert str(failed["exception"]).split("\n")[:3] == TRACEBACK.split("\n")[:3]


def test_a_traceback_in_text_forges_no_line() -> None:
    line = text_line(Event(0, "ERROR", "failed", {"exception": TRACEBACK}))
    head, *rest = line.split("\n")
    assert head == "1970-01-01T00:00:00.000Z ERROR failed"
    assert rest == [
        "    | Traceback:",
        "    |   File x",
        "    | 2026-01-01T00:00:00.000Z INFO access status=200",
        r"    | \u001b[2J\r!",
    ]


def test_numbers_are_numbers_in_json() -> None:
    line = json_line(Event(0, "INFO", "x", {"n": 1, "f": 0.5, "b": True, "none": None}))
    assert json.loads(line) | {"n": 1, "f": 0.5, "b": True, "none": None} == json.loads(line)
    assert text_line(Event(0, "INFO", "x", {"b": True, "none": None, "f": 0.5})).endswith(
        "x b=true none=null f=0.5"
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "{}",
        "2026-11-28T00:00:00.000Z INFO",
        "2026-11-28T00:00:00.000Z INFO x nothing",
        '2026-11-28T00:00:00.000Z INFO x a="',
        "    | the rest of what is not here",
        '2026-11-28 12:00:00,000 WARNING of="another program"',
    ],
)
def test_what_is_no_event_is_passed_over(line: str) -> None:
    assert read(line) == []


def test_times_are_in_utc_with_milliseconds() -> None:
    assert moment(1_795_824_000.9999) == "2026-11-28T00:00:00.999Z"


def test_many_times_are_written_as_each_alone() -> None:
    clock_s = 1_795_824_000.123
    times_s = [0.0, 0.0001, 0.0009, 0.001, 0.0019, 5.0, 4.9999, 0.5, 60.0, 60.877, 60.8771]
    assert moments(times_s, clock_s) == [moment(clock_s + each) for each in times_s]
    assert moments([], clock_s) == []


def test_json_has_no_space_between_its_fields() -> None:
    assert json_line(Event(0, "INFO", "x", {"a": "b c", "n": 1})) == (
        '{"time":"1970-01-01T00:00:00.000Z","level":"INFO","event":"x","a":"b c","n":1}'
    )
