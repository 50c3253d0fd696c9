"""What is looked at before a target may be served: as many rows, and the bytes of every object."""

from collections.abc import Callable
from functools import partial
from typing import Final

from ossia.domain.objects.encryption import ObjectKeys
from ossia.errors import KeyNotFound, KmsKeyDisabled, KmsKeyPendingDeletion
from ossia.node.migration.blobs import DamagedError, digest
from ossia.node.migration.staging import all_rows
from ossia.node.migration.together import together
from ossia.ports import BlobStore, Missing, Row, Rows
from ossia.protocol.checksums import crc64
from ossia.protocol.object_cipher import IN_ROW, ObjectCipher
from ossia.records import ObjectType
from ossia.tables import every
from ossia.tables.columns import text_map, unsigned
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
    objects = size = 0

    async def check(table: Table, row: Row) -> None:
        nonlocal objects, size
        if row[table.at("type")] == ObjectType.DELETE_MARKER:
            return
        try:
            cipher = await keys.cipher_of(text_map(row[table.at("headers")]))
        except (KeyNotFound, KmsKeyDisabled, KmsKeyPendingDeletion):
            return
        if await _digest(table, row, target, blobs, cipher) != unsigned(row[table.at("crc64")]):
            raise DamagedError(f"the object {row[1]!r} is not what it was")
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


async def _digest(
    table: Table, row: Row, target: Rows, blobs: BlobStore, cipher: ObjectCipher | None
) -> int:
    content_id = row[table.at("content_id")]
    if content_id is not None:
        content = await target.one("select bytes from content where id = $1", content_id)
        found = content[0] if content else b""
        return crc64(found if cipher is None else cipher.crypt(IN_ROW, found))
    runs = [tuple(row[table.at(each)] for each in ("blob_id", "blob_offset", "size"))]
    if runs[0][0] is None:
        runs = await target.all(
            "select blob_id, blob_offset, length from extent"
            " where bucket_id = $1 and key = $2 and version = $3 order by seq",
            *table.version_of(row),
        )
    crc = 0
    try:
        for blob_id, offset, length in runs:
            stream = None if cipher is None else cipher.stream(blob_id, offset)
            crc = await digest(blobs, blob_id, offset, length, crc, stream)
    except Missing as error:
        raise DamagedError(f"the bytes of {row[1]!r} are not there") from error
    return crc
