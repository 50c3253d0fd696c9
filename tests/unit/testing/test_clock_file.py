"""The file that tells a server what time it is."""

from pathlib import Path

import pytest

from ossia.adapters.system import MovedClock
from ossia.testing.clock import MovableClock


def test_a_server_sees_the_time_that_the_test_sees() -> None:
    clock = MovableClock()
    moved = MovedClock(Path(f"/proc/self/fd/{clock.file.fileno()}"))
    for seconds, ahead in ((3600.5, 3600.5), (-7200, -3599.5), (3599.5, 0)):
        clock.advance(seconds)
        assert clock.ahead_s == ahead
        assert moved.now_ms() == pytest.approx(clock.now_ms(), abs=1000)
    clock.close()
