"""The file of the master key: which of its keys seals, and how another one takes its place."""

import asyncio
from pathlib import Path

import pytest

from ossia.adapters.sqlite import SqliteDatabase
from ossia.domain.encryption.kms_keys import KmsKeys
from ossia.domain.identity.store import IdentityStore
from ossia.errors import InvalidArgument
from ossia.node.master_key import MASTER_KEY_FILE, FileSeal, folder_seal
from ossia.node.master_key_check import folder_master_key_finding
from ossia.node.master_key_rotation import MasterKeyRotation
from ossia.node.shared_keys import load_shared_keys
from ossia.protocol.seal import BrokenSealError, Seal, make_key, read_key
from ossia.settings import Settings, SettingsError
from stored import Stored, in_memory


class StillClock:
    def now_ms(self) -> int:
        return 1_700_000_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "master.key"
    path.write_text(f"{make_key()}\n")
    return path


def add(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_a_line_that_is_added_seals_and_the_others_open(file: Path) -> None:
    first = file.read_text().split()[0]
    seal = FileSeal(file)
    before = seal.close(b"secret", "keys")
    added = make_key()
    add(file, f"-{added}\n")
    assert Seal(read_key(first)).open(seal.close(b"a", "b"), "b") == b"a", "it only opens"
    assert seal.open(Seal(read_key(added)).close(b"a", "b"), "b") == b"a"
    file.write_text(f"{first}\n{added}\n")
    assert Seal(read_key(added)).open(seal.close(b"a", "b"), "b") == b"a"
    assert seal.open(before, "keys") == b"secret"
    file.write_text(f"{added}\n")
    seal.close(b"a", "b")
    with pytest.raises(BrokenSealError):
        seal.open(before, "keys")


def test_what_cannot_be_read_does_not_take_away_what_is_known(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seal = FileSeal(file)
    sealed = seal.close(b"a", "b")
    file.write_text("nonsense")
    assert seal.open(seal.close(b"c", "d"), "d") == b"c"
    file.unlink()
    assert seal.open(sealed, "b") == b"a"
    seal.close(b"a", "b")
    assert "master_key_not_read" in caplog.text


def test_who_was_faster_is_not_undone(file: Path) -> None:
    one, other = FileSeal(file), FileSeal(file)
    added = one.renew()
    later = other.renew()
    one.retire(added)
    assert len(file.read_text().split()) == 3
    sealed = one.close(b"a", "b")
    other.retire(later)
    assert file.read_text().split() == [later]
    assert other.open(sealed, "b") == b"a"
    assert file.stat().st_mode & 0o777 == 0o600


async def kms_in(database: Stored | SqliteDatabase, seal: Seal) -> KmsKeys:
    return KmsKeys(IdentityStore(database, StillClock()), StillClock(), seal, "1234")


def test_a_folder_has_a_file_of_its_own(tmp_path: Path) -> None:
    seal = folder_seal(tmp_path)
    path = tmp_path / MASTER_KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder_seal(tmp_path).open(seal.close(b"a", "b"), "b") == b"a"
    path.write_text("nonsense")
    with pytest.raises(SettingsError, match="cannot be used"):
        folder_seal(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(SettingsError, match="cannot be used"):
        folder_seal(tmp_path)


def test_a_link_to_another_disk_stays_one(tmp_path: Path) -> None:
    disk, data = tmp_path / "disk", tmp_path / "data"
    data.mkdir()
    link = data / MASTER_KEY_FILE
    link.symlink_to(disk / "key")
    with pytest.raises(SettingsError, match="No such file"):
        folder_seal(data)
    disk.mkdir()
    seal = folder_seal(data)
    made = (disk / "key").read_text()
    seal.retire(seal.renew())
    assert link.is_symlink()
    assert (disk / "key").read_text() not in {"", made}
    assert (disk / "key").stat().st_mode & 0o777 == 0o600


def test_where_something_is_sealed_no_other_key_is_made(tmp_path: Path) -> None:
    async def fill() -> None:
        database = SqliteDatabase(tmp_path, StillClock())
        await (await kms_in(database, folder_seal(tmp_path))).create()
        await database.close()

    async def make_tables() -> None:
        await SqliteDatabase(tmp_path, StillClock()).close()

    (tmp_path / "metadata.sqlite3").touch()
    folder_seal(tmp_path)
    (tmp_path / MASTER_KEY_FILE).unlink()
    asyncio.run(make_tables())
    folder_seal(tmp_path)
    asyncio.run(fill())
    (tmp_path / MASTER_KEY_FILE).rename(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match="restore the file from a backup"):
        folder_seal(tmp_path)
    assert not (tmp_path / MASTER_KEY_FILE).exists()


async def test_one_machine_rotates_in_one_step(file: Path) -> None:
    database, seal = in_memory(StillClock()), FileSeal(file)
    kms = await kms_in(database, seal)
    key = await kms.create()
    wrapped = await kms.wrap(key.id, b"data")
    before = file.read_text()
    done = await MasterKeyRotation(seal, kms, database, is_shared=False).rotate()
    assert (done.keys, done.lost, done.file) == (1, 0, str(file))
    assert len(file.read_text().split()) == 1
    assert file.read_text() != before
    # Another worker, which has what was there before.
    assert await (await kms_in(database, FileSeal(file))).unwrap(key.id, wrapped) == b"data"
    with pytest.raises(BrokenSealError):
        Seal(read_key(before)).open(
            (await kms.find(key.id)).versions[0].sealed, f"kms key {key.id} 1"
        )


async def test_what_could_not_be_opened_keeps_the_key_of_before(file: Path) -> None:
    database, seal = in_memory(StillClock()), FileSeal(file)
    await (await kms_in(database, Seal(bytes(32)))).create()
    kms = await kms_in(database, seal)
    done = await MasterKeyRotation(seal, kms, database, is_shared=False).rotate()
    assert (done.keys, done.lost) == (0, 1)
    assert "stays" in done.next
    assert len(file.read_text().split()) == 2


async def test_gateways_rotate_once_all_have_the_new_key(file: Path) -> None:
    database = in_memory(StillClock())
    shared = Settings(metadata="postgresql://h/db", master_key_file=str(file))
    keys = await load_shared_keys(shared, database)
    kms = await kms_in(database, keys.master)
    key = await kms.create()
    wrapped = await kms.wrap(key.id, b"data")
    rotation = MasterKeyRotation(keys.master, kms, database, is_shared=True)
    with pytest.raises(InvalidArgument, match="second line"):
        await rotation.rotate()
    added = make_key()
    add(file, f"-{added}\n")

    file.write_text(file.read_text().replace("-", ""))
    done = await rotation.rotate()
    assert (done.keys, done.lost) == (1, 0)
    assert "remove the other lines" in done.next
    file.write_text(f"{added}\n")
    again = await load_shared_keys(shared, database)
    assert again.access_key_secret == keys.access_key_secret
    assert await (await kms_in(database, again.master)).unwrap(key.id, wrapped) == b"data"
    await MasterKeyRotation(again.master, kms, in_memory(StillClock()), is_shared=False).rotate()


async def test_in_memory_there_is_nothing_to_rotate() -> None:
    database = in_memory(StillClock())
    kms = await kms_in(database, Seal(bytes(32)))
    with pytest.raises(InvalidArgument, match="memory"):
        await MasterKeyRotation(Seal(bytes(32)), kms, database, is_shared=False).rotate()


def test_what_is_no_database_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "metadata.sqlite3").write_bytes(b"no database" * 100)
    with pytest.raises(SettingsError, match="file is not a database"):
        folder_seal(tmp_path)
    found = folder_master_key_finding(Settings(data=tmp_path))
    assert not found.ok
    assert "file is not a database" in found.seen
