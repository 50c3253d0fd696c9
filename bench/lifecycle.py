"""Lifecycle rules in a large bucket: who notices that the worker goes through it, and its memory.

usage: python bench/lifecycle.py [--objects N] [--pairs N] [--slice S] [--rate R] [--folder F]
       [--write] [--whole]

A bucket of N objects (10 000 000), of which one in a hundred is due, is filled as bench/listings.py
does.  Somebody stores and reads 4 KiB in another bucket at R requests a second, whether answers come
or not: a request's time counts from when it was to be sent.  The worker works and rests in turns,
which what was measured an hour apart on a shared machine could not show: in a slice of each pair
the bucket has a rule for a part of its keys that no slice before had, in the other it has none.  Told
are p50 and p99 of all requests of a kind of slices, and the medians of those of each slice; of their
ratios an interval that holds 95 of 100 draws of pairs, and beside it the same for resting slices among
themselves, which shows what is noise.

``--whole`` lets it go through the whole bucket instead, which takes most of an hour.
"""

import argparse
import itertools
import json
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Self

from listings import PLAIN, fill
from run import KIB4, ROOT, cpu_seconds, machine, memory_mib, ossia, write_page

from ossia.client.signing_client import SigningClient

DAY_MS = 24 * 3600 * 1000
METHODS = ("GET", "PUT")
_CONNECTIONS = 16
_SETTLES_S = 1.5
"""Behind a change of rules, until the worker has heard of it and is at it, or has ended."""
_BLOCK = "f{:05d}"
"""A prefix of 100 folders, which are 100 000 objects: more than it looks at in a slice."""
_IN_BLOCK = 100_000
_DRAWS = 500
_RULE = (
    "<LifecycleConfiguration><Rule><ID>old</ID><Prefix>{}</Prefix><Status>Enabled</Status>"
    "<Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>"
)


class Load:
    """Stores and reads at a fixed rate until it is told to stop; `times` are those of requests.

    Each is when it was to be sent, and how many milliseconds behind that it was answered.
    """

    def __init__(self, client: SigningClient, rate: float) -> None:
        self._client = client
        self._rate = rate
        self._numbers = itertools.count()
        self._begun = time.perf_counter()
        self._stops = False
        self._threads = [
            threading.Thread(target=self._run, daemon=True) for _ in range(_CONNECTIONS)
        ]
        self.trouble: list[BaseException] = []
        self.times: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}

    def __enter__(self) -> Self:
        for number in range(_CONNECTIONS):
            assert self._client.request("PUT", "other", f"k{number}", body=KIB4).status == 200
        self._begun = time.perf_counter()
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stops = True
        for each in self._threads:
            each.join()

    def _run(self) -> None:
        try:
            self._ask()
        except BaseException as error:
            self.trouble.append(error)
            raise

    def _ask(self) -> None:
        connection = HTTPConnection(self._client.endpoint.partition("://")[2])
        paths = {
            (method, key): self._client.url(method, "other", key).removeprefix(
                self._client.endpoint
            )
            for method in METHODS
            for key in (f"k{number}" for number in range(_CONNECTIONS))
        }
        while not self._stops:
            number = next(self._numbers)
            method = METHODS[number % 2]
            path = paths[method, f"k{number // 2 % _CONNECTIONS}"]
            due = self._begun + number / self._rate
            time.sleep(max(0.0, due - time.perf_counter()))
            connection.request(method, path, KIB4 if method == "PUT" else None)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            self.times[method].append((due, (time.perf_counter() - due) * 1000))


@dataclass(frozen=True, slots=True)
class Pair:
    """Milliseconds of each request of a slice of either kind, by method."""

    resting: dict[str, list[float]]
    working: dict[str, list[float]]


@dataclass(slots=True)
class Found:
    """What was seen of the server."""

    pairs: list[Pair] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    looked_at: int = 0
    counts: dict[str, int] = field(default_factory=dict)


def progress(client: SigningClient) -> dict[str, object]:
    """How far the worker has come."""
    found: dict[str, object] = json.loads(
        client.request("GET", "-", f"api/buckets/{PLAIN}/lifecycle").body
    )
    return found


def put_rule(client: SigningClient, prefix: str) -> None:
    """Let the worker begin with keys of that prefix."""
    body = _RULE.format(prefix).encode()
    reply = client.request("PUT", PLAIN, query=[("lifecycle", "")], body=body)
    assert reply.status == 200, reply


def take_slice(load: Load, seconds: float) -> dict[str, list[float]]:
    """The times of requests from a moment after now on."""
    time.sleep(_SETTLES_S)
    begun = time.perf_counter()
    time.sleep(seconds)
    ended = time.perf_counter()
    assert not load.trouble
    # What is under way then is slow, and must not be left out.
    time.sleep(_SETTLES_S)
    return {
        method: [took for due, took in times if begun <= due < ended]
        for method, times in load.times.items()
    }


def work(
    client: SigningClient, load: Load, prefix: str, seconds: float, found: Found
) -> dict[str, list[float]]:
    """A slice in which the worker is in the keys of *prefix*."""
    put_rule(client, prefix)
    times = take_slice(load, seconds)
    reached = progress(client)
    assert reached["stage"] != "done", "it was through with its part too soon: --slice is too long"
    found.looked_at += int(str(reached["looked_at"]))
    counts = reached["counts"]
    assert isinstance(counts, dict)
    for name, count in counts.items():
        found.counts[name] = found.counts.get(name, 0) + count
    reply = client.request("DELETE", PLAIN, query=[("lifecycle", "")])
    assert reply.status == 204, reply
    return times


