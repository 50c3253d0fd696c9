"""What a request costs at 1, 2 and 4 gateways that get the same requests a second, and few.

usage: PYTHONPATH=tests:deploy python bench/paced.py [--rate N] [--each] [--rounds N] [--loads N] [--write]

`gateways.py` lets clients ask as fast as they can: then one gateway has the more to do at a time
the fewer there are, and does each thing for less.  Here every way gets so many requests a second,
spread over its gateways, each at a time of its own whatever the others do (an open loop), and what
the processes use while nobody asks is taken off: what is left is what a request costs where it
hardly ever meets another one.  With ``--each`` every gateway gets so many, as it does where
gateways are added because there is more to do.  Engines and groups are those of `gateways.py`.  The last way is the
first one once more: how far it is from the first is how good a figure is.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateways import LOADS, Group, Groups, Load, Spent, fill, groups
from run import machine, write_page

from running import Server

CONNECTIONS = 16
ROUND_S = 6.0
NOTHING = 50
"""Of less there is no ratio."""
WARM_S = 2.0
WAYS = ((1, False), (2, False), (4, False), (4, True), (1, False))
"""So many gateways each; whether each has a database of its own."""
SETTLES_S = 1.2
"""PostgreSQL tells within a second what it has done."""
_DONE = """
    select sum(xact_commit + xact_rollback)::bigint, sum(xact_rollback)::bigint,
        pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint
    from pg_stat_database
"""
Work = dict[str, float]


def done(group: Group) -> Work:
    """What its databases have done until now."""
    time.sleep(SETTLES_S)
    found = [each.ask(_DONE)[0] for each in group.databases]
    names = ("transactions", "rolled back", "WAL, KB")
    scales = (1, 1, 1000)
    return {
        name: sum(row[n] for row in found) / scale
        for n, (name, scale) in enumerate(zip(names, scales, strict=True))
    }


def less(after: Work, before: Work) -> Work:
    """What came to it."""
    return {name: after[name] - before[name] for name in after}


@dataclass
class Paced:
    """Requests for some paths of one server, over one connection, each at its time."""

    server: Server
    load: Load
    paths: Sequence[str]
    answered: int = 0
    late: int = field(default=0)
    """How many could not be sent at their time, because the one before was not answered yet."""

    async def go(self, first_s: float, every_s: float, until: float) -> None:
        """Ask, *first_s* from now and then every *every_s*, until the clock says *until*."""
        host, _, port = self.server.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        body = b"x" * self.load.size if self.load.method == "PUT" else b""
        due, number = time.monotonic() + first_s, 0
        while due < until:
            ahead = due - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            else:
                self.late += 1
            path = self.paths[number % len(self.paths)]
            head = f"{self.load.method} {path} HTTP/1.1\r\nHost: {self.server.address}\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await self._answer(reader)
            number += 1
            due += every_s
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if " 200 " not in head.partition("\r\n")[0]:
            raise SystemExit(f"refused: {head}")
        await reader.readexactly(int(head.partition("content-length:")[2].split()[0]))
        self.answered += 1


@dataclass
class Turn:
    """What one load did in one way in one round, less what would have been done anyhow."""

    answered: int
    late: int
    spent: Spent
    work: Work

    def cost(self, kind: str) -> float:
        """CPU-milliseconds for 1 000 requests."""
        return self.spent[kind] * 1e6 / self.answered

    def did(self, name: str) -> float:
        """The same of the databases' work."""
        return self.work[name] * 1e3 / self.answered


def drive(group: Group, load: Load, rate: float, seconds: float) -> Turn:
    """*rate* requests a second, spread over a group."""
    paths, size = group.paths(load), len(group.servers)
    clients = [
        Paced(group.servers[n % size], load, paths[n::CONNECTIONS]) for n in range(CONNECTIONS)
    ]

    async def ask() -> None:
        every, until = CONNECTIONS / rate, time.monotonic() + seconds
        await asyncio.gather(*(each.go(n / rate, every, until) for n, each in enumerate(clients)))

    def watched(deed: Callable[[], object]) -> tuple[Spent, Work]:
        work, spent = done(group), group.spent()
        deed()
        spent = less(group.spent(), spent)
        return spent, less(done(group), work)

    rested, idle = watched(lambda: time.sleep(seconds))
    spent, work = watched(lambda: asyncio.run(ask()))
    answered, late = sum(c.answered for c in clients), sum(c.late for c in clients)
    return Turn(answered, late, less(spent, rested), less(work, idle))


def measure(made: Groups, load: Load, options: argparse.Namespace) -> list[list[Turn]]:
    """The turns of each way."""
    turns: list[list[Turn]] = [[] for _ in WAYS]
    rates = [options.rate * (size if options.each else 1) for size, _ in WAYS]
    for way, rate in zip(WAYS[:-1], rates, strict=False):
        drive(made[way], load, rate, WARM_S)
    for number in range(options.rounds):
        # Who begins changes: what comes over the machine in a round comes over each in turn.
        for step in range(len(WAYS)):
            turn = (number + step) % len(WAYS)
            turns[turn].append(drive(made[WAYS[turn]], load, rates[turn], ROUND_S))
    return turns


def rows(load: Load, turns: list[list[Turn]], kinds: Sequence[str]) -> Iterator[str]:
    """Lines of the table."""
    figures = {f"{kind}, ms": [[t.cost(kind) for t in way] for way in turns] for kind in kinds}
    figures["all, ms"] = [[sum(map(t.cost, kinds)) for t in way] for way in turns]
    for name in turns[0][0].work:
        figures[name] = [[t.did(name) for t in way] for way in turns]
    for name, (one, *more) in figures.items():
        is_told = abs(statistics.median(one)) >= NOTHING
        cells = [f"{statistics.median(one):,.0f}"]
        for many in more:
            cell = f"{statistics.median(many):,.0f}"
            if is_told:
                ratio = statistics.median(b / a for a, b in zip(one, many, strict=True))
                cell += f" ({ratio - 1:+.0%})"
            cells.append(cell)
        yield f"| {load.name} | {name} | {' | '.join(cells)} |"
    every = [turn for way in turns for turn in way]
    late = sum(turn.late for turn in every) / sum(turn.answered for turn in every)
    yield f"| {load.name} | sent late | {late:.1%} |{' |' * (len(WAYS) - 1)}"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=300, help="requests a second")
    parser.add_argument("--each", action="store_true", help="so many for every gateway")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each load")
    parser.add_argument("--loads", type=int, default=len(LOADS), help="only so many, in order")
    parser.add_argument("--folder", type=Path, help="where data goes")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    heads = ["1 gateway", "2 gateways", "4 gateways", "4, a database each", "1 again"]
    whose = "a second for each gateway" if options.each else "a second in all"
    lines = [f"| {options.rate:.0f} {whose} | for 1 000 | {' | '.join(heads)} |"]
    lines.append("|---|---|" + "--:|" * len(WAYS))
    with tempfile.TemporaryDirectory(dir=options.folder) as name, groups(Path(name)) as made:
        for group in made.values():
            fill(group)
        kinds = list(made[WAYS[0]].pids)
        for load in LOADS[: options.loads]:
            for line in rows(load, measure(made, load, options), kinds):
                print(line, flush=True)
                lines.append(line)
    table = "\n".join(lines)
    print(machine(), table, sep="\n")
    if options.write:
        write_page(table, " paced each" if options.each else " paced")


if __name__ == "__main__":
    main()
