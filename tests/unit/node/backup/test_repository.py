"""A repository: its label, its files, its sheaves of rows, and who may use it at a time."""

import random
from contextlib import closing
from pathlib import Path

import pytest

from ossia.adapters.sqlite import MemoryDatabase
from ossia.adapters.system import SystemClock
from ossia.domain.objects.contents import blob_digest
from ossia.node.backup import label as labels
from ossia.node.backup.kept_blobs import KeptBlobs, keep_blob
from ossia.node.backup.repository import LABEL, Repository, init, open_repository
from ossia.node.backup.secret import Secret
from ossia.node.backup.sheaves import Binding, unbind
from ossia.node.migration.blobs import DamagedError
from ossia.ports import Missing
from ossia.protocol.checksums import crc64
from ossia.protocol.sealed_pieces import PIECE
from ossia.records import Extent
from ossia.settings import SettingsError
from ossia.tables import every

KEY = bytes(range(32))
BLOB = "ab" * 16


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return init(tmp_path / "repository", Secret(tmp_path / "key", ""))


def test_every_flipped_bit_of_a_label_is_noticed() -> None:
    content = labels.make("key-file", bytes(16), KEY).text().encode()
    assert labels.read(content).is_of(KEY)
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            assert not labels.read(bytes(flipped)).is_of(KEY)
        except SettingsError:
            continue


def test_a_label_is_read_as_it_is_written_only() -> None:
    content = labels.make("key-file", bytes(16), KEY).text().encode()
    for other in (content + b"\n", content.replace(b"  ", b" ")):
        with pytest.raises(SettingsError, match="damaged"):
            labels.read(other)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", b'{"format": 1}', b'{"format": "x"}', b'{"format": 0}']
)
def test_what_is_no_label_is_told(content: bytes) -> None:
    with pytest.raises(SettingsError, match="damaged"):
        labels.read(content)


def test_a_passphrase_opens_and_another_does_not(tmp_path: Path) -> None:
    made = init(tmp_path / "repository", Secret(None, "some words"))
    opened = open_repository(made.path, Secret(None, "some words"))
    assert (opened.key, opened.id) == (made.key, made.id)
    with pytest.raises(SettingsError, match="not the key"):
        open_repository(made.path, Secret(None, "other words"))
    with pytest.raises(SettingsError, match="OSSIA_BACKUP_PASSPHRASE"):
        open_repository(made.path, Secret(None, ""))
    assert b"some words" not in (made.path / LABEL).read_bytes()


def test_files_that_are_there_and_not(repository: Repository) -> None:
    content = random.Random(1).randbytes(PIECE + 5)
    repository.put(f"blobs/{BLOB}", content)
    assert repository.get(f"blobs/{BLOB}") == content
    assert repository.has(f"blobs/{BLOB}", PIECE + 5)
    assert not repository.has(f"blobs/{BLOB}", PIECE + 6)
    assert not repository.has("blobs/cd")
    with pytest.raises(Missing):
        repository.get("blobs/cd")
    assert [*repository.places("blobs")] == [f"blobs/{BLOB}"]
    (path,) = repository.path.glob("blobs/*/*")
    assert path.stat().st_mode & 0o777 == 0o600
    assert content[:64] not in path.read_bytes()


def test_what_lies_in_the_place_of_another_does_not_open(repository: Repository) -> None:
    repository.put(f"blobs/{BLOB}", b"one")
    repository.put("rows/cd", b"two")
    repository.file("rows/cd").write_bytes(repository.file(f"blobs/{BLOB}").read_bytes())
    with pytest.raises(DamagedError):
        repository.get("rows/cd")


def test_what_is_not_finished_is_not_there(repository: Repository) -> None:
    writer = repository.writer("rows/cd")
    writer.write(b"half")
    assert not [*repository.places("rows")]
    writer.discard()
    assert not [*repository.path.glob("rows/*/*")]
    killed = repository.writer("rows/ef")
    killed.write(b"half")
    repository.remove_unfinished()
    assert not [*repository.path.glob("rows/*/*")]
    killed.discard()


