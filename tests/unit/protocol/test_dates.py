"""Dates: every form both ways, and what is not a date."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.protocol import dates

AT = 1735787045000

FORMS = [
    pytest.param(dates.format_http, dates.parse_http, "Thu, 02 Jan 2025 03:04:05 GMT", id="http"),
    pytest.param(dates.format_basic, dates.parse_basic, "20250102T030405Z", id="basic"),
    pytest.param(dates.format_iso, dates.parse_iso, "2025-01-02T03:04:05.000Z", id="iso"),
    pytest.param(dates.format_iso_seconds, dates.parse_iso, "2025-01-02T03:04:05Z", id="seconds"),
]


@pytest.mark.parametrize(("form", "parse", "text"), FORMS)
def test_forms(form: Callable[[int], str], parse: Callable[[str], int], text: str) -> None:
    assert form(AT) == form(AT + 999) == text
    assert parse(text) == AT


@given(st.integers(0, 253402300799))
def test_what_is_written_is_read(seconds: int) -> None:
    for parameters in FORMS:
        form, parse, _ = parameters.values
        assert parse(form(seconds * 1000)) == seconds * 1000  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2014-12-01T12:00:00Z", 1417435200000),
        ("2014-12-01T12:00:00.250Z", 1417435200250),
        ("2014-12-01T20:00:00+08:00", 1417435200000),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_iso(text: str, at_ms: int) -> None:
    assert dates.parse_iso(text) == at_ms


def test_a_day_alone_is_its_midnight() -> None:
    assert dates.parse_iso_day("2014-12-01") == 1417392000000
    assert dates.parse_iso_day("2014-12-01T12:00:00Z") == 1417435200000


@pytest.mark.parametrize(
    "text",
    [
        "", "Thu, 2 Jan 2025 03:04:05 GMT", "Thu, 02 Jan 2025 03:04:05 +0000",
        "Thu, 31 Feb 2025 03:04:05 GMT", "20250102T0304Z", "20251302T030405Z", "20250102T030405",
        "2025-01-02", "2025-01-02T03:04:05", "2025-01-02T25:04:05Z", "0000-01-01T00:00:00Z",
        "2025-W01-1T00:00:00Z", "\u0662025-01-02T03:04:05Z", "00000101T000000Z",
    ],
)  # fmt: skip
def test_what_is_not_a_date(text: str) -> None:
    for parse in (dates.parse_http, dates.parse_basic, dates.parse_iso):
        with pytest.raises(ValueError):
            parse(text)


@given(st.text(max_size=30))
def test_any_text_is_a_date_or_a_value_error(text: str) -> None:
    for parse in (dates.parse_http, dates.parse_basic, dates.parse_iso, dates.parse_iso_day):
        try:
            parse(text)
        except ValueError:
            continue
