"""Rows in a repository: cut into sheaves, of which the next backup writes those that are new.

Where a sheaf ends is said by the keys of rows, not by their number: a row that comes or goes
changes one sheaf, and all others stay what they were.  A sheaf is named by what is in it, under
the key of the repository, so a name tells nothing.
"""

import hashlib
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from ossia.node.backup.repository import ROWS, Repository
from ossia.node.migration.blobs import DamagedError
from ossia.node.migration.staging import all_rows
from ossia.ports import Row, Rows
from ossia.tables.columns import pack
from ossia.tables.every import Table

ONE_IN: Final = 512
"""Of so many rows one ends a sheaf."""
FULL: Final = 4 * 1024 * 1024
"""However few they are: what is larger ends here."""
_NAME_BYTES: Final = 16
_FAST: Final = 1

_rows = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode


class Bound(msgspec.Struct, frozen=True):
    """A table in a repository: its columns, its number of rows and its sheaves."""

    name: str
    keys: tuple[str, ...]
    rest: tuple[str, ...]
    rows: int
    sheaves: list[str]

    @property
    def table(self) -> Table:
        """As it was."""
        return Table(self.name, self.keys, self.rest)


@dataclass(slots=True)
class Binding:
    """Rows on their way into a repository; ``written`` and ``size`` tell what was new."""

    repository: Repository
    written: int = 0
    size: int = 0
    _known: set[str] = field(default_factory=set)

    async def bind(self, rows: Rows, table: Table) -> Bound:
        """All rows of a table."""
        count, names = 0, []
        async for sheaf in _cut(rows, table):
            names.append(self._keep(sheaf))
            count += len(sheaf)
        return Bound(table.name, table.keys, table.rest, count, names)

    def _keep(self, sheaf: list[Row]) -> str:
        content = pack(sheaf)
        name = name_of(self.repository, content)
        if not self.repository.has(f"{ROWS}/{name}"):
            packed = zlib.compress(content, _FAST)
            self.repository.put(f"{ROWS}/{name}", packed)
            self.written += 1
            self.size += len(packed)
        return name


async def _cut(rows: Rows, table: Table) -> AsyncIterator[list[Row]]:
    sheaf: list[Row] = []
    size = 0
    async for page in all_rows(rows, table):
        for row in page:
            packed = pack(row)
            sheaf.append(row)
            size += len(packed)
            if ends(table.key_of(row)) or size >= FULL:
                yield sheaf
                sheaf, size = [], 0
    if sheaf:
        yield sheaf


def ends(key: Row) -> bool:
    """Whether a sheaf ends behind the row of that key."""
    return zlib.crc32(pack(key)) % ONE_IN == 0


def name_of(repository: Repository, content: bytes) -> str:
    """The name of a sheaf."""
    return hashlib.blake2b(content, digest_size=_NAME_BYTES, key=repository.key).hexdigest()


def unbind(repository: Repository, bound: Bound) -> Iterator[list[Row]]:
    """The rows of a table, sheaf by sheaf.  Raises `Missing`, `DamagedError`, `OSError`."""
    count = 0
    for name in bound.sheaves:
        sheaf: list[Row] = _rows(zlib.decompress(repository.get(f"{ROWS}/{name}")))
        count += len(sheaf)
        yield sheaf
    if count != bound.rows:
        raise DamagedError(f"of {bound.rows} rows of {bound.name} there are {count}")
