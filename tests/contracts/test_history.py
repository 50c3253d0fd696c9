"""Histories: the judge refuses what no object can do and nothing else; contents say what they are."""

from pathlib import Path

import pytest

from history import OK, Asked, History, Kind, Operation, Told, judge, lacks_judge
from pieces import LEAST, names_in, piece

needs_judge = pytest.mark.skipif(
    lacks_judge() is not None, reason=f"HISTORIES ARE NOT JUDGED: {lacks_judge()}"
)

A, B = (Asked(kind="put", content=f"{name},", size=3, etag=name.upper()) for name in "ab")
GET = Asked(kind="get")
ABSENT = Told(outcome="NoSuchKey")
TAKEN = Told(outcome="FileAlreadyExists")
ELSEWHERE = Told(outcome="PositionNotEqualToLength", size=3)
DONE = Told(outcome=OK)


def exclusively(what: Asked) -> Asked:
    return Asked(kind="put", content=what.content, size=3, etag=what.etag, exclusive=True)


def append(piece: str, position: int) -> Asked:
    return Asked(kind="append", content=f"{piece},", size=3, position=position)


def appended(size: int, etag: str) -> Told:
    return Told(outcome=OK, size=size, etag=etag)


def found(content: str, size: int, etag: str, *, appendable: bool = False, mark: str = "") -> Told:
    return Told(outcome=OK, content=content, size=size, etag=etag, appendable=appendable, mark=mark)


def stored(what: Asked) -> Told:
    return Told(outcome=OK, etag=what.etag)


def read(what: Asked) -> Told:
    return found(what.content, what.size, what.etag)


def one(called: int, answered: int | None, asked: Asked, told: Told | None = None) -> Operation:
    return Operation(
        client=called, called=called, answered=answered, asked=asked, told=told or Told()
    )


def simple(kind: Kind) -> Asked:
    return Asked(kind=kind)


GOOD = {
    "one-after-the-other": [one(0, 1, A, stored(A)), one(2, 3, GET, read(A))],
    "a-read-beside-a-write-sees-either": [
        one(0, 1, A, stored(A)),
        one(2, 9, B, stored(B)),
        one(3, 4, GET, read(A)),
        one(5, 6, GET, read(B)),
    ],
    "what-nobody-heard-of-happens-late": [
        one(0, None, A),
        one(2, 3, GET, ABSENT),
        one(4, 5, GET, read(A)),
    ],
    "what-nobody-heard-of-never-happens": [one(0, None, A), one(2, 3, GET, ABSENT)],
    "one-of-two-exclusive-writes": [
        one(0, 5, exclusively(A), TAKEN),
        one(1, 6, exclusively(B), stored(B)),
        one(7, 8, GET, read(B)),
    ],
    "one-of-two-appends-at-the-same-place": [
        one(0, 5, append("a", 0), appended(3, "X")),
        one(1, 6, append("b", 0), ELSEWHERE),
        one(7, 8, append("b", 3), appended(6, "Y")),
        one(9, 10, GET, found("a,b,", 6, "Y", appendable=True)),
    ],
    "an-append-nobody-heard-of": [
        one(0, 1, append("a", 0), appended(3, "X")),
        one(2, None, append("b", 3)),
        one(4, 5, GET, found("a,b,", 6, "Y", appendable=True)),
    ],
    "no-append-to-what-was-put": [
        one(0, 1, A, stored(A)),
        one(2, 3, append("b", 3), Told(outcome="ObjectNotAppendable")),
    ],
    "a-mark-stays-until-it-is-overwritten": [
        one(0, 1, A, stored(A)),
        one(2, 3, Asked(kind="mark", mark="m"), stored(A)),
        one(4, 5, simple("head"), found("", 3, "A", mark="m")),
        one(6, 7, B, stored(B)),
        one(8, 9, GET, read(B)),
    ],
    "not-modified": [
        one(0, 1, A, stored(A)),
        one(2, 3, Asked(kind="get", etag="A"), Told(outcome="NotModified", etag="A")),
    ],
}

