"""What the reference model speaks of: versions, uploads, rules, answers."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HOUR = 3600
DAY = 24 * HOUR
CLASSES = ("Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive")
"""The warmest first."""
UNKNOWN = "?"
FROZEN = ("Archive", "ColdArchive", "DeepColdArchive")
MOST_DAYS = {"Archive": 7, "ColdArchive": 365, "DeepColdArchive": 365}
RESTORED_WITHIN = HOUR
"""What the server is told with ``--restore-times``."""
MARKED = {"x-oss-delete-marker": "true"}


@dataclass(frozen=True)
class Told:
    """An answer: the headers with None must not be there, and those that are not named may say anything."""

    status: int
    code: str = ""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Version:
    """One version of a key, or a delete marker."""

    id: str
    kind: str
    at: float
    body: bytes = b""
    etag: str = ""
    storage_class: str = "Standard"
    meta: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    acl: str = "default"
    target: str = ""
    cipher: str = ""
    ready_at: float = 0
    until: float = 0
    mode: str = ""
    retained_until: float = 0
    hold: str = ""

    @property
    def is_marker(self) -> bool:
        return self.kind == "DeleteMarker"

    @property
    def is_link(self) -> bool:
        return self.kind == "Symlink"


@dataclass(frozen=True)
class Rule:
    """One rule of a lifecycle; what is not said does not happen."""

    prefix: str = ""
    tag: tuple[str, str] | None = None
    larger_than: int = -1
    days: int = 0
    becomes: str = ""
    becomes_after: int = 0
    noncurrent_days: int = 0
    removes_markers: bool = False
    abort_days: int = 0

    def is_about(self, key: str, version: Version) -> bool:
        if self.tag is not None and version.tags.get(self.tag[0]) != self.tag[1]:
            return False
        return key.startswith(self.prefix) and len(version.body) > self.larger_than


@dataclass(frozen=True)
class Worm:
    """The policy of a bucket."""

    days: int
    begun_at: float
    is_locked: bool = False


@dataclass
class Upload:
    """One multipart upload."""

    key: str
    at: float
    said: dict[str, Any]
    parts: dict[int, bytes] = field(default_factory=dict)


def due_at(at: float, days: int) -> float:
    """The midnight at which something from *at* has become so many days old."""
    return -(-at // DAY) * DAY + days * DAY


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest().upper()


def multipart_etag(parts: list[bytes]) -> str:
    """objects.md, "ETag forms": of the text of the parts' ETags."""
    text = "".join(md5(each) for each in parts)
    return f"{md5(text.encode())}-{len(parts)}"
