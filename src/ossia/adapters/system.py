"""The machine's own clock."""

import time


class SystemClock:
    """The real time."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000
