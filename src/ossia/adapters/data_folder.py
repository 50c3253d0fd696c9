"""The folder in which one server keeps everything, and that server's claim on it.

::

    format        the version of this layout
    lock          held by the server while it runs
    metadata.*    `ossia.adapters.sqlite`
    blobs/        `ossia.adapters.filesystem`
"""

from contextlib import suppress
from pathlib import Path
from typing import Self

from ossia.adapters.file_lock import FileLock
from ossia.adapters.folder_sync import sync_folder
from ossia.private_files import make_private, open_to_others, write_private

FORMAT = 1
BLOBS = "blobs"
"""The folder of the bytes of objects: many files, each made for its owner only."""
_MARK = "ossia data folder, format "
_IN_AN_EMPTY_ONE = frozenset({"lost+found", "lock", "format.new"})
"""What file systems and interrupted first starts leave behind."""


class DataFolderError(Exception):
    """The folder cannot be used; the message is one line with the remedy."""


class FolderInUseError(DataFolderError):
    """Another server holds the folder."""


class FolderTooNewError(DataFolderError):
    """A newer version of Ossia made the folder."""


class FolderUnusableError(DataFolderError):
    """The folder cannot be made or written, or holds something else."""


class DataFolder:
    """An open data folder.  Only one server has it open at a time.

    The claim belongs to the open lock file: children made by ``fork`` share it, others when they
    are given ``lock_fd`` (``pass_fds``).  It ends when the last of them does.
    """

    def __init__(self, path: Path, lock: FileLock) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> Self:
        """Claim *path*; what is missing is made, readable by nobody else.

        Raises a `DataFolderError`, and leaves a folder that is not ours as it is.
        """
        path = path.absolute()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_format(path)
            lock = _claim(path)
        except OSError as error:
            raise FolderUnusableError(
                f"the data folder {path} cannot be used ({error.strerror}): make it writable for "
                "this user or choose another one"
            ) from error
        folder = cls(path, lock)
        try:
            folder._mark()
        except OSError as error:
            folder.close()
            raise FolderUnusableError(
                f"the data folder {path} cannot be written ({error.strerror}): make room and check "
                "its permissions"
            ) from error
        return folder

    @property
    def lock_fd(self) -> int:
        """The descriptor that keeps the claim."""
        return self._lock.fileno()

    def tighten(self) -> list[Path]:
        """Take what others may read from them; the files for which that is not permitted."""
        refused = []
        for path in open_to_others(self.path, apart_from=BLOBS):
            try:
                make_private(path)
            except OSError:
                refused.append(path)
        return refused

    def close(self) -> None:
        """Give the folder up."""
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _mark(self) -> None:
        mark = self.path / "format"
        if not mark.exists():
            write_private(mark, f"{_MARK}{FORMAT}\n".encode())
        for each in (self.path, self.path.parent):
            with suppress(PermissionError):  # a parent that we may not read
                sync_folder(each)


def _check_format(path: Path) -> None:
    try:
        text = (path / "format").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        foreign = sorted(each.name for each in path.iterdir() if each.name not in _IN_AN_EMPTY_ONE)
        if foreign:
            raise FolderUnusableError(
                f"{path} is not empty ({foreign[0]}) and no Ossia data folder: choose another one"
            ) from None
        return
    number = text.strip().removeprefix(_MARK)
    if not text.startswith(_MARK) or not number.isdecimal():
        raise FolderUnusableError(
            f"{path}/format is damaged: restore it, its text is '{_MARK}{FORMAT}'"
        )
    if int(number) > FORMAT:
        raise FolderTooNewError(
            f"the data folder {path} has format {number}, this Ossia knows {FORMAT}: start the "
            "newer Ossia that made it"
        )


def _claim(path: Path) -> FileLock:
    lock = FileLock(path / "lock")
    if lock.try_acquire():
        return lock
    lock.close()
    raise FolderInUseError(
        f"the data folder {path} is in use by another server: stop that one or choose another "
        "folder"
    )
