"""The file adapter keeps the contract of `BlobStore`, with and without direct writes."""

import errno
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from blob_store import BlobStoreContract, content_of, every_id, is_missing, published

from ossia.adapters.filesystem import FileBlobStore
from ossia.ports import Missing, Unavailable


class TestFileBlobStore(BlobStoreContract):
    @pytest.fixture(params=["direct", "cached"])
    def blobs(self, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[FileBlobStore]:
        store = FileBlobStore(tmp_path)
        if request.param == "cached":
            store._allows_direct = False
        yield store
        store.close()


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[FileBlobStore]:
    store = FileBlobStore(tmp_path)
    yield store
    store.close()


async def test_published_blob_is_the_only_file(blobs: FileBlobStore, tmp_path: Path) -> None:
    blob_id = await published(blobs, b"x")
    files = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert files == [tmp_path / "blobs" / blob_id[:2] / blob_id[2:4] / blob_id]
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert all(
        each.stat().st_mode & 0o777 == 0o700 for each in tmp_path.rglob("*") if each.is_dir()
    )


async def test_blobs_survive_a_new_start(blobs: FileBlobStore, tmp_path: Path) -> None:
    blob_id = await published(blobs, b"x")
    again = FileBlobStore(tmp_path)
    assert await content_of(again, blob_id, 1) == b"x"
    assert await every_id(again) == [blob_id]
    again.close()


async def test_open_files_outlive_their_names(blobs: FileBlobStore) -> None:
    gone = await published(blobs, b"gone")
    reader = blobs.open(gone, 0, 4)
    assert await reader.read(0, 2) == b"go"
    await blobs.delete([gone])
    assert await is_missing(blobs, gone)
    assert await reader.read(2, 2) == b"ne"
    file = reader.fileno()
    assert file is not None
    assert os.pread(file, 10, 0) == b"gone"
    reader.close()


async def test_staged_blob_that_was_deleted_is_not_published(blobs: FileBlobStore) -> None:
    staged = blobs.stage(blobs.new_id(), None)
    staged.write(memoryview(b"x"))
    await blobs.delete([staged.id])
    staged.write(memoryview(b"y"))
    with pytest.raises(Missing):
        await blobs.publish(staged)
    assert await every_id(blobs) == []


async def test_age_is_that_of_the_last_write(blobs: FileBlobStore, tmp_path: Path) -> None:
    blob_id = await published(blobs, b"x")
    os.utime(tmp_path / "blobs" / blob_id[:2] / blob_id[2:4] / blob_id, (1000, 1000))
    assert await every_id(blobs, unchanged_since=1_000_000) == []
    assert await every_id(blobs, unchanged_since=1_000_001) == [blob_id]


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "", "A" * 32, "a" * 31, "a" * 33, "a" * 32 + "\n"]
)
def test_no_other_name_becomes_a_file(blobs: FileBlobStore, name: str) -> None:
    with pytest.raises(ValueError):
        blobs.stage(name, None)
    with pytest.raises(ValueError):
        blobs.open(name, 0, 1)


def test_id_is_staged_once(blobs: FileBlobStore) -> None:
    blob_id = blobs.new_id()
    blobs.stage(blob_id, None)
    with pytest.raises(Unavailable):
        blobs.stage(blob_id, None)


def test_more_than_there_is_room_for(blobs: FileBlobStore, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        blobs.stage(blobs.new_id(), 1 << 60)
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]


async def test_device_that_wants_other_alignment(
    blobs: FileBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A direct write that stops in between goes on through the page cache."""
    write, calls = os.pwrite, 0

    def awkward(fd: int, piece: memoryview, offset: int) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            return write(fd, piece[:4096], offset)
        if calls == 2:
            raise OSError(errno.EINVAL, "Invalid argument")
        return write(fd, piece, offset)

    buffer = mmap.mmap(-1, 1024 * 1024)
    buffer.write(os.urandom(len(buffer)))
    staged = blobs.stage(blobs.new_id(), None)
    monkeypatch.setattr(os, "pwrite", awkward)
    staged.write(memoryview(buffer))
    staged.write(memoryview(buffer))
    monkeypatch.undo()
    await blobs.publish(staged)
    assert await content_of(blobs, staged.id, 2 * len(buffer)) == 2 * buffer[:]
    assert calls == 4


async def test_failing_disk_is_told_as_unavailable(
    blobs: FileBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    staged = blobs.stage(blobs.new_id(), None)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", fail)
        with pytest.raises(Unavailable):
            staged.write(memoryview(b"x"))
        patched.setattr(os, "fdatasync", fail)
        with pytest.raises(Unavailable):
            await blobs.publish(staged)
    await blobs.discard(staged)
    assert await every_id(blobs) == []


def test_file_system_without_direct_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_open = os.open

    def refuse(path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        return really_open(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    store = FileBlobStore(tmp_path)
    assert not store._allows_direct
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]
    store.close()


async def test_a_folder_that_is_gone_is_told_by_the_probe(
    blobs: FileBlobStore, tmp_path: Path
) -> None:
    (tmp_path / "blobs").rename(tmp_path / "elsewhere")
    with pytest.raises(Unavailable):
        await blobs.probe()
    (tmp_path / "elsewhere").rename(tmp_path / "blobs")
    await blobs.probe()
