import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ossia.appserver.config import ConfigError
from ossia.appserver.uploads import Upload, Uploads

UPLOAD = Upload(
    request_id="5C0A",
    at_ms=1_893_456_000_000,
    bucket="b",
    object="user-dir/中.png",
    size=5,
    mime_type="image/png",
    width=None,
    height=None,
    variables={"x:name": "中"},
)


def test_uploads_survive(tmp_path: Path) -> None:
    path = tmp_path / "uploads.sqlite3"
    first = Uploads(path)
    first.record(UPLOAD)
    first.close()
    second = Uploads(path)
    assert second.latest(10) == [UPLOAD]
    second.close()


def test_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "uploads.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(ConfigError, match="newer version"):
        Uploads(path)


@pytest.mark.parametrize(
    "name", ["missing/uploads.sqlite3", "other.txt"], ids=["no-folder", "no-database"]
)
def test_file_that_cannot_be_used(tmp_path: Path, name: str) -> None:
    (tmp_path / "other.txt").write_text("no database, but text that is long enough" * 100)
    with pytest.raises(ConfigError, match=r"--store .* cannot be used: .*; choose another file"):
        Uploads(tmp_path / name)
