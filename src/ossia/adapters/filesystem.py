# ruff: noqa: D102 - the docstrings are those of the port
# ruff: noqa: PTH102, PTH104, PTH108, PTH112, PTH118, PTH120 - a Path costs more than the call
"""Blobs as files of their own, under names made here and nowhere else.

``<folder>/blobs/ab/cd/abcd….part`` while bytes arrive, without ``.part`` once published.  Large
aligned pieces go to the disk directly, past the page cache, where the file system allows it;
everything else goes through the cache and is flushed by ``publish``.

Rules:

1. A blob is published by flush, rename, flush of the directory, in this order.
2. A directory is created durably before a name in it can be published.
3. Nothing a client sent becomes part of a file name.
"""

import asyncio
import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from ossia.adapters.folder_sync import sync_folder
from ossia.ports import BlobReader, Missing, StagedBlob, Unavailable

_ID = re.compile(r"[0-9a-f]{32}")
_STAGED = ".part"
_ALIGNMENT = 4096
_DIRECT_FROM = 256 * 1024
"""Smaller pieces are cheaper through the page cache than by waiting for the disk each time."""
_ALLOCATE_FROM = 256 * 1024
_THREADS = 4

T = TypeVar("T")


class _StagedFile:
    """Bytes on their way into a file."""

    def __init__(self, blob_id: str, path: str, size_hint: int, *, direct: bool) -> None:
        self.id = blob_id
        self.path = path
        self._allows_direct = direct
        self._is_direct = False
        self._size = 0
        self._allocated = 0
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        if size_hint >= _ALLOCATE_FROM:
            self._allocate(size_hint)

    def _allocate(self, size: int) -> None:
        """Reserve the space: what cannot fit is refused before it is sent."""
        try:
            os.posix_fallocate(self._fd, 0, size)
        except OSError:
            _discard(self)
            raise
        self._allocated = size

    def write(self, piece: memoryview) -> None:
        with _translated():
            direct = self._direct_length(piece)
            if direct:
                self._write_direct(piece[:direct])
            if direct < len(piece):
                self._set_direct(on=False)
                self._write_all(piece[direct:])

    async def flow(self) -> None:
        """Writing has waited for the disk already."""

    def finish(self) -> None:
        """Bring every byte to the disk and close the file."""
        if self._allocated > self._size:
            os.ftruncate(self._fd, self._size)
        os.fdatasync(self._fd)
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether it was neither published nor discarded."""
        return self._fd >= 0

    def close(self) -> None:
        """Close the file.  Idempotent."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _direct_length(self, piece: memoryview) -> int:
        """How many bytes of *piece* can go to the disk directly."""
        if (
            not self._allows_direct
            or len(piece) < _DIRECT_FROM
            or self._size % _ALIGNMENT
            or not _is_aligned(piece)
        ):
            return 0
        return len(piece) - len(piece) % _ALIGNMENT

    def _write_direct(self, piece: memoryview) -> None:
        end = self._size + len(piece)
        try:
            self._set_direct(on=True)
            self._write_all(piece)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            # The device asks for more than page alignment, or stopped in the middle of a page.
            self._allows_direct = False
            self._set_direct(on=False)
            self._write_all(piece[len(piece) - (end - self._size) :])

    def _set_direct(self, *, on: bool) -> None:
        if on != self._is_direct:
            flags = fcntl.fcntl(self._fd, fcntl.F_GETFL) & ~os.O_DIRECT
            fcntl.fcntl(self._fd, fcntl.F_SETFL, flags | (os.O_DIRECT if on else 0))
            self._is_direct = on

    def _write_all(self, piece: memoryview) -> None:
        while piece:
            written = os.pwrite(self._fd, piece, self._size)
            self._size += written
            piece = piece[written:]


