"""The process that servers for tests are born in, as this process asks it.

Starting Python and loading a server takes a second; a fork of a process that has done both takes
a few hundredths.  There is one nursery for each test process, started when the first server is
wanted; what it does is `ossia.node.nursery`.

1. Nothing outlives this process, however it ends, and nothing is left on the disk.
2. A process that was forked from this one has a nursery of its own.
"""

import atexit
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Final

STARTS_WITHIN_S: Final = 30.0
_ENDS_WITHIN_S: Final = 5.0
_MAX_ANSWER_BYTES: Final = 4096


class ServerNotStartedError(RuntimeError):
    """Why there is no server, in the server's own words."""


@dataclass(frozen=True, slots=True)
class Born:
    """A server that is ready: its process, what it said, and where it goes on writing its log."""

    pid: int
    ready: dict[str, Any]
    log: IO[bytes]


class Nursery:
    """A process that forks servers, from construction to `close`."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self._line = ours
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this very Python
                [sys.executable, "-m", "ossia.node.nursery", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                # Ctrl-C is for the tests; they end their servers.
                start_new_session=True,
            )

    def start(self, settings: dict[str, Any], clock: IO[bytes] | None = None) -> Born:
        """A server that is ready.  Raises `ServerNotStartedError`.

        The file *clock* holds the seconds by which the server's time is ahead.
        """
        reader, writer = os.pipe()
        log = tempfile.TemporaryFile()  # noqa: SIM115 - handed over, or closed below
        try:
            descriptors = [writer, log.fileno(), *([] if clock is None else [clock.fileno()])]
            try:
                pid: int = self._ask({"start": settings}, descriptors)["pid"]
            finally:
                os.close(writer)
            return Born(pid, self._ready(pid, reader, log), log)
        except BaseException:
            log.close()
            raise
        finally:
            os.close(reader)

    def stop(self, born: Born) -> None:
        """End a server; what it held in memory is gone."""
        born.log.close()
        if self.is_alive:
            # One that has died, be it at this moment, has taken its servers along.
            with suppress(ServerNotStartedError):
                self._ask({"stop": born.pid})

    @property
    def is_alive(self) -> bool:
        """Whether more servers can come of it."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process and every server in it."""
        self._line.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_ENDS_WITHIN_S)
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _ready(self, pid: int, reader: int, log: IO[bytes]) -> dict[str, Any]:
        line = _first_line(reader)
        if not line:
            self._ask({"stop": pid})
            raise ServerNotStartedError(_words(log))
        found: dict[str, Any] = json.loads(line)
        return found

    def _ask(self, request: dict[str, Any], descriptors: Sequence[int] = ()) -> dict[str, int]:
        with self._lock:
            try:
                socket.send_fds(self._line, [json.dumps(request).encode()], descriptors)
                answer = self._line.recv(_MAX_ANSWER_BYTES)
            except OSError as error:
                raise ServerNotStartedError(f"{error}: {_words(self._log)}") from error
            if not answer:
                raise ServerNotStartedError(_words(self._log))
            found: dict[str, int] = json.loads(answer)
            return found


def _first_line(reader: int) -> bytes:
    """What is written up to the end of the first line; nothing where it does not come."""
    line, until = b"", time.monotonic() + STARTS_WITHIN_S
    while not line.endswith(b"\n"):
        if not select.select([reader], [], [], max(0.0, until - time.monotonic()))[0]:
            return b""
        piece = os.read(reader, 4096)
        if not piece:
            return b""
        line += piece
    return line


def text_of(log: IO[bytes]) -> str:
    """What has been written to *log*.

    Whoever writes shares the place in the file with us, so it stays where it is.
    """
    size = os.fstat(log.fileno()).st_size
    return os.pread(log.fileno(), size, 0).decode("utf-8", "replace")


def _words(log: IO[bytes]) -> str:
    return text_of(log).strip().removeprefix("ossia: ") or "The server ended without a word."


_known: dict[int, Nursery] = {}
"""By the process that it is of."""


def of_this_process() -> Nursery:
    """The nursery of this process, which is started if there is none."""
    pid = os.getpid()
    if pid in _known and not _known[pid].is_alive:
        close()
    if pid not in _known:
        _known[pid] = Nursery()
        atexit.register(close)
    return _known[pid]


def close() -> None:
    """End the nursery of this process, if it has one."""
    found = _known.pop(os.getpid(), None)
    if found is not None:
        found.close()
