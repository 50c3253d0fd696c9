"""What metrics and the access log cost a 4 KiB GET together.  The bar: 2 %.

    PYTHONPATH=src python bench/watched.py [--rounds N] [--seconds N] [--put] [--folder DIR]
        [--inside-only] [--source name=DIR/src …]

First the parts of it in a loop, the best of many runs each.  Then the gateway of one process, without
sockets, which is watched and is not in turns of some hundredths of a second: whatever disturbs one
disturbs the next, and where nothing does it is told apart to a tenth of a microsecond.  Then servers of one worker take turns:
one that neither counts nor logs (`uncounted.py`), and some with metrics: without an access log, with
text, with JSON, in a file.  Each round is compared with that of the first server in the same turn:
medians of the ratios of CPU-seconds for a request, and their quartiles.  With --source other trees
of Ossia take part, with metrics and without a log; with --put requests are uploads.
"""

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
import timeit
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from run import (
    BUCKET,
    GET_SCRIPT,
    KIB4,
    PUT_SCRIPT,
    ROOT,
    ROUND_S,
    machine,
    ossia,
    path_of,
    wrk,
)

from ossia.adapters.data_folder import DataFolder
from ossia.api.call import Call
from ossia.client.signing_client import SigningClient
from ossia.domain.identity.identities import Caller, CallerKind
from ossia.gateway.access_lines import ACCESS_LINES
from ossia.gateway.exchange import Exchange
from ossia.http.body import NO_BODY, FixedBody
from ossia.http.message import Request
from ossia.logs.outlet import LogFile, Outlet
from ossia.logs.scope import SPENT
from ossia.node.bootstrap import Node
from ossia.node.keys import load_keys
from ossia.node.memory_watch import spare_the_collector
from ossia.node.metrics.board import Board
from ossia.node.metrics.families import FAMILIES
from ossia.node.metrics.request_count import RequestCount
from ossia.settings import load

A_BATCH = 500
"""What comes in a tenth of a second where a request costs a fifth of a millisecond."""
CALLER = Caller(CallerKind.ROOT, "140349928964", "140349928964", "acs:ram::140349928964:root")
UNCOUNTED = (str(Path(__file__).with_name("uncounted.py")),)


def exchange_of(number):
    """A request that is answered, as it would be `number` sixths of a millisecond later."""
    request = Request(
        b"GET", b"/bucket/get%dk?Signature=x" % number, {}, NO_BODY, "127.0.0.1", secure=False
    )
    request.operation = "GetObject"
    exchange = Exchange(request, f"6B0B7C05B6AC6000348E{number:04X}")
    exchange.call = Call(None, request, "", 0, "bucket", f"get{number}k", {}, CALLER)
    exchange.watch(time.monotonic() + number / 6000)
    exchange.entered, exchange.allowed = exchange.came + 5e-5, exchange.came + 7e-5
    return exchange


MARK = """
exchange.watch(0.5)
exchange.entered = exchange.came and monotonic()
exchange.allowed = exchange.came and monotonic()
"""
"""What the pipeline does for the access log before there is an answer."""


def best(statement, count=1, setup="pass", **names):
    """Nanoseconds of one, where *statement* does so many."""
    turns = A_BATCH // count
    took = timeit.repeat(statement, setup, number=turns, repeat=300, globals=names)
    return min(took) / A_BATCH * 1e9


def parts(folder: Path) -> dict[str, float]:
    """Nanoseconds of a request for metrics and each form of the log, of which the parts are told."""
    exchanges = [exchange_of(number) for number in range(A_BATCH)]
    told = [each.told(200, each.allowed + 5e-5, 4096) for each in exchanges]
    answered = [each.answered(200, random.expovariate(500), 4096) for each in exchanges]
    count = RequestCount(Board(FAMILIES).rows[0])
    outlet = Outlet(LogFile(folder / "parts.log"), str, most=10**9)
    names = {"exchange": exchanges[0], "monotonic": time.monotonic}
    found = {
        "metrics": {
            "note": best("note(exchange.answered(200, 0.003, 4096))", note=count.note, **names),
            f"put on the board, {A_BATCH} at once": best(
                "write()",
                A_BATCH,
                "for each in answered: note(each)",
                write=count.write,
                note=count.note,
                answered=answered,
            ),
        }
    }
    before = {
        "mark": best(MARK, **names),
        "tell": best("exchange.told(200, 1.3, 4096)", **names),
        "queue": best("note(told)", note=outlet.note, told=told[0]),
    }
    SPENT.set(None)
    for form, make in ACCESS_LINES.items():
        write, lines = LogFile(folder / f"parts-{form}.log").write, make(told)
        found[form] = before | {
            f"render, {A_BATCH} at once": best("make(told)", A_BATCH, make=make, told=told),
            "write": best("write(lines)", A_BATCH, write=write, lines=lines),
        }
    for name, each in found.items():
        print(f"{name:<8}", ", ".join(f"{part} {took:.0f}" for part, took in each.items()), "ns")
    sums = {name: sum(each.values()) for name, each in found.items()}
    return {form: sums["metrics"] + sums[form] for form in ACCESS_LINES}