def in_turns(pid: int, client: SigningClient, rate: float, pairs: int, seconds: float) -> Found:
    """So many pairs of slices; which comes first changes from pair to pair."""
    found = Found()
    with Load(client, rate) as load:
        take_slice(load, seconds)
        for number in range(pairs):
            found.memory.append(sum(memory_mib(pid)))
            prefix = _BLOCK.format(number)
            if number % 2:
                working = work(client, load, prefix, seconds, found)
                resting = take_slice(load, seconds)
            else:
                resting = take_slice(load, seconds)
                working = work(client, load, prefix, seconds, found)
            found.pairs.append(Pair(resting, working))
        found.memory.append(sum(memory_mib(pid)))
    return found


# --- what is told ---


def at(share: float, times: Sequence[float]) -> float:
    """The time that so many do not exceed."""
    return sorted(times)[int(len(times) * share)]


def of_all(slices: Sequence[dict[str, list[float]]], method: str, share: float) -> float:
    """That of all requests of all slices."""
    return at(share, [each for one in slices for each in one[method]])


def of_most(slices: Sequence[dict[str, list[float]]], method: str, share: float) -> float:
    """The median of that of each slice: one in which the machine stands still does not count."""
    return statistics.median(at(share, each[method]) for each in slices)


def ratio(
    found: Callable[[Sequence[dict[str, list[float]]]], float],
    one: Sequence[dict[str, list[float]]],
    other: Sequence[dict[str, list[float]]],
) -> str:
    """How much longer the others take, and between what that is for 95 of 100 draws of them."""

    def of(chosen: Sequence[int]) -> float:
        before, after = (found([each[number] for number in chosen]) for each in (one, other))
        return (after / before - 1) * 100

    numbers = range(len(one))
    dice = random.Random(1)
    drawn = sorted(of(dice.choices(numbers, k=len(one))) for _ in range(_DRAWS))
    low, high = drawn[int(_DRAWS * 0.025)], drawn[int(_DRAWS * 0.975)]
    return f"{of(numbers):+.1f} % ({low:+.1f} to {high:+.1f})"


def table(found: Found) -> str:
    """Rows of p50 and p99 of each method."""
    resting = [each.resting for each in found.pairs]
    working = [each.working for each in found.pairs]
    even = len(resting) // 2 * 2
    shares = [
        (method, name, share) for method in METHODS for name, share in (("p50", 0.5), ("p99", 0.99))
    ]
    lines = [
        "| while the worker of lifecycle rules |"
        + "".join(f" {name} of a {method} |" for method, name, _ in shares),
        "|---|" + "--:|" * len(shares),
    ]
    for which, chosen in (("all requests", of_all), ("medians of slices", of_most)):
        rows: dict[str, list[str]] = {}
        for method, _, share in shares:
            figure = partial(chosen, method=method, share=share)
            cells = {
                "rests": f"{figure(resting):.2f} ms",
                "works": f"{figure(working):.2f} ms",
                "working against resting": ratio(figure, resting, working),
                "resting against resting": ratio(figure, resting[0:even:2], resting[1:even:2]),
            }
            for name, cell in cells.items():
                rows.setdefault(name, []).append(cell)
        lines += [
            f"| {name}: {which} | " + " | ".join(cells) + " |" for name, cells in rows.items()
        ]
    return "\n".join(lines)


def whole(pid: int, client: SigningClient, rate: float) -> None:
    """One pass from end to end."""
    with Load(client, rate) as load:
        time.sleep(_SETTLES_S)
        memory = [sum(memory_mib(pid))]
        cpu, begun = cpu_seconds(pid), time.perf_counter()
        put_rule(client, "")
        while (found := progress(client))["stage"] != "done":
            time.sleep(1)
            memory.append(sum(memory_mib(pid)))
            assert not load.trouble
        took, used = time.perf_counter() - begun, cpu_seconds(pid) - cpu
    print(
        f"{found['looked_at']:,} objects, {found['counts']}: {took:.0f} s, with the client's CPU {used:.0f} s"
    )
    print(f"memory before {memory[0]:.0f} MiB, while it worked at most {max(memory):.0f} MiB")


def main() -> None:
    """Fill, then let the worker work and rest while somebody asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000_000, help="at least 100 000 a pair")
    parser.add_argument("--pairs", type=int, default=16, help="of slices")
    parser.add_argument("--slice", type=float, default=9.0, help="seconds")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--folder", type=Path, help="where data goes (a real disk)")
    parser.add_argument("--whole", action="store_true", help="one pass from end to end")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    pairs = min(options.pairs, options.objects // _IN_BLOCK)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(dir=options.folder or ROOT) as name:
        place = Path(name)
        with ossia(place) as (_, client):
            assert client.request("PUT", PLAIN).status == 200
            assert client.request("PUT", "other").status == 200
        now = time.time_ns() // 1_000_000
        due = f"case i % 100 when 0 then {now - 60 * DAY_MS} else {now} end"
        fill(place / "data" / "metadata.sqlite3", 1, options.objects, at=due)
        with ossia(place, "--lifecycle-interval", "0.5") as (pid, client):
            if options.whole:
                print(machine())
                whole(pid, client, options.rate)
                return
            found = in_turns(pid, client, options.rate, pairs, options.slice)
    made = table(found)
    deleted = sum(found.counts.values())
    made += (
        f"\n\n{options.objects:,} objects, {pairs} pairs of slices of {options.slice:g} s,"
        f" {options.rate:g} requests a second; in its slices it looked at {found.looked_at:,} objects and deleted"
        f" {deleted:,}. Memory of the server: {found.memory[0]:.0f} MiB before, {max(found.memory):.0f} MiB at most."
    )
    print(machine())
    print(made)
    if options.write:
        write_page(made, " lifecycle")


if __name__ == "__main__":
    main()
