"""Reading the whole file for its checksums, beside whoever serves from it.

The pages are read as they lie on the disk, those in no use included, and verified by the function
that the shim brings along (`page_checksums`).  The log is verified by the checksums that SQLite
itself gives its frames (https://sqlite.org/fileformat2.html#the_write_ahead_log).

A process that closes any descriptor of the file drops the locks that SQLite has on it there: one
that has connections to it keeps its scan open for as long as them.
"""

import asyncio
import os
import struct
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import apsw

from ossia.adapters.sqlite.page_checksums import FILE, PAGE, RESERVED, are_offered
from ossia.ports import Pace

_AT_ONCE: Final = 64
_RESERVED_AT: Final = 20
_LOOKS: Final = 5
_BETWEEN_LOOKS_S: Final = 0.05
"""A page that is just being written is read again."""

_LOG_HEADER: Final = 32
_SUMS_AT: Final = 24
_FRAME_HEADER: Final = 24
_MAGIC: Final = {0x377F0682: "<", 0x377F0683: ">"}
_INDEX: Final = struct.Struct("=IIIBBHI4xII2I")
"""What the index of the log begins with, in the order of bytes of the machine."""


class PageScan:
    """The file of a data folder while it is verified."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """Close the file; see above when."""
        os.close(self._file)

    @property
    def size(self) -> int:
        """Bytes that there are to read."""
        return os.fstat(self._file).st_size

    @property
    def has_checksums(self) -> bool:
        """Whether there is anything to verify pages by; not where nothing is written yet."""
        header = os.pread(self._file, _RESERVED_AT + 1, 0)
        return are_offered() and header[_RESERVED_AT:] == bytes([RESERVED])

    async def flaws(self, pace: Pace) -> AsyncIterator[str]:
        """What is damaged, in words: pages of the file, and the log."""
        flaw = await asyncio.to_thread(log_flaw, self._path)
        if flaw:
            yield flaw
        if not self.has_checksums:
            return
        page = 0
        while page * PAGE < self.size:
            for each in await asyncio.to_thread(self._bad_among, page):
                yield f"page {each + 1} of {self._path.name} is not what was written"
            await pace(_AT_ONCE * PAGE)
            page += _AT_ONCE

    def _bad_among(self, first: int) -> list[int]:
        connection = apsw.Connection(":memory:")
        try:
            content = os.pread(self._file, _AT_ONCE * PAGE, first * PAGE)
            suspects = [
                first + at // PAGE
                for at in range(0, len(content), PAGE)
                if not _is_whole(connection, content[at : at + PAGE])
            ]
            return [each for each in suspects if not self._becomes_whole(connection, each)]
        finally:
            connection.close()

    def _becomes_whole(self, connection: apsw.Connection, page: int) -> bool:
        for _ in range(_LOOKS):
            time.sleep(_BETWEEN_LOOKS_S)
            content = os.pread(self._file, PAGE, page * PAGE)
            if not content or _is_whole(connection, content):
                return True
        return False


def _is_whole(connection: apsw.Connection, page: bytes) -> bool:
    return len(page) == PAGE and bool(connection.execute("select verify_checksum(?)", (page,)).get)


def log_flaw(file: Path) -> str | None:
    """What is wrong with the log of *file*; looked at again where it is begun anew meanwhile."""
    for _ in range(_LOOKS):
        # What the index knows of is in the log, which may have more by now.
        index = _content(Path(f"{file}-shm"))[: _INDEX.size]
        log = _content(Path(f"{file}-wal"))
        if len(log) <= _LOG_HEADER:
            return None
        end = _end_of_log(index, log)
        whole = _whole_frames(log)
        if whole >= end:
            return None
        flaw = (
            f"the log {file.name}-wal is broken at frame {whole + 1} of {end}: what was written "
            "later is not read from it"
        )
        time.sleep(_BETWEEN_LOOKS_S)
    return flaw


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _end_of_log(index: bytes, log: bytes) -> int:
    """How many frames the log has: its index says so, or the frames that name its salt."""
    salt = log[16:24]
    is_whole = _order_of(log) is not None
    if len(index) == _INDEX.size:
        _, _, _, is_made, _, _, frames, *_ = _INDEX.unpack(index)
        if is_made and (index[32:40] == salt or not is_whole):
            return int(frames)
        if is_made:
            # The log is begun anew; what lies in it is in the file.
            return 0
    # Where the salt itself is not what it was, every frame has another one.
    ours = (number for number, at in _frames(log) if log[at + 8 : at + 16] == salt)
    return max(ours, default=0 if is_whole else 1)


def _frames(log: bytes) -> Iterator[tuple[int, int]]:
    """(number from 1, place) of each that is there to its end."""
    size = _FRAME_HEADER + int.from_bytes(log[8:12], "big")
    for number in range((len(log) - _LOG_HEADER) // size):
        yield number + 1, _LOG_HEADER + number * size


def _whole_frames(log: bytes) -> int:
    """How many frames from the first on are what was written."""
    order = _order_of(log)
    if order is None:
        return 0
    page = int.from_bytes(log[8:12], "big")
    sums = struct.unpack_from(">II", log, _SUMS_AT)
    whole = 0
    for number, at in _frames(log):
        body = at + _FRAME_HEADER
        sums = _sums(log[at : at + 8] + log[body : body + page], order, sums)
        if log[at + 8 : at + 16] != log[16:24] or sums != struct.unpack_from(">II", log, at + 16):
            break
        whole = number
    return whole


def _order_of(log: bytes) -> str | None:
    """In which order of bytes it is summed up; None if its header is not what was written."""
    order = _MAGIC.get(int.from_bytes(log[:4], "big"))
    if order is None or _sums(log[:_SUMS_AT], order, (0, 0)) != struct.unpack_from(
        ">II", log, _SUMS_AT
    ):
        return None
    return order


def _sums(content: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    """SQLite's checksum of the log, going on from *sums*."""
    first, second = sums
    words = iter(struct.unpack(f"{order}{len(content) // 4}I", content))
    for word, following in zip(words, words, strict=True):
        first = (first + word + second) & 0xFFFFFFFF
        second = (second + following + first) & 0xFFFFFFFF
    return first, second
