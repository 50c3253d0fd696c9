# ruff: noqa: D102 - the docstrings are those of the port
"""`Database` on PostgreSQL.

1. A change is one transaction at READ COMMITTED; what it relies on it holds (`ossia.tables`).
2. A deadlock, and a row that was inserted because none was found and is there already, make the
   change begin again.
3. A line that is lost before COMMIT has changed nothing.  One that is lost during COMMIT may have:
   that is found out (`outcome`), never guessed.
4. Nothing is cancelled: what takes longer than its deadline loses its line (`lines`), and whoever
   asked for it is told that the storage is unavailable.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar
from uuid import uuid4

import asyncpg

from ossia.adapters.postgres import outcome, schema
from ossia.adapters.postgres.lines import LOST, Line, Lines
from ossia.adapters.postgres.primary import ENDED_BETWEEN, Place, Primary
from ossia.adapters.postgres.stamps import TRUSTED_S, Stamps
from ossia.adapters.postgres.tenure import VALID_S
from ossia.adapters.postgres.transaction import LineRows, LineTransaction, ViewRows
from ossia.ports import (
    DEFAULT_TERMS,
    BlobTerms,
    Clock,
    Pace,
    Row,
    Rows,
    Transaction,
    Unavailable,
    Value,
)

_P = ParamSpec("_P")
_T = TypeVar("_T")

MOST_LINES: Final = 16
"""Connections of one worker."""
_CONNECT_S: Final = 3.0
_PAUSE_S: Final = 0.05
_AGAIN: Final = (
    *LOST,
    asyncpg.DeadlockDetectedError,
    asyncpg.InsufficientResourcesError,
    asyncpg.SerializationError,
    asyncpg.UniqueViolationError,
)


class _UnheardError(Exception):
    """The line was lost during COMMIT."""

    def __init__(self, line: str, result: Any, renewed: bool) -> None:
        self.line = line
        self.result = result
        self.renewed = renewed


class PostgresDatabase:
    """See `ossia.ports.Database`.  Open it with `open`."""

    position = LineRows.position

    def __init__(
        self,
        place: Place,
        clock: Clock,
        terms: BlobTerms = DEFAULT_TERMS,
        *,
        deadline_s: float = 10,
        most_lines: int = MOST_LINES,
        trusted_s: float = TRUSTED_S,
        valid_s: float = VALID_S,
    ) -> None:
        self._clock = clock
        self._terms = terms
        self._deadline_s = deadline_s
        self._lines = Lines(Primary(place, connect_s=_CONNECT_S, valid_s=valid_s), most_lines)
        self._stamps = Stamps(self._read_stamps, trusted_s)
        self._changing: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Make or bring up to date the tables.  Raises `SchemaTooNewError`, `Unavailable`."""
        await self._again(self._deadline(), self._expand)

    async def _expand(self, line: Line) -> None:
        try:
            await schema.expand(line.connection)
        except (asyncpg.DuplicateObjectError, asyncpg.DuplicateTableError) as error:
            # Another gateway is making the same table.
            raise asyncpg.SerializationError(str(error)) from error
        await outcome.forget_old(line, self._clock.now_ms())

    async def contract(self, step: schema.Step, version: int) -> None:
        """Take away what *step* leaves to those before *version*.  Raises `Unavailable`."""
        await self._again(self._deadline(), _contract, step, version)

    def lines(self) -> tuple[int, int, int]:
        """How many connections are used and free, and how many wait for one."""
        return self._lines.counts()

    # questions

    async def one(self, sql: str, *values: Value) -> Row | None:
        row: Row | None = await self._again(self._deadline(), _one, sql, values)
        return row

    async def all(self, sql: str, *values: Value) -> list[Row]:
        rows: list[Row] = await self._again(self._deadline(), _all, sql, values)
        return rows

    async def together(
        self,
        question: Callable[Concatenate[Rows, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        async def ask(line: Line) -> _T:
            async with line.connection.transaction(isolation="repeatable_read", readonly=True):
                return await question(ViewRows(line, self._deadline), *args, **kwargs)

        asked: _T = await self._again(self._deadline(), ask)
        return asked

    def _deadline(self) -> float:
        """Until when what begins now has to end, by the time of the loop."""
        return asyncio.get_running_loop().time() + self._deadline_s

    async def _again(self, deadline: float, work: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """What *work* returns with a line; with another one if it was lost."""
        while True:
            try:
                async with self._lines.one(deadline) as line:
                    answer = await work(line, *args)
                    await self._lines.check(line)
                    return answer
            except _AGAIN as error:
                await _pause(deadline, error)

    # changes

    async def change(
        self,
        change: Callable[Concatenate[Transaction, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        # Who is cancelled leaves; his change is made to its end.
        task = asyncio.get_running_loop().create_task(self._change(change, args, kwargs))
        self._changing.add(task)
        task.add_done_callback(self._changing.discard)
        changed: _T = await asyncio.shield(task)
        return changed

    async def _change(
        self, change: Callable[..., Awaitable[Any]], args: Any, kwargs: dict[str, Any]
    ) -> Any:
        deadline, mark = self._deadline(), uuid4().hex
        while True:
            try:
                result, renewed = await self._attempt(deadline, mark, change, args, kwargs)
            except _UnheardError as unheard:
                if not await self._again(deadline, outcome.was_made, unheard.line, mark):
                    continue
                result, renewed = unheard.result, unheard.renewed
            except _AGAIN as error:
                await _pause(deadline, error)
                continue
            if renewed:
                self._stamps.forget()
                await asyncio.sleep(self._stamps.wait_s)
            return result

    async def _attempt(
        self,
        deadline: float,
        mark: str,
        change: Callable[..., Awaitable[Any]],
        args: Any,
        kwargs: dict[str, Any],
    ) -> tuple[Any, bool]:
        async with self._lines.one(deadline) as line:
            connection = line.connection
            await connection.execute("begin")
            transaction = LineTransaction(line, self._clock.now_ms(), self._terms)
            try:
                result = await change(transaction, *args, **kwargs)
                await transaction.finish()
                await outcome.write_mark(line, mark, transaction.now)
            except BaseException:
                if not line.is_closed:
                    await connection.execute("rollback")
                # A refusal, too, is an answer.
                await self._lines.check(line)
                raise
            renewed = bool(transaction.renewed)
            try:
                await connection.execute("commit")
            except (*LOST, ENDED_BETWEEN) as error:
                raise _UnheardError(line.name, result, renewed) from error
            return result, renewed

    # stamps

    async def stamp(self, topic: str) -> bytes:
        return await self._stamps.get(topic)

    async def _read_stamps(self) -> dict[str, bytes]:
        found = await self.all("select topic, value from stamp")
        return {topic: b"%d" % value for topic, value in found}

    async def flaws(self, pace: Pace) -> AsyncIterator[str]:
        # What PostgreSQL has found itself wherever it has read: it tells nobody else.
        del pace
        found = await self.one(
            "select checksum_failures, checksum_last_failure::text from pg_stat_database"
            " where datname = current_database()"
        )
        if found is not None and found[0]:
            yield (
                f"PostgreSQL has read {found[0]} damaged pages of this database since its "
                f"statistics were reset, the last at {found[1]} (pg_stat_database)"
            )

    async def continue_ids(self) -> None:
        for table in ("bucket", "content"):
            await self.one(
                f"select setval(pg_get_serial_sequence('{table}', 'id'),"  # noqa: S608 - two constants
                f" (select coalesce(max(id), 0) + 1 from {table}), false)"
            )

    async def close(self) -> None:
        if self._changing:
            await asyncio.wait(self._changing)
        await self._stamps.close()
        await self._lines.close()


async def _contract(line: Line, step: schema.Step, version: int) -> None:
    await schema.contract(line.connection, step, version)


async def _one(line: Line, sql: str, values: tuple[Value, ...]) -> Row | None:
    return await LineRows(line).one(sql, *values)


async def _all(line: Line, sql: str, values: tuple[Value, ...]) -> list[Row]:
    return await LineRows(line).all(sql, *values)


async def _pause(deadline: float, error: BaseException) -> None:
    """Wait a moment before it is tried again.  Raises `Unavailable` behind the deadline."""
    pause_s = _PAUSE_S * random.uniform(0.5, 1.5)  # noqa: S311 - only so that two do not stay in step
    if asyncio.get_running_loop().time() + pause_s >= deadline:
        raise Unavailable(f"the database does not answer: {error}") from error
    await asyncio.sleep(pause_s)
