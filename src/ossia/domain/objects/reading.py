"""Finding objects, and reading their bytes: in plain, however they lie there."""

from collections.abc import Mapping
from contextlib import closing

from ossia import tables
from ossia.domain.objects.encryption import ObjectKeys
from ossia.domain.objects.extents import cut
from ossia.domain.objects.ingest import Ingest, StoredSource
from ossia.domain.objects.spans import BlobSpan, EncryptedSpan
from ossia.domain.objects.versions import Versions
from ossia.ports import BlobStore, Clock, Database
from ossia.protocol.object_cipher import IN_ROW, ObjectCipher
from ossia.records import Bucket, StoredObject


class Reading:
    """What is asked of objects."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        ingest: Ingest,
        clock: Clock,
        keys: ObjectKeys,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._ingest = ingest
        self._clock = clock
        self._keys = keys
        self.versions = Versions(database, clock)

    async def find(
        self,
        bucket: Bucket,
        key: str,
        version: str | None = None,
        *,
        read_by: str | None = None,
    ) -> StoredObject:
        """What the key names, or one of its versions.

        Raises `NoSuchKey`, and of versions what `Versions.find` does.
        """
        if version is not None:
            return await self.versions.find(bucket, key, version, read_by=read_by)
        found = await tables.objects.find(self._database, bucket.id, key)
        if found is None:
            await self.versions.refuse_absent(bucket, key)
        return found

    async def peek(
        self, bucket: Bucket, key: str, version: str | None = None
    ) -> StoredObject | None:
        """The same or None."""
        if version is not None:
            return await self.versions.peek(bucket, key, version)
        return await tables.objects.find(self._database, bucket.id, key)

    async def spans(self, stored: StoredObject, start: int, length: int) -> tuple[BlobSpan, ...]:
        """The runs of blobs that hold *length* bytes from *start*, read in plain.

        Raises what the state of the key says of an encrypted object.
        """
        runs = cut(stored.extents, start, length)
        cipher = await self._keys.cipher_of(stored.headers)
        if cipher is not None:
            return tuple(EncryptedSpan(self._blobs, each, cipher) for each in runs)
        return tuple(BlobSpan(self._blobs, each) for each in runs)

    async def begin(self, stored: StoredObject, start: int, length: int) -> tuple[BlobSpan, ...]:
        """The same, once the first bytes can be had: for an answer that is about to be promised."""
        spans = await self.spans(stored, start, length)
        if spans:
            await spans[0].begin()
        return spans

    async def read(self, stored: StoredObject, offset: int, length: int) -> bytes:
        """Up to *length* bytes from *offset*; fewer, or none, behind the end."""
        length = max(0, min(length, stored.size - offset))
        if stored.inline is not None:
            content = await self.inline(stored)
            return content[offset : offset + length]
        buffer = bytearray(length)
        with closing(StoredSource(await self.spans(stored, offset, length))) as source:
            await source.read_into(memoryview(buffer))
        return bytes(buffer)

    async def cipher_of(self, headers: Mapping[str, str]) -> ObjectCipher | None:
        """What encrypts the bytes of an object or upload with these headers, if anything does."""
        return await self._keys.cipher_of(headers)

    async def inline(self, stored: StoredObject) -> bytes:
        """The bytes that lie in the row, in plain.  Raises what the state of the key says."""
        assert stored.inline is not None
        cipher = await self._keys.cipher_of(stored.headers)
        return stored.inline if cipher is None else cipher.crypt(IN_ROW, stored.inline)
