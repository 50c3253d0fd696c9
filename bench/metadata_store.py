"""What the SQLite metadata store costs.

usage: python bench/metadata_store.py FOLDER [--objects N] [--body BYTES] [--processes N] [--busy]

Durable puts from 64 waiters, point reads, listings; with --processes the waits of several
processes that write one file; with --busy while the event loop also serves other work.
"""

import argparse
import asyncio
import multiprocessing
import os
import random
import resource
import shutil
import socket
import time
from pathlib import Path

import uvloop

from ossia.adapters.sqlite import SqliteMetadataStore
from ossia.adapters.system import SystemClock
from ossia.records import Bucket, StoredObject

WAITERS = 64


def key(i):
    return f"dir{i % 1000:04d}/sub{(i // 1000) % 100:03d}/object-{i:09d}.jpg"


def an_object(bucket, i, body):
    return StoredObject(
        bucket_id=bucket,
        key=key(i),
        size=len(body),
        etag="0123456789ABCDEF0123456789ABCDEF",
        md5="m" * 24,
        crc64=2**63 + i,
        modified_at=1_700_000_000_000,
        headers={"content-type": "image/jpeg"},
        inline=body,
    )


def report(name, count, wall, cpu, waits=()):
    line = f"{name:44s} {count / wall:9.0f}/s  {1e6 * cpu / count:7.1f} us CPU each"
    if waits:
        waits = sorted(waits)
        at = [waits[int(len(waits) * q)] * 1e3 for q in (0.5, 0.99, 0.999)]
        line += f"  wait p50 {at[0]:.1f} p99 {at[1]:.1f} p99.9 {at[2]:.1f} max {waits[-1] * 1e3:.1f} ms"
    print(line, flush=True)


async def puts(store, bucket, body, *, seconds, keys, waiters=WAITERS):
    waits = []
    end = time.perf_counter() + seconds

    async def one():
        while (start := time.perf_counter()) < end:
            await store.put_object(an_object(bucket, keys(), body))
            waits.append(time.perf_counter() - start)

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one() for _ in range(waiters)))
    return waits, time.perf_counter() - wall, time.process_time() - cpu


async def chatter():
    """A loop that is always busy with something else, as with GETs of hot objects."""
    a, b = socket.socketpair()
    a.setblocking(False)
    b.setblocking(False)
    count = 0

    class Echo(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            nonlocal count
            sum(i * i for i in range(500))
            count += 1
            self.transport.write(data)

    loop = asyncio.get_running_loop()
    (first, _), (second, _) = [await loop.create_connection(Echo, sock=each) for each in (a, b)]
    first.write(b"x")
    return lambda: (count, first.close(), second.close())


async def alone(args, body):
    store = SqliteMetadataStore(args.folder, SystemClock())
    bucket = (await store.create_bucket(
        Bucket(id=0, name="b", owner="1", created_at=0, region="r"))).id
    counter = iter(range(10**9))
    waits, wall, cpu = await puts(
        store, bucket, body, seconds=args.seconds, keys=lambda: next(counter))
    report(f"put, new keys, {WAITERS} waiters", len(waits), wall, cpu, waits)
    have = next(counter)
    while have < args.objects:
        await asyncio.gather(
            *(store.put_object(an_object(bucket, i, body)) for i in range(have, have + 256)))
        have += 256
    waits, wall, cpu = await puts(
        store, bucket, body, seconds=args.seconds, keys=lambda: random.randrange(have))
    report(f"put, overwriting one of {have}", len(waits), wall, cpu, waits)
    waits, wall, cpu = await puts(
        store, bucket, body, seconds=args.seconds, keys=lambda: random.randrange(have), waiters=1)
    report("put, one waiter", len(waits), wall, cpu, waits)
    if args.busy:
        stop = await chatter()
        waits, wall, cpu = await puts(
            store, bucket, body, seconds=args.seconds, keys=lambda: random.randrange(have))
        report("put, while the loop is busy", len(waits), wall, cpu, waits)
        print(f"   other work done {stop()[0] / args.seconds:.0f}/s")
        await asyncio.sleep(0.1)
    for name, pick in (("hot", lambda: 5), ("random", lambda: random.randrange(have))):
        wall, cpu = time.perf_counter(), time.process_time()
        n = 50_000
        for _ in range(n):
            await store.find_object(bucket, key(pick()))
        report(f"find_object, {name}", n, time.perf_counter() - wall, time.process_time() - cpu)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(n):
        await store.find_bucket("b")
    report("find_bucket", n, time.perf_counter() - wall, time.process_time() - cpu)
    for name, prefix, delimiter in (("flat", "", ""), ("prefixes", "", "/"), ("sub", "dir0007/", "/")):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(50):
            page = await store.list_objects(
                bucket, prefix=prefix, delimiter=delimiter, after="", limit=1000)
        names = len(page.objects) + len(page.prefixes)
        report(f"list {name} ({names} names)", 50, time.perf_counter() - wall,
               time.process_time() - cpu)
    await store.close()


def crowd(args, body, results, index):
    async def run():
        store = SqliteMetadataStore(args.folder, SystemClock())
        bucket = (await store.find_bucket("b")).id
        stop = await chatter() if args.busy else None
        waits, wall, cpu = await puts(
            store, bucket, body, seconds=args.seconds, keys=lambda: random.randrange(10**6))
        if stop:
            stop()
        await store.close()
        results.put((index, waits, wall, cpu))

    uvloop.run(run())


def together(args, body):
    async def prepare():
        store = SqliteMetadataStore(args.folder, SystemClock())
        await store.create_bucket(Bucket(id=0, name="b", owner="1", created_at=0, region="r"))
        await store.close()

    uvloop.run(prepare())
    results = multiprocessing.Queue()
    processes = [multiprocessing.Process(target=crowd, args=(args, body, results, i))
                 for i in range(args.processes)]
    for each in processes:
        each.start()
    for _ in processes:
        index, waits, wall, cpu = results.get()
        report(f"process {index} of {args.processes}", len(waits), wall, cpu, waits)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--body", type=int, default=4096)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--busy", action="store_true")
    args = parser.parse_args()
    shutil.rmtree(args.folder, ignore_errors=True)
    args.folder.mkdir(parents=True)
    body = os.urandom(args.body)
    print(f"load average {os.getloadavg()[0]:.1f}, body {args.body}")
    if args.processes > 1:
        together(args, body)
    else:
        uvloop.run(alone(args, body))
    print(f"resident {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most,",
          f"log {sum(each.stat().st_size for each in args.folder.glob('*-wal')) >> 20} MiB")


main()
