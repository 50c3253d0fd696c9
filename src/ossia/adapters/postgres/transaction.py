# ruff: noqa: D102 - the docstrings are those of the port
"""One change on one line, from its first statement to the one before COMMIT."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Concatenate, ParamSpec, TypeVar

from ossia.adapters.postgres.lines import Line
from ossia.adapters.postgres.schema import SLOTS
from ossia.ports import BlobTerms, Row, Rows, Value
from ossia.tables.class_usage import COUNT

_P = ParamSpec("_P")
_T = TypeVar("_T")

_ANY_SLOT = "select slot from bucket_usage where bucket_id = $1 limit 1 for update skip locked"
_A_SLOT = "select slot from bucket_usage where bucket_id = $1 limit 1 for update"
_ALL_SLOTS = "select slot from bucket_usage where bucket_id = $1 order by slot for update"
_COUNT = (
    "update bucket_usage set storage_bytes = storage_bytes + $1, objects = objects + $2,"
    " uploads = uploads + $3, parts = parts + $4, last_modified_at = $5"
    " where bucket_id = $6 and slot = $7"
)
_RENEW = "update stamp set value = value + 1 where topic = $1"


class LineRows:
    """See `ossia.ports.Rows`: statements on one line.

    PostgreSQL has no text with the character NUL, and refuses to be asked about one: nothing is
    called so.  (What is written never has it: `protocol.names`.)
    """

    position = "strpos"

    def __init__(self, line: Line) -> None:
        self._connection = line.connection

    async def one(self, sql: str, *values: Value) -> Row | None:
        if _has_nul(values):
            return None
        row: Row | None = await self._connection.fetchrow(sql, *values)
        return row

    async def all(self, sql: str, *values: Value) -> list[Row]:
        if _has_nul(values):
            return []
        rows: list[Row] = await self._connection.fetch(sql, *values)
        return rows

    async def together(
        self,
        question: Callable[Concatenate[Rows, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        return await question(self, *args, **kwargs)


class ViewRows(LineRows):
    """The same for a question that may ask much: each statement has time until its own deadline."""

    def __init__(self, line: Line, deadline: Callable[[], float]) -> None:
        super().__init__(line)
        self._line = line
        self._deadline = deadline

    async def one(self, sql: str, *values: Value) -> Row | None:
        self._line.live_until(self._deadline())
        return await super().one(sql, *values)

    async def all(self, sql: str, *values: Value) -> list[Row]:
        self._line.live_until(self._deadline())
        return await super().all(sql, *values)


def _has_nul(values: Sequence[Value]) -> bool:
    return any(isinstance(each, str) and "\0" in each for each in values)


class LineTransaction(LineRows):
    """See `ossia.ports.Transaction`.

    Who enters a bucket holds one of the rows in which its usage is counted, whichever is free:
    writers of a bucket do not wait for each other, and who removes it waits for all of them.
    """

    slots = SLOTS

    def __init__(self, line: Line, now: int, terms: BlobTerms) -> None:
        super().__init__(line)
        self.now = now
        self.terms = terms
        self._slots: dict[int, int] = {}
        self._counted: dict[int, list[int]] = {}
        self._classes: dict[tuple[int, str], list[int]] = {}
        self.renewed: set[str] = set()

    async def hold(self, sql: str, *values: Value) -> list[Row]:
        return await self.all(f"{sql} for update", *values)

    async def run(self, sql: str, *values: Value) -> int:
        done: str = await self._connection.execute(sql, *values)
        return int(done.rpartition(" ")[2])

    async def run_each(self, sql: str, values: Iterable[Sequence[Value]]) -> None:
        each = list(values)
        if len(each) == 1:
            await self._connection.execute(sql, *each[0])
        elif each:
            await self._connection.executemany(sql, each)

    async def enter(self, bucket_id: int, *, alone: bool = False) -> bool:
        if alone:
            return bool(await self._connection.fetch(_ALL_SLOTS, bucket_id))
        if bucket_id in self._slots:
            return True
        row = await self._connection.fetchrow(_ANY_SLOT, bucket_id)
        if row is None:
            # There is none, or all are held.
            row = await self._connection.fetchrow(_A_SLOT, bucket_id)
        if row is None:
            return False
        self._slots[bucket_id] = row[0]
        return True

    def count(
        self,
        bucket_id: int,
        *,
        storage_bytes: int = 0,
        objects: int = 0,
        uploads: int = 0,
        parts: int = 0,
    ) -> None:
        counted = self._counted.setdefault(bucket_id, [0, 0, 0, 0])
        for at, value in enumerate((storage_bytes, objects, uploads, parts)):
            counted[at] += value

    def count_class(
        self,
        bucket_id: int,
        storage_class: str,
        *,
        storage_bytes: int,
        billed_bytes: int,
        objects: int,
    ) -> None:
        counted = self._classes.setdefault((bucket_id, storage_class), [0, 0, 0])
        for at, value in enumerate((storage_bytes, billed_bytes, objects)):
            counted[at] += value

    def renew(self, topic: str) -> None:
        self.renewed.add(topic)

    async def finish(self) -> None:
        """Write what was counted and renewed."""
        for bucket_id, counted in self._counted.items():
            await self._connection.execute(
                _COUNT, *counted, self.now, bucket_id, self._slots[bucket_id]
            )
        for (bucket_id, storage_class), counted in self._classes.items():
            # Nobody else writes to the rows of a slot that is held.
            await self._connection.execute(
                COUNT, bucket_id, self._slots[bucket_id], storage_class, *counted
            )
        for topic in sorted(self.renewed):
            await self._connection.execute(_RENEW, topic)