class _FileReader:
    """A run of a file, which is open while it is used."""

    __slots__ = ("_fd", "_path", "_threads", "length", "offset")

    def __init__(self, path: str, offset: int, length: int, threads: ThreadPoolExecutor) -> None:
        self._path = path
        self._threads = threads
        self._fd = -1
        self.offset = offset
        self.length = length

    async def begin(self) -> None:
        """A folder does not go away."""

    def fileno(self) -> int:
        if self._fd < 0:
            try:
                self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                raise Missing(self._path.rpartition("/")[2]) from None
        return self._fd

    async def read(self, offset: int, most: int) -> bytes:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._read, offset, most)

    def _read(self, offset: int, most: int) -> bytes:
        with _translated():
            return os.pread(self.fileno(), most, offset)

    def release(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    close = release


class FileBlobStore:
    """See `ossia.ports.BlobStore`.  Everything lies in ``blobs`` below *folder*."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.path.join(folder, "blobs")
        with contextlib.suppress(FileExistsError):
            os.mkdir(self._folder, 0o700)
        sync_folder(folder)
        self._allows_direct = allows_direct(self._folder)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="blobs")
        self._directories: set[str] = set()

    def new_id(self) -> str:
        return uuid4().hex

    def stage(self, blob_id: str, size_hint: int | None) -> StagedBlob:
        path = self._path(blob_id)
        with _translated():
            self._make_directory(os.path.dirname(path))
            return _StagedFile(blob_id, path + _STAGED, size_hint or 0, direct=self._allows_direct)

    async def publish(self, staged: StagedBlob) -> None:
        assert isinstance(staged, _StagedFile)
        await self._in_thread(self._publish, staged)

    async def discard(self, staged: StagedBlob) -> None:
        assert isinstance(staged, _StagedFile)
        await self._in_thread(_discard, staged)

    def open(self, blob_id: str, offset: int, length: int) -> BlobReader:
        return _FileReader(self._path(blob_id), offset, length, self._threads)

    async def delete(self, blob_ids: Sequence[str]) -> None:
        paths = [self._path(each) for each in blob_ids]
        await self._in_thread(_remove, paths)

    async def ids(self, *, unchanged_since: int) -> AsyncIterator[str]:
        for number in range(256):
            path = f"{self._folder}/{number:02x}"
            for blob_id in await self._in_thread(_ids_in, path, unchanged_since):
                yield blob_id

    async def probe(self) -> None:
        # Not in a thread of ours: they may all be busy with work that goes on well.
        with _translated():
            await asyncio.to_thread(os.stat, self._folder)

    def close(self) -> None:
        """Wait for what the threads are doing."""
        self._threads.shutdown()

    def _path(self, blob_id: str) -> str:
        if _ID.fullmatch(blob_id) is None:
            raise ValueError(f"not a blob id: {blob_id!r}")
        return f"{self._folder}/{blob_id[:2]}/{blob_id[2:4]}/{blob_id}"

    def _make_directory(self, directory: str) -> None:
        if directory in self._directories or directory == self._folder:
            return
        parent = os.path.dirname(directory)
        self._make_directory(parent)
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o700)
        # Also where it existed: whoever made it may not have come this far.
        sync_folder(parent)
        self._directories.add(directory)

    def _publish(self, staged: _StagedFile) -> None:
        with _translated():
            staged.finish()
            published = staged.path.removesuffix(_STAGED)
            try:
                os.rename(staged.path, published)
            except FileNotFoundError:
                raise Missing(staged.id) from None
            sync_folder(os.path.dirname(published))

    async def _in_thread(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)


def _discard(staged: _StagedFile) -> None:
    if staged.is_open:
        staged.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(staged.path)


def _remove(paths: list[str]) -> None:
    with _translated():
        for path in paths:
            for name in (path, path + _STAGED):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name)


def _ids_in(folder: str, unchanged_since: int) -> list[str]:
    """Ids of the files two levels below that are older; each once."""
    found: set[str] = set()
    if not os.path.isdir(folder):
        return []
    for below in os.scandir(folder):
        for entry in os.scandir(below.path):
            with contextlib.suppress(FileNotFoundError):
                if entry.stat().st_mtime_ns // 1_000_000 < unchanged_since:
                    found.add(entry.name.removesuffix(_STAGED))
    return sorted(found)


def _is_aligned(piece: memoryview) -> bool:
    if piece.readonly:  # bytes: nobody aligned them
        return False
    return ctypes.addressof(ctypes.c_char.from_buffer(piece)) % _ALIGNMENT == 0


def allows_direct(folder: str) -> bool:
    """Whether files below *folder* can be written past the page cache (tmpfs may refuse)."""
    probe = f"{folder}/probe-{uuid4().hex}"
    page = mmap.mmap(-1, _ALIGNMENT)
    try:
        fd = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_DIRECT | os.O_CLOEXEC, 0o600)
        try:
            return os.pwrite(fd, page, 0) == _ALIGNMENT
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return False
    finally:
        page.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(probe)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(str(error)) from error
