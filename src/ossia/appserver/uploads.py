"""What the application remembers of each upload that it was told about.

1. An upload is recorded once: a repetition of the same request, or of what has the same mark
   (`receipts`), finds the first record.
2. What was only told finds it, too, where this content of the object came with a grant, and only if
   it tells the same: the author of another story gets neither a record nor somebody else's.
3. The file is SQLite in its default journal mode, one connection, one user at a time: an upload a
   second is what an application server sees, not what a storage node does.
"""

import json
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ossia.appserver.config import ConfigError
from ossia.private_files import keep_private, make_private
from ossia.protocol.dates import format_iso_seconds
from ossia.protocol.decimals import is_decimal
from ossia.receiver.verify import CallbackNotVerified, VerifiedCallback

GRANTED: Final = "grant "
"""How marks begin of what this server granted."""
TOLD: Final = "object "
"""How marks begin of what the object storage confirms and nobody granted."""

_VERSION: Final = 3
_IN_MEMORY: Final = Path(":memory:")
_SCHEMA: Final = """
    CREATE TABLE upload (
        id INTEGER PRIMARY KEY,
        request_id TEXT UNIQUE,
        at_ms INTEGER NOT NULL,
        bucket TEXT NOT NULL,
        object TEXT NOT NULL,
        size INTEGER,
        mime_type TEXT NOT NULL,
        width INTEGER,
        height INTEGER,
        variables TEXT NOT NULL
    );
"""
_STEPS: Final = (
    (_SCHEMA,),
    (
        "ALTER TABLE upload ADD COLUMN mark TEXT",
        "CREATE UNIQUE INDEX upload_mark ON upload (mark)",
    ),
    (
        "ALTER TABLE upload ADD COLUMN etag TEXT NOT NULL DEFAULT ''",
        # Such a mark is "grant", a nonce, the ETag and the object.
        """UPDATE upload SET etag = upper(substr(mark, 1, length(mark) - length(object) - 1))
        WHERE mark LIKE 'grant %'""",
        """UPDATE upload SET etag = replace(substr(etag, instr(substr(etag, 7), ' ') + 7), '"', '')
        WHERE mark LIKE 'grant %'""",
        "CREATE INDEX upload_content ON upload (object, etag)",
    ),
)
"""What makes each version of the file of the one before."""
_COLUMNS: Final = (
    "request_id, at_ms, bucket, object, size, mime_type, width, height, variables, etag"
)

