"""The time of a server, which a test moves."""

import os
import tempfile
import time
from typing import IO, Final

_WIDTH: Final = 32


class MovableClock:
    """The real time and what it was advanced by; a server looks at it with every request.

    Clients go on signing with the real time: beyond 15 minutes the server refuses what they sign
    afterwards.  What was signed before (a presigned URL, a form, a session) ages as it would.
    """

    def __init__(self) -> None:
        # No name, no remains: the server opens it by the descriptor that it is handed.
        self.file: Final[IO[bytes]] = tempfile.TemporaryFile()  # noqa: SIM115 - see `close`
        self._ahead_s = 0.0

    @property
    def ahead_s(self) -> float:
        """By how many seconds the server is ahead of the real time."""
        return self._ahead_s

    def advance(self, seconds: float) -> None:
        """Let so much time pass on the server; less than nothing takes it back."""
        self._ahead_s += seconds
        # In one piece and always as long, so that nobody reads half of it.
        os.pwrite(self.file.fileno(), f"{self._ahead_s:<{_WIDTH}}".encode(), 0)

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC, as the server sees it."""
        return time.time_ns() // 1_000_000 + round(self._ahead_s * 1000)

    def close(self) -> None:
        """Forget it; the server must have ended."""
        self.file.close()
