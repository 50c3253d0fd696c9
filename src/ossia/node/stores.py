"""The clock, the database and the bytes of one node, as its settings name them.

Commands open them as servers do, and load nothing else.
"""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from ossia.adapters.filesystem import FileBlobStore
from ossia.adapters.memory import MemoryBlobStore
from ossia.adapters.sqlite import MemoryDatabase, SqliteDatabase
from ossia.adapters.system import MovedClock, SystemClock
from ossia.node.engine import blob_engine, blob_terms
from ossia.node.metrics.timed import TimedBlobs, TimedDatabase
from ossia.node.read_only import ReadOnlyDatabase
from ossia.node.shared_database import shared_database
from ossia.ports import BlobStore, Clock, Database
from ossia.settings import Settings

if TYPE_CHECKING:
    from ossia.node.metrics.worker import EngineNote, WorkerMetrics


def system_clock() -> Clock:
    """The machine's clock, which tests may move (see `MovedClock`)."""
    offset_file = os.environ.get("OSSIA_TEST_CLOCK_FILE")
    return MovedClock(Path(offset_file)) if offset_file else SystemClock()


def open_stores(
    settings: Settings, folder: Path | None, clock: Clock, metrics: "WorkerMetrics | None" = None
) -> tuple[Database, BlobStore]:
    """The storage adapters that the settings name, themselves unless *metrics* hear of them."""
    database: Database
    if settings.metadata == "memory":
        database = MemoryDatabase(clock, blob_terms(settings), watch=metrics)
    elif settings.is_shared:
        database = shared = shared_database(settings, clock)
        if metrics is not None:
            metrics.lines = shared.lines
            database = TimedDatabase(shared, metrics.database_call)
    else:
        assert folder is not None
        # The supervisor starts another worker in place of one that cannot write any more.
        database = SqliteDatabase(
            folder,
            clock,
            blob_terms(settings),
            on_broken=lambda: os.kill(os.getpid(), signal.SIGINT),
            watch=metrics,
        )
    if settings.read_only:
        database = ReadOnlyDatabase(database)
    if metrics is None:
        return database, open_blobs(settings, folder, clock)
    blobs = open_blobs(settings, folder, clock, metrics.engine_call)
    return database, TimedBlobs(blobs, metrics.blob_call)


def open_blobs(
    settings: Settings, folder: Path | None, clock: Clock, note: "EngineNote | None" = None
) -> BlobStore:
    """Where the bytes are that the settings name; *note* hears of calls of an S3 engine."""
    engine = blob_engine(settings)
    if settings.blobs == "memory":
        return MemoryBlobStore(clock)
    if engine is not None:
        return engine.store(folder, note)
    assert folder is not None
    return FileBlobStore(folder)
