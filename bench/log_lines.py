"""What the access log costs a 4 KiB GET: not asked for, as text, as JSON, in a file.

    python bench/log_lines.py [--rounds N] [--folder DIR] [--source name=DIR/src …]

Servers of one worker take turns, and each round is compared with that of the first server in the
same turn: medians of the ratios of CPU-seconds for a request.  With --source other trees of Ossia take part, without a
log: how much dearer a change has made what nobody asked for.
"""

import argparse
import os
import statistics
import tempfile
import timeit
from contextlib import ExitStack
from pathlib import Path

from run import BUCKET, GET_SCRIPT, KIB4, ROOT, ROUND_S, machine, ossia, path_of, wrk

from ossia.gateway.access_lines import ACCESS_LINES
from ossia.gateway.exchange import Exchange
from ossia.http.body import NO_BODY
from ossia.http.message import Request
from ossia.logs.outlet import Outlet

TURNS = 50_000


def parts():
    """Nanoseconds of each part of a line, in a loop."""
    exchange = Exchange(
        Request(b"GET", b"/bucket/get4k?Signature=x", {}, NO_BODY, "127.0.0.1", secure=False), "6B"
    )
    exchange.watch(1.0)
    exchange.entered, exchange.allowed = 1.1, 1.2
    told = exchange.told(200, 1.3, 4096)

    def tell(exchange):
        exchange.told(200, 1.3, 4096)

    class Nowhere:
        def write(self, lines):
            pass

    outlet = Outlet(Nowhere(), str, most=10**9)
    for name, statement in (
        ("tell", lambda: tell(exchange)),
        ("queue", lambda: outlet.note(told)),
        *(
            (f"render as {form}", lambda make=make: make(told))
            for form, make in ACCESS_LINES.items()
        ),
    ):
        took = min(timeit.repeat(statement, number=TURNS, repeat=7)) / TURNS * 1e9
        print(f"{name:<20} {took:6.0f} ns")


def sides(folder: Path, sources: list[str]):
    """Each server's name, more flags and the tree it is run from."""
    yield "no log", (), None
    for form in ("text", "json"):
        log = str(folder / f"{form}.log")
        yield form, ("--access-log", "--log-format", form, "--log-file", log), None
    for each in sources:
        name, _, source = each.partition("=")
        yield name, (), source


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--folder", type=Path, help="where data and logs go (a real disk)")
    parser.add_argument("--source", action="append", default=[])
    options = parser.parse_args()
    print(machine())
    parts()
    with tempfile.TemporaryDirectory(dir=options.folder or ROOT) as name, ExitStack() as running:
        servers = []
        for side, flags, source in sides(Path(name), options.source):
            home = Path(name) / side.replace(" ", "-")
            home.mkdir()
            before = os.environ.get("PYTHONPATH")
            if source is not None:
                os.environ["PYTHONPATH"] = source
            pid, client = running.enter_context(ossia(home, *flags))
            if source is not None:
                os.environ.pop("PYTHONPATH")
            if before is not None:
                os.environ["PYTHONPATH"] = before
            assert client.request("PUT", BUCKET).status == 200
            assert client.request("PUT", BUCKET, "get4k", body=KIB4).status == 200
            path = path_of(client.url("GET", BUCKET, "get4k"))
            servers.append((side, pid, client.endpoint, [path]))
        found: dict[str, list[float]] = {side: [] for side, *_ in servers}
        for turn in range(options.rounds):
            # Who begins changes: what disturbs the first disturbs all alike.
            shift = turn % len(servers)
            for side, pid, endpoint, paths in servers[shift:] + servers[:shift]:
                count, used = wrk(pid, endpoint, GET_SCRIPT, paths, ROUND_S)
                found[side].append(used / count * 1e6)
    first = found[servers[0][0]]
    for side, micros in found.items():
        ratio = statistics.median(one / other for one, other in zip(micros, first, strict=True))
        print(
            f"{side:<12} best {min(micros):6.1f} us   median {statistics.median(micros):6.1f} us   "
            f"{ratio - 1:+.1%} (median of pairs)"
        )


if __name__ == "__main__":
    main()
