"""Which server is the primary, and a connection to it.

A server that says of itself that it takes writes may be one that lost its place and does not know
it yet; Patroni knows (`tenure`).  Where no Patroni is named, the first server that takes writes is
taken.
"""

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import asyncpg

from ossia.adapters.postgres.tenure import VALID_S, Tenure

Connection = Any
"""One of asyncpg, which has no types."""
ENDED_BETWEEN: Final = AttributeError
"""What asyncpg raises where a connection ends between preparing a statement and executing it."""

_PORT: Final = 5432
_SETTINGS: Final = {
    "application_name": "ossia",
    # A gateway that is frozen in the middle of a change holds nobody's keys for long.
    "idle_in_transaction_session_timeout": "5000",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    # Whoever made the database may have chosen less.
    "default_transaction_isolation": "read committed",
    "jit": "off",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the database is: ``postgresql://user:password@host1:5432,host2:5432/name?sslmode=…``.

    *patroni* are the addresses of the Patroni of each host, in the order of the hosts.
    """

    hosts: tuple[tuple[str, int], ...]
    dsn: str = field(repr=False)
    """The same without hosts."""
    patroni: tuple[str, ...] = ()

    @classmethod
    def of(cls, url: str, patroni: tuple[str, ...] = ()) -> "Place":
        """The place that *url* names.  Raises `ValueError` with what is wrong."""
        parts = urlsplit(url)
        if parts.scheme not in ("postgresql", "postgres"):
            raise ValueError("it begins with postgresql://")
        login, _, netloc = parts.netloc.rpartition("@")
        hosts = tuple(_host(each) for each in netloc.split(",") if each)
        name = parts.path.strip("/")
        if not hosts or not name:
            raise ValueError("it is postgresql://USER@HOST:PORT,…/DATABASE")
        if patroni and len(patroni) != len(hosts):
            raise ValueError(
                f"{len(hosts)} hosts and {len(patroni)} addresses of Patroni: "
                "give one for each host, in their order"
            )
        query = urlencode(parse_qsl(parts.query, keep_blank_values=True))
        dsn = f"postgresql://{f'{login}@' if login else ''}/{name}{f'?{query}' if query else ''}"
        return cls(hosts, dsn, tuple(each.rstrip("/") for each in patroni))

    def shown(self) -> str:
        """The same for people: without what is secret."""
        user = unquote(urlsplit(self.dsn).username or "")
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"postgresql://{f'{user}@' if user else ''}{hosts}{urlsplit(self.dsn).path}"


def _host(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return parts.hostname, parts.port or _PORT


UNREACHED: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
"""What a server that cannot be used is told by."""


async def connect_to(place: Place, number: int, *, within_s: float) -> Connection:
    """A connection to one of the servers, whether it is the primary or not.  Raises `UNREACHED`."""
    host, port = place.hosts[number]
    return await asyncpg.connect(
        place.dsn, host=host, port=port, timeout=within_s, server_settings=_SETTINGS
    )


class NoPrimaryError(ConnectionError):
    """No server is the primary now; during a failover one will be."""


class Primary:
    """Opens connections to the server that is the primary now."""

    def __init__(self, place: Place, *, connect_s: float, valid_s: float = VALID_S) -> None:
        self._place = place
        self._connect_s = connect_s
        self.tenure = Tenure(place.patroni, valid_s)

    async def connect(self) -> tuple[Connection, int]:
        """A connection, and the number of its server.  Raises `NoPrimaryError`."""
        servers = list(enumerate(self._place.hosts))
        if self._place.patroni:
            leader = await self.tenure.leader()
            if leader is None:
                raise NoPrimaryError("no Patroni says that it is the primary")
            servers = [servers[leader]]
        reason: BaseException | None = None
        for number, (host, port) in servers:
            try:
                connection = await connect_to(self._place, number, within_s=self._connect_s)
            except UNREACHED as error:
                reason = error
                continue
            if await _takes_writes(connection):
                return connection, number
            reason = ConnectionError(f"{host}:{port} is a standby")
            connection.terminate()
        raise NoPrimaryError(f"no primary answers: {reason}") from reason


async def _takes_writes(connection: Connection) -> bool:
    try:
        row: Any = await connection.fetchrow("show transaction_read_only")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ENDED_BETWEEN):
        return False
    return bool(row[0] == "off")
