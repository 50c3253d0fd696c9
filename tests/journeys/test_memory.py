"""Memory is bounded: idle workers are small, and 256 large uploads at a time stay within a budget."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fake_engine import BUCKET as ENGINE_BUCKET
from fake_engine import fake_engine
from ossia.client.signing_client import SigningClient
from processes import children_of
from running import Server, running_server

pytestmark = [pytest.mark.slow, pytest.mark.alone]

MIB = 1024 * 1024
UPLOADS = 256
SIZE = 64 * MIB
ROUNDS = 6
IDLE_LIMIT_MIB = 80
BUSY_LIMIT_MIB = 300
ENGINE_LIMIT_MIB = 600
BUCKET = "memory-bucket"


def tree(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        with suppress(OSError):
            found += children_of(each)
    return found


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def together_mib(pid: int) -> float:
    """Proportional memory of the process tree: pages that processes share count once."""
    total = 0
    for each in tree(pid):
        rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
        total += int(rollup.partition("\nPss:")[2].split()[0])
    return total / 1024


def test_256_large_uploads_at_a_time(tmp_path: Path) -> None:
    with running_server(tmp_path, "--workers", "2") as server:
        client = SigningClient(server.endpoint, server.access_key_id, server.access_key_secret)
        assert client.request("PUT", BUCKET).status == 200
        time.sleep(0.5)
        idle = [resident_mib(pid) for pid in tree(server.process.pid)]
        print("idle MiB:", [round(each) for each in idle])
        assert max(idle) < IDLE_LIMIT_MIB
        peak = asyncio.run(_upload(server, client))
        print("peak MiB:", round(peak))
        assert peak < BUSY_LIMIT_MIB
        # What was broken off leaves nothing behind that is being written.
        assert client.request("GET", BUCKET).body.count(b"<Key>") == 2


def test_256_large_uploads_at_a_time_through_an_engine(tmp_path: Path) -> None:
    """An engine takes chunks as a whole: what has come of each is held until it is one."""
    with (
        fake_engine() as engine,
        running_server(
            tmp_path,
            "--workers", "2",
            "--blobs", f"s3://{ENGINE_BUCKET}/x?endpoint={engine.endpoint}",
            "--blobs-access-key-id", "key", "--blobs-access-key-secret", "secret",
        ) as server,
    ):  # fmt: skip
        engine.lie = "forgets"
        client = SigningClient(server.endpoint, server.access_key_id, server.access_key_secret)
        assert client.request("PUT", BUCKET).status == 200
        # With 7 MiB all of them hold what would be 1.8 GiB.
        peak = asyncio.run(_upload(server, client, rounds=7))
        print("peak MiB:", round(peak))
        assert peak < ENGINE_LIMIT_MIB
        assert client.request("GET", BUCKET).body.count(b"<Key>") == 2


async def _upload(server: Server, client: SigningClient, rounds: int = ROUNDS) -> float:
    peak = 0.0
    piece = bytes(MIB)
    connections = await asyncio.gather(*(_begin(server, client, n) for n in range(UPLOADS)))
    for _ in range(rounds):
        for _, writer in connections:
            writer.write(piece)
        await asyncio.gather(*(writer.drain() for _, writer in connections))
        peak = max(peak, together_mib(server.process.pid))
    for reader, writer in connections[:2]:
        for _ in range(SIZE // MIB - rounds):
            writer.write(piece)
            await writer.drain()
        assert (await asyncio.wait_for(reader.readline(), 60)).startswith(b"HTTP/1.1 200")
        peak = max(peak, together_mib(server.process.pid))
    for _, writer in connections:
        writer.transport.abort()
    await asyncio.sleep(0.5)
    return peak


async def _begin(
    server: Server, client: SigningClient, number: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = urlsplit(client.url("PUT", BUCKET, f"upload-{number}"))
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    head = f"PUT {place.path}?{place.query} HTTP/1.1\r\nHost: x\r\nContent-Length: {SIZE}\r\n\r\n"
    writer.write(head.encode())
    return reader, writer
