"""Processes: binds the port, forks the workers, restarts them, stops them.

The parent holds the data folder's lock and the sockets, and serves nothing itself.
"""

import asyncio
import contextlib
import errno
import logging
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, count
from pathlib import Path

import uvloop

from ossia.logs.outlet import Outlet
from ossia.node.bootstrap import Node, tls_context
from ossia.node.duties import HasDuty, duties
from ossia.node.keys import NodeKeys
from ossia.node.limits import limit_tables
from ossia.node.memory_watch import spare_the_collector, watch_memory
from ossia.node.metrics.board import Board
from ossia.node.metrics.families import FAMILIES
from ossia.node.shared_keys import follow
from ossia.node.watching import watching
from ossia.ports import Unavailable
from ossia.settings import Settings, SettingsError

log = logging.getLogger("ossia")

STOP_DEADLINE_S = 30
SWEEP_EVERY_S = 60
RETRY_EVERY_S = 0.5
BEAT_EVERY_S = 0.25
SCRUB_EVERY_S = 60
_SWEEPS_PER_SIFTING = 24 * 60
_MAX_RESTARTS = 5
_RESTART_WINDOW_S = 10
_MANY_FILES = 128 * 1024

Sockets = tuple[socket.socket, ...]
"""What one worker listens on: the port of the objects, and those of the console and of metrics
where they have one."""


def _allow_many_files() -> None:
    """As many open files as the system lets us: every connection, in or out, is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(most, _MANY_FILES)
    for limit in (wanted, most):
        # Only root may raise the hard limit.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return


def bind(settings: Settings, count: int) -> list[Sockets]:
    """Sockets for *count* workers.  Raises `SettingsError` if a port is taken."""
    asked = (
        ("--listen", settings.host_and_port()),
        ("--console-listen", settings.console_host_and_port()),
        ("--metrics-listen", settings.metrics_host_and_port()),
    )
    bound: list[list[socket.socket]] = []
    try:
        bound.extend(_bind(flag, *place, count) for flag, place in asked if place is not None)
    except SettingsError:
        for each in chain.from_iterable(bound):
            each.close()
        raise
    return list(zip(*bound, strict=True))


def _bind(flag: str, host: str, port: int, count: int) -> list[socket.socket]:
    """Sockets of one port."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # SO_REUSEPORT alone would join another server's port silently.
        probe = socket.socket(family, kind, proto)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen(1)
        address = probe.getsockname()
        probe.close()
        return [_reusable(family, address) for _ in range(count)]
    except OSError as error:
        raise SettingsError(_bind_reason(flag, f"{host}:{port}", error)) from error


def _reusable(family: int, address: tuple[str, int]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind(address)
    listening.setblocking(False)  # noqa: FBT003 - the name of the call says it
    return listening


def _bind_reason(flag: str, listen: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {listen} is already in use: stop the other program or choose another address "
            f"with {flag}."
        )
    if error.errno == errno.EACCES:
        return f"{listen} needs privileges: choose a port above 1023 with {flag}."
    return f"Cannot listen on {listen}: {error.strerror or error}. Choose another {flag}."


async def serve_until_stopped(
    node: Node, sockets: Sockets, ready: Callable[[], None], *, sweeps: bool
) -> None:
    """Serve until SIGINT, or SIGTERM and what it leaves a balancer's clients (`_Leaving`)."""
    loop = asyncio.get_running_loop()
    leaving = _Leaving(node)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leaving.hear, number)
    tls = tls_context(node.settings)
    for server, listening in zip(node.servers, sockets, strict=True):
        await server.listen(listening, tls)
    async with duties(node.settings, node.clock) as has_duty:
        chores = [loop.create_task(watch_memory()), loop.create_task(_beat(node))]
        if node.settings.is_shared:
            chores.append(loop.create_task(follow(node.database, node.keys.callback_keys)))
        if sweeps:
            chores += [loop.create_task(_sweep(node, has_duty)), loop.create_task(_retry(node))]
            if node.settings.lifecycle_interval:
                chores.append(loop.create_task(_age(node, has_duty)))
            if node.settings.scrub_period_s:
                chores.append(loop.create_task(_scrub(node, has_duty)))
        ready()
        await leaving.stopped.wait()
        for chore in chores:
            chore.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await chore
    await node.close(STOP_DEADLINE_S)


