"""Kill -9 at random moments under load: nothing acknowledged is lost, torn or leaked.

``OSSIA_KILL_CYCLES`` sets the number of kills (a few by default; the release figure is 200).
"""

import asyncio
import hashlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ossia.adapters.filesystem import FileBlobStore
from ossia.client.signing_client import SigningClient
from ossia.domain.objects.collector import Collector
from running import Server, running_server
from stored import Stored, in_file

CYCLES = int(os.environ.get("OSSIA_KILL_CYCLES", "8"))
BUCKET = "kill-bucket"
WRITERS = 6
SIZES = (0, 100, 4096, 16_384, 20_000, 200_000, 1_500_000)
DAY_MS = 24 * 3600 * 1000


def content_of(key: str, turn: int, size: int) -> bytes:
    """Bytes that only this write of this key has."""
    seed = hashlib.sha256(f"{key}/{turn}".encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


@dataclass
class Writer:
    """Overwrites, appends, completes and deletes keys of its own; remembers what was acknowledged.

    ``acknowledged`` maps a key to its content (None: deleted); ``unsure`` holds the content of a
    write that was under way when the server died, which may or may not have happened.
    """

    number: int
    client: SigningClient
    random: random.Random
    acknowledged: dict[str, bytes | None] = field(default_factory=dict)
    unsure: dict[str, bytes | None] = field(default_factory=dict)
    turn: int = 0
    failures: list[str] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.turn += 1
            key = f"w{self.number}/k{self.random.randrange(12)}"
            size = self.random.choice(SIZES)
            content: bytes | None = content_of(key, self.turn, size)
            deed = self.random.choice(("put", "put", "put", "multipart", "delete", "append"))
            if deed == "delete":
                content = None
            if deed == "append":
                key += "-log"
                before = self.acknowledged.get(key) or b""
                content = before + content_of(key, self.turn, min(size, 50_000))
            self.unsure[key] = content
            try:
                done = getattr(self, deed)(key, content)
            except OSError:
                return
            if done:
                self.acknowledged[key] = content
            del self.unsure[key]

    def put(self, key: str, content: bytes) -> bool:
        return self._ok(self.client.request("PUT", BUCKET, key, body=content))

    def delete(self, key: str, _content: None) -> bool:
        return self._ok(self.client.request("DELETE", BUCKET, key))

    def append(self, key: str, content: bytes) -> bool:
        before = len(self.acknowledged.get(key) or b"")
        query = [("append", ""), ("position", str(before))]
        return self._ok(
            self.client.request("POST", BUCKET, key, query=query, body=content[before:])
        )

    def multipart(self, key: str, content: bytes) -> bool:
        begun = self.client.request("POST", BUCKET, key, query=[("uploads", "")])
        if begun.status != 200:
            return self._ok(begun)
        upload = begun.element("UploadId")
        items, step = "", 120_000
        for number, start in enumerate(range(0, max(len(content), 1), step), 1):
            query = [("partNumber", str(number)), ("uploadId", upload)]
            part = self.client.request(
                "PUT", BUCKET, key, query=query, body=content[start : start + step]
            )
            if part.status != 200:
                return self._ok(part)
            items += (
                f"<Part><PartNumber>{number}</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
            )
        body = f"<CompleteMultipartUpload>{items}</CompleteMultipartUpload>".encode()
        return self._ok(
            self.client.request("POST", BUCKET, key, query=[("uploadId", upload)], body=body)
        )

    def _ok(self, reply: object) -> bool:
        status = getattr(reply, "status", 0)
        if status not in (200, 204):
            self.failures.append(f"{status} {getattr(reply, 'body', b'')!r}")
        return status in (200, 204)

    def check(self) -> None:
        """Every key holds what was acknowledged, or what was under way."""
        for key in self.acknowledged.keys() | self.unsure.keys():
            reply = self.client.request("GET", BUCKET, key)
            assert reply.status in (200, 404), (key, reply.status, reply.body)
            found = reply.body if reply.status == 200 else None
            allowed = [self.acknowledged.get(key)]
            if key in self.unsure:
                allowed.append(self.unsure[key])
            assert found in allowed, f"{key}: {len(found or b'')} bytes that nobody wrote"
            self.acknowledged[key] = found
        self.unsure.clear()


@contextmanager
def killed(folder: Path, after_s: float) -> Iterator[Server]:
    """A server that is killed, workers and all, *after_s* into the block."""
    with running_server(
        folder, "--root-access-key-id", "AK", "--root-access-key-secret", "SK"
    ) as server:
        group = os.getpgid(server.process.pid)
        assert group == server.process.pid, "the server must lead its own process group"
        timer = threading.Timer(after_s, lambda: os.killpg(group, signal.SIGKILL))
        timer.start()
        yield server
        timer.join()


@pytest.mark.slow
def test_kill_9_loses_tears_and_leaks_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("OSSIA_KILL_SEED", "20261121"))
    chance = random.Random(seed)
    writers: list[Writer] = []
    acknowledged = 0
    for cycle in range(CYCLES):
        with killed(tmp_path, chance.uniform(0.05, 0.8)) as server:
            client = SigningClient(server.endpoint, "AK", "SK", timeout_s=10)
            if cycle == 0:
                writers = [Writer(n, client, random.Random(seed + n)) for n in range(WRITERS)]
            try:
                assert client.request("PUT", BUCKET).status == 200
                for writer in writers:
                    writer.client = client
                    writer.check()
            except OSError:
                continue
            stop = threading.Event()
            threads = [threading.Thread(target=writer.run, args=(stop,)) for writer in writers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
                assert not thread.is_alive()
        acknowledged = sum(writer.turn for writer in writers)
    with running_server(
        tmp_path, "--root-access-key-id", "AK", "--root-access-key-secret", "SK"
    ) as server:
        for writer in writers:
            writer.client = SigningClient(server.endpoint, "AK", "SK")
            writer.check()
            assert writer.failures == []
    assert acknowledged > CYCLES
    print(f"{CYCLES} kills, {acknowledged} writes, 0 lost, 0 torn")
    asyncio.run(_nothing_leaks(tmp_path / "data"))


class MovedClock:
    """A clock that is moved by hand."""

    def __init__(self, now_ms: int) -> None:
        self.now = now_ms

    def now_ms(self) -> int:
        return self.now


async def _nothing_leaks(data: Path) -> None:
    """After collection the store holds exactly the blobs that objects and parts name."""
    clock = MovedClock(time.time_ns() // 1_000_000)
    metadata = in_file(data, clock)
    blobs = FileBlobStore(data)
    try:
        collector = Collector(metadata, blobs, clock)
        for _ in range(4):
            clock.now += 3 * DAY_MS
            await collector.sweep()
        # A file may be older than its intent by a moment; if the kill fell into it, no row knows the
        # file, and the daily sifting finds it.
        await collector.sift()
        named = await _named_blobs(metadata)
        kept = {blob_id async for blob_id in blobs.ids(unchanged_since=clock.now)}
        assert kept == named
        on_disk = [path for path in (data / "blobs").rglob("*") if path.is_file()]
        assert len(on_disk) == len(named)
    finally:
        await metadata.close()
        with suppress(AttributeError):
            blobs.close()


async def _named_blobs(metadata: Stored) -> set[str]:
    bucket = await metadata.find_bucket(BUCKET)
    assert bucket is not None
    named: set[str] = set()
    page = await metadata.list_objects(bucket.id, prefix="", delimiter="", after="", limit=1000)
    assert page.next_after is None
    for listed in page.objects:
        stored = await metadata.find_object(bucket.id, listed.key)
        assert stored is not None
        named.update(extent.blob_id for extent in stored.extents)
    key, upload_id = "", ""
    while True:
        uploads = await metadata.list_uploads(
            bucket.id, prefix="", delimiter="", after_key=key, after_upload_id=upload_id, limit=1000
        )
        for upload in uploads.uploads:
            for part in await metadata.list_parts(upload.id, 0, 10_000):
                named.update(extent.blob_id for extent in part.extents)
        if uploads.next_key is None or uploads.next_upload_id is None:
            break
        key, upload_id = uploads.next_key, uploads.next_upload_id
    return named
