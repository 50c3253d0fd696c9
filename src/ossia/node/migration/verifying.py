"""What is looked at before a target may be served: as many rows, and every object's bytes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from ossia.domain.objects.encryption import ObjectKeys
from ossia.errors import KeyNotFound, KmsKeyDisabled, KmsKeyPendingDeletion
from ossia.node.migration.blobs import BlobSource, DamagedError, digest
from ossia.node.migration.staging import all_rows
from ossia.node.migration.together import together
from ossia.ports import Missing, Row, Rows
from ossia.protocol.checksums import crc64
from ossia.protocol.object_cipher import IN_ROW, ObjectCipher
from ossia.records import ObjectType
from ossia.tables import every
from ossia.tables.columns import text_map, unpack_extents, unsigned
from ossia.tables.every import Table

_OWN: Final = (every.IDENTITY, every.BLOB, every.CONTENT)
"""Of these a target has rows of its own, or not yet removed ones."""
Runs = Sequence[Row]
"""Blob, offset and length of each."""


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
    objects = size = 0

    async def check(table: Table, row: Row) -> None:
        nonlocal objects, size
        if await check_object(table, row, target, blobs, keys):
            objects += 1
            size += row[table.at("size")]
            note(row[table.at("size")])

    for table in every.VERSIONS:
        async for page in all_rows(target, table):
            await together(partial(check, table), page)

    async def check_uploaded(row: Row) -> None:
        if await check_part(row, target, blobs, keys):
            note(row[every.PART.at("size")])

    async for page in all_rows(target, every.PART):
        await together(check_uploaded, page)
    return objects, size


async def check_object(
    table: Table, row: Row, rows: Rows, blobs: BlobSource, keys: ObjectKeys
) -> bool:
    """Read the bytes of a version; whether it has any that may be read.

    Raises `DamagedError` where they are not those of its CRC-64.
    """
    if row[table.at("type")] == ObjectType.DELETE_MARKER:
        return False
    try:
        cipher = await keys.cipher_of(text_map(row[table.at("headers")]))
    except (KeyNotFound, KmsKeyDisabled, KmsKeyPendingDeletion):
        return False
    runs: Runs = [(row[table.at("blob_id")], row[table.at("blob_offset")], row[table.at("size")])]
    if runs[0][0] is None:
        runs = await rows.all(
            "select blob_id, blob_offset, length from extent"
            " where bucket_id = $1 and key = $2 and version = $3 order by seq",
            *table.version_of(row),
        )
    read = _Reading(rows, blobs, cipher)
    await read.check(
        f"object {row[1]!r}", row[table.at("content_id")], runs, row[table.at("crc64")]
    )
    return True


async def check_part(row: Row, rows: Rows, blobs: BlobSource, keys: ObjectKeys) -> bool:
    """The same of a part of an upload in progress."""
    part = every.PART
    upload_id, number = part.key_of(row)
    of = await rows.one("select key, headers from upload where id = $1", upload_id)
    if of is None:
        raise DamagedError(f"the part {number} is of no upload")
    try:
        cipher = await keys.cipher_of(text_map(of[1]))
    except (KeyNotFound, KmsKeyDisabled, KmsKeyPendingDeletion):
        return False
    runs = [
        (each.blob_id, each.blob_offset, each.length)
        for each in unpack_extents(row[part.at("extents")])
    ]
    read = _Reading(rows, blobs, cipher)
    what = f"part {number} of the upload of {of[0]!r}"
    await read.check(what, row[part.at("content_id")], runs, row[part.at("crc64")])
    return True


async def _compare_counts(table: Table, source: Rows, target: Rows) -> None:
    there, here = [await _count(table, rows) for rows in (source, target)]
    if there != here:
        raise DamagedError(f"{table.name}: {there} rows at the source, {here} here")


async def _count(table: Table, rows: Rows) -> int:
    # Page by page: of many rows no engine tells their number within a deadline.
    return sum([len(page) async for page in all_rows(rows, Table(table.name, table.keys, ()))])


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads bytes of one deployment, decrypted where they are encrypted."""

    rows: Rows
    blobs: BlobSource
    cipher: ObjectCipher | None = field(repr=False)

    async def check(self, what: str, content_id: int | None, runs: Runs, crc: int) -> None:
        """Raise `DamagedError` unless the bytes have that CRC-64."""
        try:
            found = await self._digest(content_id, runs)
        except Missing as error:
            raise DamagedError(f"the bytes of the {what} are not there") from error
        if found != unsigned(crc):
            raise DamagedError(f"the {what} is not what it was")

    async def _digest(self, content_id: int | None, runs: Runs) -> int:
        cipher = self.cipher
        if content_id is not None:
            content = await self.rows.one("select bytes from content where id = $1", content_id)
            found = content[0] if content else b""
            return crc64(found if cipher is None else cipher.crypt(IN_ROW, found))
        crc = 0
        for blob_id, offset, length in runs:
            stream = None if cipher is None else cipher.stream(blob_id, offset)
            crc = await digest(self.blobs, blob_id, offset, length, crc, stream)
        return crc
