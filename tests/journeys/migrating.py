"""Runs of ``ossia migrate`` in processes of their own, and what is seen of them."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

PEAK_MIB = 400
"""More than a migration may take, whatever it carries over."""


@dataclass
class Run:
    """One that has begun."""

    process: "subprocess.Popen[str]"
    output: IO[str]
    errors: IO[str]
    begun: float
    peak_mib: int = 0

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended within that time; looks at its memory meanwhile."""
        end = time.monotonic() + timeout_s
        while self.process.poll() is None and time.monotonic() < end:
            with suppress(OSError, IndexError):
                status = Path(f"/proc/{self.process.pid}/status").read_text()
                self.peak_mib = int(status.partition("VmHWM:")[2].split()[0]) // 1024
            assert self.peak_mib < PEAK_MIB
            time.sleep(0.02)
        return self.process.poll() is not None

    def said(self) -> str:
        """What it has written for people about an error."""
        self.errors.seek(0)
        return self.errors.read()

    def last_event(self) -> dict[str, Any]:
        """The last it has told; whoever runs it at full size sees how far it came."""
        self.output.seek(0)
        event: dict[str, Any] = json.loads(([*self.output] or ["{}"])[-1])
        took_s = time.monotonic() - self.begun
        print(f"{took_s:.1f} s, peak {self.peak_mib} MiB: {event}")
        return event


@contextmanager
def migrating(source: Path, target: Path, *more: str) -> Iterator[Run]:
    """One from *source* to *target*, killed if it has not ended until then."""
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "ossia", "migrate", "--json", "--from", str(source), "--to",
             str(target), *more],
            stdout=output, stderr=errors, text=True,
        )  # fmt: skip
        try:
            yield Run(process, output, errors, time.monotonic())
        finally:
            process.kill()
            process.wait()
