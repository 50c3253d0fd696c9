"""What the SQLite database costs.

usage: python bench/database.py FOLDER [--objects N] [--body BYTES] [--processes N] [--busy]

Durable puts from 64 waiters, point reads, listings; with --processes the waits of several
processes that write one file; with --busy while the event loop serves other work as well.
"""

import argparse
import asyncio
import itertools
import multiprocessing
import os
import random
import resource
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvloop

from ossia import tables
from ossia.adapters.sqlite import SqliteDatabase
from ossia.adapters.system import SystemClock
from ossia.records import Bucket, StoredObject

WAITERS = 64
READS = 50_000
PAGES = 50


def key(i: int) -> str:
    """Keys as people make them: two levels of folders."""
    return f"dir{i % 1000:04d}/sub{(i // 1000) % 100:03d}/object-{i:09d}.jpg"


def an_object(bucket_id: int, i: int, body: bytes) -> StoredObject:
    """A small inline object."""
    return StoredObject(
        bucket_id=bucket_id,
        key=key(i),
        size=len(body),
        etag="0123456789ABCDEF0123456789ABCDEF",
        md5="m" * 24,
        crc64=2**63 + i,
        modified_at=1_700_000_000_000,
        headers={"content-type": "image/jpeg"},
        inline=body,
    )


@dataclass
class Measured:
    """How long something took, what it burned, how long each caller waited."""

    wall_s: float = 0
    cpu_s: float = 0
    waits_s: list[float] = field(default_factory=list)

    def report(self, name: str, count: int) -> None:
        """One line."""
        rate, cpu = count / self.wall_s, 1e6 * self.cpu_s / count
        line = f"{name:44s} {rate:9.0f}/s  {cpu:7.1f} us CPU each"
        if self.waits_s:
            waits = sorted(self.waits_s)
            p50, p99, p999 = (1e3 * waits[int(len(waits) * part)] for part in (0.5, 0.99, 0.999))
            line += f"  wait p50 {p50:.1f} p99 {p99:.1f} p99.9 {p999:.1f}"
            line += f" max {1e3 * waits[-1]:.1f} ms"
        print(line, flush=True)


@contextmanager
def measured() -> Iterator[Measured]:
    """Measure a block.  CPU is that of the process, its threads included."""
    result = Measured()
    wall, cpu = time.perf_counter(), time.process_time()
    yield result
    result.wall_s, result.cpu_s = time.perf_counter() - wall, time.process_time() - cpu


async def puts(
    store: SqliteDatabase,
    bucket_id: int,
    args: argparse.Namespace,
    keys: Callable[[], int],
    waiters: int = WAITERS,
) -> Measured:
    """Put from *waiters* tasks for a while, each waiting for its answer."""
    body = os.urandom(args.body)
    end = time.perf_counter() + args.seconds

    async def one(result: Measured) -> None:
        while (start := time.perf_counter()) < end:
            await store.change(tables.objects.put, an_object(bucket_id, keys(), body))
            result.waits_s.append(time.perf_counter() - start)

    with measured() as result:
        await asyncio.gather(*(one(result) for _ in range(waiters)))
    return result


class Echo(asyncio.Protocol):
    """Sends back what it gets, after some work."""

    count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """About twenty microseconds of Python."""
        sum(i * i for i in range(500))
        Echo.count += 1
        self.transport.write(data)


@asynccontextmanager
async def chatter() -> AsyncIterator[None]:
    """Keep the loop busy with something else, as GETs of hot objects do."""
    loop = asyncio.get_running_loop()
    ends = socket.socketpair()
    transports = []
    for each in ends:
        each.setblocking(False)
        transport, _ = await loop.create_connection(Echo, sock=each)
        transports.append(transport)
    transports[0].write(b"x")
    yield
    for transport in transports:
        transport.close()


