import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ossia.logs.lines import Event, json_line, text_line
from ossia.logs.outlet import EventHandler, LogFile, Outlet, _undivided
from waiting import until


class Paper:
    """A target that can be held up, and broken."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.fault: OSError | None = None

    def write(self, lines: Sequence[str]) -> None:
        self.goes_on.wait(10)
        if self.fault is not None:
            raise self.fault
        self.lines += lines


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.fixture
def outlets() -> Iterator[Callable[..., Outlet]]:
    made: list[Outlet] = []

    def make(paper: Paper, **more: int) -> Outlet:
        outlet = Outlet(
            paper,
            lambda event: event.name,
            lambda told: [f"told {each}" for each in told],
            **more,
        )
        made.append(outlet)
        return outlet

    yield make
    for each in made:
        each.close()


def event(name: str) -> Event:
    return Event(0, "INFO", name)


def test_before_it_is_started_lines_are_written_by_who_has_them(
    paper: Paper, outlets: Callable[..., Outlet]
) -> None:
    outlets(paper).say(event("x"))
    assert paper.lines == ["x"]


def test_lines_keep_their_order_whoever_renders_them(
    paper: Paper, outlets: Callable[..., Outlet]
) -> None:
    outlet = outlets(paper)
    outlet.start()
    expected = []
    for number in range(1200):
        outlet.note(number)
        expected.append(f"told {number}")
        if number % 7 == 0:
            outlet.say(event(f"x{number}"))
            expected.append(f"x{number}")
    outlet.close()
    assert paper.lines == expected


def test_nobody_waits_for_a_target_that_hangs_and_what_is_lost_is_told(
    paper: Paper, outlets: Callable[..., Outlet]
) -> None:
    paper.goes_on.clear()
    outlet = outlets(paper, most=10)
    outlet.start()
    outlet.say(event("first"))
    until(lambda: not outlet._waiting, within_s=5)
    began = time.monotonic()
    for number in range(1000):
        outlet.note(number)
    assert time.monotonic() - began < 1
    assert outlet.lost == 990
    paper.goes_on.set()
    outlet.close()
    assert paper.lines == ["first", "log_lines_lost", *(f"told {n}" for n in range(10))]


def test_a_disk_that_is_full_costs_lines_and_is_told_of_afterwards(paper: Paper) -> None:
    outlet = Outlet(paper, text_line)
    paper.fault = OSError(28, "No space left on device")
    outlet.say(event("lost"))
    outlet.say(event("lost_too"))
    assert outlet.lost == 2
    paper.fault = None
    outlet.say(event("kept"))
    outlet.say(event("kept_too"))
    told, kept, kept_too = paper.lines
    assert 'log_lines_lost lost=2 reason="[Errno 28] No space left on device"' in told
    assert " kept" in kept
    assert " kept_too" in kept_too


def test_a_file_that_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    file = LogFile(path)
    file.write(["1"])
    path.rename(tmp_path / "a.log.1")
    file.write(["2"])
    path.unlink()
    file.write(["3"])
    assert path.read_bytes() == b"3\n"
    assert (tmp_path / "a.log.1").read_bytes() == b"1\n"


def test_a_folder_that_is_away_for_a_while_costs_lines_only(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    file = LogFile(folder / "a.log")
    folder.rename(tmp_path / "old")
    with pytest.raises(FileNotFoundError):
        file.write(["1"])
    folder.mkdir()
    file.write(["2"])
    assert (folder / "a.log").read_bytes() == b"2\n"


def test_others_cannot_write_to_the_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        LogFile(tmp_path / "a.log")
    finally:
        os.umask(before)
    assert (tmp_path / "a.log").stat().st_mode & 0o777 == 0o640


def test_a_pipe_gets_whole_lines_and_no_more_than_it_takes_undivided() -> None:
    lines = [str(n % 10) * size for n, size in enumerate([1000] * 9 + [5000, 10])]
    pieces = list(_undivided(lines))
    assert b"".join(pieces).decode() == "".join(f"{each}\n" for each in lines)
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert [len(piece) for piece in pieces] == [4004, 4004, 1001, 5001, 11]


def test_what_is_logged_is_an_event(paper: Paper) -> None:
    record = logging.LogRecord("ossia.x", 30, "f", 1, "happened key=%s", ('a\n"b',), None)
    EventHandler(Outlet(paper, json_line)).handle(record)
    assert r'"level":"WARNING","event":"happened","key":"a\n\"b"' in paper.lines[0]
