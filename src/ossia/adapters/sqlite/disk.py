"""What group commit needs of the disk: turns among processes, and a log that stays."""

import os
from pathlib import Path
from typing import Protocol

from ossia.adapters.file_lock import FileLock


class Disk(Protocol):
    """One turn at a time among the processes that share it."""

    is_slow: bool
    """Whether `flush` takes so long that a thread has to wait for it."""

    def try_acquire(self) -> bool:
        """Take the turn if nobody has it."""

    def acquire(self) -> None:
        """Wait for the turn."""

    def release(self) -> None:
        """Give the turn to the next."""

    def flush(self) -> None:
        """Bring what was committed to where it outlives a crash.  Raises `OSError`."""

    def close(self) -> None:
        """Release everything."""


class LogOnDisk:
    """The write-ahead log of *file*; *lock_file* gives the turns."""

    is_slow = True

    def __init__(self, file: Path, lock_file: Path) -> None:
        self._lock = FileLock(lock_file)
        self.try_acquire = self._lock.try_acquire
        self.acquire = self._lock.acquire
        self.release = self._lock.release
        # SQLite keeps its own locks on the file and on -shm, which closing a descriptor would
        # drop; on the log it keeps none.
        self._log = os.open(f"{file}-wal", os.O_RDWR | os.O_CLOEXEC)

    def flush(self) -> None:
        """See `Disk.flush`."""
        os.fdatasync(self._log)

    def close(self) -> None:
        """See `Disk.close`."""
        os.close(self._log)
        self._lock.close()


class NoDisk:
    """Of what is in memory: it is one process's own, and nothing outlives it."""

    is_slow = False

    def try_acquire(self) -> bool:
        """See `Disk.try_acquire`."""
        return True

    def acquire(self) -> None:
        """See `Disk.acquire`."""

    def release(self) -> None:
        """See `Disk.release`."""

    def flush(self) -> None:
        """See `Disk.flush`."""

    def close(self) -> None:
        """See `Disk.close`."""
