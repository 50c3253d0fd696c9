"""A real PostgreSQL for tests: one server, and an empty database whenever one is asked for."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg

_USER = "postgres"
_SETTINGS = {
    "shared_buffers": "64MB",
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
    "deadlock_timeout": "100ms",
    "log_min_messages": "fatal",
}


def programs() -> Path | None:
    """Where Debian keeps the newest PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: p.parts[4])
    return found[-1].parent if found else None


@dataclass
class PostgresServer:
    """A server in *folder*."""

    folder: Path
    port: int
    options: list[str]

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self.start()

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        place = programs()
        assert place is not None
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [place / "postgres", "-D", self.folder / "data", "-p", str(self.port),
                 *self.options],
                stdout=log, stderr=log, cwd=self.folder, **_as_other(),
            )  # fmt: skip
        end = time.monotonic() + 30
        while time.monotonic() < end:
            assert self.process.poll() is None, self._log.read_text()
            try:
                self._ask("select 1")
            except (OSError, asyncpg.PostgresError):
                time.sleep(0.05)
            else:
                return
        raise TimeoutError(self._log.read_text())

    def url(self, database: str) -> str:
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}"

    def fresh(self) -> str:
        """The URL of an empty database."""
        name = f"ossia_{next(self._numbers)}"
        self._ask(f"create database {name}")
        return self.url(name)

    def _ask(self, sql: str) -> None:
        async def ask() -> None:
            connection = await asyncpg.connect(self.url("postgres"), timeout=5)
            await connection.execute(sql)
            await connection.close()

        # Whoever asks may have a loop that runs.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, ask()).result()

    def send(self, signal_number: int) -> None:
        """Send a signal to the server and to every process that it has made."""
        children = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        for pid in (self.process.pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal_number)

    def kill_and_start(self) -> None:
        """Kill it with everything that it does, and start it again."""
        self.send(signal.SIGKILL)
        self.process.wait()
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        self.start()

    def stop(self) -> None:
        """End it at once."""
        self.send(signal.SIGCONT)
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)


def _as_other() -> dict[str, Any]:
    """The server refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(_USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@contextmanager
def running_postgres(*, fsync: bool = False) -> Iterator[PostgresServer]:
    """A server in a folder of its own; with *fsync* it is durable, without it fast."""
    place = programs()
    assert place is not None, "install PostgreSQL: make databases"
    folder = Path(tempfile.mkdtemp(prefix="ossia-postgres-"))
    as_other = _as_other()
    if as_other:
        shutil.chown(folder, _USER)
    subprocess.run(
        [place / "initdb", "-D", folder / "data", "-U", _USER, "-E", "UTF8",
         "--locale=C.UTF-8", "-A", "trust", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, cwd=folder, **as_other,
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {**_SETTINGS, "fsync": "on" if fsync else "off", "unix_socket_directories": folder}
    server = PostgresServer(folder, port, [f"-c{key}={value}" for key, value in settings.items()])
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
