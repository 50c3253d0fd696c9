"""Files of a repository: written whole or not at all, and read piece by piece."""

import os
from pathlib import Path
from typing import Final

from ossia.node.migration.blobs import DamagedError
from ossia.ports import Missing
from ossia.protocol.sealed_pieces import (
    HEAD,
    PIECE,
    TAG,
    BrokenPieceError,
    SealedPieces,
    content_size,
    pieces_of,
)

UNFINISHED: Final = ".part"
"""How the names of files end that were not written to their end."""


class SealedWriter:
    """Content on its way into a file."""

    def __init__(self, path: Path, key: bytes, place: str) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._unfinished = path.with_name(path.name + UNFINISHED)
        self._pieces = SealedPieces.fresh(key, place)
        self._number = 0
        self._left = bytearray()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._file = os.fdopen(os.open(self._unfinished, flags, 0o600), "wb")
        self._file.write(self._pieces.head)

    def write(self, content: bytes | memoryview) -> None:
        """Append; blocks as long as the disk does."""
        self._left += content
        # Only at the end is it known which piece is the last.
        while len(self._left) > PIECE:
            self._seal(PIECE, last=False)

    def finish(self) -> None:
        """Bring it to the disk and give it its name."""
        self._seal(len(self._left), last=True)
        self._file.flush()
        os.fdatasync(self._file.fileno())
        self._file.close()
        self._unfinished.rename(self._path)

    def discard(self) -> None:
        """Forget it, unless it is finished."""
        if not self._file.closed:
            # What is left in its buffer need not reach a disk that may be full.
            os.ftruncate(self._file.fileno(), 0)
            self._file.detach().close()
            self._unfinished.unlink(missing_ok=True)

    def _seal(self, size: int, *, last: bool) -> None:
        self._file.write(self._pieces.close(self._number, self._left[:size], last=last))
        self._number += 1
        del self._left[:size]


class SealedFile:
    """A file that was written so.  Raises `Missing`, `DamagedError`, `OSError`."""

    def __init__(self, path: Path, key: bytes, place: str) -> None:
        self._place = place
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise Missing(place) from error
        try:
            self.size = content_size(os.fstat(self._fd).st_size)
            self._pieces = SealedPieces.of(key, place, os.pread(self._fd, HEAD, 0))
        except BrokenPieceError as error:
            self.close()
            raise DamagedError(f"{place} of the repository is damaged") from error

    @property
    def count(self) -> int:
        """How many pieces it has."""
        return pieces_of(self.size)

    def piece(self, number: int) -> bytes:
        """One of them."""
        sealed = os.pread(self._fd, PIECE + TAG, HEAD + number * (PIECE + TAG))
        try:
            return self._pieces.open(number, sealed, last=number == self.count - 1)
        except BrokenPieceError as error:
            raise DamagedError(f"{self._place} of the repository is damaged") from error

    def read_all(self) -> bytes:
        """The whole content."""
        return b"".join(self.piece(number) for number in range(self.count))

    def check(self) -> int:
        """Read it to its end; its size."""
        for number in range(self.count):
            self.piece(number)
        return self.size

    def close(self) -> None:
        """Close the file.  Idempotent."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)