class Held:
    """A blob that the source has; it may be shorter than rows say."""

    def __init__(self, repository: Repository, content: bytes) -> None:
        repository.put("blobs/source", content)
        self._blobs = KeptBlobs(repository)

    def open(self, blob_id: str, offset: int, length: int) -> object:
        assert blob_id == BLOB
        return self._blobs.open("source", offset, length)


async def test_a_blob_is_read_from_anywhere(repository: Repository) -> None:
    content = random.Random(2).randbytes(2 * PIECE + 7)
    await keep_blob(repository, Held(repository, content), BLOB, len(content))  # type: ignore[arg-type]  # what is asked of it
    kept = KeptBlobs(repository)
    for offset, length in ((0, len(content)), (PIECE - 3, 9), (2 * PIECE, 7), (5, 0)):
        run = Extent(blob_id=BLOB, blob_offset=offset, length=length)
        assert await blob_digest(kept, run) == crc64(content[offset : offset + length])
    with pytest.raises(Missing):
        await blob_digest(kept, Extent(blob_id=BLOB, blob_offset=2 * PIECE, length=8))


async def test_a_blob_that_ends_too_early_leaves_nothing(repository: Repository) -> None:
    with pytest.raises(Missing):
        await keep_blob(repository, Held(repository, b"short"), BLOB, 6)  # type: ignore[arg-type]  # what is asked of it
    assert not repository.has(f"blobs/{BLOB}")
    assert not [*repository.path.glob("**/*.part")]


async def test_sheaves_that_are_there_are_not_written_again(repository: Repository) -> None:
    database = MemoryDatabase(SystemClock())
    rows = [(f"{number:05}", 1, 1, 0) for number in range(0, 20_000, 2)]
    await database.change(every.put, every.BLOB, rows)
    first = Binding(repository)
    bound = await first.bind(database, every.BLOB)
    assert first.written == len(bound.sheaves) > 5
    assert [row for sheaf in unbind(repository, bound) for row in sheaf] == rows
    await database.change(every.put, every.BLOB, [("00001", 1, 1, 0)])
    second = Binding(repository)
    changed = await second.bind(database, every.BLOB)
    assert second.written == 1
    assert len(set(bound.sheaves) - set(changed.sheaves)) == 1
    await database.close()


async def test_a_table_that_lacks_rows_is_not_taken_for_whole(repository: Repository) -> None:
    database = MemoryDatabase(SystemClock())
    await database.change(every.put, every.BLOB, [("a", 1, 1, 0)])
    bound = await Binding(repository).bind(database, every.BLOB)
    fewer = type(bound)(bound.name, bound.keys, bound.rest, bound.rows, [])
    with pytest.raises(DamagedError, match="of 1 rows"):
        list(unbind(repository, fewer))
    await database.close()


def test_who_may_do_what_at_a_time(repository: Repository) -> None:
    with repository.writing():
        with pytest.raises(SettingsError, match="Another backup"), repository.writing():
            pass
        with repository.reading(), repository.reading():
            pass
        with pytest.raises(SettingsError, match="Another backup"), repository.removing():
            pass
    with (
        repository.reading(),
        pytest.raises(SettingsError, match="Somebody reads"),
        repository.removing(),
    ):
        pass
    with (
        repository.removing(),
        pytest.raises(SettingsError, match="forgotten"),
        repository.reading(),
    ):
        pass


def test_a_file_that_was_cut_off_is_noticed(repository: Repository) -> None:
    repository.put("rows/cd", bytes(100))
    file = repository.file("rows/cd")
    whole = file.read_bytes()
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        with pytest.raises(DamagedError), closing(repository.open("rows/cd")) as opened:
            opened.read_all()
