"""Group commit: the operations that wait share one transaction and one wait for the disk.

Rules:

1. Operations run on the event loop's thread, one batch at a time, start to COMMIT without a
   pause.  A thread of its own would have to win the interpreter lock again after every statement
   and starves while the loop is busy (docs/decisions/2026-11-21-one-connection.md).
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
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import apsw

from ossia.adapters.blob_life import BlobTerms
from ossia.adapters.file_lock import FileLock
from ossia.adapters.sqlite.transaction import Operation, Transaction
from ossia.ports import Clock, StorageFact, Unavailable

log = logging.getLogger("ossia.storage")

_BATCH = 256
_POLLS = 5
"""How often a taken lock is asked for again before a thread is sent to wait for it."""
_POLL_S = 0.001


class _Waiting(NamedTuple):
    operation: Operation
    done: "asyncio.Future[Any]"


class _Outcome(NamedTuple):
    done: "asyncio.Future[Any]"
    result: Any
    error: BaseException | None


class GroupCommit:
    """Runs operations in batches on *connection*, which nobody else writes through."""

    def __init__(
        self,
        connection: apsw.Connection,
        *,
        file: Path,
        lock_file: Path,
        clock: Clock,
        terms: BlobTerms,
        after_commit: Callable[[], None],
        on_broken: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._lock = FileLock(lock_file)
        # SQLite keeps its own locks on the file and on -shm, which closing a descriptor would
        # drop; on the log it keeps none.
        self._log = os.open(f"{file}-wal", os.O_RDWR | os.O_CLOEXEC)
        self._clock = clock
        self._terms = terms
        self._after_commit = after_commit
        self._on_broken = on_broken
        self._waiting: list[_Waiting] = []
        self._is_running = False
        self._polls = 0
        self._broken: BaseException | None = None
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
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
            await self.submit(lambda _: None)

    def close(self) -> None:
        """Wait for the thread, then release everything.  Nothing may be in flight."""
        self._jobs.put(None)
        self._thread.join()
        os.close(self._log)
        self._lock.close()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    # one batch

    def _take_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._lock.try_acquire():
            self._polls = 0
            self._run_batch(loop)
        elif self._polls < _POLLS:
            self._polls += 1
            loop.call_later(_POLL_S, self._take_turn, loop)
        else:
            self._polls = 0
            self._jobs.put(lambda: self._wait_for_turn(loop))

    def _wait_for_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lock.acquire()
        loop.call_soon_threadsafe(self._run_batch, loop)

    def _run_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run what waits, up to a bound, and hand it on to the thread.  The lock is held."""
        batch = self._waiting[:_BATCH]
        del self._waiting[:_BATCH]
        try:
            if self._broken is None:
                outcomes = self._transact(batch)
            else:
                outcomes = _refused(batch, self._broken)
        finally:
            self._lock.release()
        self._jobs.put(lambda: self._make_durable(outcomes, loop))

    def _transact(self, batch: list[_Waiting]) -> list[_Outcome]:
        try:
            self._cursor.execute("begin immediate")
        except apsw.Error as error:
            return _refused(batch, error)
        try:
            transaction = Transaction(self._cursor, self._clock.now_ms(), self._terms)
            outcomes = [_run(transaction, each) for each in batch]
            transaction.write_usage()
            self._cursor.execute("commit")
        except Exception as error:  # noqa: BLE001 - it is handed to the caller whose it is
            self._roll_back()
            if len(batch) == 1:
                return _refused(batch, error)
            return [outcome for each in batch for outcome in self._transact([each])]
        return outcomes

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with suppress(apsw.Error):  # the engine may have rolled back already
                self._cursor.execute("rollback")

    def _make_durable(self, outcomes: list[_Outcome], loop: asyncio.AbstractEventLoop) -> None:
        if self._broken is None:
            try:
                os.fdatasync(self._log)
            except OSError as error:
                log.critical("metadata_log_not_durable", exc_info=error)
                self._broken = error
                self._on_broken()
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._tell, outcomes, loop)

    def _tell(self, outcomes: list[_Outcome], loop: asyncio.AbstractEventLoop) -> None:
        for done, result, error in outcomes:
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


def _run(transaction: Transaction, waiting: _Waiting) -> _Outcome:
    try:
        return _Outcome(waiting.done, waiting.operation(transaction), None)
    except StorageFact as fact:
        return _Outcome(waiting.done, None, fact)


def _refused(batch: list[_Waiting], error: BaseException) -> list[_Outcome]:
    if isinstance(error, apsw.Error | OSError):
        error = _unavailable(error)
    return [_Outcome(each.done, None, error) for each in batch]


def _unavailable(error: BaseException) -> Unavailable:
    unavailable = Unavailable(str(error))
    unavailable.__cause__ = error
    return unavailable
