"""Moving the log into the file, without making anyone wait for it.

SQLite's automatic checkpoint runs inside the COMMIT that happens to be the thousandth and makes
its caller wait for two disk flushes.  Here a thread with its own connection does it when the log
has grown: first beside the writers, then, if they kept writing, the short rest while it holds
their turn.  After that the next writer starts the log from its beginning, so the log is bounded.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import apsw

from ossia.adapters.file_lock import FileLock

LOG_PAGES = 4000
"""16 MiB of log; enough that pages which change often are written once for many changes."""


class Checkpoints:
    """Watches the log of *connection* and checkpoints it in a thread."""

    def __init__(
        self,
        connection: apsw.Connection,
        connect: Callable[[], apsw.Connection],
        lock_file: Path,
        log_pages: int = LOG_PAGES,
    ) -> None:
        self._connect = connect
        self._lock = FileLock(lock_file)
        self._log_pages = log_pages
        self._pages_in_log = 0
        self._thread: threading.Thread | None = None
        # Takes the place of the automatic checkpoint.
        connection.set_wal_hook(self._note)

    def start_if_due(self) -> None:
        """Begin a checkpoint if the log is long and none is under way."""
        if self._pages_in_log < self._log_pages:
            return
        if self._thread is not None and self._thread.is_alive():
            return
        self._pages_in_log = 0
        self._thread = threading.Thread(target=self._run, name="metadata-checkpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait for a checkpoint under way."""
        if self._thread is not None:
            self._thread.join()
        self._lock.close()

    def _note(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._pages_in_log = pages
        return apsw.SQLITE_OK

    def _run(self) -> None:
        connection = self._connect()
        try:
            in_log, moved = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            if moved < in_log or self._pages_in_log:
                self._lock.acquire()
                try:
                    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                finally:
                    self._lock.release()
        except apsw.BusyError:
            pass  # another process is at it
        finally:
            connection.close()
