"""What an object costs in PostgreSQL: bytes of its rows and of their indexes, in Ossia's own tables.

``python bench/rows.py [OBJECTS]`` starts a PostgreSQL of its own, puts so many objects there as a
migration would, keys in no order, and prints bytes for each.  Half of them carry metadata and tags.
"""

import asyncio
import random
import sys
import uuid
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "deploy"))

from ossia.adapters.postgres import Place, PostgresDatabase
from ossia.adapters.system import SystemClock
from ossia.ports import Database, Row
from ossia.tables import every
from ossia.tables.blob_life import BlobState
from postgres_server import running_postgres

_AT_ONCE = 1000
_SIZES = (
    "select c.relname, pg_relation_size(c.oid), pg_indexes_size(c.oid),"
    " pg_total_relation_size(c.oid) from pg_class c"
    " where c.relname in ('object', 'blob', 'content') order by 1"
)
_pack = msgspec.msgpack.Encoder().encode


def objects_of(numbers: list[int]) -> tuple[list[Row], list[Row]]:
    """Rows of objects of one blob each, and of their blobs."""
    objects: list[Row] = []
    blobs: list[Row] = []
    for number in numbers:
        blob = uuid.uuid4().hex
        key = f"photos/2026/{number // 10_000:06}/{number:012}.jpg"
        md5 = random.randbytes(16)
        more = number % 2
        headers = _pack({"content-type": "image/jpeg"} | ({"x-oss-meta-by": "me"} if more else {}))
        tags = _pack({"project": "ossia"}) if more else None
        objects.append(
            (1, key, "null", 1, "Normal", 250_000, md5.hex().upper(), "A" * 24,
             random.getrandbits(63), 1_795_854_548_716, "Standard", "default", headers, tags,
             None, blob, 0, 0)
        )  # fmt: skip
        blobs.append((blob, BlobState.LIVE.value, 1, 0))
    return objects, blobs


async def fill(database: Database, count: int) -> None:
    """Put *count* objects, in no order."""
    numbers = list(range(count))
    random.shuffle(numbers)
    for start in range(0, count, _AT_ONCE):
        objects, blobs = objects_of(numbers[start : start + _AT_ONCE])
        await database.change(every.put, every.OBJECT, objects)
        await database.change(every.put, every.BLOB, blobs)


async def measure(url: str, count: int) -> None:
    """Print bytes for each object."""
    database = PostgresDatabase(Place.of(url), SystemClock(), deadline_s=60)
    await database.open()
    await fill(database, count)
    sizes = {name: tuple(rest) for name, *rest in await database.all(_SIZES)}
    await database.close()
    print(f"{count} objects of one blob each; bytes for each:")
    for name in ("object", "blob"):
        rows, indexes, total = (each / count for each in sizes[name])
        print(f"  {name:<8} row {rows:4.0f}   indexes {indexes:4.0f}   in all {total:4.0f}")
    print(f"  together {sum(sizes[name][2] for name in ('object', 'blob')) / count:.0f}")


if __name__ == "__main__":
    with running_postgres() as server:
        asyncio.run(measure(server.fresh(), int((sys.argv[1:] or ["100000"])[0])))
