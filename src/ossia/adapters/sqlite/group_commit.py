"""Group commit: the changes that wait share one transaction and one wait for the disk.

Rules:

1. Changes run on the event loop's thread, one batch at a time, start to COMMIT without a
   pause: each is a coroutine that never waits, and is stepped to its end.  A thread of its own
   would have to win the interpreter lock again after every statement and starves while the loop is
   busy (docs/decisions/2026-11-21-one-connection.md).
2. COMMIT does not wait for the disk (``synchronous=NORMAL``): it appends to the log.  A thread then
   brings the log to the disk, and only after that the callers hear of it.  What
   ``synchronous=FULL`` does inside COMMIT, this does after it, outside every lock.
3. Processes take turns by a file lock around the transaction; it is held for the time of the
   statements, never for the time of the disk.
4. When the log cannot be brought to the disk, nothing is known about it any more: every later
   operation is refused until the process starts anew.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, NamedTuple, Protocol

import apsw

from ossia.adapters.sqlite.disk import Disk
from ossia.adapters.sqlite.transaction import Operation, SqliteTransaction
from ossia.ports import BlobTerms, Clock, StorageFact, Unavailable

log = logging.getLogger("ossia.storage")

_BATCH = 256
_POLLS = 5
"""How often a taken lock is asked for again before a thread is sent to wait for it."""
_POLL_S = 0.001


class Watch(Protocol):
    """Hears how long commits take."""

    def committed(self, changes: int, seconds: float) -> None:
        """One transaction made so many changes."""

    def flushed(self, seconds: float) -> None:
        """The disk has made it durable.  In a thread."""


class Unwatched:
    """Nobody wants to hear of it."""

    def committed(self, changes: int, seconds: float) -> None:
        """See `Watch.committed`."""

    def flushed(self, seconds: float) -> None:
        """See `Watch.flushed`."""


class _Waiting(NamedTuple):
    operation: Operation
    done: "asyncio.Future[Any]"


class _Outcome(NamedTuple):
    done: "asyncio.Future[Any]"
    result: Any
    error: BaseException | None


class _Batch(NamedTuple):
    outcomes: list[_Outcome]
    renewed: set[str]
    """Topics whose stamps are to be renewed."""


class GroupCommit:
    """Runs changes in batches on *connection*, which nobody else writes through.

    *renew* renews the stamp of a topic; *on_broken* is called, in a thread, once nothing can be
    made durable any more.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        *,
        disk: Disk,
        clock: Clock,
        terms: BlobTerms,
        renew: Callable[[str], None],
        after_commit: Callable[[], None],
        on_broken: Callable[[], None],
        watch: Watch,
    ) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._disk = disk
        self._clock = clock
        self._terms = terms
        self._renew = renew
        self._after_commit = after_commit
        self._on_broken = on_broken
        self._watch = watch
        self._waiting: list[_Waiting] = []
        self._is_running = False
        self._polls = 0
        self._broken: BaseException | None = None
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        if disk.is_slow:
            self._thread = threading.Thread(target=self._work, name="metadata-log", daemon=True)
            self._thread.start()

    def submit(self, operation: Operation) -> "asyncio.Future[Any]":
        """Run *operation* in the next batch; the result comes when it is durable."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._waiting.append(_Waiting(operation, done))
        if not self._is_running:
            self._is_running = True
            loop.call_soon(self._take_turn, loop)
        return done

    async def drain(self) -> None:
        """Wait for everything submitted so far."""
        if self._is_running:
            await self.submit(_nothing)

    def close(self) -> None:
        """Wait for the thread, then release everything.  Nothing may be in flight."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
        self._disk.close()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    # one batch

    def _take_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._disk.try_acquire():
            self._polls = 0
            self._run_batch(loop)
        elif self._polls < _POLLS:
            self._polls += 1
            loop.call_later(_POLL_S, self._take_turn, loop)
        else:
            self._polls = 0
            self._jobs.put(lambda: self._wait_for_turn(loop))

    def _wait_for_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._disk.acquire()
        loop.call_soon_threadsafe(self._run_batch, loop)

    def _run_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run what waits, up to a bound, and hand it on to the thread.  The turn is ours."""
        waiting = self._waiting[:_BATCH]
        del self._waiting[:_BATCH]
        try:
            if self._broken is None:
                begun = time.monotonic()
                batch = self._transact(waiting)
                self._watch.committed(len(waiting), time.monotonic() - begun)
            else:
                batch = _refused(waiting, self._broken)
        finally:
            self._disk.release()
        if self._thread is None:
            loop.call_soon(self._tell, batch, loop)
        else:
            self._jobs.put(lambda: self._make_durable(batch, loop))

    def _transact(self, waiting: list[_Waiting]) -> _Batch:
        try:
            self._cursor.execute("begin immediate")
        except apsw.Error as error:
            return _refused(waiting, error)
        try:
            transaction = SqliteTransaction(self._connection, self._clock.now_ms(), self._terms)
            outcomes = [_run(transaction, each) for each in waiting]
            transaction.write_usage()
            self._cursor.execute("commit")
        except Exception as error:  # noqa: BLE001 - it is handed to the caller whose it is
            self._roll_back()
            if len(waiting) == 1:
                return _refused(waiting, error)
            return _joined([self._transact([each]) for each in waiting])
        return _Batch(outcomes, transaction.renewed)

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with suppress(apsw.Error):  # the engine may have rolled back already
                self._cursor.execute("rollback")

    def _make_durable(self, batch: _Batch, loop: asyncio.AbstractEventLoop) -> None:
        if self._broken is None:
            begun = time.monotonic()
            try:
                self._disk.flush()
                self._watch.flushed(time.monotonic() - begun)
            except OSError as error:
                log.critical("metadata_log_not_durable", exc_info=error)
                self._broken = error
                self._on_broken()
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._tell, batch, loop)

    def _tell(self, batch: _Batch, loop: asyncio.AbstractEventLoop) -> None:
        for topic in batch.renewed:
            self._renew(topic)
        for done, result, error in batch.outcomes:
            if done.done():  # cancelled; the change is made nevertheless
                continue
            if self._broken is not None:
                done.set_exception(_unavailable(self._broken))
            elif error is None:
                done.set_result(result)
            else:
                done.set_exception(error)
        self._after_commit()
        if self._waiting:
            self._take_turn(loop)
        else:
            self._is_running = False


def _run(transaction: SqliteTransaction, waiting: _Waiting) -> _Outcome:
    change = waiting.operation(transaction)
    try:
        change.send(None)
    except StopIteration as done:
        return _Outcome(waiting.done, done.value, None)
    except StorageFact as fact:
        return _Outcome(waiting.done, None, fact)
    change.close()
    raise AssertionError("a change waits for something: others would get between its statements")


def _refused(waiting: list[_Waiting], error: BaseException) -> _Batch:
    if isinstance(error, apsw.Error | OSError):
        error = _unavailable(error)
    return _Batch([_Outcome(each.done, None, error) for each in waiting], set())


def _joined(batches: list[_Batch]) -> _Batch:
    outcomes = [outcome for batch in batches for outcome in batch.outcomes]
    return _Batch(outcomes, set().union(*(batch.renewed for batch in batches)))


def _unavailable(error: BaseException) -> Unavailable:
    unavailable = Unavailable(str(error))
    unavailable.__cause__ = error
    return unavailable


async def _nothing(_: SqliteTransaction) -> None:
    pass
