"""``ossia backup`` and ``ossia restore`` with real processes, on both engines."""

import asyncio
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import oss2  # type: ignore[import-untyped]
import pytest
from backing_up import Backups, await_more, check_one_moment, writing
from test_migrate import (
    Place,
    a_folder,
    at_a_time,
    bucket_of,
    content,
    fill,
    owe,
    put_small,
    seen,
    shared,
    stored,
)

from ossia.adapters.sqlite.source import identity_records
from ossia.adapters.system import SystemClock
from ossia.client.signing_client import SigningClient
from ossia.domain.objects.collector import Collector
from ossia.node.backup.repository import open_repository
from ossia.node.backup.secret import Secret
from ossia.node.backup.verify import verify
from ossia.node.migration.form import settings_of
from ossia.node.progress import Progress
from ossia.node.shared_database import shared_database
from ossia.node.stores import open_blobs
from ossia.settings import SettingsError
from ossia.testing.inbox import Inbox
from postgres_server import PostgresServer
from running import ROOT_KEY, Server
from s3_engine import S3Engine, needs_engine

pytestmark = pytest.mark.slow

FLIPS = 200
RESTING = 4000


def source_of(place: Place) -> list[str]:
    """How ``ossia backup run`` is told of it."""
    return ["--config" if place.named.suffix == ".toml" else "--data", str(place.named)]


def bodies(server: Server, bucket: str) -> dict[str, bytes]:
    there = bucket_of(server, bucket)
    return {each.key: there.get_object(each.key).read() for each in oss2.ObjectIterator(there)}


@contextmanager
def collecting(place: Place) -> Iterator[list[int]]:
    """Collect garbage without a pause; how much it was."""
    end, collected = threading.Event(), [0]

    async def collect() -> None:
        settings = settings_of(place.named)
        database = shared_database(settings, SystemClock())
        blobs: Any = open_blobs(settings, settings.data, SystemClock())
        collector = Collector(database, blobs, SystemClock())
        while not end.is_set():
            collected[0] += await collector.sweep()
            await asyncio.sleep(0.05)
        await database.close()

    thread = threading.Thread(target=lambda: asyncio.run(collect()))
    thread.start()
    try:
        yield collected
    finally:
        end.set()
        thread.join()


def back_up_under_load(server: Server, place: Place, backups: Backups, target: Place) -> None:
    """And restore it; what is there then is as it was at one moment of the backup."""
    client = SigningClient(server.endpoint, *ROOT_KEY)
    assert {client.request("PUT", name).status for name in ("moving", "migrated")} == {200}
    # Rows enough that reading them takes a while.
    at_a_time(partial(put_small, client), range(RESTING))
    with writing(server.endpoint, ROOT_KEY) as writers:
        await_more(writers, 30)
        begun = {each.name: each.told for each in writers}
        backups.ran("run", *source_of(place))
        ended = {each.name: len(each.changes) for each in writers}
        await_more(writers, 10)
    backups.ran("verify")
    assert backups.ran("restore", "--to", str(target.named))["event"] == "done"
    with target.served(target.named.parent) as restored:
        check_one_moment(writers, bodies(restored, "moving"), begun, ended)


def test_a_folder_under_load(tmp_path: Path) -> None:
    place, target = a_folder(tmp_path / "old"), a_folder(tmp_path / "new")
    with place.served(tmp_path / "old") as server:
        back_up_under_load(server, place, Backups.new(tmp_path), target)


@needs_engine
def test_gateways_under_load_while_garbage_is_collected(
    tmp_path: Path, postgres: PostgresServer, s3_engine: S3Engine
) -> None:
    place, target = (shared(tmp_path / name, postgres, s3_engine) for name in ("old", "new"))
    with place.served(tmp_path / "old", "--blobs-grace", "0.1") as server:
        with collecting(place) as collected:
            back_up_under_load(server, place, Backups.new(tmp_path), target)
        assert collected[0] > 0


