# ruff: noqa: D102 - the docstrings are those of the port
"""What is asked of the file, and the one transaction of a batch."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

import apsw

from ossia.adapters.sqlite import unusable
from ossia.ports import BlobTerms, Row, Rows, Value
from ossia.tables.class_usage import COUNT

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(slots=True)
class _Usage:
    storage_bytes: int = 0
    objects: int = 0
    uploads: int = 0
    parts: int = 0
    changed: bool = False
    classes: dict[str, list[int]] | None = None
    """Bytes, billed bytes and objects of each class that was counted."""


def plan_once(connection: apsw.Connection) -> None:
    """Let a statement that was compiled be run again as it is, whatever its values are.

    SQLite as apsw builds it (``STAT4``) looks at the values that a limit or a range has, in case
    they speak for another plan, and compiles the statement anew whenever they have changed: that
    takes five to ten times as long as to find a row.  There is one way to each row here.
    """
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)


class SqliteRows:
    """See `ossia.ports.Rows`.  Nothing here ever waits.

    SQLite takes ``$1``, ``$2``, … for names and numbers them in the order of their first
    appearance, which is theirs.
    """

    position = "instr"

    def __init__(self, connection: apsw.Connection) -> None:
        self._cursor = connection.cursor()

    async def one(self, sql: str, *values: Value) -> Row | None:
        found = self._cursor.execute(sql, values).fetchall()
        return found[0] if found else None

    async def all(self, sql: str, *values: Value) -> list[Row]:
        return self._cursor.execute(sql, values).fetchall()

    async def together(
        self,
        question: Callable[Concatenate[Rows, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        self._cursor.execute("begin")
        try:
            return await question(self, *args, **kwargs)
        finally:
            # A file that does not answer has ended it already.
            if self._cursor.connection.in_transaction:
                self._cursor.execute("commit")


class AnsweringRows(SqliteRows):
    """The same, outside of transactions: what fails with the file is `Unavailable`."""

    async def one(self, sql: str, *values: Value) -> Row | None:
        try:
            return await super().one(sql, *values)
        except unusable.UNANSWERED as error:
            raise unusable.unavailable(error) from error

    async def all(self, sql: str, *values: Value) -> list[Row]:
        try:
            return await super().all(sql, *values)
        except unusable.UNANSWERED as error:
            raise unusable.unavailable(error) from error


class SqliteTransaction(SqliteRows):
    """See `ossia.ports.Transaction`: that of a batch, whose changes run one after the other.

    Usage is summed and written once per bucket at the end.
    """

    slots = 1

    def __init__(self, connection: apsw.Connection, now: int, terms: BlobTerms) -> None:
        super().__init__(connection)
        self._connection = connection
        self._usage: dict[int, _Usage] = {}
        self.now = now
        self.terms = terms
        self.renewed: set[str] = set()

    async def together(
        self,
        question: Callable[Concatenate[Rows, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        return await question(self, *args, **kwargs)

    async def hold(self, sql: str, *values: Value) -> list[Row]:
        # Nobody else writes while a batch runs.
        return self._cursor.execute(sql, values).fetchall()

    async def run(self, sql: str, *values: Value) -> int:
        self._cursor.execute(sql, values)
        return self._connection.changes()

    async def run_each(self, sql: str, values: Iterable[Sequence[Value]]) -> None:
        self._cursor.executemany(sql, values)

    async def enter(self, bucket_id: int, *, alone: bool = False) -> bool:
        if alone:
            self._write(bucket_id, self._usage.pop(bucket_id, _Usage()))
        elif bucket_id in self._usage:
            return True
        found = self._cursor.execute("select 1 from bucket where id = $1", (bucket_id,)).fetchall()
        if found and not alone:
            self._usage[bucket_id] = _Usage()
        return bool(found)

    def count(
        self,
        bucket_id: int,
        *,
        storage_bytes: int = 0,
        objects: int = 0,
        uploads: int = 0,
        parts: int = 0,
    ) -> None:
        usage = self._usage[bucket_id]
        usage.storage_bytes += storage_bytes
        usage.objects += objects
        usage.uploads += uploads
        usage.parts += parts
        usage.changed = True

    def count_class(
        self,
        bucket_id: int,
        storage_class: str,
        *,
        storage_bytes: int,
        billed_bytes: int,
        objects: int,
    ) -> None:
        usage = self._usage[bucket_id]
        if usage.classes is None:
            usage.classes = {}
        counted = usage.classes.setdefault(storage_class, [0, 0, 0])
        for at, value in enumerate((storage_bytes, billed_bytes, objects)):
            counted[at] += value

    def renew(self, topic: str) -> None:
        self.renewed.add(topic)

    def write_usage(self) -> None:
        """Add the summed changes to the stored counters."""
        for bucket_id, usage in self._usage.items():
            self._write(bucket_id, usage)

    def _write(self, bucket_id: int, usage: _Usage) -> None:
        if usage.changed:
            self._cursor.execute(
                "update bucket_usage set storage_bytes = storage_bytes + $1,"
                " objects = objects + $2, uploads = uploads + $3, parts = parts + $4,"
                " last_modified_at = $5 where bucket_id = $6",
                (
                    usage.storage_bytes,
                    usage.objects,
                    usage.uploads,
                    usage.parts,
                    self.now,
                    bucket_id,
                ),
            )
        for storage_class, counted in (usage.classes or {}).items():
            self._cursor.execute(COUNT, (bucket_id, 0, storage_class, *counted))


Operation = Callable[[SqliteTransaction], Coroutine[Any, Any, Any]]
