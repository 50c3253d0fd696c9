"""A real PostgreSQL for tests: one server, and an empty database whenever one is asked for."""

import asyncio
import os
import pwd
import shutil
import signal
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

from ports import free_port

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
                self.ask("select 1")
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
        self.ask(f"create database {name}")
        return self.url(name)

    def ask(self, sql: str) -> Any:
        """The rows that *sql* finds."""

        async def ask() -> Any:
            # Of a connection over TLS asyncpg leaves something to be closed behind the loop's end.
            connection = await asyncpg.connect(self.url("postgres"), timeout=5, ssl=False)
            try:
                return await connection.fetch(sql)
            finally:
                await connection.close()

        # Whoever asks may have a loop that runs.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, ask()).result()

    def await_true(self, sql: str) -> None:
        """Wait until *sql* finds a row."""
        end = time.monotonic() + 30
        while not self.ask(sql):
            assert time.monotonic() < end, sql
            time.sleep(0.05)

    def set(self, name: str, value: str) -> None:
        """Change a setting for connections that are made from here on."""
        self.ask(f"alter system set {name} = '{value}'")
        self.ask("select pg_reload_conf()")

    def back_up(self, folder: Path, *more: str) -> None:
        """A base backup, in *folder* as a server has it."""
        run("pg_basebackup", "-D", folder / "data", "-h", "127.0.0.1", "-p", str(self.port),
            "-U", _USER, "--checkpoint=fast", "--no-sync", *more)  # fmt: skip

    def offer_tls(self, certificate_and_key: bytes) -> None:
        """Let in over TLS whoever likes."""
        file = self.folder / "server.pem"
        file.touch(mode=0o600)
        file.write_bytes(certificate_and_key)
        if _as_other():
            shutil.chown(file, _USER)
        for name in ("ssl_cert_file", "ssl_key_file"):
            self.ask(f"alter system set {name} = '{file}'")
        self.set("ssl", "on")
        self.await_true("select 1 from pg_settings where name = 'ssl' and setting = 'on'")

    def let_in(self, rules: str) -> None:
        """Make *rules* those of ``pg_hba.conf``."""
        (self.folder / "data" / "pg_hba.conf").write_text(rules)
        self.ask("select pg_reload_conf()")

    def encrypt(self, certificate_and_key: bytes) -> None:
        """Let nobody in any more but over TLS."""
        self.offer_tls(certificate_and_key)
        self.let_in("hostssl all all 127.0.0.1/32 trust\n")
        while True:
            try:
                self.ask("select 1")
            except asyncpg.PostgresError:
                return
            time.sleep(0.05)

    def mark_point(self, name: str) -> None:
        """Name this moment, so that a server can be restored to it."""
        self.ask(f"select pg_create_restore_point('{name}')")

    def archive_all(self) -> None:
        """Wait until the archive has everything that was written so far."""
        ((last,),) = self.ask("select pg_walfile_name(pg_switch_wal())")
        self.await_true(
            f"select 1 from pg_stat_archiver where last_archived_wal >= '{last}'"  # noqa: S608 - its own word
        )

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
def running_postgres(*, fsync: bool = False, **more: str) -> Iterator[PostgresServer]:
    """A server in a folder of its own; with *fsync* it is durable, without it fast.

    *more* are settings of its own.
    """
    with new_folder() as folder:
        run("initdb", "-D", folder / "data", "-U", _USER, "-E", "UTF8", "--locale=C.UTF-8",
            "-A", "trust", "--no-sync")  # fmt: skip
        with serving(folder, fsync="on" if fsync else "off", **more) as server:
            yield server


@contextmanager
def copied_postgres(of: PostgresServer, **more: str) -> Iterator[PostgresServer]:
    """A standby that follows another server."""
    with new_folder() as folder:
        of.back_up(folder, "--write-recovery-conf")
        with serving(folder, **more) as server:
            yield server


@contextmanager
def new_folder() -> Iterator[Path]:
    """A folder that a server can use, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="ossia-postgres-"))
    if _as_other():
        shutil.chown(folder, _USER)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def serving(folder: Path, **more: str) -> Iterator[PostgresServer]:
    """A server on what is in *folder*."""
    settings = {**_SETTINGS, "unix_socket_directories": str(folder), **more}
    server = PostgresServer(
        folder, free_port(), [f"-c{key}={value}" for key, value in settings.items()]
    )
    try:
        yield server
    finally:
        server.stop()


def run(program: str, *arguments: str | Path) -> None:
    """Run one of PostgreSQL's programs."""
    place = programs()
    assert place is not None, "install PostgreSQL: make databases"
    subprocess.run(
        [place / program, *arguments],
        check=True, stdout=subprocess.DEVNULL, cwd="/", **_as_other(),
    )  # fmt: skip
