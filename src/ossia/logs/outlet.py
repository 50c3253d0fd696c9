"""Where lines go: to standard error or to a file, and never at the cost of who has one.

1. Once it is started, a thread writes.  Whoever logs adds to a queue in memory, which is bounded:
   a pipe that nobody reads, or a disk that hangs, costs lines and no request.
2. What is lost is counted, and told as soon as something can be written again.
3. Lines of several processes never mix: a file is appended to in one piece, and a pipe gets no more
   at a time than it takes undivided.
4. Of requests comes what is known of them, and the thread makes lines of many at a time: they wait
   up to a fifth of a second.  All others are written at once.
5. Before it is started (in a process that will fork, or a command that is over soon) every line is
   written by who has it.
"""

import logging
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from select import PIPE_BUF
from threading import Event as Flag
from threading import Thread
from typing import Any, Final, Protocol

from ossia.logs.lines import LINES, Event
from ossia.logs.records import event_of

MOST_WAITING: Final = 20_000
"""Lines in memory, of some hundred bytes each."""
_GATHER_S: Final = 0.2
_AT_ONCE: Final = 500
_MODE: Final = 0o640
_STANDARD_ERROR: Final = 2


class Target(Protocol):
    """What is written to, in whole lines."""

    def write(self, lines: Sequence[str]) -> None:
        """Write *lines*, each of which it ends.  Raises `OSError`; then some may be there."""


class StandardError:
    """A terminal, a file, or somebody's pipe."""

    def __init__(self) -> None:
        self._fd = _STANDARD_ERROR
        self._is_file = stat.S_ISREG(os.fstat(self._fd).st_mode)

    def write(self, lines: Sequence[str]) -> None:
        """See `Target`."""
        for piece in [_encoded(lines)] if self._is_file else _undivided(lines):
            _write_all(self._fd, piece)


def _encoded(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _undivided(lines: Sequence[str]) -> Iterator[bytes]:
    """*lines* in pieces that a pipe takes whole (POSIX, write); a longer line is one of its own."""
    piece = b""
    for line in (_encoded([each]) for each in lines):
        if piece and len(piece) + len(line) > PIPE_BUF:
            yield piece
            piece = b""
        piece += line
    yield piece


class LogFile:
    """A file that may be moved away at any time: what comes next is in a new one of that name.

    So every process finds out for itself, and nobody has to be told by a signal.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_torn = False
        self._fd = self._open()

    def _open(self) -> int:
        # Others who could write to it could say anything.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(self._path, flags, _MODE)

    def write(self, lines: Sequence[str]) -> None:
        """See `Target`."""
        if not self._is_there():
            fresh = self._open()
            os.close(self._fd)
            self._fd = fresh
        torn, self._is_torn = self._is_torn, True
        _write_all(self._fd, (b"\n" if torn else b"") + _encoded(lines))
        self._is_torn = False

    def _is_there(self) -> bool:
        """Whether what is open still has that name."""
        with suppress(FileNotFoundError):
            return os.path.samestat(self._path.stat(), os.fstat(self._fd))
        return False


def _write_all(fd: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _each_as_it_is(told: Sequence[Any]) -> list[str]:
    return list(map(str, told))


class Outlet:
    """Lines on their way to *target*; *render* makes one of each thing that `note` was given."""

    def __init__(
        self,
        target: Target,
        line: Callable[[Event], str],
        render: Callable[[Sequence[Any]], list[str]] = _each_as_it_is,
        *,
        most: int = MOST_WAITING,
    ) -> None:
        self._target = target
        self._line = line
        self._render = render
        self._most = most
        self._waiting: deque[Any] = deque()
        self._dropped = 0
        self._unwritten = 0
        self._told_lost = 0
        self._reason = "the queue is full"
        self._hurry = Flag()
        self._thread: Thread | None = None
        self._is_closing = False

    @property
    def lost(self) -> int:
        """How many lines were lost so far."""
        return self._dropped + self._unwritten

    def start(self) -> None:
        """Let a thread write from now on."""
        self._thread = Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def close(self, deadline_s: float = 2) -> None:
        """Write what waits, as far as that is possible in the time, and end."""
        if self._thread is not None:
            self._is_closing = True
            self._hurry.set()
            self._thread.join(deadline_s)

    def note(self, told: object) -> None:
        """Write what `render` makes of *told*, soon.  Every request pays for this."""
        if len(self._waiting) < self._most:
            self._waiting.append(told)
        else:
            self._dropped += 1

    def say(self, event: Event) -> None:
        """Write the event, at once."""
        self.note(self._line(event))
        if self._thread is None:
            self._write_waiting()
        else:
            self._hurry.set()

    def _run(self) -> None:
        while True:
            is_last = self._is_closing
            self._hurry.clear()
            self._write_waiting()
            if is_last:
                return
            self._hurry.wait(_GATHER_S)

    def _write_waiting(self) -> None:
        waiting, next_one = self._waiting, self._waiting.popleft
        while waiting:
            self._write(self._lines([next_one() for _ in range(min(len(waiting), _AT_ONCE))]))

    def _lines(self, some: list[Any]) -> list[str]:
        """Those that are lines already, and those that are made of the rest, in their order."""
        made = self._render([each for each in some if type(each) is not str])
        if len(made) == len(some):
            return made
        next_made = iter(made).__next__
        return [each if type(each) is str else next_made() for each in some]

    def _write(self, lines: list[str]) -> None:
        lost, said = self.lost, lines
        if lost > self._told_lost:
            fields = {"lost": lost - self._told_lost, "reason": self._reason}
            said = [self._line(Event(time.time(), "WARNING", "log_lines_lost", fields)), *lines]
        try:
            self._target.write(said)
        except OSError as error:
            self._unwritten += len(lines)
            self._reason = str(error)
        else:
            self._told_lost = lost
            self._reason = "the queue is full"


class EventHandler(logging.Handler):
    """Gives an outlet what is logged."""

    def __init__(self, outlet: Outlet) -> None:
        super().__init__()
        self._outlet = outlet

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        with suppress(RecursionError):
            self._outlet.say(event_of(record))


def log_to(outlet: Outlet) -> None:
    """Give *outlet*, and no other, what is logged from now on."""
    root = logging.getLogger()
    for each in root.handlers[:]:
        if isinstance(each, EventHandler):
            root.removeHandler(each)
    root.addHandler(EventHandler(outlet))
    root.setLevel(logging.INFO)


def log_to_standard_error(form: str = "text") -> None:
    """What commands log goes there, and so does what a server logs unless it has a file."""
    log_to(Outlet(StandardError(), LINES[form]))
