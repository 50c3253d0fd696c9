"""Checksums on the pages of the file, so that a bit that flips on the disk is found.

They are those of SQLite's own shim (https://sqlite.org/cksumvfs.html), which apsw brings along: 8
bytes at the end of each page, verified whenever a page is read.  A page that is not what was
written is told of as an error of the disk and never answered from.

Rules:

1. Who opens the file for writing does it through `VFS`, or the checksums would no longer be true.
2. New files have room for them.  Files from before get it by `add_checksums`, which writes them
   anew.
3. Where apsw was built without the shim, files have no checksums, and files that have some are
   not opened.
"""

from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Final

import apsw

from ossia.adapters.sqlite.unusable import FileUnusableError, told

FILE: Final = "metadata.sqlite3"
PAGE: Final = 4096
_BUSY_MS: Final = 5000
RESERVED: Final = 8
"""Bytes at the end of each page."""


class NoShimError(FileUnusableError):
    """The file has checksums, and here is nothing that keeps them true."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"the pages of {file} have checksums, which this build of apsw cannot keep: install "
            "apsw from PyPI"
        )


@cache
def _shim() -> str | None:
    """Its name; once it is loaded, it is there for every connection of this process."""
    from apsw import sqlite_extra  # noqa: PLC0415 - who keeps everything in memory needs none

    connection = apsw.Connection(":memory:")
    try:
        sqlite_extra.load(connection, "cksumvfs")
    except (LookupError, sqlite_extra.NotAvailable, apsw.Error):
        return None
    finally:
        connection.close()
    return "cksmvfs"


def are_offered() -> bool:
    """Whether files can have checksums here."""
    return _shim() is not None


def are_in(connection: apsw.Connection) -> bool:
    """Whether the pages of the file have checksums."""
    # Until the header was read, nothing is known of it.
    connection.execute("pragma schema_version").get  # noqa: B018 - reads it
    header = connection.execute("pragma page_count").get
    return bool(header) and connection.reserve_bytes() == RESERVED


def connect(file: Path, flags: int | None = None, vfs: str | None = None) -> apsw.Connection:
    """A connection to *file*, which has checksums if it is made by this.

    *vfs* takes the place of the shim.  Raises `NoShimError`.
    """
    shim = _shim() if vfs is None else None
    if flags is None:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(str(file), flags=flags, vfs=shim or vfs)
    connection.set_busy_timeout(_BUSY_MS)
    if shim is None and are_in(connection):
        connection.close()
        raise NoShimError(file)
    if shim is not None and not connection.execute("pragma page_count").get:
        connection.reserve_bytes(reserve=RESERVED)
    return connection


def add_checksums(folder: Path) -> bool:
    """Write the file of a data folder anew, with checksums; whether it had none.

    Nobody else may have it open.  It takes as much room again as the file has, for a while.
    Raises `FileUnusableError`.
    """
    file = folder / FILE
    with told(file), closing(connect(file)) as connection:
        if _shim() is None or are_in(connection):
            return False
        connection.reserve_bytes(reserve=RESERVED)
        connection.execute("vacuum")
    return True
