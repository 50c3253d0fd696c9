"""One form of a deployment, as it is named on the command line: a data folder, or settings."""

import tomllib
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ossia import tables
from ossia.adapters.data_folder import DataFolder, DataFolderError
from ossia.adapters.postgres import PostgresDatabase
from ossia.adapters.postgres.upgrade import prove_version
from ossia.adapters.schema_version import NoSchemaError, SchemaTooNewError, SchemaTooOldError
from ossia.adapters.sqlite import FileUnusableError
from ossia.adapters.sqlite.source import SqliteSource, kms_key_records
from ossia.adapters.system import SystemClock
from ossia.domain.objects.contents import BlobSource
from ossia.node.keys import MIGRATION
from ossia.node.master_key import MASTER_KEY_FILE, folder_seal
from ossia.node.migration.keys import keys_in_folder, put_keys_into_folder
from ossia.node.shared_database import shared_database
from ossia.node.shared_keys import PLACE, keep_keys, kept_keys, seal_of
from ossia.node.stores import open_blobs, open_stores
from ossia.ports import BlobStore, Database, Rows, Unavailable
from ossia.protocol.seal import KEY_BYTES, Seal
from ossia.settings import Settings, SettingsError, load

OWN = (MIGRATION, PLACE)
"""Rows of identities that every form has for itself."""


@dataclass(slots=True)
class Form:
    """A deployment that nobody serves from here; a source is one that is only read."""

    settings: Settings
    folder: Path | None
    rows: Rows
    blobs: BlobSource
    seal: Seal | None
    master: Seal
    """What seals the keys of encrypted objects."""

    async def keys(self) -> dict[str, Any]:
        """Account, root key, callback and webhook keys."""
        if self.seal is not None:
            return await kept_keys(self.settings, self.rows, self.seal)
        assert self.folder is not None
        return keys_in_folder(self.folder)


@dataclass(slots=True)
class Source(Form):
    """A deployment where it stands."""

    blobs: BlobStore


@dataclass(slots=True)
class Target(Source):
    """What takes a deployment over."""

    database: Database

    async def take_keys(self, kept: dict[str, Any]) -> None:
        """Keep these."""
        if self.seal is not None:
            await keep_keys(self.database, self.seal, kept)
        else:
            assert self.folder is not None
            put_keys_into_folder(self.folder, kept)


def settings_of(place: Path) -> Settings:
    """The settings that *place* stands for: a data folder, or a file as for ``--config``."""
    if place.is_dir() or place.suffix != ".toml":
        return load({"data": str(place)}, {}, None)
    try:
        return load({}, {}, place)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{place} is no settings file: {error}.") from error


async def open_source(settings: Settings, held: AsyncExitStack) -> Source:
    """The source, to be read only.  Raises `SettingsError`."""
    folder = None if settings.is_shared else settings.data.absolute()
    where = folder or "The database of --metadata"
    try:
        rows = await _open_rows(settings, folder, held)
    except (FileNotFoundError, NoSchemaError) as error:
        what = "data folder" if folder else "database"
        raise SettingsError(f"{where} is not a {what} of Ossia.") from error
    except (SchemaTooNewError, FileUnusableError) as error:
        raise SettingsError(f"{where}: {error}.") from error
    except SchemaTooOldError as error:
        raise SettingsError(
            f"{where} was written by an older Ossia: start this one on it once, then run this "
            "again."
        ) from error
    seal = seal_of(settings, may_make=False) if settings.is_shared else None
    blobs = _source_blobs(settings, held)
    return Source(settings, folder, rows, blobs, seal, seal or _source_master(folder))


async def _open_rows(
    settings: Settings, folder: Path | None, held: AsyncExitStack
) -> SqliteSource | PostgresDatabase:
    """Rows in the form of this version.  Raises what either engine has to say of others."""
    if folder is not None:
        source = SqliteSource(folder)
        held.push_async_callback(source.close)
        return source
    database = shared_database(settings, SystemClock())
    held.push_async_callback(database.close)
    await prove_version(database)
    return database


def _source_blobs(settings: Settings, held: AsyncExitStack) -> BlobStore:
    folder = settings.data.absolute()
    try:
        blobs = open_blobs(settings, folder, SystemClock())
    except FileNotFoundError as error:
        raise SettingsError(
            f"The bytes of objects are not in {folder}: name the folder (data) or the engine "
            "(blobs) that has them."
        ) from error
    _close_blobs(blobs, held)
    return blobs


async def open_target(settings: Settings, held: AsyncExitStack) -> Target:
    """The target, which nobody else may serve.  Raises `SettingsError`."""
    clock = SystemClock()
    folder = None
    if not settings.is_shared or settings.blobs == "files":
        try:
            folder = held.enter_context(DataFolder.open(settings.data)).path
        except DataFolderError as error:
            raise SettingsError(str(error)) from error
    seal = seal_of(settings, may_make=True) if settings.is_shared else None
    try:
        database, blobs = open_stores(settings, folder, clock)
        held.push_async_callback(database.close)
        if isinstance(database, PostgresDatabase):
            await database.open()
    except (Unavailable, SchemaTooNewError, FileUnusableError) as error:
        raise SettingsError(f"The target cannot be used: {error}.") from error
    _close_blobs(blobs, held)
    kept_in = None if settings.is_shared else folder
    master = seal
    if master is None:
        assert folder is not None
        master = folder_seal(folder)
    return Target(settings, kept_in, database, blobs, seal, master, database)


def _source_master(folder: Path | None) -> Seal:
    """That of a folder, in which nothing is made: what an older server wrote has none."""
    assert folder is not None
    if (folder / MASTER_KEY_FILE).exists() or kms_key_records(folder):
        return folder_seal(folder)
    return Seal(bytes(KEY_BYTES))


def _close_blobs(blobs: Any, held: AsyncExitStack) -> None:
    close = getattr(blobs, "close", None)
    if close is not None:
        held.callback(close)


async def account_of(form: Form) -> str:
    """Whose deployment it is."""
    return str((await form.keys())["account_id"])


async def is_marked(target: Target) -> bool:
    """Whether a migration has begun here."""
    return await tables.identities.find(target.rows, *MIGRATION) is not None


async def mark(target: Target, account_id: str) -> None:
    """Note whose migration *target* takes.  Raises `SettingsError` if it holds something else."""
    found = await tables.identities.find(target.rows, *MIGRATION)
    if found is not None and found.decode() != account_id:
        raise SettingsError("The target holds the beginning of another deployment's migration.")
    if found is None:
        for table in ("bucket", "identity"):
            if await target.rows.one(f"select 1 from {table} limit 1") is not None:
                raise SettingsError("The target is not empty: give a new one.")
        await target.database.change(tables.identities.put, *MIGRATION, account_id.encode())


async def unmark(target: Target) -> None:
    """Let the target be served."""
    await target.database.change(tables.identities.delete, *MIGRATION)
