# ruff: noqa: D102 - the docstrings are those of the port
"""`Database` on one SQLite file, or in the memory of one process.

One connection per process, used by the event loop's thread only.  Reads run on it directly: a
point read takes microseconds, less than sending it to a thread.  Changes run in batches
(`group_commit`).  Because reader and writer are one connection, a change does not throw away the
pages that reads have cached.

Open the database in the process that uses it: a SQLite connection does not survive a fork.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import apsw

from ossia.adapters.file_lock import FileLock
from ossia.adapters.folder_sync import sync_folder
from ossia.adapters.schema_version import SchemaTooNewError
from ossia.adapters.sqlite import page_checksums, schema, unusable
from ossia.adapters.sqlite.checkpoints import LOG_PAGES, Checkpoints
from ossia.adapters.sqlite.disk import LogOnDisk, NoDisk
from ossia.adapters.sqlite.group_commit import GroupCommit, Unwatched, Watch
from ossia.adapters.sqlite.page_scan import PageScan
from ossia.adapters.sqlite.stamps import OwnStamps, SharedStamps
from ossia.adapters.sqlite.transaction import AnsweringRows, SqliteTransaction, plan_once
from ossia.ports import DEFAULT_TERMS, BlobTerms, Clock, Pace, Transaction
from ossia.private_files import keep_private, make_private

_CACHE_KIB = 12 * 1024
_TURN = "metadata.turn"

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _SqliteDatabase(AnsweringRows):
    """What both have in common."""

    _commits: GroupCommit
    _stamps: SharedStamps | OwnStamps
    _scan: PageScan | None = None

    async def change(
        self,
        change: Callable[Concatenate[Transaction, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        def operation(tx: SqliteTransaction) -> Any:
            return change(tx, *args, **kwargs)

        changed: _T = await self._commits.submit(operation)
        return changed

    async def stamp(self, topic: str) -> bytes:
        return self._stamps.get(topic)

    async def flaws(self, pace: Pace) -> AsyncIterator[str]:
        if self._scan is not None:
            async for flaw in self._scan.flaws(pace):
                yield flaw

    async def continue_ids(self) -> None:
        """SQLite gives ids behind the greatest there is."""


def bring_up_to_date(folder: Path) -> None:
    """Make the file of *folder*, or bring it to the form of this version.

    Its log stays for whoever serves: here it would keep everybody waiting.  Raises
    `SchemaTooNewError`, `FileUnusableError`.
    """
    with closing(_opened(folder)) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)


def _opened(folder: Path) -> apsw.Connection:
    """A connection to the file, which is there then, and up to date."""
    file = folder / page_checksums.FILE
    # The log and its index get the mode of the file when SQLite makes them.
    keep_private(file)
    for beside in ("-wal", "-shm", "-journal"):
        make_private(folder / f"{file.name}{beside}")
    with unusable.told(file):
        connection = _connected(file)
        _migrate(connection, folder / _TURN)
    # The names of the file and of its log must outlive a crash like what is in them.
    sync_folder(folder)
    return connection


def _connected(file: Path) -> apsw.Connection:
    connection = page_checksums.connect(file)
    connection.execute("pragma journal_mode = wal").get  # noqa: B018 - runs to its end
    # The log is brought to the disk by `group_commit`, before anyone hears of the change.
    connection.execute("pragma synchronous = normal")
    connection.execute("pragma temp_store = memory")
    plan_once(connection)
    return connection


def _migrate(connection: apsw.Connection, turn: Path) -> None:
    with closing(FileLock(turn)) as lock:
        lock.acquire()
        try:
            schema.migrate(connection)
        except SchemaTooNewError:
            connection.close()
            raise


class SqliteDatabase(_SqliteDatabase):
    """See `ossia.ports.Database`.

    *folder* holds the file, its log and the locks; processes that open the same folder share the
    state.  *on_broken* is called, in a thread, when the log could not be brought to the disk: the
    process must then be started anew.  *watch* hears how long commits take.  Raises
    `SchemaTooNewError`, `FileUnusableError`.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        terms: BlobTerms = DEFAULT_TERMS,
        *,
        cache_kib: int = _CACHE_KIB,
        log_pages: int = LOG_PAGES,
        on_broken: Callable[[], None] = lambda: None,
        watch: Watch | None = None,
    ) -> None:
        file, turn = folder / page_checksums.FILE, folder / _TURN
        self._connection = _opened(folder)
        self._connection.execute(f"pragma cache_size = -{cache_kib}")
        super().__init__(self._connection)
        self._stamps = SharedStamps(folder)
        self._scan = PageScan(folder)
        self._checkpoints = Checkpoints(
            self._connection,
            file=file,
            lock_file=turn,
            connect=partial(_connected, file),
            log_pages=log_pages,
        )
        self._commits = GroupCommit(
            self._connection,
            disk=LogOnDisk(file, turn),
            clock=clock,
            terms=terms,
            renew=self._stamps.renew,
            after_commit=self._checkpoints.start_if_due,
            on_broken=on_broken,
            watch=watch or Unwatched(),
        )

    async def close(self) -> None:
        await self._commits.drain()
        self._commits.close()
        self._checkpoints.wait()
        self._connection.close()
        self._checkpoints.close()
        if self._scan is not None:
            self._scan.close()
        self._stamps.close()


class MemoryDatabase(_SqliteDatabase):
    """See `ossia.ports.Database`: in memory, gone when the process ends."""

    def __init__(
        self, clock: Clock, terms: BlobTerms = DEFAULT_TERMS, *, watch: Watch | None = None
    ) -> None:
        self._connection = apsw.Connection(":memory:")
        plan_once(self._connection)
        schema.migrate(self._connection)
        super().__init__(self._connection)
        self._stamps = OwnStamps()
        self._commits = GroupCommit(
            self._connection,
            disk=NoDisk(),
            clock=clock,
            terms=terms,
            renew=self._stamps.renew,
            after_commit=_nothing,
            on_broken=_nothing,
            watch=watch or Unwatched(),
        )

    async def close(self) -> None:
        await self._commits.drain()
        self._commits.close()
        self._connection.close()


def _nothing() -> None:
    pass
