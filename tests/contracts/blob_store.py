"""What every `BlobStore` does, written from the docstrings of the port.

An adapter's test file inherits `BlobStoreContract` and adds a ``blobs`` fixture.
"""

import mmap
import os
from contextlib import suppress

import pytest

from ossia.ports import BlobReader, BlobStore, Missing, StagedBlob

LATER = 10**15


async def published(blobs: BlobStore, content: bytes, *, hint: int | None = None) -> str:
    blob_id = blobs.new_id()
    staged = blobs.stage(blob_id, hint)
    await write(staged, content)
    await blobs.publish(staged)
    return blob_id


async def write(staged: StagedBlob, piece: bytes | memoryview) -> None:
    staged.write(memoryview(piece))
    await staged.flow()


async def content_of(blobs: BlobStore, blob_id: str, length: int, offset: int = 0) -> bytes:
    """What is read in order, in as many pieces as the engine gives."""
    reader = blobs.open(blob_id, offset, length)
    pieces: list[bytes] = []
    done = 0
    try:
        while done < length:
            piece = await reader.read(offset + done, length - done)
            assert 0 < len(piece) <= length - done
            pieces.append(bytes(piece))
            done += len(piece)
    finally:
        reader.close()
    return b"".join(pieces)


async def begin_to_send(reader: BlobReader) -> None:
    """What happens before a client hears that he is answered, or right after."""
    await reader.begin()
    reader.fileno()


async def is_missing(blobs: BlobStore, blob_id: str) -> bool:
    reader = blobs.open(blob_id, 0, 1)
    try:
        await reader.read(0, 1)
    except Missing:
        return True
    finally:
        reader.close()
    return False


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
        assert await content_of(blobs, blob_id, size) == content
        half = min(10, size - size // 2)
        middle = content[size // 2 : size // 2 + half]
        assert await content_of(blobs, blob_id, half, size // 2) == middle

    @pytest.mark.parametrize("size", [0, 300_000])
    async def test_nothing_is_behind_the_end(self, blobs: BlobStore, size: int) -> None:
        blob_id = await published(blobs, os.urandom(size))
        reader = blobs.open(blob_id, 0, size + 10)
        with suppress(Missing):
            assert not await reader.read(size, 10)
        reader.close()

    async def test_file_where_there_is_one_has_the_bytes(self, blobs: BlobStore) -> None:
        blob_id = await published(blobs, b"0123456789")
        reader = blobs.open(blob_id, 3, 4)
        file = reader.fileno()
        assert reader.fileno() == file
        assert file is None or os.pread(file, 4, 3) == b"3456"
        reader.close()

    async def test_readers_jump_and_go_on_after_a_release(self, blobs: BlobStore) -> None:
        content = os.urandom(1_000_000)
        blob_id = await published(blobs, content)
        reader = blobs.open(blob_id, 5, 999_000)
        assert (reader.offset, reader.length) == (5, 999_000)
        await reader.begin()
        for offset in (5, 500_000, 6, 7):
            piece = await reader.read(offset, 1000)
            assert piece == content[offset : offset + len(piece)]
            assert 0 < len(piece) <= 1000
            reader.release()
            again = await reader.read(offset, 1)
            assert again == content[offset : offset + 1]
        reader.close()
        reader.close()

    async def test_begun_readers_are_given_up_without_a_word(self, blobs: BlobStore) -> None:
        blob_id = await published(blobs, os.urandom(1_000_000))
        for _ in range(3):
            reader = blobs.open(blob_id, 0, 1_000_000)
            await reader.begin()
            await reader.read(0, 1)
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
            await write(staged, piece)
        await blobs.publish(staged)
        assert await content_of(blobs, blob_id, len(content)) == content

    async def test_buffer_may_be_reused_after_write(self, blobs: BlobStore) -> None:
        buffer = bytearray(b"first")
        blob_id = blobs.new_id()
        staged = blobs.stage(blob_id, None)
        staged.write(memoryview(buffer))
        buffer[:] = b"other"
        await blobs.publish(staged)
        assert await content_of(blobs, blob_id, 5) == b"first"

    async def test_staged_bytes_are_invisible(self, blobs: BlobStore) -> None:
        staged = blobs.stage(blobs.new_id(), None)
        await write(staged, b"x")
        assert await is_missing(blobs, staged.id)
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
        assert await content_of(blobs, staged.id, 1) == b"x"

    async def test_unknown_blob(self, blobs: BlobStore) -> None:
        unknown = blobs.new_id()
        assert await is_missing(blobs, unknown)
        reader = blobs.open(unknown, 0, 10)
        with pytest.raises(Missing):
            await begin_to_send(reader)
        reader.close()

    async def test_deleted_blobs_are_gone(self, blobs: BlobStore) -> None:
        gone, kept = await published(blobs, b"gone"), await published(blobs, b"kept")
        await blobs.delete([gone, blobs.new_id(), gone])
        assert await is_missing(blobs, gone)
        assert await content_of(blobs, kept, 4) == b"kept"
        await blobs.delete([])

    async def test_what_was_deleted_while_it_was_staged_goes_in_the_second_pass(
        self, blobs: BlobStore
    ) -> None:
        staged = blobs.stage(blobs.new_id(), None)
        await write(staged, b"x")
        await blobs.delete([staged.id])
        await write(staged, b"y")
        with suppress(Missing):
            await blobs.publish(staged)
        await blobs.delete([staged.id])
        assert await every_id(blobs) == []
        assert await is_missing(blobs, staged.id)

    async def test_ids_of_what_occupies_space(self, blobs: BlobStore) -> None:
        ids = {await published(blobs, b"x") for _ in range(20)}
        staged = blobs.stage(blobs.new_id(), None)
        # More than any adapter gathers: a part of it has arrived where it is to stay.
        for _ in range(33):
            await write(staged, bytes(1024 * 1024))
        found = await every_id(blobs)
        assert sorted(found) == sorted(ids | {staged.id})
        assert await every_id(blobs, unchanged_since=1) == []
        await blobs.discard(staged)

    async def test_a_store_that_works_says_so(self, blobs: BlobStore) -> None:
        await blobs.probe()
        await published(blobs, b"x")
        await blobs.probe()
