"""What a server says of itself when ``ossia doctor`` asks.  Nothing is changed there."""

import statistics
import time
from dataclasses import dataclass
from typing import Any, Final

from ossia.adapters.postgres.primary import Connection
from ossia.adapters.postgres.schema import STATE

_ROUNDS: Final = 9
_SETTINGS: Final = (
    "transaction_read_only",
    "server_version",
    "server_encoding",
    "fsync",
    "synchronous_commit",
    "synchronous_standby_names",
    "max_connections",
    "superuser_reserved_connections",
)
_COPIES: Final = (
    "select count(*), count(*) filter (where sync_state in ('sync', 'quorum')),"
    " count(*) filter (where sync_state is null) from pg_stat_replication"
)
_MAY_CREATE: Final = (
    "select coalesce(has_schema_privilege(current_schema(), 'create'), false), current_user"
)


@dataclass(frozen=True, slots=True)
class Copies:
    """The servers that follow one."""

    attached: int
    synchronous: int
    hidden: int
    """Of so many this user is not told whether they are synchronous."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What is seen of one server."""

    settings: dict[str, str]
    version: int
    round_trip_ms: float
    ahead_s: float
    """By how much its clock is ahead of ours."""
    copies: Copies
    schema: tuple[int, int] | None
    """The version of the tables and the oldest that may stand beside them; None: there are none."""
    may_create: bool
    user: str
    sealed: dict[str, bytes]
    """Records that are sealed under the master key, those of encrypted objects' keys among them."""

    @property
    def takes_writes(self) -> bool:
        """Whether it thinks that it is the primary."""
        return self.settings["transaction_read_only"] == "off"


async def examine(connection: Connection, sealed: tuple[str, ...]) -> Examined:
    """Look at a server; *sealed* are the names of what is kept sealed.

    Raises `ossia.adapters.postgres.primary.UNREACHED`.
    """
    settings = {each: (await connection.fetchval(f"show {each}")) for each in _SETTINGS}
    async with connection.transaction(readonly=True):
        took_ms, ahead_s = await _time(connection)
        schema = await _schema(connection)
        may_create, user = await connection.fetchrow(_MAY_CREATE)
        return Examined(
            settings,
            connection.get_server_version().major,
            took_ms,
            ahead_s,
            Copies(*await connection.fetchrow(_COPIES)),
            schema,
            may_create,
            user,
            await _records(connection, sealed) if schema and schema[0] else {},
        )


async def _time(connection: Connection) -> tuple[float, float]:
    """How long a question takes, and how far the clocks are apart."""
    took: list[float] = []
    apart: list[float] = []
    for _ in range(_ROUNDS):
        asked, begun = time.time(), time.perf_counter()
        there = await connection.fetchval(
            "select cast(extract(epoch from clock_timestamp()) as float8)"
        )
        took.append(time.perf_counter() - begun)
        apart.append(there - asked - took[-1] / 2)
    return statistics.median(took) * 1000, statistics.median(apart)


async def _schema(connection: Connection) -> tuple[int, int] | None:
    if await connection.fetchval("select to_regclass('schema_version')") is None:
        return None
    row: Any = await connection.fetchrow(STATE)
    return None if row is None else (row[0], row[1])


async def _records(connection: Connection, names: tuple[str, ...]) -> dict[str, bytes]:
    rows = await connection.fetch(
        "select name, record from identity"
        " where kind = 'kms_key' or (kind = 'setting' and name = any($1))",
        list(names),
    )
    return {name: bytes(record) for name, record in rows}
