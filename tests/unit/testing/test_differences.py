"""What a failed assertion tells."""

import pytest

from ossia.testing.differences import differing, differing_bytes, similar


def test_equal_values_are_not_told_of() -> None:
    assert differing({"a": 1}, {"a": 1, "b": 2}) == []


def test_each_other_value_has_a_line() -> None:
    assert differing({"a": 1, "b": "x", "c": 3}, {"a": 2, "b": "x"}) == [
        "a: expected 1, found 2",
        "c: expected 3, and there is no c; there are a, b",
    ]


def test_a_value_that_is_none_is_there() -> None:
    assert differing({"a": 1}, {"a": None}) == ["a: expected 1, found None"]


def test_where_there_is_nothing_at_all() -> None:
    assert differing({"a": 1}, {}) == ["a: expected 1, and there is no a; there are none at all"]


@pytest.mark.parametrize(
    ("expected", "found", "at"),
    [
        pytest.param(b"hallo", b"hello", 1, id="another-byte"),
        pytest.param(b"hello", b"hell", 4, id="too-short"),
        pytest.param(b"", b"hello", 0, id="empty-was-expected"),
    ],
)
def test_the_first_other_byte_is_named(expected: bytes, found: bytes, at: int) -> None:
    lines = differing_bytes(expected, found)
    assert lines[0] == (
        f"content: expected {len(expected)} bytes, found {len(found)}; from byte {at} on:"
    )
    assert lines[1:] == [f"  expected {expected!r}", f"  found    {found!r}"]


def test_of_long_contents_the_place_is_shown() -> None:
    lines = differing_bytes(b"a" * 100 + b"X" + b"a" * 100, b"a" * 201)
    assert lines[1] == "  expected …b'aaaaaaaaaaaaXaaaaaaaaaaa'…"


def test_equal_contents_do_not_differ() -> None:
    assert differing_bytes(b"a", b"a") == []


def test_similar_names_are_found_whatever_their_case() -> None:
    assert similar("dir/a.txt", ["other", "dir/A.TXT", "dir/b.txt"])[0] == "dir/A.TXT"
    assert similar("a", ["zebra"]) == []
