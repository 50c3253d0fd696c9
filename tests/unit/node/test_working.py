"""A copy of the metadata does not outlive the migration that made it by more than one run."""

import os
from pathlib import Path

import pytest

from ossia.node.migration import working
from ossia.node.migration.working import working_folder


@pytest.fixture(autouse=True)
def _everything_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "_YOUNG_S", -1)


def left_by_a_killed_run(place: Path) -> Path:
    with working_folder(place) as folder:
        left = folder.rename(place / "ossia-migrate-killed")
        folder.mkdir()
    (left / "metadata.sqlite3").write_bytes(b"secrets")
    return left


def test_it_is_private_and_goes(tmp_path: Path) -> None:
    with working_folder(tmp_path) as folder:
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "metadata.sqlite3").write_bytes(b"secrets")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    left = left_by_a_killed_run(tmp_path)
    with working_folder(tmp_path):
        assert not left.exists()


def test_what_another_run_uses_stays(tmp_path: Path) -> None:
    with working_folder(tmp_path) as other, working_folder(tmp_path) as folder:
        assert other.exists()
        assert folder != other


def test_what_was_made_just_now_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "_YOUNG_S", 60)
    left = left_by_a_killed_run(tmp_path)
    with working_folder(tmp_path):
        assert left.exists()


def test_what_is_somebody_elses_or_no_folder_stays(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = tmp_path / "ossia-migrate-link"
    link.symlink_to(elsewhere)
    file = tmp_path / "ossia-migrate-file"
    file.touch()
    others = left_by_a_killed_run(tmp_path)
    if os.geteuid() == 0:
        os.chown(others, 65_534, 65_534)
    with working_folder(tmp_path):
        assert link.is_symlink()
        assert file.exists()
        assert elsewhere.exists()
        assert others.exists() == (os.geteuid() == 0)