class _Leaving:
    """The way out of one worker: SIGTERM turns ``/-/ready`` off and serves on for a while.

    A second SIGTERM, or SIGINT, stops at once; so does a supervisor that is no more.
    """

    def __init__(self, node: Node) -> None:
        self._readiness = node.readiness
        self._drain_s = node.settings.drain_seconds
        self._supervisor = os.getppid()
        self.stopped = asyncio.Event()

    def hear(self, number: int) -> None:
        is_alone = os.getppid() != self._supervisor
        if number == signal.SIGINT or is_alone or not self._drain_s or self._readiness.is_draining:
            self.stopped.set()
            return
        log.info("draining seconds=%g", self._drain_s)
        self._readiness.drain()
        asyncio.get_running_loop().call_later(self._drain_s, self.stopped.set)


async def _beat(node: Node) -> None:
    """Note how late the loop wakes, and what the process is like."""
    while True:
        begun_s = time.monotonic()
        await asyncio.sleep(BEAT_EVERY_S)
        node.metrics.loop_lag.observe(max(0.0, time.monotonic() - begun_s - BEAT_EVERY_S))
        node.beat()


@contextlib.contextmanager
def _attempting(node: Node, duty: str) -> Iterator[None]:
    """Work in the background; what it fails with is told, and it is tried again another time."""
    try:
        with node.metrics.duty(duty):
            yield
    except Unavailable as error:
        log.warning("%s reason=%s", f"{duty}_failed", error)
    except Exception:
        log.exception("%s", f"{duty}_failed")


async def _retry(node: Node) -> None:
    """Send callbacks that are owed when they are due: those of which this takes the lease."""
    while True:
        sent = 0
        with _attempting(node, "retry"):
            sent = await node.outbox.run_due()
        await asyncio.sleep(0 if sent else RETRY_EVERY_S)


async def _sweep(node: Node, has_duty: HasDuty) -> None:
    """Collect garbage and old log rows every minute, look for unknown blobs once a day."""
    for turn in count():
        with _attempting(node, "sweep"):
            if await has_duty("sweep"):
                node.metrics.collected.add(await node.collector.sweep())
                await node.delivery_log.prune()
                await node.kms.purge()
                if turn % _SWEEPS_PER_SIFTING == _SWEEPS_PER_SIFTING - 1:
                    node.metrics.collected.add(await node.collector.sift())
        await asyncio.sleep(SWEEP_EVERY_S)


async def _age(node: Node, has_duty: HasDuty) -> None:
    """Act by lifecycle rules: go through the buckets of which a pass is due."""
    while True:
        with _attempting(node, "lifecycle"):
            await node.lifecycle.run(partial(has_duty, "lifecycle"))
        await asyncio.sleep(node.settings.lifecycle_interval)


async def _scrub(node: Node, has_duty: HasDuty) -> None:
    """Read everything that is stored once in a while, to see whether it is whole."""
    while True:
        await asyncio.sleep(min(SCRUB_EVERY_S, node.settings.scrub_period_s))
        with _attempting(node, "scrub"):
            await node.scrub.run(partial(has_duty, "scrub"))


