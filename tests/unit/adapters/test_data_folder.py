"""A data folder is claimed by one server and says in one line what is wrong with it."""

import subprocess
import sys
from pathlib import Path

import pytest

from ossia.adapters.data_folder import (
    DataFolder,
    DataFolderError,
    FolderInUseError,
    FolderTooNewError,
    FolderUnusableError,
)


def test_first_start_makes_a_private_folder(tmp_path: Path) -> None:
    with DataFolder.open(tmp_path / "a" / "b") as folder:
        assert folder.path == tmp_path / "a" / "b"
        assert folder.path.stat().st_mode & 0o777 == 0o700
        assert (folder.path / "format").read_text() == "ossia data folder, format 1\n"


def test_folder_is_claimed_once(tmp_path: Path) -> None:
    with DataFolder.open(tmp_path), pytest.raises(FolderInUseError):
        DataFolder.open(tmp_path)
    with DataFolder.open(tmp_path):
        pass


def test_claim_lives_as_long_as_a_child_that_was_given_it(tmp_path: Path) -> None:
    folder = DataFolder.open(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[folder.lock_fd]
    )
    folder.close()
    with pytest.raises(FolderInUseError):
        DataFolder.open(tmp_path)
    child.communicate(b"\n")
    DataFolder.open(tmp_path).close()


def test_interrupted_first_start_is_continued(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "format.new").write_text("oss")
    (tmp_path / "lost+found").mkdir()
    DataFolder.open(tmp_path).close()
    assert (tmp_path / "format").exists()


def test_folder_of_a_newer_version(tmp_path: Path) -> None:
    (tmp_path / "format").write_text("ossia data folder, format 2\n")
    with pytest.raises(FolderTooNewError):
        DataFolder.open(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["format"]


@pytest.mark.parametrize("text", ["", "something", "ossia data folder, format x"])
def test_damaged_format(tmp_path: Path, text: str) -> None:
    (tmp_path / "format").write_text(text)
    with pytest.raises(FolderUnusableError):
        DataFolder.open(tmp_path)


def test_folder_with_something_else_in_it(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(FolderUnusableError, match=r"photo\.jpg"):
        DataFolder.open(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["photo.jpg"]


def test_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderUnusableError):
        DataFolder.open(tmp_path / "file")
    with pytest.raises(FolderUnusableError):
        DataFolder.open(tmp_path / "file" / "below")


def test_messages_are_one_line_with_the_folder(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    for path in (tmp_path, Path("/proc/ossia")):
        with pytest.raises(DataFolderError) as caught:
            DataFolder.open(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
