"""A backup of both halves to one point in time, as docs/scale.md describes it, and its return."""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import obstore
import pytest

from ossia.adapters.system import SystemClock
from ossia.client.signing_client import SigningClient
from ossia.domain.objects.collector import Collector
from ossia.node.engine import blob_engine
from ossia.node.shared_database import shared_database
from ossia.settings import load
from postgres_server import PostgresServer, new_folder, running_postgres, serving
from running import ROOT_KEY, running_server
from s3_engine import S3Engine, needs_engine

pytestmark = [pytest.mark.slow, needs_engine]

KEYS = 24
SIZES = (0, 900, 20_000, 70_000, 400_000)
"""Some in their row, some in the engine."""
HOUR_S = 3600
POINT = "backup"


class Writer:
    """Stores, replaces and deletes, one key after the other; knows what each may hold."""

    def __init__(self, client: SigningClient) -> None:
        self._client = client
        self._chance = random.Random(1)
        self.tried: dict[str, list[bytes | None]] = {f"k{n}": [None] for n in range(KEYS)}
        """What was sent; what came before the last may not have been acknowledged yet."""
        self.acknowledged = dict.fromkeys(self.tried, 0)
        """Which of these was acknowledged last."""
        self.count = 0

    def write(self) -> None:
        key = self._chance.choice(list(self.tried))
        size = self._chance.choice(SIZES)
        content = None if self._chance.random() < 0.2 else self._chance.randbytes(size)
        self.tried[key].append(content)
        if content is None:
            reply = self._client.request("DELETE", "kept", key)
        else:
            reply = self._client.request("PUT", "kept", key, body=content)
        assert reply.status in (200, 204), reply.body
        self.acknowledged[key] = len(self.tried[key]) - 1
        self.count += 1

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Write in the background."""
        end = threading.Event()

        def go() -> None:
            while not end.is_set():
                self.write()

        thread = threading.Thread(target=go)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()

    def wait(self, more: int) -> None:
        """Until it has written so many times more."""
        until, moment = self.count + more, threading.Event()
        while self.count < until:
            moment.wait(0.02)


@dataclass(frozen=True)
class Deployment:
    """A database and a bucket, with the master key that is kept apart from both."""

    url: str
    engine: S3Engine
    bucket: str
    key: Path

    @contextmanager
    def served(self, folder: Path) -> Iterator[SigningClient]:
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in self._settings.items()]
        root = ("--root-access-key-id", ROOT_KEY[0], "--root-access-key-secret", ROOT_KEY[1])
        with running_server(folder, "--metadata", self.url, *flags, *root) as server:
            yield SigningClient(server.endpoint, *ROOT_KEY)

    @property
    def _settings(self) -> dict[str, str]:
        return {
            "blobs": self.engine.url(self.bucket),
            "blobs_access_key_id": self.engine.access_key_id,
            "blobs_access_key_secret": self.engine.access_key_secret,
            "master_key_file": str(self.key),
        }

    def collect(self, later_s: int) -> None:
        """What a gateway will have collected by then."""

        async def run() -> None:
            settings = load({"metadata": self.url, **self._settings}, {})
            clock = Later(later_s)
            database, engine = shared_database(settings, clock), blob_engine(settings)
            assert engine is not None
            await Collector(database, engine.store(None), clock).sweep()
            await database.close()

        asyncio.run(run())

    def copy_bucket(self, bucket: str) -> None:
        """Every name with its bytes, as ``rclone copy`` does."""
        here, there = self.engine.store(self.bucket), self.engine.store(bucket)
        for page in obstore.list(here):
            for each in page:
                obstore.put(there, each["path"], obstore.get(here, each["path"]).bytes())


@dataclass(frozen=True)
class Later:
    """A clock that is ahead."""

    later_s: int

    def now_ms(self) -> int:
        return SystemClock().now_ms() + self.later_s * 1000


@contextmanager
def restored(backup: Path, archive: Path) -> Iterator[PostgresServer]:
    """A server from the base backup and the archive, as it was at `POINT`."""
    (backup / "data" / "recovery.signal").touch()
    with serving(
        backup,
        restore_command=f"cp {archive}/%f %p",
        recovery_target_name=POINT,
        recovery_target_action="promote",
    ) as server:
        server.await_true("select 1 where not pg_is_in_recovery()")
        yield server


def test_what_was_acknowledged_before_a_point_in_time_comes_back(
    tmp_path: Path, s3_engine: S3Engine
) -> None:
    bucket, copy = s3_engine.new_bucket(), s3_engine.new_bucket()
    with ExitStack() as held:
        archive, backup = (held.enter_context(new_folder()) for _ in range(2))
        with running_postgres(archive_mode="on", archive_command=f"cp %p {archive}/%f") as postgres:
            source = Deployment(postgres.fresh(), s3_engine, bucket, tmp_path / "master.key")
            with source.served(tmp_path / "first") as client:
                assert client.request("PUT", "kept").status == 200
                writer = Writer(client)
                with writer.going_on():
                    writer.wait(2 * KEYS)
                    postgres.back_up(backup)
                    writer.wait(2 * KEYS)
                    before = dict(writer.acknowledged)
                    postgres.mark_point(POINT)
                    after = {name: len(tried) for name, tried in writer.tried.items()}
                    # Most is replaced, and all but an hour goes by until it is copied.
                    writer.wait(8 * KEYS)
                    source.collect(HOUR_S - 60)
                    source.copy_bucket(copy)
            postgres.archive_all()
        with restored(backup, archive) as postgres:
            url = postgres.url(source.url.rpartition("/")[2])
            target = replace(source, url=url, bucket=copy)
            with target.served(tmp_path / "second") as client:
                for name, tried in writer.tried.items():
                    reply = client.request("GET", "kept", name)
                    assert reply.status in (200, 404)
                    found = reply.body if reply.status == 200 else None
                    assert found in tried[before[name] : after[name]], name
                assert client.request("PUT", "kept", "later", body=bytes(70_000)).status == 200
