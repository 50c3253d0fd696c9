"""Lines of the access log, many at a time, are those that every other event would have."""

import time
from collections.abc import Sequence
from datetime import datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from told_requests import HOSTILE, ODD, TOLD, USUAL, read

from ossia.domain.identity.identities import Caller, CallerKind
from ossia.gateway.access_lines import ACCESS_LINES
from ossia.gateway.access_log import Told, phases
from ossia.logs.lines import LINES, Event

FORMS = tuple(ACCESS_LINES)


def event_of(told: Told) -> Event:
    """What the log says of a request, put together as that of any other line is."""
    caller = told.caller
    ended_s = told.ended + (told.sending_s or 0)
    fields = {
        "method": told.method,
        "operation": told.operation,
        "path": told.target.partition(b"?")[0].decode("ascii", "backslashreplace"),
        "bucket": told.bucket,
        "key": told.key,
        "caller_kind": told.caller_kind,
        "caller": caller.id if caller else "",
        "arn": caller.arn if caller else "",
        "peer": told.peer,
        "status": told.status,
        "received": told.received,
        "sent": told.sent,
        "us": int((ended_s - told.came) * 1e6),
        **{f"{name}_us": int(seconds * 1e6) for name, seconds in phases(told).items()},
        "request_id": told.request_id,
        **({"rpc_request_id": told.reference} if told.reference else {}),
        **({} if told.is_whole else {"cut": True}),
    }
    return Event(0, "INFO", "access", fields)


def timeless(line: str) -> str:
    """*line* as it would be at the beginning of time, where those of `event_of` are."""
    return line.replace(str(read(line)["time"]), "1970-01-01T00:00:00.000Z", 1)


CALLERS = [
    None,
    Caller(CallerKind.ANONYMOUS),
    Caller(CallerKind.ROOT, "1", "1", "acs:ram::1:root"),
    Caller(CallerKind.SESSION, "1", "3:é x", "acs:ram::1:assumed-role/r/é x"),
]
words = st.sampled_from(["GET", "bucket", "k", *HOSTILE, *ODD]) | st.text(max_size=8)
spent = st.tuples(st.sampled_from(["publish", "commit"]), st.floats(0, 1), st.floats(1, 2))


@st.composite
def requests(draw: st.DrawFn) -> Told:
    came, *reached = sorted(draw(st.lists(st.floats(1, 1e6), min_size=4, max_size=4)))
    reached[: draw(st.integers(0, 2))] = []
    entered, allowed, ended = [*reached[:-1], 0.0, 0.0][:2] + reached[-1:]
    # Who asks is known before anything else is.
    caller = draw(st.sampled_from(CALLERS if not allowed else CALLERS[1:]))
    return Told(
        draw(words), draw(st.binary(max_size=12)), draw(words), draw(words), draw(words),
        caller, draw(words), draw(words),
        draw(st.integers(100, 599)), draw(st.integers(0, 2**63)), draw(st.integers(0, 2**63)),
        came, entered, allowed, ended,
        tuple(draw(st.lists(spent, max_size=3))),
        draw(st.from_regex(r"[0-9A-F]{1,24}", fullmatch=True)), draw(words),
        draw(st.none() | st.floats(0, 100)), draw(st.booleans()),
    )  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.lists(requests() | st.just(USUAL) | st.just(TOLD), max_size=4))
def test_lines_are_those_of_any_other_event_with_these_fields(told: Sequence[Told]) -> None:
    for form, make in ACCESS_LINES.items():
        lines = [timeless(each) for each in make(told)]
        assert lines == [LINES[form](event_of(each)) for each in told]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("hostile", HOSTILE + ODD)
@pytest.mark.parametrize("name", ["method", "operation", "bucket", "key", "peer", "reference"])
def test_nothing_that_strangers_write_leaves_its_place(form: str, hostile: str, name: str) -> None:
    before, line, after = ACCESS_LINES[form](
        [USUAL, msgspec.structs.replace(TOLD, **{name: hostile}), USUAL]
    )
    assert line.isprintable()
    event = read(line)
    assert event.get("rpc_request_id" if name == "reference" else name, "") == hostile
    assert str(event["status"]) == "200"
    assert event["request_id"] == "6B0B"
    # Nor does it change what stands beside it.
    assert [timeless(before), timeless(after)] == [LINES[form](event_of(USUAL))] * 2


@pytest.mark.parametrize("form", FORMS)
def test_a_path_stands_in_escapes_where_it_has_to(form: str) -> None:
    told = msgspec.structs.replace(TOLD, target=b'/a b\n"\xff\x7f?Signature=s3cr3t')
    (line,) = ACCESS_LINES[form]([told])
    assert line.isprintable()
    assert read(line)["path"] == '/a b\n"\\xff\x7f'


@pytest.mark.parametrize("form", FORMS)
def test_json_is_ascii_and_every_line_is_one(form: str) -> None:
    told = [msgspec.structs.replace(TOLD, key=each) for each in HOSTILE + ODD]
    lines = ACCESS_LINES[form](told)
    assert len(lines) == len(told)
    assert all(len(each.splitlines()) == 1 for each in lines)
    assert form == "text" or all(each.isascii() for each in lines)


def test_the_time_of_a_line_is_when_the_answer_was_complete() -> None:
    now_s, at_s = time.monotonic(), int(time.time() * 1000) / 1000
    told = [
        msgspec.structs.replace(USUAL, ended=now_s - ago_s, sending_s=sending_s)
        for ago_s, sending_s in ((3, None), (3, 2.5), (0.0002, None), (0.0001, None))
    ]
    found = [str(read(each)["time"]) for each in ACCESS_LINES["text"](told)]
    for told_at, ago_s in zip(found, (3, 0.5, 0, 0), strict=True):
        seconds = datetime.fromisoformat(told_at).timestamp()
        assert seconds == pytest.approx(at_s - ago_s, abs=0.2)


def test_callers_of_one_batch_are_told_apart() -> None:
    asked = [(each, "") for each in CALLERS[1:]] + [(None, "ROOT"), (None, "USER")]
    told = [
        msgspec.structs.replace(USUAL, caller=caller, beside=beside) for caller, beside in asked
    ]
    kinds = [read(each)["caller_kind"] for each in ACCESS_LINES["text"](told)]
    assert kinds == ["anonymous", "root", "session", "root", "user"]
