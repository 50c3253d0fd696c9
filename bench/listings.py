"""What a page of 1 000 names costs, and whether that depends on how many there are.

usage: python bench/listings.py [--most N] [--pages N] [--folder F] [--write]

For 10 000, 100 000, … up to N keys (10 000 000): a bucket without versioning that has so many keys,
a thousand in each folder, and one with versioning that has half as many, each with a former
version.  Rows are put into the file of a server that is not running, as listings find them: of empty
objects, because no listing looks at bytes.  Then one server on core 0 is asked, one request after
the other, for pages from random places on; it is told how long a page takes (p50, p99), and what CPU
of the server.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import apsw
from run import ROOT, cpu_seconds, machine, ossia, write_page

from ossia.client.signing_client import SigningClient

PLAIN, VERSIONED = "many-keys", "many-versions"
IN_FOLDER = 1000
_ENABLE = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
_KEY = (
    "'f' || substr('0000000' || (i / {folder}), -7) || '/k' || substr('000' || (i % {folder}), -3)"
)
_ABOUT = (
    "'Normal', 0, 'D41D8CD98F00B204E9800998ECF8427E', '1B2M2Y8AsgTpgAmY7PhCfg==', 0, {at},"
    " 'Standard', 'default', null, null, null, null, null, 0, null"
)
_COLUMNS = (
    "type, size, etag, md5, crc64, modified_at, storage_class, acl, headers, tags,"
    " content_id, blob_id, blob_offset, extents, restoration"
)
_NUMBERS = "with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < {count})"
_AT = 1_790_000_000_000


def fill(
    file: Path, bucket_id: int, count: int, *, versions: bool = False, at: str = str(_AT)
) -> None:
    """Put so many keys, or half as many with a former version each.

    *at* says when number ``i`` was written, in SQL.
    """
    keys = count // 2 if versions else count
    numbers, key = _NUMBERS.format(count=keys), _KEY.format(folder=IN_FOLDER)
    newest = "'CAEQ' || substr('0000000000000001' || i, -24)" if versions else "'null'"
    connection = apsw.Connection(str(file))
    with connection:
        connection.execute(
            f"{numbers} insert into object (bucket_id, key, version, latest, {_COLUMNS})"
            f" select {bucket_id}, {key}, {newest}, 1, {_ABOUT.format(at=at)} from n"
        )
        if versions:
            older = "'CAEQ' || substr('0000000000000000' || i, -24)"
            connection.execute(
                f"{numbers} insert into former (bucket_id, key, place, version, {_COLUMNS})"
                f" select {bucket_id}, {key}, 0, {older}, {_ABOUT.format(at=_AT - 1)} from n"
            )
        connection.execute(
            "insert or replace into bucket_usage (bucket_id, slot, objects) values ($1, 0, $2)",
            (bucket_id, count),
        )
    connection.execute("pragma wal_checkpoint(truncate)").get  # noqa: B018 - runs to its end
    connection.close()


def key_of(number: int) -> str:
    """As `fill` names it."""
    return f"f{number // IN_FOLDER:07d}/k{number % IN_FOLDER:03d}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One way of listing; `query` takes how many keys there are."""

    name: str
    bucket: str
    query: Callable[[int], list[tuple[str, str]]]


def _anywhere(keys: int) -> str:
    return key_of(random.randrange(max(1, keys - 2 * IN_FOLDER)))


KINDS = (
    Kind("keys", PLAIN, lambda n: [("list-type", "2"), ("start-after", _anywhere(n))]),
    Kind(
        "keys of a folder",
        PLAIN,
        lambda n: [("list-type", "2"), ("prefix", _anywhere(n)[:9]), ("delimiter", "/")],
    ),
    Kind(
        "folders (each of 1 000 keys)",
        PLAIN,
        lambda n: [("list-type", "2"), ("delimiter", "/"), ("start-after", _anywhere(n // 2))],
    ),
    Kind(
        "versions",
        VERSIONED,
        lambda n: [("versions", ""), ("key-marker", _anywhere(n // 2))],
    ),
    Kind(
        "versions behind a version",
        VERSIONED,
        lambda n: _behind_a_version(random.randrange(n // 4)),
    ),
    Kind(
        "folders of versions",
        VERSIONED,
        lambda n: [("versions", ""), ("delimiter", "/"), ("key-marker", _anywhere(n // 4))],
    ),
)


def _behind_a_version(number: int) -> list[tuple[str, str]]:
    version = f"CAEQ{('0000000000000001' + str(number))[-24:]}"
    return [("versions", ""), ("key-marker", key_of(number)), ("version-id-marker", version)]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one kind of page: milliseconds."""

    p50: float
    p99: float
    cpu: float
    names: int


def measure(client: SigningClient, pid: int, kind: Kind, keys: int, pages: int) -> Cost:
    """Ask for so many pages."""
    connection = HTTPConnection(client.endpoint.partition("://")[2])
    times, names = [], 0
    before = 0.0
    for number in range(pages + 3):
        if number == 3:
            before = cpu_seconds(pid)
        query = [*kind.query(keys), ("max-keys", "1000")]
        path = client.url("GET", kind.bucket, "", query=query).removeprefix(client.endpoint)
        begun = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        if number >= 3:
            times.append((time.perf_counter() - begun) * 1000)
        assert answer.status == 200, body
        names = sum(body.count(each) for each in (b"<Contents>", b"<Version>", b"<CommonPrefixes>"))
    connection.close()
    times.sort()
    cpu = (cpu_seconds(pid) - before) / pages * 1000
    return Cost(statistics.median(times), times[int(len(times) * 0.99)], cpu, names)


def run(folder: Path, counts: list[int], pages: int) -> Iterator[tuple[int, dict[str, Cost]]]:
    """The costs at each number of keys."""
    for count in counts:
        place = folder / str(count)
        place.mkdir()
        with ossia(place) as (_, client):
            for bucket in (PLAIN, VERSIONED):
                assert client.request("PUT", bucket).status == 200
            query = [("versioning", "")]
            assert client.request("PUT", VERSIONED, query=query, body=_ENABLE).status == 200
        file = place / "data" / "metadata.sqlite3"
        for number, bucket in enumerate((PLAIN, VERSIONED), 1):
            fill(file, number, count, versions=bucket == VERSIONED)
        with ossia(place) as (pid, client):
            yield count, {each.name: measure(client, pid, each, count, pages) for each in KINDS}
        for each in file.parent.glob("metadata.sqlite3*"):
            each.unlink()


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=10_000_000, help="keys of the largest bucket")
    parser.add_argument("--pages", type=int, default=200, help="pages of each kind")
    parser.add_argument("--folder", type=Path, help="where data goes (a real disk)")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    counts = [10**power for power in range(4, 10) if 10**power <= options.most]
    with tempfile.TemporaryDirectory(dir=options.folder or ROOT) as name:
        found = dict(run(Path(name), counts, options.pages))
    lines = ["| a page of 1 000 | " + " | ".join(f"{count:,}" for count in counts) + " |"]
    lines.append("|---|" + "--:|" * len(counts))
    for kind in KINDS:
        costs = [found[count][kind.name] for count in counts]
        cells = [
            f"{each.p50:.1f} / {each.p99:.1f} ms, CPU {each.cpu:.1f}"
            + (f" ({each.names})" if each.names != 1000 else "")
            for each in costs
        ]
        lines.append(f"| {kind.name} | " + " | ".join(cells) + " |")
    table = "\n".join(lines)
    print(machine())
    print(table)
    if options.write:
        write_page(table, " listings")


if __name__ == "__main__":
    main()
