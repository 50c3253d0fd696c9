"""``ossia upgrade``: do what a new version leaves to be done beside the gateways that serve."""

import asyncio
from pathlib import Path

from ossia.adapters.data_folder import DataFolder, DataFolderError
from ossia.adapters.postgres import PostgresDatabase
from ossia.adapters.postgres.upgrade import OlderGatewaysError, finish
from ossia.adapters.schema_version import SchemaTooNewError
from ossia.adapters.sqlite import FileUnusableError, add_checksums, bring_up_to_date
from ossia.node.events import say
from ossia.node.shared_database import with_shared
from ossia.settings import Settings, SettingsError


def upgrade(settings: Settings, *, as_json: bool) -> int:
    """Bring what is stored to the form of this version.  Raises `SettingsError`."""
    if settings.metadata == "memory":
        raise SettingsError("What is in memory has no older version: there is nothing to upgrade.")
    if not settings.is_shared:
        added = _of_folder(settings)
        how = ", and its metadata has checksums from here on" if added else ""
        text = f"{settings.data} has the newest form{how}."
        say("done", text, as_json=as_json, added_checksums=added)
        return 0

    def note(version: int, rows: int) -> None:
        text = f"version {version}: {rows} rows"
        say("progress", text, as_json=as_json, version=version, rows=rows)

    async def work(database: PostgresDatabase) -> int:
        await database.open()
        return await finish(database, note)

    try:
        version = asyncio.run(with_shared(settings, work))
    except OlderGatewaysError as error:
        raise SettingsError(
            f"Gateways of an older version still serve ({error}): restart them with this version, "
            "then run ossia upgrade again.  What was done so far stays."
        ) from error
    text = f"The database has version {version} of the tables; nothing is left to do."
    say("done", text, as_json=as_json, version=version)
    return 0


def prepare_folder(folder: Path) -> None:
    """Make the metadata file, or bring it to the form of this version.  Raises `SettingsError`."""
    try:
        bring_up_to_date(folder)
    except (SchemaTooNewError, FileUnusableError) as error:
        raise SettingsError(str(error)) from error


def _of_folder(settings: Settings) -> bool:
    """Bring it up to date; checksums are added, as nobody else has it open.  Whether they were."""
    if not settings.data.is_dir():
        raise SettingsError(f"There is no data folder {settings.data}: name it with --data.")
    try:
        with DataFolder.open(settings.data) as folder:
            prepare_folder(folder.path)
            return add_checksums(folder.path)
    except (DataFolderError, FileUnusableError) as error:
        raise SettingsError(str(error)) from error
