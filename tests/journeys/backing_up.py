"""Runs of ``ossia backup`` and ``ossia restore``, and writers whose every moment is known."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ossia.client.signing_client import SigningClient

WITHIN_S = 240
KEYS = 8
"""Of each writer."""
SIZES = (40, 900, 20_000, 70_000, 400_000)
"""Some in their row, some in blobs."""


@dataclass(frozen=True)
class Run:
    """One that has ended."""

    code: int
    events: list[dict[str, Any]]
    errors: str

    @property
    def last(self) -> dict[str, Any]:
        return self.events[-1]


@dataclass(frozen=True)
class Backups:
    """A repository and its key."""

    path: Path
    key: Path

    @classmethod
    def new(cls, folder: Path) -> "Backups":
        backups = cls(folder / "repository", folder / "backup.key")
        assert backups.run("init").code == 0
        return backups

    def command(self, name: str, *more: str) -> list[str]:
        what = ["restore"] if name == "restore" else ["backup", name]
        flags = ["--key-file", str(self.key), "--json"]
        return [sys.executable, "-m", "ossia", *what, str(self.path), *flags, *more]

    def run(self, name: str, *more: str, environment: Mapping[str, str] | None = None) -> Run:
        done = subprocess.run(
            self.command(name, *more),
            capture_output=True, text=True, timeout=WITHIN_S, check=False, env=environment,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return Run(done.returncode, [json.loads(line) for line in done.stdout.splitlines()],
                   done.stderr)  # fmt: skip

    def ran(self, name: str, *more: str) -> dict[str, Any]:
        """The last event of a run that succeeds."""
        run = self.run(name, *more)
        assert run.code == 0, run
        return run.last

    def stop_when(
        self, is_time: Callable[[], bool], how: signal.Signals, name: str, *more: str,
        after_s: float = 0,
    ) -> tuple[int, bool]:  # fmt: skip
        """Its exit code, and whether it was still running so long after the time came."""
        process = subprocess.Popen(self.command(name, *more), stdout=subprocess.DEVNULL)
        try:
            while process.poll() is None and not is_time():
                time.sleep(0.005)
            with suppress(subprocess.TimeoutExpired):
                process.wait(after_s)
            was_running = process.poll() is None
            process.send_signal(how)
            return process.wait(30), was_running
        finally:
            process.kill()
            process.wait()


@dataclass
class Writer:
    """Writes one change after the other: its state after each is known.

    What it stores begins with how far it and the others had come, as each had been told.
    """

    name: str
    client: SigningClient
    others: "list[Writer]"
    chance: random.Random
    changes: list[tuple[str, bytes | None]] = field(default_factory=list)
    told: int = 0
    """How many changes were acknowledged."""

    def write(self) -> None:
        key = f"{self.name}/{self.chance.randrange(KEYS)}"
        seen = json.dumps({each.name: each.told for each in self.others}).encode()
        content = seen + b"\n" + self.chance.randbytes(self.chance.choice(SIZES))
        body = None if self.chance.random() < 0.2 else content
        self.changes.append((key, body))
        if body is None:
            reply = self.client.request("DELETE", "moving", key)
        else:
            reply = self.client.request("PUT", "moving", key, body=body)
        assert reply.status in (200, 204), reply.body
        self.told = len(self.changes)

    def moments(self, found: Mapping[str, bytes], begun: int, ended: int) -> list[int]:
        """After how many of its changes, between the two numbers, the state was *found*."""
        mine = {key: body for key, body in found.items() if key.startswith(f"{self.name}/")}
        state: dict[str, bytes] = {}
        fitting = [0] if not mine and begun == 0 else []
        for number, (key, body) in enumerate(self.changes, 1):
            state.pop(key, None)
            if body is not None:
                state[key] = body
            if begun <= number <= ended and state == mine:
                fitting.append(number)
        return fitting


@contextmanager
def writing(endpoint: str, root: tuple[str, str], count: int = 3) -> Iterator[list[Writer]]:
    """So many writers, all at work."""
    writers: list[Writer] = []
    for number in range(count):
        client = SigningClient(endpoint, *root)
        writers.append(Writer(f"w{number}", client, writers, random.Random(number)))
    end, failed = threading.Event(), []

    def go(writer: Writer) -> None:
        try:
            while not end.is_set():
                writer.write()
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=go, args=(each,)) for each in writers]
    for each in threads:
        each.start()
    try:
        yield writers
    finally:
        end.set()
        for each in threads:
            each.join()
    assert not failed


def await_more(writers: list[Writer], more: int) -> None:
    """Until each has written so many times more."""
    until = [each.told + more for each in writers]
    while any(each.told < count for each, count in zip(writers, until, strict=True)):
        time.sleep(0.02)


def check_one_moment(
    writers: list[Writer], found: Mapping[str, bytes], begun: Mapping[str, int],
    ended: Mapping[str, int],
) -> None:  # fmt: skip
    """All of *found* is as it was at one moment between the two."""
    at: dict[str, int] = {}
    for each in writers:
        moments = each.moments(found, begun[each.name], ended[each.name])
        assert moments, (each.name, begun, ended)
        at[each.name] = max(moments)
    for key, body in found.items():
        seen = json.loads(body.partition(b"\n")[0])
        # What had been acknowledged before something was stored is there where that is.
        for name, count in seen.items():
            assert at[name] >= count, (key, name, at)
