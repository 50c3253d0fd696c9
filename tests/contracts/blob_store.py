"""What every `BlobStore` does, written from the docstrings of the port.

An adapter's test file inherits `BlobStoreContract` and adds a ``blobs`` fixture.
"""

import mmap
import os

import pytest

from ossia.ports import BlobStore, Missing, StagedBlob

LATER = 10**15


async def published(blobs: BlobStore, content: bytes, *, hint: int | None = None) -> str:
    blob_id = blobs.new_id()
    staged = blobs.stage(blob_id, hint)
    staged.write(memoryview(content))
    await blobs.publish(staged)
    return blob_id


def content_of(blobs: BlobStore, blob_id: str) -> bytes:
    reader = blobs.open(blob_id)
    try:
        return reader.pread(reader.size, 0)
    finally:
        reader.close()


async def every_id(blobs: BlobStore, unchanged_since: int = LATER) -> list[str]:
    return [each async for each in blobs.ids(unchanged_since=unchanged_since)]


class BlobStoreContract:
    async def test_ids_are_32_hex_digits_and_fresh(self, blobs: BlobStore) -> None:
        ids = {blobs.new_id() for _ in range(100)}
        assert len(ids) == 100
        assert all(len(each) == 32 and set(each) <= set("0123456789abcdef") for each in ids)

    @pytest.mark.parametrize("size", [0, 1, 4096, 4097, 300_000, 1_048_576])
    @pytest.mark.parametrize("hint", ["exact", "too-much", None])
    async def test_published_bytes_are_read(
        self, blobs: BlobStore, size: int, hint: str | None
    ) -> None:
        content = os.urandom(size)
        expected = {"exact": size, "too-much": size + 999_999, None: None}[hint]
        blob_id = await published(blobs, content, hint=expected)
        reader = blobs.open(blob_id)
        assert reader.size == size
        assert reader.pread(size + 1, 0) == content
        assert reader.pread(10, size // 2) == content[size // 2 : size // 2 + 10]
        assert reader.pread(10, size) == b""
        reader.close()

    async def test_file_descriptor_has_the_bytes(self, blobs: BlobStore) -> None:
        blob_id = await published(blobs, b"0123456789")
        reader = blobs.open(blob_id)
        assert os.pread(reader.fileno(), 4, 3) == b"3456"
        assert reader.fileno() == reader.fileno()
        reader.close()

    @pytest.mark.parametrize("hint", [True, False])
    async def test_pieces_of_every_size_and_alignment_follow_each_other(
        self, blobs: BlobStore, hint: bool
    ) -> None:
        page_aligned = mmap.mmap(-1, 2 * 1024 * 1024)
        page_aligned.write(os.urandom(len(page_aligned)))
        view = memoryview(page_aligned)
        mega = 1024 * 1024
        pieces = [
            view[:mega],
            view[mega:],
            view[: 256 * 1024],
            view[100 : 100 + mega],  # not aligned in memory
            view[: mega + 5],  # an unaligned end
            view[:mega],  # at an unaligned offset
            view[:4091],
            view[:mega],
            memoryview(bytes(view[:mega])),
            view[:1],
            view[:0],
        ]
        content = b"".join(pieces)
        blob_id = blobs.new_id()
        staged = blobs.stage(blob_id, len(content) if hint else None)
        for piece in pieces:
            staged.write(piece)
        await blobs.publish(staged)
        assert content_of(blobs, blob_id) == content

    async def test_buffer_may_be_reused_after_write(self, blobs: BlobStore) -> None:
        buffer = bytearray(b"first")
        blob_id = blobs.new_id()
        staged = blobs.stage(blob_id, None)
        staged.write(memoryview(buffer))
        buffer[:] = b"other"
        await blobs.publish(staged)
        assert content_of(blobs, blob_id) == b"first"

    async def test_staged_bytes_are_invisible(self, blobs: BlobStore) -> None:
        staged = blobs.stage(blobs.new_id(), None)
        staged.write(memoryview(b"x"))
        with pytest.raises(Missing):
            blobs.open(staged.id)
        await blobs.discard(staged)

    async def test_discarded_bytes_leave_nothing(self, blobs: BlobStore) -> None:
        staged: StagedBlob = blobs.stage(blobs.new_id(), None)
        staged.write(memoryview(b"x"))
        await blobs.discard(staged)
        await blobs.discard(staged)
        assert await every_id(blobs) == []

    async def test_discard_after_publish_changes_nothing(self, blobs: BlobStore) -> None:
        staged = blobs.stage(blobs.new_id(), None)
        staged.write(memoryview(b"x"))
        await blobs.publish(staged)
        await blobs.discard(staged)
        assert content_of(blobs, staged.id) == b"x"

    async def test_unknown_blob(self, blobs: BlobStore) -> None:
        with pytest.raises(Missing):
            blobs.open(blobs.new_id())

    async def test_deleted_blobs_are_gone_but_readers_stay(self, blobs: BlobStore) -> None:
        gone, kept = await published(blobs, b"gone"), await published(blobs, b"kept")
        reader = blobs.open(gone)
        await blobs.delete([gone, blobs.new_id(), gone])
        with pytest.raises(Missing):
            blobs.open(gone)
        assert reader.pread(10, 0) == b"gone"
        assert os.pread(reader.fileno(), 10, 0) == b"gone"
        reader.close()
        assert content_of(blobs, kept) == b"kept"

    async def test_staged_blob_that_was_deleted_is_not_published(self, blobs: BlobStore) -> None:
        staged = blobs.stage(blobs.new_id(), None)
        staged.write(memoryview(b"x"))
        await blobs.delete([staged.id])
        staged.write(memoryview(b"y"))
        with pytest.raises(Missing):
            await blobs.publish(staged)
        assert await every_id(blobs) == []

    async def test_ids_of_what_occupies_space(self, blobs: BlobStore) -> None:
        ids = {await published(blobs, b"x") for _ in range(20)}
        staged = blobs.stage(blobs.new_id(), None)
        staged.write(memoryview(b"x"))
        found = await every_id(blobs)
        assert sorted(found) == sorted(ids | {staged.id})
        assert await every_id(blobs, unchanged_since=1) == []
        await blobs.discard(staged)

    async def test_a_store_that_works_says_so(self, blobs: BlobStore) -> None:
        await blobs.probe()
        await published(blobs, b"x")
        await blobs.probe()
