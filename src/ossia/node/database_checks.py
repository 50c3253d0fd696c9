"""What ``ossia doctor`` asks of the database of ``--metadata postgresql://…``, changing nothing."""

import asyncio
from collections.abc import Iterator
from typing import Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import asyncpg

from ossia.adapters.postgres import Place
from ossia.adapters.postgres.database import MOST_LINES
from ossia.adapters.postgres.examination import Examined, examine
from ossia.adapters.postgres.primary import UNREACHED, connect_to
from ossia.adapters.postgres.schema import KNOWN_VERSION
from ossia.adapters.schema_version import SchemaTooNewError
from ossia.node.finding import Finding
from ossia.node.master_key_check import SEALED, master_key_finding
from ossia.settings import Settings

SLOW_MS: Final = 5
"""Each request waits for one answer at least, a change for several."""
APART_S: Final = 2
"""Leases that gateways give each other end by their clocks, a few seconds after they should."""
OLDEST_VERSION: Final = 15
_WITHIN_S: Final = 5.0
_PATRONI_S: Final = 2.0
_OK: Final = 200

REMEDIES: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (asyncpg.InvalidPasswordError, "correct the user or the password in --metadata"),
    (asyncpg.InvalidAuthorizationSpecificationError, "let this host and user in (pg_hba.conf)"),
    (asyncpg.InvalidCatalogNameError, "make it: createdb --encoding UTF8 --owner USER NAME"),
    (asyncpg.InsufficientPrivilegeError, "give the tables to this user: make it the owner"),
    (asyncpg.TooManyConnectionsError, "raise max_connections"),
    (asyncpg.ClientConfigurationError, "correct what follows the ? in --metadata"),
)
_UNREACHED: Final = "start it, or correct its address in --metadata"

Servers = list[Examined | BaseException]


def database_findings(settings: Settings) -> Iterator[Finding]:
    """What is seen of the shared database; nothing where metadata lives elsewhere."""
    if not settings.is_shared:
        return
    try:
        place = Place.of(settings.metadata, settings.patroni)
    except ValueError as error:
        yield Finding("database", ok=False, seen=f"--metadata: {error}", remedy="correct it")
        return
    servers = asyncio.run(_ask(place))
    yield _servers(place, servers)
    if place.patroni:
        yield _patroni(place, servers)
    primary = next(
        (each for each in servers if isinstance(each, Examined) and each.takes_writes), None
    )
    if primary is None:
        yield master_key_finding(settings, None)
        return
    yield _version(primary)
    yield _schema(primary)
    yield _speed(primary)
    yield _clock(primary)
    yield _copies(primary, is_one=len(place.hosts) == 1 and not place.patroni)
    yield _connections(primary, settings.worker_count)
    yield master_key_finding(settings, primary.sealed)


async def _ask(place: Place) -> Servers:
    return await asyncio.gather(*(_look(place, number) for number in range(len(place.hosts))))


async def _look(place: Place, number: int) -> Examined | BaseException:
    try:
        async with asyncio.timeout(2 * _WITHIN_S):
            connection = await connect_to(place, number, within_s=_WITHIN_S)
            try:
                return await examine(connection, SEALED)
            finally:
                connection.terminate()
    except UNREACHED as error:
        return error


def _name(place: Place, number: int) -> str:
    return "{}:{}".format(*place.hosts[number])


def _servers(place: Place, servers: Servers) -> Finding:
    """Which of the hosts answer, and as what."""
    seen = [_state(_name(place, number), each) for number, each in enumerate(servers)]
    failed = next((each for each in servers if isinstance(each, BaseException)), None)
    told = ", ".join(seen)
    if failed is not None:
        return Finding("database", ok=False, seen=told, remedy=_remedy(failed))
    primaries = sum(isinstance(each, Examined) and each.takes_writes for each in servers)
    if primaries != 1:
        remedy = "promote one of them" if not primaries else "stop the one that is not the primary"
        return Finding("database", ok=False, seen=told, remedy=remedy)
    return Finding("database", ok=True, seen=told)


def _state(name: str, server: Examined | BaseException) -> str:
    if isinstance(server, Examined):
        return f"{name} {'takes writes' if server.takes_writes else 'is a standby'}"
    return f"{name} is not reached ({str(server) or 'it does not answer in time'})"


def _remedy(error: BaseException) -> str:
    return next((remedy for kind, remedy in REMEDIES if isinstance(error, kind)), _UNREACHED)


def _patroni(place: Place, servers: Servers) -> Finding:
    """What the Patronis say, and whether it is what the servers do."""
    said = [_says_primary(each) for each in place.patroni]
    silent = [address for address, each in zip(place.patroni, said, strict=True) if each is None]
    leaders = [number for number, each in enumerate(said) if each]
    missing = f"; {', '.join(silent)} not reached" if silent else ""
    if not leaders:
        seen = f"no Patroni says that it is the primary{missing}"
        remedy = "look at patronictl list, or correct --patroni"
        return Finding("patroni", ok=False, seen=seen, remedy=remedy)
    seen = f"{' and '.join(place.patroni[each] for each in leaders)} says that it is the primary"
    writers = [
        number
        for number, each in enumerate(servers)
        if isinstance(each, Examined) and each.takes_writes
    ]
    if leaders != writers:
        takes = " and ".join(_name(place, each) for each in writers) or "none"
        seen += f", but of the servers {takes} takes writes"
        remedy = "give --patroni in the order of the hosts; if it is, see patronictl list"
        return Finding("patroni", ok=False, seen=seen, remedy=remedy)
    remedy = "start it, or correct its address in --patroni" if silent else ""
    return Finding("patroni", ok=not silent, seen=f"{seen}{missing}", remedy=remedy)


