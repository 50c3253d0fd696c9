"""Moving the log into the file, without making anyone wait for it.

SQLite's automatic checkpoint runs inside the COMMIT that happens to be the thousandth and makes
its caller wait for two disk flushes.  Here a thread with its own connection does it when the log
has grown: pass after pass beside the writers, each leaving less, then the short rest while it
holds their turn.  After that the next writer starts the log from its beginning, so the log is
bounded.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import apsw

from ossia.adapters.file_lock import FileLock

log = logging.getLogger("ossia.storage")

LOG_PAGES = 8000
"""32 MiB of log; enough that pages which change often are written once for many changes."""
_PASSES = 6
_FEW_PAGES = 500
_PUT_OFF_S = 1.0


class Checkpoints:
    """Watches the log of *connection* and checkpoints it in a thread."""

    def __init__(
        self,
        connection: apsw.Connection,
        *,
        file: Path,
        lock_file: Path,
        connect: Callable[[], apsw.Connection],
        log_pages: int,
    ) -> None:
        self._connect = connect
        self._lock = FileLock(lock_file)
        # Closing any descriptor of the file drops the locks that SQLite has on it in this process:
        # this one is closed after the last connection.
        self._file = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        self._log_pages = log_pages
        self._pages_in_log = 0
        self._not_before = 0.0
        self._thread: threading.Thread | None = None
        # Takes the place of the automatic checkpoint.
        connection.set_wal_hook(self._note)

    def start_if_due(self) -> None:
        """Begin a checkpoint if the log is long and none is under way."""
        if self._pages_in_log < self._log_pages or time.monotonic() < self._not_before:
            return
        if self._thread is not None and self._thread.is_alive():
            return
        self._pages_in_log = 0
        self._thread = threading.Thread(target=self._run, name="metadata-checkpoint", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait for a checkpoint under way."""
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Release everything, after the connection was closed."""
        self._lock.close()
        os.close(self._file)

    def _note(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._pages_in_log = pages
        return apsw.SQLITE_OK

    def _run(self) -> None:
        try:
            connection = self._connect()
        except apsw.Error as error:
            # No file could be opened: too many are.  The log grows meanwhile, and nothing is lost.
            log.warning("checkpoint_put_off reason=%s", error)
            self._not_before = time.monotonic() + _PUT_OFF_S
            return
        try:
            self._move_most(connection)
            self._lock.acquire()
            try:
                _move(connection)
            finally:
                self._lock.release()
        except apsw.BusyError:
            pass  # another process is at it
        finally:
            connection.close()

    def _move_most(self, connection: apsw.Connection) -> None:
        moved = 0
        for _ in range(_PASSES):
            before, moved = moved, _move(connection)
            # SQLite flushes the file in the pass that finds nothing left, which holds the turn.
            os.fdatasync(self._file)
            if moved - before < _FEW_PAGES:
                break


def _move(connection: apsw.Connection) -> int:
    """Move what is in the log now; how many of its pages are moved so far."""
    _, moved = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    return moved
