"""What a request costs with 1, 2 and 4 gateways: whether they contend for anything.

usage: PYTHONPATH=tests:deploy python bench/gateways.py [--rounds N] [--clients N] [--write]

One PostgreSQL and, where there is one, one S3 engine (a Ceph that keeps everything in memory); 1, 2
and 4 gateways of one worker, each group with a database and a bucket of its own.  Clients (wrk,
presigned URLs, a new request as soon as one is answered) are spread over the gateways of a group,
as many in all as at the one gateway; then every gateway has so many, because a process that has
more to do at a time does each thing for less.  Last, *apart*, the most gateways again, each with a
PostgreSQL and a bucket of its own: what is dearer there, too, is so because so many processes share
the cores, and not because they contend.  Figures are CPU-milliseconds for 1 000 requests, of
all processes of a kind: the ways take turns, and each ratio is the median of those of the rounds,
so that a restless machine cancels out.  How fast it is, is not to be seen: gateways, engines and
load share the cores.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from callbacks import path_of
from run import BUCKET, GET_SCRIPT, PUT_SCRIPT, cpu_seconds, machine, write_page

from postgres_server import PostgresServer, running_postgres
from running import ROOT_KEY, Server, running_server, signer
from s3_engine import lacks_engine, running_ceph

SIZES = (1, 2, 4)
"""How many gateways are in a group."""
KIB = 1024
KEYS = 200
ROUND_S = 3
WARM_S = 2
NOTHING_MS = 50
Spent = dict[str, float]
"""CPU-seconds by kind of process."""


@dataclass(frozen=True)
class Load:
    """One kind of request."""

    name: str
    method: str
    size: int

    @property
    def script(self) -> str:
        """For wrk, less its paths."""
        return GET_SCRIPT if self.method == "GET" else PUT_SCRIPT.replace("4096", str(self.size))


PLACES = {4: "in its row"} if lacks_engine() else {4: "in its row", 64: "in the engine"}
LOADS = [
    Load(f"{size} KiB {method}, {place}", method, size * KIB)
    for size, place in PLACES.items()
    for method in ("PUT", "GET")
]


def keys(size: int) -> list[str]:
    """Those of the objects of a size."""
    return [f"{size}/{number:04d}" for number in range(KEYS)]


@dataclass(frozen=True)
class Group:
    """Gateways, one of each store that they have, and the processes that work for them."""

    servers: Sequence[Server]
    stores: Sequence[Server]
    pids: Mapping[str, Sequence[int]]
    databases: Sequence[PostgresServer]

    def spent(self) -> Spent:
        """What they have used until now."""
        return {kind: sum(map(cpu_seconds, pids)) for kind, pids in self.pids.items()}

    def paths(self, load: Load) -> list[str]:
        """Targets of every key."""
        client = signer(self.servers[0], version=1)
        urls = (client.url(load.method, BUCKET, key, lifetime_s=86400) for key in keys(load.size))
        return [path_of(each) for each in urls]


@dataclass(frozen=True)
class Way:
    """How the load comes: to so many gateways, from so many clients at each."""

    gateways: int
    clients: int
    is_apart: bool = False
    """Whether each gateway has a database of its own."""

    @property
    def name(self) -> str:
        """As the table heads it."""
        return f"{self.gateways}, {self.clients} clients each{', apart' * self.is_apart}"

    @property
    def group(self) -> tuple[int, bool]:
        """Whom it asks."""
        return self.gateways, self.is_apart


def ways(clients: int) -> list[Way]:
    """One gateway; as many clients in all at several; as many at each of several; apart."""
    spread = [Way(size, clients // size) for size in SIZES]
    constant = [Way(size, clients) for size in SIZES[1:]]
    return [*spread, *constant, Way(SIZES[-1], clients, is_apart=True)]


@dataclass
class Turn:
    """What one load did in one way in one round."""

    answered: int
    took_s: float
    spent: Spent

    def per_thousand(self, kind: str) -> float:
        """CPU-milliseconds for 1 000 requests."""
        return self.spent[kind] * 1e6 / self.answered


@dataclass
class Measured:
    """The turns of a load in each way, the first of which is the one to compare with."""

    load: Load
    turns: dict[Way, list[Turn]]

    def rows(self, kinds: Sequence[str]) -> Iterator[str]:
        """Lines of the table."""
        ways_turns = self.turns.values()
        for kind in kinds:
            yield self._row(kind, [[t.per_thousand(kind) for t in turns] for turns in ways_turns])
        every = [[sum(map(t.per_thousand, kinds)) for t in turns] for turns in ways_turns]
        yield self._row("all", every)
        rates = [statistics.median(t.answered / t.took_s for t in turns) for turns in ways_turns]
        yield self._line("requests/s", [f"{rate:,.0f}" for rate in rates])

    def _row(self, kind: str, costs: Sequence[Sequence[float]]) -> str:
        one, *more = costs
        cells = [f"{statistics.median(one):,.0f} ms"]
        for many in more:
            ratio = statistics.median(b / a if a else 1 for a, b in zip(one, many, strict=True))
            # What is done meanwhile for nobody's request has no ratio.
            told = f" ({ratio - 1:+.0%})" if statistics.median(one) >= NOTHING_MS else ""
            cells.append(f"{statistics.median(many):,.0f} ms{told}")
        return self._line(kind, cells)

    def _line(self, kind: str, cells: Sequence[str]) -> str:
        return f"| {self.load.name} | {kind} | {' | '.join(cells)} |"


Groups = dict[tuple[int, bool], Group]
"""By the number of gateways, and whether they are apart."""


def drive(group: Group, load: Load, paths: Sequence[str], clients: int, seconds: int) -> Turn:
    """Let *clients* ask each gateway of a group, for keys that nobody else asks for."""
    count = len(group.servers)
    with tempfile.TemporaryDirectory() as name:
        commands = []
        for number, server in enumerate(group.servers):
            script = Path(name) / f"{number}.lua"
            own = ",".join(map(json.dumps, paths[number::count]))
            script.write_text(load.script % own)
            asked = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout=30s"]
            commands.append([*asked, "-s", str(script), server.endpoint])
        before, begun = group.spent(), time.monotonic()
        running = [subprocess.Popen(each, stdout=subprocess.PIPE, text=True) for each in commands]
        told = [each.communicate()[0] for each in running]
        took_s, after = time.monotonic() - begun, group.spent()
    for output in told:
        if "Non-2xx" in output or " requests in" not in output:
            raise SystemExit(f"wrk saw errors:\n{output}")
    answered = sum(int(each.partition(" requests in")[0].split()[-1]) for each in told)
    return Turn(answered, took_s, {kind: after[kind] - before[kind] for kind in after})


@contextmanager
def groups(folder: Path) -> Iterator[Groups]:
    """Every group that a way needs, on the same engines."""
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres(fsync=True))
        engine = None
        if lacks_engine():
            print("no S3 engine here (make engine): only what lies in rows is measured")
        else:
            (folder / "ceph").mkdir()
            engine = stack.enter_context(running_ceph(folder / "ceph"))

        def start(name: str, size: int, database: PostgresServer) -> list[Server]:
            flags = ["--metadata", database.fresh(), "--workers", "1"]
            flags += ["--master-key-file", str(folder / f"key{name}")]
            flags += ["--root-access-key-id", ROOT_KEY[0], "--root-access-key-secret", ROOT_KEY[1]]
            flags += engine.new_flags() if engine else []
            return [
                stack.enter_context(running_server(folder / f"{name}-{number}", *flags))
                for number in range(size)
            ]

        def group(servers: list[Server], stores: list[Server], *used: PostgresServer) -> Group:
            pids: dict[str, Sequence[int]] = {
                "gateways": [each.process.pid for each in servers],
                "database": [each.process.pid for each in used],
            }
            pids = {**pids, "engine": engine.pids} if engine else pids
            return Group(servers, stores, pids, used)

        made: Groups = {}
        for size in SIZES:
            servers = start(str(size), size, postgres)
            made[size, False] = group(servers, servers[:1], postgres)
        own = [stack.enter_context(running_postgres(fsync=True)) for _ in range(SIZES[-1])]
        apart = [each for n, one in enumerate(own) for each in start(f"apart{n}", 1, one)]
        made[SIZES[-1], True] = group(apart, apart, *own)
        yield made


def measure(made: Groups, load: Load, options: argparse.Namespace) -> Measured:
    """Rounds of one load."""
    paths = {of: group.paths(load) for of, group in made.items()}

    def turn(way: Way, seconds: int) -> Turn:
        return drive(made[way.group], load, paths[way.group], way.clients, seconds)

    order = ways(options.clients)
    measured = Measured(load, {way: [] for way in order})
    for way in order:
        turn(way, WARM_S)
    for number in range(options.rounds):
        # Who begins changes: what comes over the machine in a round comes over each in turn.
        first = number % len(order)
        for way in order[first:] + order[:first]:
            measured.turns[way].append(turn(way, ROUND_S))
    return measured


def fill(group: Group) -> None:
    """Every object that is read, in each store."""
    for server in group.stores:
        client = signer(server)
        assert client.request("PUT", BUCKET).status == 200
        for size in {load.size for load in LOADS}:
            for key in keys(size):
                assert client.request("PUT", BUCKET, key, body=b"x" * size).status == 200


def idle(group: Group) -> str:
    """What is used while nobody asks: it is in every figure of the engines."""
    before = group.spent()
    time.sleep(ROUND_S)
    after = group.spent()
    used = [f"{kind} {(after[kind] - before[kind]) / ROUND_S:.1%}" for kind in after]
    return f"While nobody asks: {', '.join(used)} of a core."


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each load")
    parser.add_argument(
        "--clients", type=int, default=16, help="clients at the one gateway; a multiple of 4"
    )
    parser.add_argument("--folder", type=Path, help="where data goes")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("bench/gateways.py needs wrk: apt-get install wrk")
    heads = [way.name for way in ways(options.clients)]
    lines = [f"| gateways | CPU for 1 000, of | {' | '.join(heads)} |"]
    lines.append("|---|---|" + "--:|" * len(heads))
    with tempfile.TemporaryDirectory(dir=options.folder) as name, groups(Path(name)) as made:
        for group in made.values():
            fill(group)
        kinds = list(made[1, False].pids)
        for load in LOADS:
            for line in measure(made, load, options).rows(kinds):
                print(line, flush=True)
                lines.append(line)
        lines += ["", idle(made[SIZES[-1], False])]
    table = "\n".join(lines)
    print(machine(), table, sep="\n")
    if options.write:
        write_page(table, " gateways")


if __name__ == "__main__":
    main()
