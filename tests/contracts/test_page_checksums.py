"""Checksums on the pages of the metadata file: what flips on the disk is told of, never answered."""

import os
import random
from pathlib import Path

import apsw
import pytest
from tables_contract import SetClock, a_bucket, an_object

from ossia.adapters.sqlite import FileUnusableError, SqliteDatabase, add_checksums
from ossia.adapters.sqlite.page_checksums import FILE, PAGE, are_in, connect
from ossia.ports import Unavailable
from stored import Stored

KEYS = 60


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A file in which objects are."""
    await fill(tmp_path)
    return tmp_path


async def fill(folder: Path) -> None:
    database = SqliteDatabase(folder, SetClock())
    store = Stored(database)
    bucket = await store.create_bucket(a_bucket("kept"))
    for number in range(KEYS):
        await store.put_object(an_object(bucket, f"{number:03}", inline=os.urandom(900)))
    await database.close()


async def read_all(folder: Path) -> None:
    """Raises where something is not what was written."""
    database = SqliteDatabase(folder, SetClock())
    try:
        for table in ("object", "content", "bucket", "bucket_usage", "blob", "class_usage"):
            await database.all(f"select * from {table}")  # noqa: S608 - names of ours
    finally:
        await database.close()


async def test_every_page_of_a_new_file_has_one(folder: Path) -> None:
    connection = connect(folder / FILE)
    try:
        assert are_in(connection)
        content = (folder / FILE).read_bytes()
        pages = [content[at : at + PAGE] for at in range(0, len(content), PAGE)]
        of_each = [connection.execute("select verify_checksum(?)", (each,)).get for each in pages]
    finally:
        connection.close()
    assert len(pages) > KEYS * 900 // PAGE
    assert of_each == [1] * len(pages)


async def test_a_flipped_bit_of_what_is_read_is_told_of(folder: Path) -> None:
    file = folder / FILE
    content = file.read_bytes()
    at = content.index(b"kept")
    flipped = bytearray(content)
    flipped[at] ^= 1
    file.write_bytes(flipped)
    with pytest.raises((Unavailable, FileUnusableError)):
        await read_all(folder)
    file.write_bytes(content)
    await read_all(folder)


async def test_what_the_log_holds_outlives_a_kill(tmp_path: Path) -> None:
    """The log is moved into the file after a crash as it is otherwise."""
    if (child := os.fork()) == 0:
        connection = connect(tmp_path / FILE)
        connection.execute("pragma journal_mode = wal").get  # noqa: B018 - runs to its end
        connection.execute("create table t (a)")
        for _ in range(50):
            connection.execute("insert into t values (randomblob(900))")
        os._exit(0)
    os.waitpid(child, 0)
    connection = connect(tmp_path / FILE)
    assert connection.execute("select count(*) from t").get == 50
    connection.close()
    content = (tmp_path / FILE).read_bytes()
    connection = connect(tmp_path / FILE)
    for at in range(0, len(content), PAGE):
        assert connection.execute("select verify_checksum(?)", (content[at : at + PAGE],)).get == 1
    connection.close()


async def test_a_file_without_is_served_and_gets_them(tmp_path: Path) -> None:
    """What a version before wrote."""
    plain = apsw.Connection(str(tmp_path / FILE), vfs="unix")
    plain.execute("pragma journal_mode = wal").get  # noqa: B018 - runs to its end
    plain.execute("create table schema_version (version integer not null) strict")
    plain.close()
    await fill(tmp_path)
    connection = connect(tmp_path / FILE)
    assert not are_in(connection)
    connection.close()
    assert add_checksums(tmp_path)
    assert not add_checksums(tmp_path)
    await read_all(tmp_path)
    content = (tmp_path / FILE).read_bytes()
    at = random.Random(1).randrange(len(content) // 2, len(content))
    (tmp_path / FILE).write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
    connection = connect(tmp_path / FILE)
    try:
        with pytest.raises((apsw.Error, AssertionError)):
            assert connection.execute("pragma quick_check").get == "ok"
    finally:
        connection.close()


async def test_what_has_them_is_not_opened_without_the_shim(folder: Path) -> None:
    with pytest.raises(FileUnusableError, match="install apsw from PyPI"):
        connect(folder / FILE, vfs="unix")
