"""``ossia backup run``: a point more in a repository, of a deployment that may be serving."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ossia import __version__, tables
from ossia.adapters.postgres import PostgresDatabase
from ossia.adapters.sqlite import SqliteDatabase
from ossia.adapters.sqlite.schema import KNOWN_VERSION
from ossia.node.backup import points
from ossia.node.backup.holding import Hold, holding
from ossia.node.backup.kept_blobs import keep_blob, place_of
from ossia.node.backup.kept_keys import KeptKeys, check_master_key, kept_keys_of, master_key_of
from ossia.node.backup.points import Point
from ossia.node.backup.repository import ACCOUNT, Repository
from ossia.node.backup.sheaves import Binding
from ossia.node.engine import blob_terms
from ossia.node.events import shown
from ossia.node.migration import form as forms
from ossia.node.migration.form import Form
from ossia.node.migration.staging import ends, stage
from ossia.node.migration.together import together
from ossia.node.migration.working import working_folder
from ossia.node.progress import Progress
from ossia.node.stores import system_clock
from ossia.ports import Clock, Database, Missing, Rows, Unavailable
from ossia.settings import Settings, SettingsError
from ossia.tables import every

log = logging.getLogger("ossia")

_LAST_SEEN: Final = (
    "select bucket.name, found.key from {} as found join bucket on bucket.id = found.bucket_id"
    " where found.blob_id = $1"
)


@dataclass(frozen=True, slots=True)
class _View:
    """What the rows were copied of, between the two times."""

    account_id: str
    keys: KeptKeys
    began_at: int
    taken_at: int


@dataclass(slots=True)
class _Copied:
    """Blobs that a point names, and those that had to be copied for it."""

    blobs: int = 0
    size: int = 0
    new_blobs: int = 0
    new_size: int = 0


async def back_up(
    settings: Settings, repository: Repository, progress: Progress, work: Path | None
) -> None:
    """Make a point.  Raises `SettingsError`, `Unavailable`, `OSError`."""
    if "memory" in {settings.metadata, settings.blobs}:
        raise SettingsError("What is in memory cannot be backed up beside the server.")
    clock = system_clock()
    async with AsyncExitStack() as held:
        held.enter_context(repository.writing())
        repository.remove_unfinished()
        source = await forms.open_source(settings, held)
        _check_account(repository, await forms.account_of(source))
        staging = SqliteDatabase(held.enter_context(working_folder(work)), clock)
        held.push_async_callback(staging.close)
        database = _writable(source, clock, held)
        async with holding(database) as hold:
            progress.begin("reading rows")
            view = await _viewed(source, staging, clock)
            copied = await _copy_blobs(source, staging, repository, progress, hold)
            # Whatever the view names was there until now.
            await hold.prove()
        binding = Binding(repository)
        point = await _point(staging, binding, view, copied)
        name = await asyncio.to_thread(_publish, repository, point)
        await _note(database, point)
    _say_done(progress, name, point, copied, binding)


async def _viewed(source: Form, staging: Database, clock: Clock) -> _View:
    began_at, before = clock.now_ms(), master_key_of(source)
    await stage(source.rows, staging)
    taken_at = clock.now_ms()
    keys = await kept_keys_of(source, before)
    await check_master_key(staging, keys.master_key)
    return _View(await forms.account_of(source), keys, began_at, taken_at)


def _publish(repository: Repository, point: Point) -> str:
    """Let a point count, once all that it names is on the disk; its name."""
    repository.sync()
    name = points.new_name(point.taken_at)
    points.put(repository, name, point)
    repository.sync()
    return name


async def _note(database: Database, point: Point) -> None:
    """Let the metrics tell how old the newest point is."""
    try:
        await database.change(tables.backups.note, point.taken_at)
    except Unavailable as error:
        # The point is there all the same.
        log.warning("backup_not_noted reason=%s", error)


def _say_done(
    progress: Progress, name: str, point: Point, copied: _Copied, binding: Binding
) -> None:
    progress.say(
        "done",
        f"Point {name}: {point.objects} objects, {shown(copied.size)}; "
        f"{copied.new_blobs} blobs ({shown(copied.new_size)}) and {binding.written} sheaves of "
        f"rows ({shown(binding.size)}) are new.\n{_about_master_key(point)}",
        point=name,
        began_at=point.began_at,
        taken_at=point.taken_at,
        objects=point.objects,
        blobs=copied.blobs,
        bytes=copied.size,
        new_blobs=copied.new_blobs,
        new_bytes=copied.new_size,
        sheaves=sum(len(each.sheaves) for each in point.tables),
        new_sheaves=binding.written,
        new_sheaf_bytes=binding.size,
        master_key=bool(point.master_key),
    )


def _about_master_key(point: Point) -> str:
    if not point.master_key:
        return "The deployment has no master key: nothing in it is encrypted."
    return "The master key is in it: who has the key of the repository can read everything."


def _check_account(repository: Repository, account_id: str) -> None:
    try:
        known = repository.get(ACCOUNT).decode()
    except Missing:
        repository.put(ACCOUNT, account_id.encode())
        return
    if known != account_id:
        raise SettingsError(
            f"{repository.path} has the backups of account {known}, and this is {account_id}: "
            "make a repository for each (ossia backup init)."
        )


def _writable(source: Form, clock: Clock, held: AsyncExitStack) -> Database:
    """Where the hold is written, and that there is a point."""
    if isinstance(source.rows, PostgresDatabase):
        return source.rows
    assert source.folder is not None
    # As one more worker of the server that may have it open.
    database = SqliteDatabase(source.folder, clock, blob_terms(source.settings))
    held.push_async_callback(database.close)
    return database


async def _copy_blobs(
    source: Form, staging: Rows, repository: Repository, progress: Progress, hold: Hold
) -> _Copied:
    copied = _Copied()
    async for blob_id, size in _each_end(staging):
        is_there = repository.has(place_of(blob_id), size)
        copied.blobs += 1
        copied.size += size
        copied.new_blobs += not is_there
        copied.new_size += 0 if is_there else size
    progress.begin("copying blobs", copied.new_size)

    async def copy(each: tuple[str, int]) -> None:
        hold.check()
        blob_id, size = each
        try:
            await keep_blob(repository, source.blobs, blob_id, size)
        except Missing as error:
            hold.check()
            raise SettingsError(await _gone(staging, blob_id)) from error
        progress.note(size)

    async for page in ends(staging):
        lacking = [row for row in page if not repository.has(place_of(row[0]), row[1])]
        await together(copy, [(row[0], row[1]) for row in lacking])
    return copied


async def _each_end(staging: Rows) -> AsyncIterator[tuple[str, int]]:
    async for page in ends(staging):
        for row in page:
            yield row[0], row[1]


async def _gone(staging: Rows, blob_id: str) -> str:
    for table in ("object", "former", "extent"):
        found = await staging.one(_LAST_SEEN.format(table), blob_id)
        if found is not None:
            return (
                f"The server has lost the bytes of {found[1]!r} in the bucket {found[0]}: store "
                "the object again or delete that version, then run this again."
            )
    return f"The server has lost a blob ({blob_id}) of an upload in progress: abort the upload."


async def _point(staging: Rows, binding: Binding, view: _View, copied: _Copied) -> Point:
    """The rows in the repository, and the point that names them."""
    bound = [await binding.bind(staging, table) for table in every.EVERY]
    versions = {table.name for table in every.VERSIONS}
    return Point(
        version=__version__,
        account_id=view.account_id,
        began_at=view.began_at,
        taken_at=view.taken_at,
        schema=KNOWN_VERSION,
        keys=view.keys.files,
        master_key=view.keys.master_key,
        tables=bound,
        usage=await every.usage(staging),
        objects=sum(each.rows for each in bound if each.name in versions),
        blobs=copied.blobs,
        size=copied.size,
    )
