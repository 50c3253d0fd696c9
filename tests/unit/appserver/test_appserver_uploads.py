import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ossia.appserver.config import ConfigError
from ossia.appserver.uploads import Upload, Uploads
from ossia.receiver.verify import CallbackNotVerified

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


def test_c5_a_file_of_the_first_version_is_brought_forward(tmp_path: Path) -> None:
    path = tmp_path / "uploads.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE upload (id INTEGER PRIMARY KEY, request_id TEXT UNIQUE, at_ms INTEGER NOT NULL, "
            "bucket TEXT NOT NULL, object TEXT NOT NULL, size INTEGER, mime_type TEXT NOT NULL, "
            "width INTEGER, height INTEGER, variables TEXT NOT NULL)"
        )
        connection.execute("INSERT INTO upload VALUES (1, '1', 2, 'b', 'old', 3, '', 4, 5, '{}')")
        connection.execute("PRAGMA user_version = 1")
    for _ in range(2):
        uploads = Uploads(path)
        uploads.record(UPLOAD, "mark")
        assert [each.object for each in uploads.latest(10)] == [UPLOAD.object, "old"]
        uploads.close()


def test_c5_what_has_the_same_mark_is_recorded_once(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads.sqlite3")
    again = replace(UPLOAD, request_id="6D1B", variables={"x:name": "forged"})
    assert uploads.record(UPLOAD, "mark") == UPLOAD
    assert uploads.record(again, "mark") == UPLOAD
    assert uploads.record(again, "other") == again
    for request_id in (None, None):
        uploads.record(replace(UPLOAD, request_id=request_id))
    assert len(uploads.latest(10)) == 4
    uploads.close()


def test_c5_the_content_of_what_was_granted_before_is_known(tmp_path: Path) -> None:
    """A file of the second version has the ETag in the mark only."""
    path = tmp_path / "uploads.sqlite3"
    uploads = Uploads(path)
    uploads.record(replace(UPLOAD, object="a b.png", etag=""), 'grant nonce "5d41-2" a b.png')
    uploads.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP INDEX upload_content")
        connection.execute("ALTER TABLE upload DROP COLUMN etag")
        connection.execute("PRAGMA user_version = 2")
    uploads = Uploads(path)
    assert [each.etag for each in uploads.latest(10)] == ["5D41-2"]
    uploads.close()


def test_c5_what_is_only_told_is_no_second_record(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads.sqlite3")
    granted = replace(UPLOAD, etag="5D41")
    uploads.record(granted, "grant nonce 5D41 user-dir/中.png")
    retold = replace(granted, request_id="6D1B", at_ms=7)
    assert uploads.record(retold, "object b 5D41 then user-dir/中.png") == granted
    other_stories = {
        "variables": {"x:name": "forged"}, "mime_type": "text/html", "width": 9, "height": 9, "size": 6,
    }  # fmt: skip
    for name, value in other_stories.items():
        with pytest.raises(CallbackNotVerified, match="is recorded"):
            uploads.record(replace(retold, **{name: value}), "object b 5D41 then user-dir/中.png")  # type: ignore[arg-type]
    assert uploads.latest(10) == [granted]
    # Another content, object or bucket is another upload.
    for number, other in enumerate(({"etag": "5D42"}, {"object": "x"}, {"bucket": "c"})):
        uploads.record(replace(retold, request_id=None, **other), f"object {number}")
    assert len(uploads.latest(10)) == 4
    # What is granted is not held against what somebody told before.
    again = replace(granted, request_id=None, variables={})
    assert uploads.record(again, "grant another 5D41 user-dir/中.png") == again
    assert len(uploads.latest(10)) == 5
    uploads.close()


def test_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "uploads.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 4")
    with pytest.raises(ConfigError, match="newer version"):
        Uploads(path)


@pytest.mark.parametrize(
    "name", ["missing/uploads.sqlite3", "other.txt"], ids=["no-folder", "no-database"]
)
def test_file_that_cannot_be_used(tmp_path: Path, name: str) -> None:
    (tmp_path / "other.txt").write_text("no database, but text that is long enough" * 100)
    with pytest.raises(ConfigError, match=r"--store .* cannot be used: .*; choose another file"):
        Uploads(tmp_path / name)
