# ruff: noqa: D102 - the docstrings are those of the port
"""A database in which nothing is changed any more, for as long as this process serves."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

from ossia.ports import Database, Pace, Row, Rows, Transaction, Unavailable, Value

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ReadOnlyDatabase:
    """See `ossia.ports.Database`: questions go to *database*, changes are refused."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.position = database.position

    async def one(self, sql: str, *values: Value) -> Row | None:
        return await self._database.one(sql, *values)

    async def all(self, sql: str, *values: Value) -> list[Row]:
        return await self._database.all(sql, *values)

    async def together(
        self,
        question: Callable[Concatenate[Rows, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        return await self._database.together(question, *args, **kwargs)

    async def change(
        self,
        change: Callable[Concatenate[Transaction, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        del change, args, kwargs
        raise Unavailable("the server is read-only (--read-only)")

    async def stamp(self, topic: str) -> bytes:
        return await self._database.stamp(topic)

    def flaws(self, pace: Pace) -> AsyncIterator[str]:
        return self._database.flaws(pace)

    async def continue_ids(self) -> None:
        """No row is inserted here."""

    async def close(self) -> None:
        await self._database.close()
