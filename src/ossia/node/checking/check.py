"""The steps of a check, and setting right what can be."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from ossia import tables
from ossia.adapters.data_folder import DataFolder, DataFolderError
from ossia.adapters.postgres import PostgresDatabase
from ossia.adapters.postgres.upgrade import is_finished
from ossia.adapters.sqlite import SqliteDatabase
from ossia.adapters.sqlite.page_scan import PageScan
from ossia.adapters.system import SystemClock
from ossia.domain.encryption.kms_keys import KmsKeys
from ossia.domain.identity.store import IdentityStore
from ossia.domain.objects.collector import Collector
from ossia.domain.objects.contents import FLAWED, HAVE_BYTES, Contents, Verdict
from ossia.domain.objects.encryption import ObjectKeys
from ossia.node.checking import bookkeeping
from ossia.node.checking.bookkeeping import Books
from ossia.node.checking.told import Outcome, Told
from ossia.node.migration.form import Source, account_of, open_source
from ossia.node.migration.staging import all_rows, stage, stage_as_counted
from ossia.node.migration.together import together
from ossia.node.migration.working import working_folder
from ossia.node.stores import open_stores
from ossia.ports import BlobStore, Database, Row, Rows, Transaction, Unavailable
from ossia.protocol.pace import Pace
from ossia.settings import Settings, SettingsError
from ossia.tables import every
from ossia.tables.every import Table

_AT_ONCE: Final = 500
_NOTHING_YET: Final = 1 << 62
"""Later than everything that is stored, in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for: without *reads* the bytes are not read.

    *rate* is how many bytes are read in a second at most, 0: as many as there can be.
    """

    reads: bool = True
    repairs: bool = False
    rate: int = 0
    work: Path | None = None


def check(settings: Settings, wish: Wish, *, as_json: bool) -> int:
    """Run ``ossia check``; the result is the exit code.  Raises `SettingsError`."""
    if "memory" in {settings.metadata, settings.blobs}:
        raise SettingsError(
            "What is in memory belongs to the server that has it: nothing to check."
        )
    told = Told(as_json=as_json)
    try:
        asyncio.run(_Check(settings, wish, told).run())
    except Unavailable as error:
        told.damage(f"the rest could not be looked at: {error}", kind="unread")
        told.end(rows=0, objects=0, size=0)
    return int(told.outcome)


class _Check:
    """One check."""

    def __init__(self, settings: Settings, wish: Wish, told: Told) -> None:
        self._settings = settings
        self._wish = wish
        self._told = told
        self._pace = Pace(wish.rate, time.monotonic()) if wish.rate else None
        self._is_upgraded = True
        self._rows = self._objects = self._bytes = 0

    async def run(self) -> None:
        async with AsyncExitStack() as held:
            if not self._settings.is_shared:
                scan = _open_scan(self._settings.data.absolute(), held)
                if self._wish.repairs:
                    self._claim(held)
                await self._look_at_pages(scan)
            source = await self._open_source(held)
            if self._settings.is_shared:
                await self._ask_engine(source)
            with working_folder(self._wish.work) as work:
                copy = SqliteDatabase(work, SystemClock())
                try:
                    await self._look_at_rows(source, copy)
                finally:
                    await copy.close()
        self._told.end(rows=self._rows, objects=self._objects, size=self._bytes)

    def _claim(self, held: AsyncExitStack) -> None:
        """Nobody may serve the folder meanwhile; what gateways share can be mended beside them."""
        try:
            held.enter_context(DataFolder.open(self._settings.data))
        except DataFolderError as error:
            raise SettingsError(f"--repair: {error}.") from error

    async def _open_source(self, held: AsyncExitStack) -> Source:
        try:
            return await open_source(self._settings, held)
        except SettingsError as error:
            if self._told.outcome is Outcome.DAMAGED:
                raise Unavailable(str(error)) from error
            raise

    async def _wait(self, size: int) -> None:
        """Wait until what was read has had its time."""
        if self._pace is not None:
            await asyncio.sleep(self._pace.delay_s(size, time.monotonic()))

    # --- the engine of the metadata ---

    async def _look_at_pages(self, scan: PageScan) -> None:
        """Before anything opens the file: what does so moves the log into it."""
        self._told.begin("pages", "The pages of the metadata")
        async for flaw in scan.flaws(self._wait):
            self._told.damage(flaw, kind="metadata")
        if not scan.has_checksums:
            self._told.note(
                "  The pages have no checksums: stop the server and run ossia upgrade, which adds "
                "them."
            )

    async def _ask_engine(self, source: Source) -> None:
        database = source.rows
        assert isinstance(database, PostgresDatabase)
        self._told.begin("pages", "What PostgreSQL knows of its pages")
        async for flaw in database.flaws(self._wait):
            self._told.damage(flaw, kind="metadata")
        row = await database.one("select setting from pg_settings where name = 'data_checksums'")
        if row is None or row[0] != "on":
            self._told.note(
                "  The database has no checksums: pg_checksums --enable adds them while it is "
                "stopped."
            )
        self._is_upgraded = await is_finished(database)
        if not self._is_upgraded:
            self._told.note(
                "  The upgrade is not finished, and so not everything is counted: run ossia "
                "upgrade once no older gateway serves."
            )

    # --- rows ---

    async def _look_at_rows(self, source: Source, copy: SqliteDatabase) -> None:
        self._told.begin("rows", "Every row")
        await (stage_as_counted if self._is_upgraded else stage)(source.rows, copy)
        for table in every.EVERY:
            found = await copy.one(f"select count(*) from {table.name}")  # noqa: S608 - names of ours
            self._rows += found[0] if found else 0
        self._told.begin("bookkeeping", "References, pieces and usage")
        books = await bookkeeping.look(copy)
        for text in books.beyond:
            self._told.damage(text, kind="rows")
        for text in books.mendable():
            self._told.wrong(text)
        unknown = await self._look_for_blobs(source, copy)
        await self._look_at_bytes(source, copy)
        if self._wish.repairs:
            await self._mend(books, source.blobs if unknown else None)

    async def _mend(self, books: Books, blobs: BlobStore | None) -> None:
        async with self._writable() as database:
            await bookkeeping.mend(database, books)
            if blobs is not None:
                gone = await Collector(database, blobs, SystemClock()).sift()
                self._told.note(f"  {gone} blobs that belong to nothing are removed.", removed=gone)
        self._told.mended()

    @asynccontextmanager
    async def _writable(self) -> AsyncIterator[Database]:
        folder = self._settings.data.absolute()
        database, _ = open_stores(self._settings, folder, SystemClock())
        try:
            yield database
        finally:
            await database.close()

    # --- blobs ---

    async def _look_for_blobs(self, source: Source, copy: SqliteDatabase) -> int:
        """List what the store has into *copy*; how many blobs no row knows."""
        self._told.begin("blobs", "The blobs that there are")
        await copy.change(_make_seen)
        unknown = 0
        some: list[str] = []
        async for blob_id in source.blobs.ids(unchanged_since=_NOTHING_YET):
            some.append(blob_id)
            if len(some) == _AT_ONCE:
                unknown += await self._note_seen(source.rows, copy, some)
                some = []
        unknown += await self._note_seen(source.rows, copy, some)
        if unknown:
            self._told.note(
                f"  {unknown} blobs belong to nothing, as a crash leaves them: the server removes "
                "them once they are a day old.",
                unknown=unknown,
            )
        return unknown

    async def _note_seen(self, rows: Rows, copy: SqliteDatabase, blob_ids: list[str]) -> int:
        await copy.change(_put_seen, blob_ids)
        known = await tables.blobs.known(rows, blob_ids)
        return len(set(blob_ids) - known)

    # --- bytes ---

    async def _look_at_bytes(self, source: Source, copy: SqliteDatabase) -> None:
        what = "The bytes of everything" if self._wish.reads else "Whether every blob is there"
        self._told.begin("bytes", what)
        clock = SystemClock()
        account = await account_of(source)
        kms = KmsKeys(IdentityStore(copy, clock), clock, source.master, account)
        contents = Contents(source.rows, source.blobs, ObjectKeys(kms))
        found = await copy.one("select coalesce(sum(size), 0) from blob_end")
        inline = await copy.one("select coalesce(sum(length(bytes)), 0) from content")
        self._told.expect((found[0] if found else 0) + (inline[0] if inline else 0))
        locked = 0

        async def look(table: Table, row: Row) -> None:
            nonlocal locked
            verdict = await self._judge(contents, copy, table, row)
            if verdict in FLAWED and await contents.stays(table, row):
                flaw = await contents.flaw(table, row, verdict)
                self._told.damage(
                    str(flaw),
                    kind="bytes",
                    bucket=flaw.bucket,
                    key=flaw.key,
                    version=flaw.version,
                    part=flaw.part,
                    verdict=verdict.value,
                )
            locked += verdict is Verdict.LOCKED
            size = row[table.at("size")]
            self._objects += table is not every.PART
            self._bytes += size
            self._told.read(size)
            await self._wait(size)

        for table in HAVE_BYTES:
            async for page in all_rows(copy, table):
                await together(partial(look, table), page)
        if locked:
            self._told.note(f"  {locked} are encrypted under keys that may not be used now.")

    async def _judge(self, contents: Contents, copy: Rows, table: Table, row: Row) -> Verdict:
        if self._wish.reads:
            return await contents.judge(table, row)
        for run in await contents.runs(table, row):
            if await copy.one("select 1 from seen where id = $1", run.blob_id) is None:
                return Verdict.GONE
        return Verdict.WHOLE


def _open_scan(folder: Path, held: AsyncExitStack) -> PageScan:
    try:
        scan = PageScan(folder)
    except FileNotFoundError as error:
        raise SettingsError(f"{folder} is not a data folder of Ossia.") from error
    # Whoever closes the file drops the locks that connections of this process have on it.
    held.callback(scan.close)
    return scan


async def _make_seen(tx: Transaction) -> None:
    await tx.run("create table seen (id text primary key)")


async def _put_seen(tx: Transaction, blob_ids: list[str]) -> None:
    await tx.run_each(
        "insert into seen (id) values ($1) on conflict (id) do nothing",
        [(each,) for each in blob_ids],
    )
