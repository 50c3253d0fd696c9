"""Connections to the primary: so many at most, each used by one at a time, and with a deadline.

What takes longer than its deadline loses its connection: a statement is never cancelled, because a
COMMIT that is cancelled while it waits for a standby answers that it was made (scale.md).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import asyncpg

from ossia.adapters.postgres.primary import ENDED_BETWEEN, Connection, NoPrimaryError, Primary
from ossia.ports import Unavailable

LOST = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what the library says where a connection breaks between states
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""What says that this connection is of no use any more; another may be."""


@dataclass(slots=True, eq=False)
class Line:
    """A connection to a server.  *name* is its own, and is never used twice."""

    connection: Connection
    name: str
    server: int
    _timer: asyncio.TimerHandle | None = None

    def live_until(self, deadline: float) -> None:
        """Be dropped then, by the time of the loop, and not when it was said before."""
        self.live_on()
        self._timer = asyncio.get_running_loop().call_at(deadline, self.drop)

    def live_on(self) -> None:
        """Not be dropped."""
        if self._timer is not None:
            self._timer.cancel()

    @property
    def is_closed(self) -> bool:
        """Whether it is of no use any more."""
        return bool(self.connection.is_closed())

    def drop(self) -> None:
        """End it at once, whatever it is doing."""
        self.connection.terminate()


class Lines:
    """At most *most* of them."""

    def __init__(self, primary: Primary, most: int) -> None:
        self._primary = primary
        self._most = most
        self._count = 0
        self._free: list[Line] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_closed = False

    def counts(self) -> tuple[int, int, int]:
        """How many are used and free, and how many wait for one."""
        free = len(self._free)
        return self._count - free, free, len(self._waiting)

    @asynccontextmanager
    async def one(self, deadline: float) -> AsyncIterator[Line]:
        """A line of one's own until *deadline*, by the time of the loop.

        Then it is dropped, which ends what it is doing with one of `LOST`.  Raises `Unavailable`
        if none can be had until then.
        """
        line = await self._take(deadline)
        line.live_until(deadline)
        try:
            yield line
        except LOST:
            line.drop()
            raise
        except ENDED_BETWEEN as error:
            if line.is_closed:
                raise asyncpg.InterfaceError("the connection has ended") from error
            raise
        except BaseException:
            # What it was about to do nobody knows.
            if not line.is_closed and line.connection.is_in_transaction():
                line.drop()
            raise
        finally:
            line.live_on()
            self._give(line)

    async def _take(self, deadline: float) -> Line:
        while True:
            if self._is_closed:
                raise Unavailable("the database is closed")
            while self._free:
                line = self._free.pop()
                if await self._is_good(line):
                    return line
                line.drop()
                self._count -= 1
            if self._count < self._most:
                return await self._open(deadline)
            await self._wait(deadline)

    async def _is_good(self, line: Line) -> bool:
        try:
            return not line.is_closed and await self._primary.tenure.confirm(line.server)
        except BaseException:
            self._give(line)
            raise

    async def check(self, line: Line) -> None:
        """Raise `NoPrimaryError`, one of `LOST`, if what it has answered may be from the past."""
        if not await self._primary.tenure.confirm(line.server):
            raise NoPrimaryError("the server may have lost its place meanwhile")

    async def _open(self, deadline: float) -> Line:
        self._count += 1
        try:
            await asyncio.sleep(0)  # a request that only just began is no task yet (`http.eager`)
            async with asyncio.timeout_at(deadline):
                connection, server = await self._primary.connect()
                return Line(connection, uuid4().hex, server)
        except BaseException as error:
            self._count -= 1
            self._wake()
            if isinstance(error, TimeoutError):
                raise Unavailable("the database does not answer in time") from error
            raise

    async def _wait(self, deadline: float) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await asyncio.sleep(0)  # as in `_open`
            async with asyncio.timeout_at(deadline):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._wake()  # whose turn it was has left
            if isinstance(error, TimeoutError):
                raise Unavailable("every connection to the database is in use") from error
            raise

    def _give(self, line: Line) -> None:
        if line.is_closed or self._is_closed:
            line.drop()
            self._count -= 1
        else:
            self._free.append(line)
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def close(self) -> None:
        """End all of them; those in use end when they are given back."""
        self._is_closed = True
        while self._free:
            await self._free.pop().connection.close(timeout=1)
        while self._waiting:
            self._wake()
        await self._primary.tenure.close()
