"""What the modes ``outbox`` and ``commit-on-200`` promise, under kills of server and receiver.

``OSSIA_CALLBACK_UPLOADS`` sets the number of uploads of each mode (the release figure is 10 000).
"""

import base64
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ossia.client.signing_client import SigningClient
from ports import free_port
from running import Server, running_server

UPLOADS = int(os.environ.get("OSSIA_CALLBACK_UPLOADS", "400"))
BUCKET = "guarantee-bucket"
UPLOADERS = 8
KEYS = ("--root-access-key-id", "AK", "--root-access-key-secret", "SK")
RECEIVER = Path(__file__).with_name("noting_receiver.py")
DELIVERED_WITHIN_S = 120


class Receiver:
    """The application server in a process of its own, started again whenever it was killed."""

    def __init__(self, folder: Path, refused: int) -> None:
        self.port = free_port()
        self.file = folder / "notes.jsonl"
        self._refused = refused
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        arguments = [str(RECEIVER), str(self.port), str(self.file), str(self._refused)]
        self._process = subprocess.Popen([sys.executable, *arguments])

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def notes(self) -> list[dict[str, object]]:
        with suppress(FileNotFoundError):
            return [json.loads(line) for line in self.file.read_text().splitlines()]
        return []


@dataclass
class Uploads:
    """Uploads keys that are never used twice until there are enough; counts what was answered."""

    callback: str
    wanted: int
    client: SigningClient | None = None
    answers: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    stored_keys: set[str] = field(default_factory=set)
    next_number: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, dead: threading.Event) -> None:
        while not dead.is_set():
            with self.lock:
                if self.next_number >= self.wanted:
                    return
                self.next_number += 1
                key = f"k{self.next_number:06d}"
            if not self.upload(key):
                return

    def upload(self, key: str) -> bool:
        assert self.client is not None
        try:
            reply = self.client.request(
                "PUT", BUCKET, key, body=key.encode(), headers={"x-oss-callback": self.callback}
            )
        except OSError:
            return False
        with self.lock:
            self.answers[reply.status] += 1
            if reply.status == 200:
                self.stored_keys.add(key)
        assert reply.status in (200, 203), (reply.status, reply.body)
        return True


@contextmanager
def dying(server: Server, receiver: Receiver, chance: random.Random) -> Iterator[threading.Event]:
    """Kill the server's processes after a while, and the receiver in between."""
    dead = threading.Event()

    def kill() -> None:
        for _ in range(chance.randrange(3)):
            time.sleep(chance.uniform(0.02, 0.15))
            receiver.kill()
            time.sleep(chance.uniform(0, 0.1))
            receiver.start()
        time.sleep(chance.uniform(0.03, 0.4))
        dead.set()
        os.killpg(server.process.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    yield dead
    killer.join()


def objects_in(client: SigningClient) -> set[str]:
    """Every key of the bucket."""
    found: set[str] = set()
    marker = ""
    while True:
        query = [("max-keys", "1000"), ("marker", marker)]
        reply = client.request("GET", BUCKET, query=query)
        assert reply.status == 200
        keys = [part.partition("</Key>")[0] for part in reply.body.decode().split("<Key>")[1:]]
        found.update(keys)
        if b"<IsTruncated>true" not in reply.body:
            return found
        marker = keys[-1]


def upload_under_kills(folder: Path, receiver: Receiver, mode: str) -> Uploads:
    """Upload everything while server and receiver are killed at random moments."""
    seed = int(os.environ.get("OSSIA_KILL_SEED", "20261121"))
    chance = random.Random(seed)
    fields = {
        "callbackUrl": f"http://127.0.0.1:{receiver.port}/cb",
        "callbackBody": "object=${object}",
    }
    uploads = Uploads(base64.b64encode(json.dumps(fields).encode()).decode(), UPLOADS)
    kills = 0
    while uploads.next_number < uploads.wanted:
        with (
            running_server(folder, *KEYS, *flags(mode)) as server,
            dying(server, receiver, chance) as dead,
        ):
            kills += 1
            uploads.client = SigningClient(server.endpoint, "AK", "SK", timeout_s=10)
            with suppress(OSError):
                assert uploads.client.request("PUT", BUCKET).status == 200
                threads = [
                    threading.Thread(target=uploads.run, args=(dead,)) for _ in range(UPLOADERS)
                ]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join(60)
                    assert not thread.is_alive()
    print(f"{mode}: {uploads.wanted} uploads, {kills} kills of the server, {dict(uploads.answers)}")
    return uploads


def flags(mode: str) -> tuple[str, ...]:
    return ("--callback-mode", mode, "--callback-timeout", "0.5", "--workers", "2")


@pytest.mark.slow
def test_an_outbox_delivers_everything_that_is_stored(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, refused=0)
    try:
        uploads = upload_under_kills(tmp_path, receiver, "outbox")
        with running_server(tmp_path, *KEYS, *flags("outbox")) as server:
            client = SigningClient(server.endpoint, "AK", "SK")
            stored = objects_in(client)
            end = time.monotonic() + DELIVERED_WITHIN_S
            missing = stored
            while missing and time.monotonic() < end:
                missing = stored - {str(note["key"]) for note in receiver.notes()}
                time.sleep(0.2)
            assert not missing, f"{len(missing)} of {len(stored)} were never delivered"
        assert uploads.stored_keys <= stored
        ids = defaultdict(set)
        for note in receiver.notes():
            ids[note["key"]].add(note["id"])
        assert all(len(each) == 1 and "" not in each for each in ids.values())
        print(f"{len(stored)} stored, {len(receiver.notes())} deliveries, one id for each object")
    finally:
        receiver.kill()


@pytest.mark.slow
def test_nothing_is_visible_that_was_not_accepted(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, refused=40)
    try:
        uploads = upload_under_kills(tmp_path, receiver, "commit-on-200")
        with running_server(tmp_path, *KEYS, *flags("commit-on-200")) as server:
            stored = objects_in(SigningClient(server.endpoint, "AK", "SK"))
        accepted = {str(note["key"]) for note in receiver.notes() if note["accepted"]}
        refused = {str(note["key"]) for note in receiver.notes() if not note["accepted"]}
        assert not stored - accepted
        assert refused
        assert uploads.stored_keys <= stored
        assert uploads.answers[203] > 0 < uploads.answers[200]
        print(f"{len(stored)} stored, {len(accepted)} accepted, {len(refused)} refused")
    finally:
        receiver.kill()
