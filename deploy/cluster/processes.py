"""Processes that outlive the command: start them, find them again, stop, kill and freeze them.

1. A process is named, and found again by ``run/NAME.pid``: its number and the time of its start,
   because the system gives numbers out again.
2. Each is a session of its own and no child of ours: init reaps it.
3. What is done to a process is done to its descendants, too.
"""

import contextlib
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cluster.errors import ClusterError

POLL_S: Final = 0.1
_APART: Final = ("setsid", "--fork", "sh", "-c")
_WRITE_PID: Final = 'echo $$ >"$0"; exec "$@"'


def wait_until(is_so: Callable[[], bool], seconds: float, what: str) -> None:
    """Return when *is_so*.  Raises `ClusterError`, saying *what* did not happen."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise ClusterError(f"{what} within {seconds:g} s.")
        time.sleep(POLL_S)


class Process(ABC):
    """Something with a number that can be told to end, to stand still and to go on."""

    name: str

    @abstractmethod
    def pid(self) -> int | None:
        """The number, if it runs."""

    def is_running(self) -> bool:
        """Whether it is there, frozen or not."""
        return self.pid() is not None

    def is_frozen(self) -> bool:
        """Whether it stands still."""
        pid = self.pid()
        return pid is not None and _state(pid)[0] == "T"

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone.  Nothing happens if it is gone."""
        if (pid := self.pid()) is not None:
            _send(pid, number)

    def ends_within(self, seconds: float) -> bool:
        """Wait until it is gone; whether it is."""
        with contextlib.suppress(ClusterError):
            wait_until(lambda: not self.is_running(), seconds, self.name)
        return not self.is_running()

    def kill(self) -> None:
        """End it and its descendants without a chance to tidy up, as a power cut does."""
        self._send_all(signal.SIGKILL)
        if not self.ends_within(10):
            raise ClusterError(f"{self.name} cannot be killed: it waits for a disk that hangs.")

    def freeze(self) -> None:
        """Let it and its descendants stand still: connections stay open, nobody answers."""
        self._send_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._send_all(signal.SIGCONT)

    def _send_all(self, number: signal.Signals) -> None:
        """To the parent first, which then cannot make another; then to whoever it has made."""
        pid = self.pid()
        if pid is None:
            return
        family = list(_family(pid))
        for each in family:
            _send(each, number)


@dataclass(frozen=True)
class Daemon(Process):
    """A program that runs in the foreground, put in the background.

    *prefix* runs it elsewhere or as somebody else; each of its words ends by executing the rest.
    """

    name: str
    command: Sequence[str]
    folder: Path
    prefix: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.folder / "log" / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "run" / f"{self.name}.pid"

    @property
    def _age_file(self) -> Path:
        return self.folder / "run" / f"{self.name}.start"

    def pid(self) -> int | None:
        """See `Process`."""
        try:
            pid = int(self._pid_file.read_text())
            started = self._age_file.read_text()
        except (OSError, ValueError):
            return None
        state, age = _state(pid)
        return pid if age == started and state not in "XZ" else None

    def start(self) -> None:
        """Start it, if it does not run."""
        if self.is_running():
            return
        self._pid_file.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            subprocess.run(
                [*_APART, _WRITE_PID, str(self._pid_file), *self.prefix, *self.command],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={"PATH": _path(), "LANG": "C.UTF-8", **self.environment},
            )
        wait_until(self._has_pid, 10, f"{self.name} did not start; {self.log} says why")
        self._age_file.write_text(_state(int(self._pid_file.read_text()))[1])

    def stop(self, seconds: float = 30) -> None:
        """Ask it to end; after *seconds* it is killed."""
        self.thaw()
        self.send(signal.SIGTERM)
        if not self.ends_within(seconds):
            self.kill()

    def must_run(self) -> None:
        """Raise `ClusterError` with the last line of its log if it does not."""
        if not self.is_running():
            lines = self.log.read_text(errors="replace").strip().splitlines()
            said = lines[-1].strip() if lines else "nothing"
            raise ClusterError(f"{self.name} has ended, and said: {said}  ({self.log})")

    def wait_until(self, is_so: Callable[[], bool], seconds: float, what: str) -> None:
        """The same as the function, but for a process that ends it is over at once."""

        def happened() -> bool:
            self.must_run()
            return is_so()

        wait_until(happened, seconds, f"{self.name} {what} ({self.log} may say why)")

    def _has_pid(self) -> bool:
        return self._pid_file.exists() and self._pid_file.read_text().endswith("\n")


def _path() -> str:
    """Where programs are; Debian keeps haproxy and others where only root looks."""
    return f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _state(pid: int) -> tuple[str, str]:
    """State letter and start time (proc(5)); empty if there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "X", ""
    fields = text.rpartition(")")[2].split()
    return fields[0], fields[19]


def _family(pid: int) -> Iterator[int]:
    """The process and its descendants, parents first."""
    yield pid
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                for child in (thread / "children").read_text().split():
                    yield from _family(int(child))