async def inside(folder: Path, turns: int) -> dict[str, list[float]]:
    """Microseconds of CPU for a GET in the gateway, by who watches it, turn by turn."""
    given = {"root_access_key_id": "benchkey", "root_access_key_secret": "benchsecret"}
    settings = load({"data": folder / "inside", "listen": "127.0.0.1:0", **given}, {})
    with DataFolder.open(settings.data) as opened:
        node = Node(settings, load_keys(settings, opened.path), opened.path)
        client = SigningClient("http://127.0.0.1:1", *given.values(), version=1)

        async def ask(method, key="", body=NO_BODY):
            target = path_of(client.url(method, BUCKET, key)).encode()
            head = {b"host": b"127.0.0.1:1", b"content-length": b"%d" % (body.length or 0)}
            request = Request(method.encode(), target, head, body, "127.0.0.1", secure=False)
            assert (await node.gateway.handle(request)).status == 200
            return request

        await ask("PUT")
        await ask("PUT", "get4k", FixedBody(KIB4))
        asked = await ask("GET", "get4k")
        watchers = {"neither": (None, None), "metrics": (node.metrics.request, None)}
        for form, make in ACCESS_LINES.items():
            outlet = Outlet(LogFile(folder / f"inside-{form}.log"), str, make)
            watchers[f"metrics, {form}"] = (node.metrics.request, outlet)
        found = {name: [] for name in watchers}
        spare_the_collector()
        for turn in range(turns):
            order = list(watchers.items())
            shift = turn % len(order)
            for name, (note, outlet) in order[shift:] + order[:shift]:
                node.gateway._note = note  # noqa: SLF001 - nobody else does this
                node.gateway._tell = outlet and outlet.note  # noqa: SLF001 - as above
                begun = time.process_time()
                for _ in range(A_BATCH):
                    await node.gateway.handle(replace(asked))
                node.metrics.write()
                if outlet is not None:
                    outlet._write_waiting()  # noqa: SLF001 - as its thread does
                found[name].append((time.process_time() - begun) / A_BATCH * 1e6)
        await node.close()
    return found


def sides(folder: Path, sources: list[str]):
    """Each server's name, more flags, the program, and the tree that it is run from."""
    ours = ("-m", "ossia")
    yield "neither", (), UNCOUNTED, None
    yield "metrics", (), ours, None
    for form in ACCESS_LINES:
        log = str(folder / f"{form}.log")
        flags = ("--access-log", "--log-format", form, "--log-file", log)
        yield f"metrics, {form}", flags, ours, None
    for each in sources:
        name, _, source = each.partition("=")
        yield name, (), ours, source


def started(running: ExitStack, home: Path, flags, program, source):
    """The server's process, and a client of it."""
    home.mkdir()
    before = os.environ.get("PYTHONPATH")
    if source is not None:
        os.environ["PYTHONPATH"] = source
    try:
        return running.enter_context(ossia(home, *flags, program=program))
    finally:
        os.environ.pop("PYTHONPATH", None)
        if before is not None:
            os.environ["PYTHONPATH"] = before


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--seconds", type=int, default=ROUND_S, help="how long each round is")
    parser.add_argument("--inside-only", action="store_true", help="start no servers")
    parser.add_argument("--put", action="store_true", help="uploads instead of downloads")
    parser.add_argument("--folder", type=Path, help="where data and logs go (a real disk)")
    parser.add_argument("--source", action="append", default=[])
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(dir=options.folder or ROOT) as name, ExitStack() as running:
        sums = parts(Path(name))
        print("The gateway in this process:")
        found = asyncio.run(inside(Path(name), options.rounds * 4))
        report(found)
        added = {
            each: best_of(found[f"metrics, {each}"]) - best_of(found["neither"]) for each in sums
        }
        if options.inside_only:
            return
        print("Servers:")
        servers = []
        for side, flags, program, source in sides(Path(name), options.source):
            home = Path(name) / side.replace(", ", "-")
            pid, client = started(running, home, flags, program, source)
            assert client.request("PUT", BUCKET).status == 200
            assert client.request("PUT", BUCKET, "get4k", body=KIB4).status == 200
            paths = [path_of(client.url("GET", BUCKET, "get4k"))]
            if options.put:
                paths = [path_of(client.url("PUT", BUCKET, f"k/{n:06d}")) for n in range(2000)]
            servers.append((side, pid, client.endpoint, paths))
        script = PUT_SCRIPT if options.put else GET_SCRIPT
        found: dict[str, list[float]] = {side: [] for side, *_ in servers}
        for turn in range(options.rounds):
            # Who begins changes: what disturbs the first disturbs all alike.
            shift = turn % len(servers)
            for side, pid, endpoint, paths in servers[shift:] + servers[:shift]:
                count, used = wrk(pid, endpoint, script, paths, options.seconds)
                found[side].append(used / count * 1e6)
    report(found)
    bare = found["neither"]
    for form, took in sums.items():
        for what, micros in (("the parts", took / 1e3), ("what it adds inside", added[form])):
            shares = " and ".join(f"{micros / of(bare):.1%}" for of in (statistics.median, min))
            print(f"metrics, {form}: {what}, {micros:.2f} us, {shares} of the median and the best")


def best_of(micros: list[float]) -> float:
    """What it is where little disturbs: the first tenth."""
    return statistics.quantiles(micros, n=10)[0]


def report(found: dict[str, list[float]]) -> None:
    """Each beside the first."""
    bare = next(iter(found.values()))
    for side, micros in found.items():
        ratios = [one / other - 1 for one, other in zip(micros, bare, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{side:<14} best {min(micros):6.1f} us   tenth {best_of(micros):6.1f} us   "
            f"median {statistics.median(micros):6.1f} us   {middle:+.1%} "
            f"(quartiles {low:+.1%} to {high:+.1%}, of {len(micros)} pairs)"
        )


if __name__ == "__main__":
    main()
