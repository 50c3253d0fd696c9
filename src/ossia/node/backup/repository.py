"""A repository: a folder in which backups lie, and who may do what in it at the same time.

::

    ossia-backup.json   `label`
    account             whose deployment is backed up into it
    blobs/ab/abcd…      the bytes of a blob, under its id
    rows/ab/abcd…       a sheaf of rows (`sheaves`)
    points/TIME-…       what makes a backup count (`points`)
    writing, reading    locks

Rules:

1. A file gets its name once it is on the disk, and is not changed after that: what was interrupted
   leaves names that end in ``.part``, and nothing that counts.
2. Everything that a point names is on the disk before the point is.
3. One backup at a time writes; who removes does so alone, also without readers.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from ossia.adapters.file_lock import FileLock
from ossia.adapters.folder_sync import sync_folder
from ossia.node.backup import label as labels
from ossia.node.backup.sealed_files import UNFINISHED, SealedFile, SealedWriter
from ossia.node.backup.secret import Secret
from ossia.private_files import write_private
from ossia.protocol.sealed_pieces import BrokenPieceError, content_size
from ossia.settings import SettingsError

LABEL: Final = "ossia-backup.json"
ACCOUNT: Final = "account"
BLOBS: Final = "blobs"
ROWS: Final = "rows"
POINTS: Final = "points"
KINDS: Final = (BLOBS, ROWS, POINTS)


class Repository:
    """An open one: its key is known."""

    def __init__(self, path: Path, id: str, key: bytes) -> None:  # noqa: A002 - what it is called in the label
        self.path = path
        self.id = id
        self.key = key

    # files

    def file(self, place: str) -> Path:
        """Where a place is: many are spread over folders."""
        kind, _, name = place.partition("/")
        return self.path / kind / name[:2] / name if kind in (BLOBS, ROWS) else self.path / place

    def writer(self, place: str) -> SealedWriter:
        """For what is to lie there."""
        return SealedWriter(self.file(place), self.key, place)

    def open(self, place: str) -> SealedFile:
        """What lies there.  Raises `Missing`, `DamagedError`, `OSError`."""
        return SealedFile(self.file(place), self.key, place)

    def put(self, place: str, content: bytes) -> None:
        """Have *content* lie there."""
        writer = self.writer(place)
        try:
            writer.write(content)
            writer.finish()
        finally:
            writer.discard()

    def get(self, place: str) -> bytes:
        """The content that lies there.  Raises what `open` does."""
        with closing(self.open(place)) as file:
            return file.read_all()

    def has(self, place: str, at_least: int = 0) -> bool:
        """Whether a content of that size or more lies there; it is not read."""
        try:
            return content_size(self.file(place).stat().st_size) >= at_least
        except (FileNotFoundError, BrokenPieceError):
            return False

    def places(self, kind: str) -> Iterator[str]:
        """What of that kind lies here, in order."""
        folder = self.path / kind
        for each in sorted(folder.iterdir()) if folder.exists() else []:
            for file in sorted(each.iterdir()) if each.is_dir() else [each]:
                if not file.name.endswith(UNFINISHED):
                    yield f"{kind}/{file.name}"

    def remove(self, place: str) -> None:
        """Remove what lies there."""
        self.file(place).unlink(missing_ok=True)

    def remove_unfinished(self) -> None:
        """Remove what those have left who were killed."""
        for kind in KINDS:
            for file in (self.path / kind).glob(f"**/*{UNFINISHED}"):
                file.unlink(missing_ok=True)

    def sync(self) -> None:
        """Bring the names of all files to the disk."""
        for kind in KINDS:
            folder = self.path / kind
            for each in folder.iterdir() if folder.exists() else []:
                if each.is_dir():
                    sync_folder(each)
            if folder.exists():
                sync_folder(folder)
        sync_folder(self.path)

    # who

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Nobody else writes.  Raises `SettingsError`."""
        with _locked(self.path / "writing") as is_ours:
            if not is_ours:
                raise SettingsError(
                    f"Another backup writes into {self.path}: let it end, then run this again."
                )
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Nobody removes anything.  Raises `SettingsError`."""
        with _locked(self.path / "reading", shared=True) as is_ours:
            if not is_ours:
                raise SettingsError(
                    f"Points of {self.path} are being forgotten: let that end, then run this again."
                )
            yield

    @contextmanager
    def removing(self) -> Iterator[None]:
        """Nobody else writes or reads.  Raises `SettingsError`."""
        with self.writing(), _locked(self.path / "reading") as is_ours:
            if not is_ours:
                raise SettingsError(
                    f"Somebody reads {self.path} (verify, restore): let that end, then run this "
                    "again."
                )
            yield


@contextmanager
def _locked(path: Path, *, shared: bool = False) -> Iterator[bool]:
    """Whether the lock could be taken, which is then held."""
    try:
        lock = FileLock(path)
    except OSError as error:
        if not shared:
            raise SettingsError(f"{path.parent} cannot be written: {error.strerror}.") from error
        # A medium that is only to be read: nobody removes anything there.
        yield True
        return
    with closing(lock):
        yield lock.try_acquire(shared=shared)


def init(path: Path, secret: Secret) -> Repository:
    """Make a repository in a folder that is empty or not there.  Raises `SettingsError`."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise SettingsError(f"{path} is not empty: give a new folder.")
        kind, salt, key = secret.made(path)
        label = labels.make(kind, salt, key)
        write_private(path / LABEL, label.text().encode())
        sync_folder(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from error
    return Repository(path, label.id, key)


def open_repository(path: Path, secret: Secret) -> Repository:
    """The one that is there.  Raises `SettingsError`."""
    try:
        content = (path / LABEL).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SettingsError(
            f"{path} is no repository of backups: make one (ossia backup init {path})."
        ) from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    label = labels.read(content)
    key = secret.key(label.key, bytes.fromhex(label.salt))
    if not label.is_of(key):
        raise SettingsError(
            f"This is not the key of {path}: give the one that was made with it. If it is, "
            f"{LABEL} is damaged: put a copy of it in its place."
        )
    return Repository(path, label.id, key)