# Names of the official samples' templates, first the one that counts.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "request_id": ("reqId",),
    "bucket": ("bucket",),
    "object": ("object", "filename"),
    "size": ("size",),
    "mime_type": ("mimeType",),
    "width": ("width", "imageInfo.width"),
    "height": ("height", "imageInfo.height"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One upload.

    ``variables`` is whatever else the callback's body said; ``etag`` is upper case, without quotes.
    """

    request_id: str | None
    at_ms: int
    bucket: str
    object: str
    size: int | None
    mime_type: str
    width: int | None
    height: int | None
    variables: Mapping[str, str]
    etag: str = ""

    def shown(self) -> dict[str, Any]:
        """The upload as callbacks and lists show it."""
        return {
            "when": format_iso_seconds(self.at_ms),
            "bucket": self.bucket,
            "object": self.object,
            "size": self.size,
            "mimeType": self.mime_type,
            "width": self.width,
            "height": self.height,
            "vars": dict(self.variables),
        }

    def tells_the_same_as(self, other: "Upload") -> bool:
        """Whether both are of one content of one object, and say the same of it."""
        return self == replace(other, request_id=self.request_id, at_ms=self.at_ms)


def read_upload(callback: VerifiedCallback, at_ms: int) -> Upload:
    """What *callback* tells.  Raises `ValueError` if its body is no form and no JSON object."""
    values = callback.values()
    if not isinstance(values, dict):
        raise ValueError("the body is not a JSON object")  # noqa: TRY004 - what the sender wrote
    rest = {name: _text(value) for name, value in values.items()}
    # "\ud800" is JSON for a text that can neither be stored nor answered.
    "".join((*rest, *rest.values())).encode()
    found = {column: _take(rest, names) for column, names in _NAMES.items()}
    return Upload(
        request_id=found["request_id"] or callback.request_id or None,
        at_ms=at_ms,
        # The body is signed, the header is not.
        bucket=found["bucket"] or callback.bucket,
        object=found["object"],
        size=_number(found["size"]),
        mime_type=found["mime_type"],
        width=_number(found["width"]),
        height=_number(found["height"]),
        variables=rest,
        etag=rest.get("etag", "").strip('"').upper(),
    )


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _take(rest: dict[str, str], names: tuple[str, ...]) -> str:
    """The first that is there, removed from *rest*; later names then are ordinary variables."""
    for name in names:
        if name in rest:
            return rest.pop(name)
    return ""


def _number(text: str) -> int | None:
    # SQLite stores 64 bits.
    return int(text) if is_decimal(text, 18) else None


class Uploads:
    """The record of uploads.  Safe to use from several threads; blocks."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.  Raises `ConfigError`."""
        self._lock = threading.Lock()
        try:
            if path != _IN_MEMORY:
                keep_private(path)
                make_private(path.with_name(f"{path.name}-journal"))
            self._connection = sqlite3.connect(path, check_same_thread=False)
            with self._connection:
                _prepare(self._connection, path)
        except (sqlite3.Error, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(
                f"--store {path} cannot be used: {reason}; choose another file."
            ) from error

    def record(self, upload: Upload, mark: str | None = None) -> Upload:
        """Keep *upload*; the first one of the same request or of the same mark.

        Raises `CallbackNotVerified` for what was only told, and differs from the first one.
        """
        is_told = mark is not None and mark.startswith(TOLD)
        values = (
            upload.request_id,
            upload.at_ms,
            upload.bucket,
            upload.object,
            upload.size,
            upload.mime_type,
            upload.width,
            upload.height,
            json.dumps(dict(upload.variables), ensure_ascii=False),
            upload.etag,
            mark,
        )
        marks = ", ".join("?" * len(values))
        with self._lock, self._connection:
            # Of several processes, one looks and adds.
            self._connection.execute("BEGIN IMMEDIATE")
            first = self._find(upload, mark) or (self._find_granted(upload) if is_told else None)
            if first is None:
                self._connection.execute(
                    f"INSERT INTO upload ({_COLUMNS}, mark) VALUES ({marks})",  # noqa: S608 - constants
                    values,
                )
                return upload
        if is_told and not upload.tells_the_same_as(first):
            raise CallbackNotVerified(f"the object {upload.object!r} is recorded, as another tells")
        return first

    def _find(self, upload: Upload, mark: str | None) -> Upload | None:
        return self._first("request_id = ? OR mark = ?", upload.request_id, mark)

    def _find_granted(self, upload: Upload) -> Upload | None:
        """The first record of this content that came with a grant."""
        return self._first(
            "object = ? AND etag = ? AND bucket = ? AND substr(mark, 1, ?) = ?",
            *(upload.object, upload.etag, upload.bucket, len(GRANTED), GRANTED),
        )

    def _first(self, where: str, *values: str | int | None) -> Upload | None:
        query = f"SELECT {_COLUMNS} FROM upload WHERE {where} ORDER BY id LIMIT 1"  # noqa: S608 - same
        row = self._connection.execute(query, values).fetchone()
        return None if row is None else _upload(row)

    def latest(self, limit: int, prefix: str = "") -> list[Upload]:
        """At most *limit* uploads whose keys begin with *prefix*, the last one first."""
        query = (
            f"SELECT {_COLUMNS} FROM upload "  # noqa: S608 - same
            "WHERE substr(object, 1, length(?1)) = ?1 ORDER BY id DESC LIMIT ?2"
        )
        with self._lock, closing(self._connection.execute(query, (prefix, limit))) as rows:
            return [_upload(row) for row in rows]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # Of several that open it at once, one does it.
    connection.execute("BEGIN IMMEDIATE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise ConfigError(f"--store {path} is of a newer version of Ossia: choose another file.")
    for step in _STEPS[version:]:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_VERSION}")


def _upload(row: tuple[Any, ...]) -> Upload:
    request_id, at_ms, bucket, name, size, mime_type, width, height, variables, etag = row
    return Upload(
        request_id=request_id,
        at_ms=at_ms,
        bucket=bucket,
        object=name,
        size=size,
        mime_type=mime_type,
        width=width,
        height=height,
        variables=json.loads(variables),
        etag=etag,
    )
