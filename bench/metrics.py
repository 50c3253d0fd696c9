"""What it costs to count a request, by us and by the client library, and to be scraped.

    PYTHONPATH=src python bench/metrics.py

The best of many runs each.  The library's multi-process mode is chosen by the environment before it is
imported, hence the second process.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import timeit

from prometheus_client import CollectorRegistry, Counter, Histogram

from ossia.gateway.exchange import Exchange
from ossia.http.body import NO_BODY
from ossia.http.message import Request
from ossia.node.metrics.board import Board
from ossia.node.metrics.exposition import expose
from ossia.node.metrics.families import FAMILIES, OPERATIONS
from ossia.node.metrics.request_count import RequestCount
from ossia.node.metrics.state import State

TURNS = 50_000


def best(statement, **names):
    """Nanoseconds of one."""
    return min(timeit.repeat(statement, globals=names, number=TURNS, repeat=15)) / TURNS * 1e9


def ours():
    board = Board(FAMILIES, 2)
    requested = RequestCount(board.rows[0])
    exchange = Exchange(Request(b"GET", b"/b/k", {}, NO_BODY, "", secure=False), "")
    exchange.request.operation, exchange.request.caller = "GetObject", "ROOT"
    note, answered = requested.note, exchange.answered
    print(
        f"{'note a request':<52} {best('note(answered(200, 0.003, 4096))', note=note, answered=answered):7.0f} ns"
    )
    requested.write()
    note(answered(200, 0.003, 4096))
    for _ in range(TURNS):
        note(answered(200, 0.003, 4096))
    took = timeit.timeit(requested.write, number=1)
    print(f"{'put it on the board, with all others noted since':<52} {took / TURNS * 1e9:7.0f} ns")
    row = board.rows[1]
    flushed = row.histogram(
        next(each for each in FAMILIES if each.name == "ossia_commit_disk_seconds")
    )
    print(
        f"{'a value of a histogram':<52} {best('observe(0.003)', observe=flushed.observe):7.0f} ns"
    )
    for name in OPERATIONS[:20]:
        note((name, 200, "ROOT", 0.003, 0, 4096))
    requested.write()
    took = [timeit.timeit(lambda: expose(board, State(), ""), number=1) for _ in range(50)]
    print(f"{'tell all of it, 20 operations used':<52} {statistics.median(took) * 1e3:7.1f} ms")


def library(mode):
    registry = CollectorRegistry()
    requests = Counter("requests", "x", ["operation", "status", "caller"], registry=registry)
    seconds = Histogram(
        "seconds", "x", ["operation"], buckets=[2.0**n for n in range(-11, 5)], registry=registry
    )
    sent = Counter("sent", "x", ["operation"], registry=registry)

    def looked_up():
        requests.labels("GetObject", "200", "root").inc()
        seconds.labels("GetObject").observe(0.003)
        sent.labels("GetObject").inc(4096)

    children = (
        requests.labels("GetObject", "200", "root"),
        seconds.labels("GetObject"),
        sent.labels("GetObject"),
    )

    def kept(children=children):
        counter, histogram, added = children
        counter.inc()
        histogram.observe(0.003)
        added.inc(4096)

    print(f"{f'the library, {mode}, labels looked up':<52} {best('f()', f=looked_up):7.0f} ns")
    print(f"{f'the library, {mode}, children kept':<52} {best('f()', f=kept):7.0f} ns")


if __name__ == "__main__":
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        library("multi-process")
    else:
        ours()
        library("one process")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(
                [sys.executable, __file__],
                env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": folder},
                check=True,
            )
