"""A point as the source of a migration: its rows in a file beside, its blobs in the repository."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ossia.adapters.schema_version import SchemaTooNewError
from ossia.adapters.sqlite import SqliteDatabase
from ossia.adapters.sqlite.rebuilding import rebuild
from ossia.adapters.system import SystemClock
from ossia.node.backup.kept_blobs import KeptBlobs
from ossia.node.backup.kept_keys import seal_from
from ossia.node.backup.points import Point
from ossia.node.backup.repository import Repository
from ossia.node.backup.sheaves import unbind
from ossia.node.migration.blobs import DamagedError
from ossia.node.migration.form import Form
from ossia.ports import Database, Missing
from ossia.settings import SettingsError, load
from ossia.tables import every
from ossia.tables.class_usage import recount


@dataclass(slots=True)
class PointForm(Form):
    """See `Form`: what a point holds."""

    kept: dict[str, Any] | None = field(repr=False)
    database: Database

    async def keys(self) -> dict[str, Any]:
        """See `Form`."""
        return await Form.keys(self) if self.kept is None else self.kept


async def open_point(
    repository: Repository, point: Point, folder: Path, held: AsyncExitStack
) -> PointForm:
    """Bring the rows of a point into *folder*.  Raises `DamagedError`, `SettingsError`."""
    parts = ((bound.table, unbind(repository, bound)) for bound in point.tables)
    try:
        rebuild(folder, point.schema, parts)
        database = SqliteDatabase(folder, SystemClock())
    except SchemaTooNewError as error:
        raise SettingsError(f"A newer Ossia made this point: use that one ({error}).") from error
    except Missing as error:
        raise DamagedError(f"{error} of the repository is missing") from error
    held.push_async_callback(database.close)
    await database.change(every.put_usage, point.usage)
    # What was made by an older version was counted by it.
    await database.change(recount)
    seal = seal_from(point.master_key)
    return PointForm(
        load({}, {}, None),
        None,
        database,
        KeptBlobs(repository),
        seal if point.keys is None else None,
        seal,
        point.keys,
        database,
    )
