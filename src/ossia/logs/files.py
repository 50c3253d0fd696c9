"""Log files as ``logrotate`` leaves them: the one that is written, and those before it."""

import gzip
from collections.abc import Iterator
from glob import escape
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from ossia.logs.lines import read_lines

NAMES: Final = ("request_id", "rpc_request_id")
"""The fields by which a client, too, may know a request."""


def siblings(path: Path) -> list[Path]:
    """*path*, and what it was moved away to, the oldest first."""
    found = [each for each in path.parent.glob(f"{escape(path.name)}*") if _is_log(each, path)]
    return sorted(found, key=lambda each: each.stat().st_mtime)


def _is_log(found: Path, path: Path) -> bool:
    rest = found.name.removeprefix(path.name).removesuffix(".gz")
    return found.is_file() and (not rest or rest[0] in ".-")


def events_about(request_id: str, path: Path) -> Iterator[dict[str, Any]]:
    """The events of one log file about a request.  Raises `OSError`."""
    wanted = request_id.encode()
    with _opened(path) as lines:
        for event in read_lines(_near(lines, wanted)):
            if request_id in (event.get(name) for name in NAMES):
                yield event


def _near(lines: BinaryIO, wanted: bytes) -> Iterator[bytes]:
    """Lines that hold *wanted* anywhere, and what continues them."""
    is_near = False
    for line in lines:
        is_near = wanted in line if not line.startswith(b" ") else is_near
        if is_near:
            yield line


def _opened(path: Path) -> BinaryIO:
    if path.name.endswith(".gz"):
        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")
