"""The real time, and the time that tests move."""

import time
from pathlib import Path

import pytest

from ossia.adapters.system import MovedClock, SystemClock
from ossia.node.stores import system_clock


def test_the_real_time() -> None:
    assert abs(SystemClock().now_ms() - time.time() * 1000) < 1000


@pytest.mark.parametrize(("text", "offset_ms"), [("", 0), ("-600", -600_000), ("1.5", 1500)])
def test_the_moved_time(tmp_path: Path, text: str, offset_ms: int) -> None:
    file = tmp_path / "clock"
    clock = MovedClock(file)
    assert abs(clock.now_ms() - time.time() * 1000) < 1000
    file.write_text(text)
    assert abs(clock.now_ms() - offset_ms - time.time() * 1000) < 1000


def test_only_the_environment_moves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(system_clock(), SystemClock)
    monkeypatch.setenv("OSSIA_TEST_CLOCK_FILE", str(tmp_path / "clock"))
    assert isinstance(system_clock(), MovedClock)
