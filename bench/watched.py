"""What metrics and the access log cost a 4 KiB GET together.  The bar: 2 %.

    PYTHONPATH=src python bench/watched.py [--rounds N] [--seconds N] [--put] [--folder DIR]
        [--source name=DIR/src …]

First the parts of it in a loop, the best of many runs each.  Then servers of one worker take turns:
one that neither counts nor logs (`uncounted.py`), and some with metrics: without an access log, with
text, with JSON, in a file.  Each round is compared with that of the first server in the same turn:
medians of the ratios of CPU-seconds for a request, and their quartiles.  With --source other trees
of Ossia take part, with metrics and without a log; with --put requests are uploads.
"""

import argparse
import os
import random
import statistics
import tempfile
import time
import timeit
from contextlib import ExitStack
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

from ossia.api.call import Call
from ossia.domain.identity.identities import Caller, CallerKind
from ossia.gateway.access_lines import ACCESS_LINES
from ossia.gateway.exchange import Exchange
from ossia.http.body import NO_BODY
from ossia.http.message import Request
from ossia.logs.outlet import LogFile, Outlet
from ossia.logs.scope import SPENT
from ossia.node.metrics.board import Board
from ossia.node.metrics.families import FAMILIES
from ossia.node.metrics.request_count import RequestCount

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
    parser.add_argument("--put", action="store_true", help="uploads instead of downloads")
    parser.add_argument("--folder", type=Path, help="where data and logs go (a real disk)")
    parser.add_argument("--source", action="append", default=[])
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(dir=options.folder or ROOT) as name, ExitStack() as running:
        sums = parts(Path(name))
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
    report(found, sums)


def report(found: dict[str, list[float]], sums: dict[str, float]) -> None:
    """Each server beside the first, and the parts beside what a request cost without them."""
    (first, bare), *_ = found.items()
    for side, micros in found.items():
        low, middle, high = statistics.quantiles(
            [one / other - 1 for one, other in zip(micros, bare, strict=True)], n=4
        )
        print(
            f"{side:<14} best {min(micros):6.1f} us   median {statistics.median(micros):6.1f} us   "
            f"{middle:+.1%} (quartiles {low:+.1%} to {high:+.1%}, of {len(micros)} pairs)"
        )
    for form, took in sums.items():
        shares = [took / 1e3 / each(bare) for each in (statistics.median, min)]
        print(
            f"parts of metrics and {form}: {took / 1e3:.2f} us, "
            f"{shares[0]:.1%} of the median of {first!r} and {shares[1]:.1%} of the best"
        )


if __name__ == "__main__":
    main()
