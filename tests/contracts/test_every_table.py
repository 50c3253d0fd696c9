"""Who copies everything copies every table and column that engines have."""

import pytest
from tables_contract import SetClock
from test_postgres import opened

from ossia.adapters.sqlite import MemoryDatabase
from ossia.ports import Rows
from ossia.tables import every
from postgres_server import PostgresServer

OF_ENGINES = {
    *("bucket_usage", "class_usage", "schema_version", "stamp", "outcome", "gateway", "duty"),
    "sqlite_sequence",
}
"""What an engine keeps for itself, and what is counted anew."""
NAMED = {table.name: set(table.columns) for table in every.EVERY}


async def columns(rows: Rows, tables: str, of: str) -> dict[str, set[str]]:
    names = [row[0] for row in await rows.all(tables)]
    return {
        name: {row[0] for row in await rows.all(of.format(name))}
        for name in names
        if name not in OF_ENGINES
    }


async def test_of_sqlite() -> None:
    database = MemoryDatabase(SetClock())
    found = await columns(
        database,
        "select name from sqlite_schema where type = 'table'",
        "select name from pragma_table_info('{}')",
    )
    assert found == NAMED


async def test_of_postgres(postgres: PostgresServer) -> None:
    database = await opened(postgres.fresh(), SetClock())
    found = await columns(
        database,
        "select table_name from information_schema.tables where table_schema = 'public'",
        "select column_name from information_schema.columns where table_name = '{}'",
    )
    assert found == NAMED
    await database.close()


@pytest.mark.parametrize("table", every.EVERY, ids=lambda table: table.name)
async def test_pages_are_the_whole_in_order(table: every.Table) -> None:
    database = MemoryDatabase(SetClock())
    rows = [
        tuple(
            key if at == len(table.keys) - 1 else ("a" if type_of(table, name) is str else 1)
            for at, name in enumerate(table.keys)
        )
        for key in keys_of(table)
    ]
    filled = [(*row, *(value_of(table, name) for name in table.rest)) for row in rows]
    await database.change(every.put, table, filled)
    found: list[tuple[object, ...]] = []
    while page := await every.page(database, table, found[-1] if found else None, 2):
        found += page
    assert found == sorted(filled)
    await database.change(every.drop, table, rows[:3])
    assert await every.page(database, table, None, 9) == sorted(filled[3:])


NUMBERS = {"id", "seq", "number", "bucket_id", "place"}


def type_of(table: every.Table, name: str) -> type:
    if name == "mark":
        return bytes
    if name == "id" and table.name not in {"bucket", "content"}:
        return str
    return int if name in NUMBERS else str


def keys_of(table: every.Table) -> list[object]:
    last = type_of(table, table.keys[-1])
    if last is int:
        return [3, 1, 2, 5, 4]
    return [b"c", b"a", b"b", b"e", b"d"] if last is bytes else ["c", "a", "é", "e", "d"]


def value_of(table: every.Table, name: str) -> object:
    if (table.name, name) in {("bucket", "name"), ("former", "version")}:
        value_of.count += 1  # type: ignore[attr-defined]
        return f"bucket-{value_of.count}"  # type: ignore[attr-defined]
    if name in {"bytes", "record"}:
        return b"x"
    texts = {"owner", "region", "acl", "storage_class", "redundancy", "versioning", "type", "etag",
             "md5", "bucket", "key", "request_id", "message_id", "blob_id"}  # fmt: skip
    if name in texts:
        return "x"
    if name in {"documents", "headers", "tags", "restoration"} or (table.name, name) == (
        "part",
        "extents",
    ):
        return b"\x80"
    return 1


value_of.count = 0  # type: ignore[attr-defined]