BAD = {
    "a-stale-read": [
        one(0, 1, A, stored(A)),
        one(2, 3, B, stored(B)),
        one(4, 5, GET, read(A)),
    ],
    "a-read-that-goes-back": [
        one(0, 1, A, stored(A)),
        one(2, 9, B, stored(B)),
        one(3, 4, GET, read(B)),
        one(5, 6, GET, read(A)),
    ],
    "a-lost-write": [one(0, 1, A, stored(A)), one(2, 3, GET, ABSENT)],
    "a-deleted-object-that-comes-back": [
        one(0, 1, A, stored(A)),
        one(2, 3, simple("delete"), DONE),
        one(4, 5, GET, read(A)),
    ],
    "what-nobody-heard-of-happens-twice": [
        one(0, None, A),
        one(2, 3, GET, read(A)),
        one(4, 5, simple("delete"), DONE),
        one(6, 7, GET, ABSENT),
        one(8, 9, GET, read(A)),
    ],
    "two-exclusive-writes": [
        one(0, 5, exclusively(A), stored(A)),
        one(1, 6, exclusively(B), stored(B)),
    ],
    "an-exclusive-write-refused-for-nothing": [one(0, 1, exclusively(A), TAKEN)],
    "two-appends-at-the-same-place": [
        one(0, 5, append("a", 0), appended(3, "X")),
        one(1, 6, append("b", 0), appended(3, "Y")),
    ],
    "an-append-that-is-lost": [
        one(0, 1, append("a", 0), appended(3, "X")),
        one(2, 3, append("b", 3), appended(6, "Y")),
        one(4, 5, GET, found("a,", 3, "X", appendable=True)),
    ],
    "an-append-that-happens-twice": [
        one(0, 1, append("a", 0), appended(3, "X")),
        one(2, None, append("b", 3)),
        one(4, 5, GET, found("a,b,b,", 9, "Y", appendable=True)),
    ],
    "a-position-that-nobody-had": [
        one(0, 1, append("a", 0), ELSEWHERE),
    ],
    "an-append-to-what-was-put": [
        one(0, 1, A, stored(A)),
        one(2, 3, append("b", 3), appended(6, "Y")),
    ],
    "the-etag-of-another-content": [
        one(0, 1, A, stored(A)),
        one(2, 3, GET, found(A.content, 3, "B")),
    ],
    "the-length-of-another-content": [
        one(0, 1, A, stored(A)),
        one(2, 3, simple("head"), found("", 4, "A")),
    ],
    "an-etag-that-changes-by-itself": [
        one(0, None, append("a", 0)),
        one(2, 3, GET, found("a,", 3, "X", appendable=True)),
        one(4, 5, GET, found("a,", 3, "Y", appendable=True)),
    ],
    "a-mark-that-outlives-its-object": [
        one(0, 1, A, stored(A)),
        one(2, 3, Asked(kind="mark", mark="m"), stored(A)),
        one(4, 5, B, stored(B)),
        one(6, 7, GET, found("b,", 3, "B", mark="m")),
    ],
    "not-modified-although-it-is": [
        one(0, 1, A, stored(A)),
        one(2, 3, B, stored(B)),
        one(4, 5, Asked(kind="get", etag="A"), Told(outcome="NotModified", etag="A")),
    ],
    "modified-although-it-is-not": [
        one(0, 1, A, stored(A)),
        one(2, 3, Asked(kind="get", etag="A"), read(A)),
    ],
}


@needs_judge
@pytest.mark.parametrize(
    ("operations", "result"),
    [
        *(pytest.param(each, "Ok", id=name) for name, each in GOOD.items()),
        *(pytest.param(each, "Illegal", id=name) for name, each in BAD.items()),
    ],
)
def test_verdict(operations: list[Operation], result: str, tmp_path: Path) -> None:
    (verdict,) = judge([History(name="one", operations=operations)], tmp_path)
    assert verdict.result == result
    assert (tmp_path / "one.html").exists() == (result == "Illegal")


def test_contents_say_what_they_are_made_of() -> None:
    assert names_in(piece("a", LEAST) + piece("b", 5_000) + piece("a", 100)) == "a,b,a,"
    assert names_in(b"") == ""


@pytest.mark.parametrize("at", [0, 1, 3, LEAST, 2 * LEAST - 1])
def test_a_byte_that_is_another_is_noticed(at: int) -> None:
    content = bytearray(piece("a", LEAST) + piece("b", LEAST))
    content[at] ^= 1
    assert "damaged" in names_in(bytes(content))


@pytest.mark.parametrize("size", [1, LEAST - 1, LEAST + 1])
def test_what_is_cut_short_is_noticed(size: int) -> None:
    content = piece("a", LEAST) + piece("b", LEAST)
    assert "damaged" in names_in(content[:size])
