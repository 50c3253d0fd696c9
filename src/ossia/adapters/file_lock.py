"""A lock between processes that the kernel releases when its holder dies."""

import fcntl
import os
from pathlib import Path


class FileLock:
    """``flock`` on a file that exists for nothing else.

    The lock belongs to the open file, not to the process: two `FileLock` on one path exclude each
    other even inside one process, and a forked child shares the lock of its parent.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_acquire(self, *, shared: bool = False) -> bool:
        """Take the lock if it is free now; *shared* with others who take it so."""
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(self._fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def acquire(self) -> None:
        """Wait for the lock.  Blocks the thread."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def release(self) -> None:
        """Give the lock to whoever waits."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def fileno(self) -> int:
        """The descriptor that holds the lock."""
        return self._fd

    def close(self) -> None:
        """Close the file; the lock goes with the last duplicate of it."""
        os.close(self._fd)
