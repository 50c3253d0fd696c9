"""A shell that a reader types into: one for a page, with a folder and a home of its own.

Nothing that it starts outlives it: not what runs beside, and not if the test run is killed.
"""

import os
import secrets
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from running import STOPS_WITHIN_S

_ENDED: Final = "(the shell itself has ended)"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed, standard error included, and what it ended with (None: it did not)."""

    text: str
    code: int | None


class Terminal:
    """Types into a real bash."""

    def __init__(self, process: "subprocess.Popen[bytes]", scratch: Path) -> None:
        self._process = process
        self._scratch = scratch
        self._count = 0

    def type(self, command: str, within_s: float, answers: str = "") -> Answer:
        """Run *command* in the shell itself: what it exports or where it goes to stays.

        *answers* are lines for what it asks.
        """
        noted = self._noted(command)
        given = noted.with_suffix(".answers")
        given.write_text(answers)
        return self._ask(f". {noted} <{given}", within_s)

    def type_beside(self, command: str) -> Path:
        """Start *command*, which ends in ``&``; the file that has what it prints."""
        log = self._scratch / f"beside-{self._count}.log"
        log.touch()
        noted = self._noted(command)
        # As typed, so that `kill %1` meets the program and not a shell around it.
        self._ask(f"exec 3>&1 4>&2 >{log} 2>&1; . {noted} </dev/null; exec >&3 2>&4 3>&- 4>&-", 10)
        return log

    def _noted(self, command: str) -> Path:
        self._count += 1
        noted = self._scratch / f"typed-{self._count}.sh"
        noted.write_text(command + "\n")
        return noted

    def _ask(self, line: str, within_s: float) -> Answer:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        mark = secrets.token_hex(8)
        with suppress(BrokenPipeError):
            stdin.write(f"{line}\nprintf '%s %s\\n' {mark} $?\n".encode())
            stdin.flush()
        until = time.monotonic() + within_s
        read = b""
        while time.monotonic() < until:
            if not select.select([stdout], [], [], 0.2)[0]:
                continue
            piece = os.read(stdout.fileno(), 1 << 16)
            if not piece:
                return Answer(read.decode(errors="replace") + _ENDED, None)
            read += piece
            before, found, after = read.rpartition(mark.encode())
            if found and after.endswith(b"\n"):
                return Answer(before.decode(errors="replace"), int(after))
        return Answer(read.decode(errors="replace"), None)


@contextmanager
def running_terminal(
    folder: Path, scratch: Path, environment: Mapping[str, str]
) -> Iterator[Terminal]:
    """A terminal in *folder*; what it needs for itself is in *scratch*."""
    scratch.mkdir(parents=True, exist_ok=True)
    setpriv = shutil.which("setpriv")
    bound = [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
    process = subprocess.Popen(
        [*bound, "bash", "--noprofile", "--norc"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        cwd=folder,
        env=dict(environment),
        # A group of its own: whatever the page starts ends with it.
        start_new_session=True,
    )
    try:
        yield Terminal(process, scratch)
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        with suppress(BrokenPipeError):
            stream.close()
    # A shell whose input ends ends itself; what runs beside is in its group and is asked politely.
    for sent, patience_s in ((signal.SIGTERM, STOPS_WITHIN_S), (signal.SIGKILL, STOPS_WITHIN_S)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        until = time.monotonic() + patience_s
        while _has_members(process.pid) and time.monotonic() < until:
            process.poll()
            time.sleep(0.02)
    process.wait(STOPS_WITHIN_S)


def _has_members(group: int) -> bool:
    """Whether anything of it lives; what is dead and not yet collected does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, member_of = stat.read_text().rpartition(")")[2].split()[:3]
            if int(member_of) == group and state != "Z":
                return True
    return False
