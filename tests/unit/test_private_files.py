"""Issue 10, D6: files with secrets are their owner's, whatever the umask and whatever was there."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ossia.adapters.data_folder import BLOBS, DataFolder
from ossia.adapters.filesystem import FileBlobStore
from ossia.adapters.system import SystemClock
from ossia.appserver.cli import appserver
from ossia.appserver.config import ConfigError, write_samples
from ossia.appserver.uploads import Upload, Uploads
from ossia.commands.server_settings import loaded
from ossia.node.callback_key_files import KeyFiles
from ossia.node.doctor import _secrets
from ossia.private_files import keep_private, open_to_others, write_private
from ossia.settings import Settings
from stored import in_file


@pytest.fixture(params=[0o000, 0o022, 0o277], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("_umask")
def test_d6_a_file_is_made_private(tmp_path: Path) -> None:
    # What a crash left is not written into.
    (tmp_path / "left.new").write_bytes(b"x")
    (tmp_path / "left.new").chmod(0o644)
    write_private(tmp_path / "left.json", b"secret")
    keep_private(tmp_path / "kept")
    assert (tmp_path / "left.json").read_bytes() == b"secret"
    assert {mode(each) for each in tmp_path.iterdir()} == {0o600}


def test_d6_a_file_that_is_there_is_tightened_and_keeps_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "known"
    path.write_bytes(b"content")
    for before, after in ((0o644, 0o600), (0o660, 0o600), (0o604, 0o600), (0o400, 0o400)):
        path.chmod(before)
        keep_private(path)
        assert mode(path) == after
    assert path.read_bytes() == b"content"


def database_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.sqlite3*"))


@pytest.mark.parametrize("umask", [0o000, 0o022])
async def test_d6_the_metadata_and_its_log(tmp_path: Path, umask: int) -> None:
    tmp_path.chmod(0o755)
    before = os.umask(umask)
    try:
        store = in_file(tmp_path, SystemClock())
        await store.put_identity("key", "a", b"secret", create=True)
        made = database_files(tmp_path)
        assert [each.name for each in made] == [
            "metadata.sqlite3",
            "metadata.sqlite3-shm",
            "metadata.sqlite3-wal",
        ]
        assert {mode(each) for each in tmp_path.iterdir()} == {0o600}
        for each in made:
            each.chmod(0o644)
        # As another worker opens it, or this one after a crash.
        other = in_file(tmp_path, SystemClock())
        assert {mode(each) for each in made} == {0o600}
        assert await other.find_identity("key", "a") == b"secret"
        await other.close()
        await store.close()
    finally:
        os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_d6_the_record_of_the_application_server(tmp_path: Path) -> None:
    path = tmp_path / "uploads.sqlite3"
    uploads = Uploads(path)
    assert mode(path) == 0o600
    uploads.close()
    path.chmod(0o644)
    journal = tmp_path / "uploads.sqlite3-journal"
    journal.touch()
    journal.chmod(0o666)
    again = Uploads(path)
    assert mode(path) == 0o600
    assert not journal.exists() or mode(journal) == 0o600
    assert again.latest(1) == list[Upload]()
    again.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() != (0,)


def test_d6_a_record_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="choose another file"):
        Uploads(tmp_path / "nowhere" / "uploads.sqlite3")


@pytest.mark.usefixtures("_umask")
async def test_d6_a_start_tightens_what_older_versions_left(tmp_path: Path) -> None:
    with DataFolder.open(tmp_path) as folder:
        KeyFiles(tmp_path).open()
        FileBlobStore(tmp_path)
        assert (tmp_path / BLOBS).is_dir()
        assert list(open_to_others(tmp_path, apart_from=BLOBS)) == []
        inner = tmp_path / "appserver"
        inner.mkdir()
        loose = [tmp_path / "keys.json", inner / "config.json", tmp_path / "callback_key.pem"]
        for path in loose:
            path.touch()
            path.chmod(0o644)
        elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
        elsewhere.touch()
        elsewhere.chmod(0o644)
        (tmp_path / "link").symlink_to(elsewhere)
        found = _secrets(Settings(data=tmp_path))
        assert not found.ok
        assert all(str(path) in found.remedy for path in loose)
        assert str(elsewhere) not in found.remedy
        assert folder.tighten() == []
        assert {mode(path) for path in loose} == {0o600}
        assert mode(elsewhere) == 0o644
        assert _secrets(Settings(data=tmp_path)).ok


def test_d6_a_configuration_with_a_secret_is_spoken_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is the operator's file: said, not done.  The record is no file, so that nothing is served."""
    config = tmp_path / "ossia.toml"
    app = write_samples(tmp_path / "app")
    for bits, spoken in ((0o644, True), (0o640, False), (0o600, False)):
        config.write_text('root_access_key_id = "a"\nroot_access_key_secret = "b"\n')
        config.chmod(bits)
        app.chmod(bits)
        loaded({}, config)
        assert (f"others can read {config}" in capsys.readouterr().err) is spoken
        arguments = ["--config", str(app), "--listen", "127.0.0.1:0", "--store", str(tmp_path)]
        keys = {"OSSIA_APP_ACCESS_KEY_ID": "LTAI", "OSSIA_APP_ACCESS_KEY_SECRET": "s" * 8}
        keys["OSSIA_APP_ROLE_ARN"] = "acs:ram::1:role/app"
        said = CliRunner().invoke(appserver, arguments, env=keys).stderr
        assert (f"others can read {app}" in said) is spoken


def test_d6_the_doctor_looks_at_the_tls_key(tmp_path: Path) -> None:
    key = tmp_path / "tls.pem"
    key.touch()
    settings = Settings(data=tmp_path / "none", tls_certificate="c.pem", tls_key=str(key))
    for bits, ok in ((0o644, False), (0o640, True), (0o600, True)):
        key.chmod(bits)
        assert _secrets(settings).ok is ok