class Supervisor:
    """Runs the workers of one server."""

    def __init__(
        self,
        settings: Settings,
        keys: NodeKeys,
        folder: Path | None,
        sockets: Sequence[Sockets],
        outlet: Outlet,
    ) -> None:
        self._outlet = outlet
        self._settings = settings
        self._keys = keys
        self._folder = folder
        self._sockets = sockets
        self._board = Board(FAMILIES, len(sockets))
        self._tables = limit_tables(settings, len(sockets))
        self._workers: dict[int, int] = {}
        self._stopping: list[int] = []
        """The signals that said so."""
        self._deaths: list[float] = []
        self._woken = -1
        """Can be read once a signal has come."""

    def run(self, ready: Callable[[], None]) -> int:
        """Serve until SIGTERM or SIGINT; *ready* is called once every worker listens."""
        # What is buffered must not be written again by each worker.
        sys.stdout.flush()
        sys.stderr.flush()
        _allow_many_files()
        self._woken, waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        # It writes to the pipe only where something handles it.
        signal.signal(signal.SIGCHLD, _nothing)
        for index in range(len(self._sockets)):
            self._start(index)
        if not self._stopping:
            ready()
        code = self._watch()
        self._close_sockets()
        return code

    def _close_sockets(self, *, but: int = -1) -> None:
        """Let go of the sockets; one accepts connections for as long as any process holds it."""
        for index, sockets in enumerate(self._sockets):
            if index != but:
                for listening in sockets:
                    listening.close()

    def _start(self, index: int) -> None:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            self._work(index, writer)
        os.close(writer)
        self._workers[pid] = index
        if self._stopping:
            # The signal came while this worker was being made, and did not reach it.
            self._tell(pid)
        with contextlib.suppress(InterruptedError):
            select.select([reader], [], [], 20)
        os.close(reader)

    def _work(self, index: int, writer: int) -> None:
        code = 1
        try:
            waker = signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            for end in (self._woken, waker):
                os.close(end)
            self._close_sockets(but=index)
            # A thread of the parent would not be here.
            self._outlet.start()
            with contextlib.suppress(OSError):
                die_with_parent()

            async def main() -> None:
                node = Node(
                    self._settings,
                    self._keys,
                    self._folder,
                    board=self._board,
                    worker=index,
                    watching=watching(self._settings, self._outlet),
                    tables=self._tables,
                )
                node.metrics.begin()
                spare_the_collector()

                def ready() -> None:
                    os.write(writer, b"1")
                    os.close(writer)

                # Who changes nothing collects nothing either.
                sweeps = index == 0 and not self._settings.read_only
                await serve_until_stopped(node, self._sockets[index], ready, sweeps=sweeps)

            uvloop.run(main())
            code = 0
        except Exception:
            log.exception("worker_failed")
        finally:
            self._outlet.close()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _watch(self) -> int:
        while self._workers:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                self._wait()
                continue
            index = self._workers.pop(pid, None)
            if index is None or self._stopping:
                continue
            log.error("worker_died pid=%d status=%d", pid, status)
            now = time.monotonic()
            self._deaths = [at for at in self._deaths if now - at < _RESTART_WINDOW_S] + [now]
            if len(self._deaths) > _MAX_RESTARTS:
                log.error("workers_die_too_often")
                self._stop(signal.SIGINT)
                return 1
            self._start(index)
        return 0

    def _wait(self) -> None:
        """Return when a signal has come, be it a moment ago.

        To wait for a child would not do: a signal that comes just before it is asked for wakes
        nobody, and whoever stops the server would wait for ever.
        """
        select.select([self._woken], [], [])
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)

    def _stop(self, number: int, _: object = None) -> None:
        self._stopping.append(number)
        self._close_sockets()
        for pid in self._workers:
            self._tell(pid)

    def _tell(self, pid: int) -> None:
        """Pass the last signal on.  SIGTERM goes first: a worker that begins ignores SIGINT."""
        for number in dict.fromkeys((signal.SIGTERM, self._stopping[-1])):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _nothing(number: int, frame: object) -> None:
    """Handle a signal that only has to wake."""


def die_with_parent() -> None:
    """Ask Linux to end this process if its parent is killed: no orphan keeps the port."""
    import ctypes  # noqa: PLC0415 - only what is forked needs it

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
