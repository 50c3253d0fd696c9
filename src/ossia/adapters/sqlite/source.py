"""The file of a data folder, to be read only, beside the server that has it open or without one."""

import errno
from contextlib import closing
from pathlib import Path

import apsw

from ossia.adapters.schema_version import SchemaTooNewError, SchemaTooOldError
from ossia.adapters.sqlite import page_checksums, unusable
from ossia.adapters.sqlite.schema import KNOWN_VERSION
from ossia.adapters.sqlite.transaction import AnsweringRows, plan_once


def kms_key_records(folder: Path) -> dict[str, bytes]:
    """The records of the keys of encrypted objects that are stored there.  Raises `OSError`."""
    return identity_records(folder, "kms_key")


def identity_records(folder: Path, kind: str) -> dict[str, bytes]:
    """The identities of one kind that are stored there, by their names.  Raises `OSError`."""
    file = folder / page_checksums.FILE
    if not file.exists():
        return {}
    try:
        with unusable.told(file), closing(_connected(file)) as connection:
            return _identities(connection, kind)
    except unusable.FileUnusableError as error:
        raise OSError(errno.EIO, str(error)) from error


def _connected(file: Path) -> apsw.Connection:
    """A connection that leaves the file as it is, and the log for whoever serves."""
    connection = page_checksums.connect(file, apsw.SQLITE_OPEN_READWRITE)
    connection.execute("pragma query_only = 1")
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    return connection


def _identities(connection: apsw.Connection, kind: str) -> dict[str, bytes]:
    try:
        return dict(connection.execute("select name, record from identity where kind = ?", (kind,)))
    except apsw.SQLError:
        # It has no tables yet.
        return {}


class SqliteSource(AnsweringRows):
    """See `ossia.ports.Rows`.

    Raises `SchemaTooNewError`, `SchemaTooOldError`, `FileUnusableError`, `FileNotFoundError`.
    """

    def __init__(self, folder: Path) -> None:
        file = folder / page_checksums.FILE
        if not file.exists():
            raise FileNotFoundError(file)
        with unusable.told(file):
            self._connection = _connected(file)
            plan_once(self._connection)
            found = self._connection.execute("select version from schema_version").get or 0
        if found != KNOWN_VERSION:
            self._connection.close()
            if found > KNOWN_VERSION:
                raise SchemaTooNewError("file", found, KNOWN_VERSION)
            raise SchemaTooOldError(found)
        super().__init__(self._connection)

    async def close(self) -> None:
        """Close the file."""
        self._connection.close()
