"""Points: one file for each backup, which says everything that belongs to it."""

import secrets
import zlib
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import msgspec

from ossia.node.backup.repository import POINTS, Repository
from ossia.node.backup.sheaves import Bound
from ossia.ports import Missing
from ossia.records import Reticent
from ossia.settings import SettingsError

LATEST: Final = "latest"
FORMAT: Final = 1
_TIME: Final = "%Y%m%dT%H%M%SZ"
_AGAIN: Final = "ossia backup list shows the points there are."


class Point(Reticent, frozen=True, kw_only=True):
    """A deployment as it was at one moment, which lies between the two times (milliseconds).

    ``keys`` are account, root key, callback and webhook keys of a data folder, None where they lie
    among the rows, sealed under ``master_key``, the text of its file.
    """

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"keys", "master_key"})

    format: int = FORMAT
    version: str
    account_id: str
    began_at: int
    taken_at: int
    schema: int
    keys: dict[str, Any] | None
    master_key: str
    tables: list[Bound]
    usage: tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]
    objects: int
    blobs: int
    size: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Point).decode


def new_name(taken_at: int) -> str:
    """The name of a point of that time."""
    return f"{datetime.fromtimestamp(taken_at // 1000, UTC):{_TIME}}-{secrets.token_hex(4)}"


def time_of(name: str) -> datetime:
    """When a point was taken, by its name.  Raises `ValueError`."""
    return datetime.strptime(name.partition("-")[0], _TIME).replace(tzinfo=UTC)


def names(repository: Repository) -> list[str]:
    """The points there are, the oldest first."""
    return [place.partition("/")[2] for place in repository.places(POINTS)]


def put(repository: Repository, name: str, point: Point) -> None:
    """Make a backup count."""
    repository.put(f"{POINTS}/{name}", zlib.compress(_encode(point)))


def get(repository: Repository, name: str) -> Point:
    """A point.  Raises `DamagedError`, `SettingsError`, `OSError`."""
    try:
        content = zlib.decompress(repository.get(f"{POINTS}/{name}"))
    except Missing as error:
        raise SettingsError(f"There is no point {name}: {_AGAIN}") from error
    if msgspec.msgpack.decode(content).get("format") != FORMAT:
        raise SettingsError(f"A newer Ossia made the point {name}: use that one.")
    return _decode(content)


def choose(found: list[str], wanted: str) -> str:
    """The point that *wanted* means: ``latest``, a name, how one begins, or a time.

    Of a time it is the last point before.  Raises `SettingsError`.
    """
    if not found:
        raise SettingsError("The repository has no point yet: run ossia backup run.")
    if wanted == LATEST:
        return found[-1]
    if len(begun := [each for each in found if each.startswith(wanted)]) == 1:
        return begun[0]
    try:
        until = datetime.fromisoformat(wanted)
    except ValueError:
        several = "Several points begin" if begun else "No point begins"
        raise SettingsError(f"{several} with {wanted}: {_AGAIN}") from None
    until = until.replace(tzinfo=until.tzinfo or UTC)
    before = [each for each in found if time_of(each) <= until]
    if not before:
        raise SettingsError(f"No point is as old as {wanted}: {_AGAIN}")
    return before[-1]