async def open_bucket(args: argparse.Namespace) -> tuple[SqliteDatabase, int]:
    """The store and the one bucket."""
    store = SqliteDatabase(args.folder, SystemClock())
    found = await tables.buckets.find(store, "bench")
    if found is None:
        new = Bucket(id=0, name="bench", owner="1", created_at=0, region="cn-hangzhou")
        found = await store.change(tables.buckets.create, new)
    return store, found.id


async def make_bucket(args: argparse.Namespace) -> None:
    """So that no two processes make it."""
    store, _ = await open_bucket(args)
    await store.close()


async def alone(args: argparse.Namespace) -> None:
    """One process: writes, then reads."""
    store, bucket_id = await open_bucket(args)
    counter = itertools.count()
    result = await puts(store, bucket_id, args, lambda: next(counter))
    result.report(f"put, new keys, {WAITERS} waiters", len(result.waits_s))
    have = next(counter)
    body = os.urandom(args.body)
    while have < args.objects:
        some = (an_object(bucket_id, i, body) for i in range(have, have + 256))
        await asyncio.gather(*(store.change(tables.objects.put, each) for each in some))
        have += 256

    def any_key() -> int:
        return random.randrange(have)

    result = await puts(store, bucket_id, args, any_key)
    result.report(f"put, overwriting one of {have}", len(result.waits_s))
    result = await puts(store, bucket_id, args, any_key, waiters=1)
    result.report("put, one waiter", len(result.waits_s))
    if args.busy:
        async with chatter():
            result = await puts(store, bucket_id, args, any_key)
        result.report("put, while the loop is busy", len(result.waits_s))
        print(f"    other work done {Echo.count / args.seconds:.0f}/s")
    await reads(store, bucket_id, any_key)
    await store.close()


async def reads(store: SqliteDatabase, bucket_id: int, any_key: Callable[[], int]) -> None:
    """Point reads and listings, nothing else going on."""
    choices: list[tuple[str, Callable[[], int]]] = [("hot", lambda: 5), ("random", any_key)]
    for name, pick in choices:
        with measured() as result:
            for _ in range(READS):
                await tables.objects.find(store, bucket_id, key(pick()))
        result.report(f"find_object, {name}", READS)
    with measured() as result:
        for _ in range(READS):
            await tables.buckets.find(store, "bench")
    result.report("find_bucket", READS)
    for prefix, delimiter in (("", ""), ("", "/"), ("dir0007/", "/")):
        with measured() as result:
            for _ in range(PAGES):
                page = await tables.objects.page(
                    store, bucket_id, prefix=prefix, delimiter=delimiter, after="", limit=1000
                )
        names = f"{len(page.objects)} objects, {len(page.prefixes)} prefixes"
        result.report(f"page of {names}", PAGES)


def one_of_many(args: argparse.Namespace, index: int) -> None:
    """A process that writes beside others."""

    async def run() -> None:
        store, bucket_id = await open_bucket(args)
        if args.busy:
            async with chatter():
                result = await puts(store, bucket_id, args, lambda: random.randrange(10**6))
        else:
            result = await puts(store, bucket_id, args, lambda: random.randrange(10**6))
        result.report(f"process {index} of {args.processes}", len(result.waits_s))
        await store.close()

    uvloop.run(run())


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="is emptied first")
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--body", type=int, default=4096)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--busy", action="store_true")
    args = parser.parse_args()
    shutil.rmtree(args.folder, ignore_errors=True)
    args.folder.mkdir(parents=True)
    print(f"load average {os.getloadavg()[0]:.1f}, body {args.body}")
    if args.processes == 1:
        uvloop.run(alone(args))
    else:
        uvloop.run(make_bucket(args))
        spawn = multiprocessing.get_context("spawn")
        processes = [
            spawn.Process(target=one_of_many, args=(args, i)) for i in range(args.processes)
        ]
        for each in processes:
            each.start()
        for each in processes:
            each.join()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"resident at most {peak:.0f} MiB")


if __name__ == "__main__":
    main()