def _says_primary(address: str) -> bool | None:
    """What ``GET /primary`` answers; None if nothing does."""
    try:
        request = Request(f"{address}/primary")  # noqa: S310 - an address of the settings
        with urlopen(request, timeout=_PATRONI_S) as answer:  # noqa: S310 - as above
            return bool(answer.status == _OK)
    except HTTPError as refusal:
        refusal.close()
        return False
    except (OSError, ValueError):
        return None


def _version(server: Examined) -> Finding:
    encoding = server.settings["server_encoding"]
    seen = f"PostgreSQL {server.settings['server_version'].split()[0]}, {encoding}"
    remedy = ""
    if server.version < OLDEST_VERSION:
        remedy = f"use PostgreSQL {OLDEST_VERSION} or newer"
    elif encoding != "UTF8":
        remedy = "make the database anew: createdb --encoding UTF8 --template template0"
    return Finding("postgresql", ok=not remedy, seen=seen, remedy=remedy)


def _schema(server: Examined) -> Finding:
    found, least = server.schema or (0, 0)
    if least > KNOWN_VERSION:
        seen = str(SchemaTooNewError("database", found, KNOWN_VERSION))
        told, _, remedy = seen.partition(": ")
        return Finding("schema", ok=False, seen=told, remedy=remedy)
    if found > KNOWN_VERSION:
        seen = (
            f"version {found}, newer than this Ossia's {KNOWN_VERSION}, which may stand beside it"
        )
    elif found == KNOWN_VERSION:
        seen = f"version {found}, as this Ossia makes it"
    elif found:
        seen = (
            f"version {found}, will be brought to {KNOWN_VERSION} by the next gateway that starts"
        )
    else:
        seen = "will be made at the first start"
    if found < KNOWN_VERSION and not server.may_create:
        remedy = f"let it: alter database NAME owner to {server.user}"
        return Finding("schema", ok=False, seen=f"{seen}, but {server.user} may not", remedy=remedy)
    return Finding("schema", ok=True, seen=seen)


def _speed(server: Examined) -> Finding:
    seen = f"an answer takes {server.round_trip_ms:.1f} ms"
    if server.round_trip_ms > SLOW_MS:
        remedy = "move gateways and database nearer to each other: every request waits for it"
        return Finding("db speed", ok=False, seen=seen, remedy=remedy)
    return Finding("db speed", ok=True, seen=seen)


def _clock(server: Examined) -> Finding:
    seen = f"the database's clock is {abs(server.ahead_s):.1f} s from ours"
    if abs(server.ahead_s) > APART_S:
        remedy = "synchronise the clocks of both (NTP)"
        return Finding("db clock", ok=False, seen=seen, remedy=remedy)
    return Finding("db clock", ok=True, seen=seen)


def _copies(server: Examined, *, is_one: bool) -> Finding:
    """What is left of what was acknowledged when the primary's disk is lost."""
    settings, copies = server.settings, server.copies
    commit, names = settings["synchronous_commit"], settings["synchronous_standby_names"]
    seen = remedy = ""
    if settings["fsync"] == "off":
        seen, remedy = "fsync is off: a crash destroys the database", "set fsync = on"
    elif commit == "off":
        seen = "synchronous_commit is off: a crash loses what was acknowledged"
        remedy = "set synchronous_commit = on"
    elif not names:
        seen = "one copy: nothing waits for a standby (synchronous_standby_names is empty)"
        if not is_one:
            seen += ", and what it has not got is lost when it becomes the primary"
            remedy = "set synchronous_mode and synchronous_mode_strict in Patroni"
    elif commit == "local":
        seen = "synchronous_commit is local: nothing waits for a standby"
        remedy = "set synchronous_commit = on"
    elif copies.synchronous:
        seen = f"{copies.synchronous} of {copies.attached} standbys have what is acknowledged"
    elif copies.hidden:
        seen = f"{copies.attached} standbys; which are synchronous this user is not told"
    else:
        seen = "no synchronous standby is attached: changes wait for one"
        remedy = "start one, or correct synchronous_standby_names"
    return Finding("copies", ok=not remedy, seen=seen, remedy=remedy)


def _connections(server: Examined, workers: int) -> Finding:
    """How many gateways such as this one the database has connections for."""
    most = int(server.settings["max_connections"])
    room = most - int(server.settings["superuser_reserved_connections"])
    # Each worker shows on one of its own that it is there.
    wanted = workers * (MOST_LINES + 1)
    seen = f"{room} for all, at most {wanted} for this gateway ({workers} workers)"
    if room < wanted:
        remedy = (
            f"raise max_connections to {wanted + most - room} for each gateway, or give --workers"
        )
        return Finding("connections", ok=False, seen=seen, remedy=remedy)
    seen += f": enough for {room // wanted} such gateway{'s' if room >= 2 * wanted else ''}"
    return Finding("connections", ok=True, seen=seen)