@needs_engine
def test_everything_there_is_on_the_other_engine_and_back(
    tmp_path: Path, postgres: PostgresServer, s3_engine: S3Engine
) -> None:
    forms = (
        a_folder(tmp_path / "one"),
        shared(tmp_path / "two", postgres, s3_engine),
        a_folder(tmp_path / "three"),
    )
    with Inbox() as inbox:
        with forms[0].served(tmp_path / "one") as server:
            known = fill(server)
            owed = owe(server, inbox, "owed")
        for at in (0, 1):
            backups = Backups.new(tmp_path / f"backups{at}")
            with forms[at].served(forms[at].named.parent, "--read-only") as server:
                before = seen(server)
                backups.ran("run", *source_of(forms[at]))
            backups.ran("restore", "--to", str(forms[at + 1].named))
            there, here = stored(forms[at]), stored(forms[at + 1])
            for name, rows in there.items():
                assert here[name] == rows, name
            assert here["pending"]
            assert here["part"]
            with forms[at + 1].served(forms[at + 1].named.parent, "--read-only") as server:
                assert seen(server) == before
        inbox.clear()
        inbox.answer()
        with forms[2].served(tmp_path / "three") as server:
            assert {each.headers["webhook-id"] for each in inbox.wait(timeout_s=60)} == {owed}
            bucket = bucket_of(server)
            part = oss2.models.PartInfo(1, known["etag"])
            bucket.complete_multipart_upload("unfinished", known["upload"], [part])
            alice = oss2.Auth(known["key"]["AccessKeyId"], known["key"]["AccessKeySecret"])
            got = oss2.Bucket(alice, server.endpoint, "migrated").get_object("small/00003")
            assert got.read() == bucket.get_object("small/00003").read()


@contextmanager
def with_objects(place: Place, count: int, size: int) -> Iterator[Server]:
    """A server that has so many."""
    with place.served(place.named.parent) as server:
        bucket_of(server).create_bucket()
        for number in range(count):
            bucket_of(server).put_object(f"k/{number:03}", content(number, size))
        yield server


def test_only_what_is_new_is_copied_and_what_only_old_points_need_goes(tmp_path: Path) -> None:
    place, backups = a_folder(tmp_path / "old"), Backups.new(tmp_path)
    with place.served(tmp_path / "old") as server:
        bucket = bucket_of(server)
        bucket.create_bucket()
        for number in range(3000):
            bucket.put_object(f"small/{number:04}", b"%d" % number)
        for number in range(10):
            bucket.put_object(f"large/{number}", content(number, 100_000))
        first = backups.ran("run", *source_of(place))
        assert (first["objects"], first["new_blobs"], first["new_bytes"]) == (3010, 10, 1_000_000)
        assert first["new_sheaves"] == first["sheaves"] > 8
        again = backups.ran("run", *source_of(place))
        assert (again["new_blobs"], again["new_bytes"], again["new_sheaves"]) == (0, 0, 0)
        for number in range(3):
            bucket.put_object(f"large/more{number}", content(number, 50_000))
        bucket.delete_object("large/0")
        third = backups.ran("run", *source_of(place))
        assert (third["blobs"], third["new_blobs"], third["new_bytes"]) == (12, 3, 150_000)
        assert third["new_sheaves"] < third["sheaves"] / 2
    kept = backups.ran("forget", "--keep-last", "1")
    assert kept["kept"] == [third["point"]]
    assert kept["gone"] == [first["point"], again["point"]]
    assert len([*(backups.path / "blobs").glob("*/*")]) == 12
    assert backups.ran("verify")["objects"] == 3012


def test_what_was_killed_is_continued(tmp_path: Path) -> None:
    place, backups, target = a_folder(tmp_path / "old"), Backups.new(tmp_path), tmp_path / "new"
    chance, killed = random.Random(7), 0
    with with_objects(place, 400, 30_000):
        for _ in range(10):
            began = time.time_ns() // 1_000_000
            _, was_running = backups.stop_when(
                partial(is_held_since, place.named, began), signal.SIGKILL, "run",
                *source_of(place), after_s=chance.uniform(0, 0.8),
            )  # fmt: skip
            killed += was_running
        done = backups.ran("run", *source_of(place))
    assert killed
    assert done["objects"] == 400
    assert not [*backups.path.glob("**/*.part")]
    assert backups.ran("verify")["whole"]
    for after_s in (0, 0.3, 0.6):
        # What is marked is resumed: then it is killed so long after it was started.
        backups.stop_when(
            partial(is_unfinished, target), signal.SIGKILL, "restore", "--to", str(target),
            after_s=after_s,
        )  # fmt: skip
        assert is_unfinished(target)
        with (
            pytest.raises(AssertionError, match="not finished"),
            served_at(a_folder(tmp_path / "elsewhere"), target),
        ):
            pass
    if not (target / "keys.json").exists():
        backups.ran("restore", "--to", str(target))
    with served_at(a_folder(tmp_path / "elsewhere"), target) as server:
        assert len(bodies(server, "migrated")) == 400


def test_who_is_interrupted_holds_nothing(tmp_path: Path) -> None:
    place, backups = a_folder(tmp_path / "old"), Backups.new(tmp_path)
    with with_objects(place, 30, 3_000_000):
        code, held = backups.stop_when(
            lambda: bool(identity_records(place.named, "hold")), signal.SIGINT, "run",
            *source_of(place),
        )  # fmt: skip
        assert held
        assert code == 130
        assert not identity_records(place.named, "hold")
        assert not [*(backups.path / "points").glob("*")]
        assert backups.ran("run", *source_of(place))["objects"] == 30


