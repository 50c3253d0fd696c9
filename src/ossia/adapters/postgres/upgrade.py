"""What an upgrade leaves to do once gateways of the new version serve: fill, then contract.

Every gateway expands the tables when it starts (`schema`).  What is filled goes in pieces, beside
everything else, and can be interrupted.  Nothing is taken away as long as a gateway serves that
needs it (`presence`).
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import asyncpg

from ossia.adapters.postgres.database import PostgresDatabase
from ossia.adapters.postgres.presence import LASTS_S, Watch, older
from ossia.adapters.postgres.schema import KNOWN_VERSION, STATE, STEPS, Step
from ossia.adapters.schema_version import NoSchemaError, SchemaTooNewError, SchemaTooOldError
from ossia.ports import Database, Rows, Transaction

_LOOK_EVERY_S: Final = 1.0


class OlderGatewaysError(Exception):
    """Gateways of an older version serve; their names."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(", ".join(names))
        self.names = list(names)


async def finish(
    database: PostgresDatabase,
    note: Callable[[int, int], None],
    *,
    steps: Sequence[Step] = STEPS,
    lasts_s: float = LASTS_S,
) -> int:
    """Do what is left; the version of the tables.

    *note* hears of the version and of the rows that were filled for it so far.  Raises
    `OlderGatewaysError`, `Unavailable`; what was done until then stays.
    """
    version, least = await _state(database)
    for number in range(least + 1, version + 1):
        step = steps[number - 1]
        noted = partial(note, number)
        await _fill(database, step, noted)
        if step.contract:
            await _wait_for_older(database, number, lasts_s)
            # Until just now they may have written more of the old kind.
            await _fill(database, step, noted)
            await database.contract(step, number)
    return version


async def prove_version(database: Rows) -> None:
    """Return if the tables are those of this version, whoever else may serve from them.

    Raises `SchemaTooNewError`, `SchemaTooOldError`, `NoSchemaError`, `Unavailable`.
    """
    try:
        version, _ = await _state(database)
    except asyncpg.UndefinedTableError as error:
        raise NoSchemaError from error
    if version > KNOWN_VERSION:
        raise SchemaTooNewError("database", version, KNOWN_VERSION)
    if version < KNOWN_VERSION:
        raise SchemaTooOldError(version)


async def is_finished(database: Rows) -> bool:
    """Whether `finish` has nothing left to do."""
    version, least = await _state(database)
    return not any(step.fill or step.contract for step in STEPS[least:version])


async def _state(database: Rows) -> tuple[int, int]:
    found = await database.one(STATE)
    assert found is not None
    return found[0], found[1]


async def _fill(database: Database, step: Step, note: Callable[[int], None]) -> None:
    filled = 0
    while step.fill and (changed := await database.change(_run, step.fill)):
        filled += changed
        note(filled)


async def _run(tx: Transaction, sql: str) -> int:
    return await tx.run(sql)


async def _wait_for_older(database: Database, version: int, lasts_s: float) -> None:
    """Return once every gateway that does not know *version* has been seen to be gone."""
    watch = Watch(lasts_s)
    first = {gateway: beats for gateway, _, beats in await older(database, version)}
    while found := await older(database, version):
        alive = [name for gateway, name, beats in found if first.get(gateway) != beats]
        if alive:
            raise OlderGatewaysError(alive)
        gone = [gateway for gateway, _, beats in found if watch.is_gone(gateway, beats)]
        if len(gone) == len(found):
            return
        await asyncio.sleep(min(_LOOK_EVERY_S, lasts_s / 4))
