"""The database that gateways share, as the settings name it."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from ossia.adapters.postgres import Place, PostgresDatabase
from ossia.adapters.postgres.presence import BEAT_S, Presence
from ossia.adapters.schema_version import SchemaTooNewError
from ossia.adapters.system import SystemClock
from ossia.node.engine import blob_terms
from ossia.ports import Clock, Unavailable
from ossia.settings import Settings, SettingsError

_T = TypeVar("_T")


def shared_database(settings: Settings, clock: Clock) -> PostgresDatabase:
    """The database; it opens connections when they are needed.  Raises `SettingsError`."""
    return PostgresDatabase(
        _place(settings), clock, blob_terms(settings), deadline_s=settings.metadata_timeout
    )


def _place(settings: Settings) -> Place:
    try:
        return Place.of(settings.metadata, settings.patroni)
    except ValueError as error:
        raise SettingsError(f"--metadata cannot be used: {error}.") from error


@asynccontextmanager
async def present(settings: Settings, clock: Clock) -> AsyncIterator[Presence]:
    """The process as one of the gateways; it beats on a connection that nothing else waits for."""
    deadline_s = min(BEAT_S, settings.metadata_timeout)
    database = PostgresDatabase(_place(settings), clock, deadline_s=deadline_s, most_lines=1)
    try:
        yield Presence(database, f"{socket.gethostname()} {settings.listen}")
    finally:
        await database.close()


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
