"""The database that gateways share, as the settings name it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ossia.adapters.postgres import Place, PostgresDatabase
from ossia.adapters.schema_version import SchemaTooNewError
from ossia.adapters.system import SystemClock
from ossia.node.engine import blob_terms
from ossia.ports import Clock, Unavailable
from ossia.settings import Settings, SettingsError

_T = TypeVar("_T")


def shared_database(settings: Settings, clock: Clock) -> PostgresDatabase:
    """The database; it opens connections when they are needed.  Raises `SettingsError`."""
    try:
        place = Place.of(settings.metadata, settings.patroni)
    except ValueError as error:
        raise SettingsError(f"--metadata cannot be used: {error}.") from error
    return PostgresDatabase(
        place, clock, blob_terms(settings), deadline_s=settings.metadata_timeout
    )


async def with_shared(settings: Settings, work: Callable[[PostgresDatabase], Awaitable[_T]]) -> _T:
    """What *work* returns with the database; what fails is told in one line.

    Raises `SettingsError`.
    """
    database = shared_database(settings, SystemClock())
    try:
        return await work(database)
    except (Unavailable, SchemaTooNewError) as error:
        raise SettingsError(f"The database of --metadata cannot be used: {error}.") from error
    finally:
        await database.close()
