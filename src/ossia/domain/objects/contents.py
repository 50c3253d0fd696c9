"""Whether the bytes that are stored are those that were acknowledged, by their CRC-64.

What is looked at are rows as `ossia.tables.every` has them: of objects, of former versions, and of
parts of uploads.  What was replaced or removed meanwhile is no flaw: who finds one looks again
whether the row is still there (`Contents.stays`).
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from ossia.domain.objects.encryption import ObjectKeys
from ossia.errors import KeyNotFound, KmsKeyDisabled, KmsKeyPendingDeletion
from ossia.ports import BlobReader, Missing, Row, Rows
from ossia.protocol.checksums import crc64
from ossia.protocol.object_cipher import IN_ROW, ObjectCipher, Stream
from ossia.records import Extent, ObjectType
from ossia.tables import every
from ossia.tables.columns import text_map, unpack_extents, unsigned
from ossia.tables.every import Table

HAVE_BYTES: Final = (*every.VERSIONS, every.PART)
"""The tables whose rows stand for bytes."""
_PIECE: Final = 1024 * 1024


class Verdict(StrEnum):
    """What is to be said of the bytes of a row."""

    WHOLE = "whole"
    CHANGED = "changed"
    GONE = "gone"
    LOCKED = "locked"
    """The key may not be used now: nobody can tell."""


FLAWED: Final = frozenset({Verdict.CHANGED, Verdict.GONE})


class Flaw(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that are not what they were: of a version, or of a part of an upload.

    ``place`` is the key of the row in ``table``.
    """

    table: str
    place: tuple[int | str, ...]
    bucket: str
    key: str
    version: str = ""
    part: int = 0
    verdict: Verdict

    def __str__(self) -> str:
        which = f" (version {self.version})" if self.table == every.FORMER.name else ""
        if self.part:
            which = f" (part {self.part} of the upload {self.version})"
        harm = "are not there" if self.verdict is Verdict.GONE else "are not what was stored"
        return f"the bytes of {self.bucket}/{self.key}{which} {harm}"


class BlobSource(Protocol):
    """Where bytes are read from; what else a `BlobStore` can is not asked of it."""

    def open(self, blob_id: str, offset: int, length: int) -> BlobReader:
        """See `BlobStore.open`."""


class Contents:
    """The bytes behind *rows*."""

    def __init__(self, rows: Rows, blobs: BlobSource, keys: ObjectKeys) -> None:
        self._rows = rows
        self._blobs = blobs
        self._keys = keys

    async def judge(self, table: Table, row: Row) -> Verdict:
        """Read the bytes that *row* stands for.  Raises `Unavailable`."""
        if table is not every.PART and row[table.at("type")] == ObjectType.DELETE_MARKER:
            return Verdict.WHOLE
        try:
            cipher = await self._keys.cipher_of(text_map(await self._headers(table, row)))
        except (KeyNotFound, KmsKeyDisabled, KmsKeyPendingDeletion):
            return Verdict.LOCKED
        try:
            found = await self._digest(table, row, cipher)
        except Missing:
            return Verdict.GONE
        is_whole = found == unsigned(row[table.at("crc64")])
        return Verdict.WHOLE if is_whole else Verdict.CHANGED

    async def stays(self, table: Table, row: Row) -> bool:
        """Whether the row is there, and stands for the same bytes."""
        found = await every.find(self._rows, table, table.key_of(row))
        return found is not None and all(
            found[at] == row[at]
            for at in map(table.at, {"content_id", "crc64", "blob_id", "extents"} & {*table.rest})
        )

    async def flaw(self, table: Table, row: Row, verdict: Verdict) -> Flaw:
        """*verdict* about *row*, for people."""
        version, part = "", 0
        if table is every.PART:
            upload = await self._upload(row[0])
            bucket_id, key = upload[:2] if upload else (0, "")
            version, part = row[0], row[1]
        else:
            bucket_id, key, version = table.version_of(row)
        bucket = await self._rows.one("select name from bucket where id = $1", bucket_id)
        return Flaw(
            table=table.name,
            place=table.key_of(row),
            bucket=bucket[0] if bucket else f"(bucket {bucket_id})",
            key=key,
            version=version,
            part=part,
            verdict=verdict,
        )

    async def _headers(self, table: Table, row: Row) -> bytes | None:
        if table is not every.PART:
            headers: bytes | None = row[table.at("headers")]
            return headers
        upload = await self._upload(row[0])
        return upload[2] if upload else None

    async def _upload(self, upload_id: str) -> Row | None:
        return await self._rows.one(
            "select bucket_id, key, headers from upload where id = $1", upload_id
        )

    async def _digest(self, table: Table, row: Row, cipher: ObjectCipher | None) -> int:
        content_id = row[table.at("content_id")]
        if content_id is not None:
            content = await self._rows.one("select bytes from content where id = $1", content_id)
            if content is None:
                raise Missing(f"content {content_id}")
            return crc64(content[0] if cipher is None else cipher.crypt(IN_ROW, content[0]))
        crc = 0
        for run in await self.runs(table, row):
            stream = None if cipher is None else cipher.stream(run.blob_id, run.blob_offset)
            crc = await blob_digest(self._blobs, run, crc, stream)
        return crc

    async def runs(self, table: Table, row: Row) -> tuple[Extent, ...]:
        """Where the bytes are; nowhere for those that lie in the database."""
        if row[table.at("content_id")] is not None or not row[table.at("size")]:
            return ()
        if table is every.PART:
            return unpack_extents(row[table.at("extents")])
        runs = [tuple(row[table.at(each)] for each in ("blob_id", "blob_offset", "size"))]
        if runs[0][0] is None:
            runs = await self._rows.all(
                "select blob_id, blob_offset, length from extent"
                " where bucket_id = $1 and key = $2 and version = $3 order by seq",
                *table.version_of(row),
            )
        return tuple(
            Extent(blob_id=blob_id, blob_offset=offset, length=length)
            for blob_id, offset, length in runs
        )


async def blob_digest(
    store: BlobSource, run: Extent, crc: int = 0, stream: Stream | None = None
) -> int:
    """CRC-64 of a run of a blob, decrypted by *stream*, continuing *crc*.

    Raises `Missing` where it is shorter.
    """
    async with aclosing(pieces(store, run.blob_id, run.blob_offset, run.length)) as found:
        async for piece in found:
            crc = crc64(piece if stream is None else stream.update(piece), crc)
    return crc


async def pieces(
    store: BlobSource, blob_id: str, offset: int, length: int
) -> AsyncGenerator[bytes | memoryview]:
    """The bytes of a run of a blob.  Raises `Missing` where it is shorter."""
    with closing(store.open(blob_id, offset, length)) as reader:
        await reader.begin()
        at, end = offset, offset + length
        while at < end:
            piece = await reader.read(at, min(_PIECE, end - at))
            if not len(piece):
                raise Missing(blob_id)
            yield piece
            at += len(piece)