def is_held_since(data: Path, began_ms: int) -> bool:
    """Whether a backup that began then has the collector stand still."""
    records = identity_records(data, "hold").values()
    return any(msgspec.msgpack.decode(each)[0] >= began_ms for each in records)


def is_unfinished(data: Path) -> bool:
    """Whether a restore into it has begun and not ended."""
    return "migration" in identity_records(data, "setting")


@contextmanager
def served_at(place: Place, data: Path) -> Iterator[Server]:
    with place.served(data.parent / "served", "--data", str(data)) as server:
        yield server


def test_whatever_changes_in_a_repository_is_found(tmp_path: Path) -> None:
    place, backups = a_folder(tmp_path / "old"), Backups.new(tmp_path)
    with place.served(tmp_path / "old") as server:
        bucket = bucket_of(server)
        bucket.create_bucket()
        for number in range(12):
            bucket.put_object(f"k/{number}", content(number, number * 6_000))
        bucket.put_object("large", content(99, 1_200_000))
        backups.ran("run", *source_of(place))
        files = sorted(each for each in backups.path.glob("**/*") if each.is_file())
        files = [each for each in files if each.stat().st_size]
        assert is_whole(backups)
        chance = random.Random(11)
        for _ in range(FLIPS):
            file = chance.choice(files)
            before = file.read_bytes()
            flipped = bytearray(before)
            bit = chance.randrange(8 * len(before))
            flipped[bit // 8] ^= 1 << bit % 8
            file.write_bytes(flipped)
            assert not is_whole(backups), (file, bit)
            file.write_bytes(before)
        for file in files:
            moved = file.rename(tmp_path / "moved")
            assert not is_whole(backups), file
            moved.rename(file)
        first, second = [each for each in files if each.parent.parent.name == "blobs"][:2]
        swapped = first.read_bytes()
        first.write_bytes(second.read_bytes())
        run = backups.run("verify")
        assert run.code == 1
        assert run.last["damaged"] == 1
        assert {each["event"] for each in run.events} >= {"damaged", "lacking"}
        refused = backups.run("restore", "--to", str(tmp_path / "new"))
        assert refused.code == 2
        assert "damaged" in refused.errors
        assert backups.run("verify", "--remove-damaged").code == 1
        assert backups.ran("run", *source_of(place))["new_blobs"] == 1
        assert backups.ran("verify")["whole"]
        assert first.read_bytes() != swapped


def is_whole(backups: Backups) -> bool:
    """As ``ossia backup verify`` says, which starts no process for this."""

    async def look() -> bool:
        repository = open_repository(backups.path, Secret(backups.key, ""))
        told = Progress(as_json=True)
        return await verify(repository, None, told, None, remove_damaged=False)

    try:
        return asyncio.run(look())
    except SettingsError:
        return False


def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    place, backups = a_folder(tmp_path / "old"), Backups.new(tmp_path)

    def refusal(name: str, *more: str, at: Backups = backups) -> str:
        run = at.run(name, *more)
        assert run.code == 2, run
        return run.errors

    other = a_folder(tmp_path / "other")
    for each, folder in ((place, "old"), (other, "other")):
        with each.served(tmp_path / folder) as server:
            bucket_of(server).create_bucket()
    assert "no point yet" in refusal("restore", "--to", str(tmp_path / "new"))
    with open_repository(backups.path, Secret(backups.key, "")).writing():
        assert "Another backup writes" in refusal("run", *source_of(place))
    backups.ran("run", *source_of(place))
    with open_repository(backups.path, Secret(backups.key, "")).reading():
        assert "Somebody reads" in refusal("forget", "--keep-last", "1")
        assert backups.ran("verify")["whole"]
    assert "another" in refusal("run", *source_of(other)) or "account" in refusal(
        "run", *source_of(other)
    )
    assert "holds something" in refusal("restore", "--to", str(other.named))
    assert "not a data folder" in refusal("run", "--data", str(tmp_path / "nowhere"))
    assert "what is to be kept" in refusal("forget")
    wrong = Backups(backups.path, Backups.new(tmp_path / "second").key)
    assert "not the key" in refusal("list", at=wrong)
    assert "not empty" in refusal("init")
    inside = Backups(tmp_path / "third", tmp_path / "third" / "key")
    assert "away from the repository" in refusal("init", at=inside)
    label = backups.path / "ossia-backup.json"
    label.write_text(label.read_text().replace('"format": 1', '"format": 2'))
    assert "newer Ossia" in refusal("list")
