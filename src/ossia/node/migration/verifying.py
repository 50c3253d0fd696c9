"""What is looked at before a target may be served: as many rows, and the bytes of every object."""

from collections.abc import Callable
from functools import partial
from typing import Final

from ossia.domain.objects.contents import FLAWED, Contents, Verdict
from ossia.domain.objects.encryption import ObjectKeys
from ossia.node.migration.blobs import DamagedError
from ossia.node.migration.staging import all_rows
from ossia.node.migration.together import together
from ossia.ports import BlobStore, Row, Rows
from ossia.records import ObjectType
from ossia.tables import every
from ossia.tables.every import Table

_OWN: Final = (every.IDENTITY, every.BLOB, every.CONTENT)
"""Of these a target has rows of its own, or not yet removed ones."""


async def verify(
    source: Rows, target: Rows, blobs: BlobStore, keys: ObjectKeys, note: Callable[[int], None]
) -> tuple[int, int]:
    """Read every object of the target back; how many objects and bytes there are.

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
        if row[table.at("type")] == ObjectType.DELETE_MARKER:
            return
        verdict = await contents.judge(table, row)
        if verdict in FLAWED:
            raise DamagedError(str(await contents.flaw(table, row, verdict)))
        if verdict is Verdict.WHOLE:
            objects += 1
            size += row[table.at("size")]
            note(row[table.at("size")])

    for table in every.VERSIONS:
        async for page in all_rows(target, table):
            await together(partial(check, table), page)
    return objects, size


async def _compare_counts(table: Table, source: Rows, target: Rows) -> None:
    there, here = [await _count(table, rows) for rows in (source, target)]
    if there != here:
        raise DamagedError(f"{table.name}: {there} rows at the source, {here} here")


async def _count(table: Table, rows: Rows) -> int:
    # Page by page: of many rows no engine tells their number within a deadline.
    return sum([len(page) async for page in all_rows(rows, Table(table.name, table.keys, ()))])
