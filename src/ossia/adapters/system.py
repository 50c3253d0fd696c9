"""The machine's own clock."""

import time
from pathlib import Path


class SystemClock:
    """The real time."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000


class MovedClock:
    """The real time and the seconds in a file, which tests change while the server runs.

    For tests only: whoever can write the file can revive credentials that have expired.  It takes
    the place of the real clock where the environment variable ``OSSIA_TEST_CLOCK_FILE`` names the
    file (`stores.system_clock`).
    """

    def __init__(self, offset_file: Path) -> None:
        self._offset_file = offset_file

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC, as the test wants them."""
        try:
            offset_s = float(self._offset_file.read_text() or 0)
        except FileNotFoundError:
            offset_s = 0.0
        return time.time_ns() // 1_000_000 + round(offset_s * 1000)
