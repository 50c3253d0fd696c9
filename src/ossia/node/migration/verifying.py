"""What is looked at before a target may be served: as many rows, and every object's bytes."""

from collections.abc import Callable
from functools import partial
from typing import Final

from ossia.domain.objects.contents import FLAWED, HAVE_BYTES, BlobSource, Contents, Verdict
from ossia.domain.objects.encryption import ObjectKeys
from ossia.node.migration.blobs import DamagedError
from ossia.node.migration.staging import all_rows
from ossia.node.migration.together import together
from ossia.ports import Row, Rows
from ossia.records import ObjectType
from ossia.tables import every
from ossia.tables.every import Table

_OWN: Final = (every.IDENTITY, every.BLOB, every.CONTENT)
"""Of these a target has rows of its own, or not yet removed ones."""


async def verify(
    source: Rows, target: Rows, blobs: BlobSource, keys: ObjectKeys, note: Callable[[int], None]
) -> tuple[int, int]:
    """Read every object and part of the target back; how many objects there are, and their bytes.

    What is encrypted is decrypted, unless its key may not be used now.

    *note* hears of the bytes of each.  Raises `DamagedError`.
    """
    for table in every.EVERY:
        if table not in _OWN:
            await _compare_counts(table, source, target)
    contents = Contents(target, blobs, keys)
    objects = size = 0

    async def check(table: Table, row: Row) -> None:
        nonlocal objects, size
        if not await is_read(contents, table, row):
            return
        note(row[table.at("size")])
        if table is not every.PART:
            objects += 1
            size += row[table.at("size")]

    for table in HAVE_BYTES:
        async for page in all_rows(target, table):
            await together(partial(check, table), page)
    return objects, size


async def is_read(contents: Contents, table: Table, row: Row) -> bool:
    """Read the bytes that a row stands for; whether it has any that may be read.

    Raises `DamagedError` where they are not what they were.
    """
    if table is not every.PART and row[table.at("type")] == ObjectType.DELETE_MARKER:
        return False
    verdict = await contents.judge(table, row)
    if verdict in FLAWED:
        raise DamagedError(str(await contents.flaw(table, row, verdict)))
    return verdict is Verdict.WHOLE


async def _compare_counts(table: Table, source: Rows, target: Rows) -> None:
    there, here = [await _count(table, rows) for rows in (source, target)]
    if there != here:
        raise DamagedError(f"{table.name}: {there} rows at the source, {here} here")


async def _count(table: Table, rows: Rows) -> int:
    # Page by page: of many rows no engine tells their number within a deadline.
    return sum([len(page) async for page in all_rows(rows, Table(table.name, table.keys, ()))])
