"""Rows of an older version of the tables become rows of this one."""

from pathlib import Path

import pytest

from ossia.adapters.schema_version import SchemaTooNewError
from ossia.adapters.sqlite import SqliteDatabase
from ossia.adapters.sqlite.rebuilding import rebuild
from ossia.adapters.sqlite.schema import KNOWN_VERSION
from ossia.adapters.system import SystemClock
from ossia.tables import every
from ossia.tables.every import Table

FIRST = Table("identity", ("kind", "name"), ("record",))


@pytest.mark.parametrize("version", range(1, KNOWN_VERSION + 1))
async def test_a_point_of_any_version_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    rows = [("user", "alice", b"1"), ("user", "bob", b"2")]
    rebuild(tmp_path, version, [(FIRST, [rows[:1], rows[1:]])])
    database = SqliteDatabase(tmp_path, SystemClock())
    assert await every.page(database, every.IDENTITY, None, 10) == rows
    for table in every.EVERY:
        if table is not every.IDENTITY:
            assert await every.page(database, table, None, 10) == []
    await database.close()


def test_one_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaTooNewError):
        rebuild(tmp_path, KNOWN_VERSION + 1, [])
