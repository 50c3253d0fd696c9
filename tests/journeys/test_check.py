"""``ossia check`` and the scrub find whatever is damaged, name it, and accuse nothing else."""

import asyncio
import io
import json
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from checking import BUCKET, Checked, checked, fill, flip
from ossia.adapters.filesystem import FileBlobStore
from ossia.adapters.sqlite import SqliteDatabase
from ossia.adapters.sqlite.page_checksums import FILE, PAGE, connect
from ossia.adapters.system import SystemClock
from ossia.domain.encryption.kms_keys import KmsKeys
from ossia.domain.identity.store import IdentityStore
from ossia.domain.objects.encryption import ObjectKeys
from ossia.domain.objects.scrub import Progress, Scrub, progress_of
from ossia.node.checking.check import Wish, check
from ossia.node.master_key import folder_seal
from ossia.settings import load
from ossia.tables.columns import unpack_extents
from postgres_server import PostgresServer
from running import ROOT_KEY, Server, running_server, signer, workers_of

pytestmark = pytest.mark.slow

FLIPS = 1000
AT_ONCE = 20


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server that was stopped, with something of every kind in it."""
    folder = tmp_path_factory.mktemp("checked")
    with running_server(folder) as server:
        fill(signer(server))
    return folder / "data"


@pytest.fixture
def data(filled: Path, tmp_path: Path) -> Path:
    """A copy of it to be harmed."""
    return Path(shutil.copytree(filled, tmp_path / "data"))


def checked_here(data: Path, *, reads: bool = True) -> Checked:
    """The same as a run of the command, in this process: a thousand of them take a while."""
    output = io.StringIO()
    with redirect_stdout(output):
        code = check(load({"data": str(data)}, {}, None), Wish(reads=reads), as_json=True)
    events = [json.loads(line) for line in output.getvalue().splitlines()]
    return Checked(code, events, "")


def blobs_of(data: Path) -> list[Path]:
    return sorted(path for path in (data / "blobs").rglob("*") if path.is_file())


def random_flips(data: Path, count: int, chance: random.Random) -> dict[Path, list[int]]:
    """*count* bits anywhere in bytes of objects and in metadata, each in another blob or page."""
    files = [*blobs_of(data), data / FILE]
    sizes = [file.stat().st_size for file in files]
    found: dict[tuple[Path, int], int] = {}
    while len(found) < count:
        (file,) = chance.choices(files, sizes)
        bit = chance.randrange(file.stat().st_size * 8)
        found.setdefault((file, bit // 8 // PAGE if file.name == FILE else 0), bit)
    flips: dict[Path, list[int]] = {}
    for (file, _), bit in found.items():
        flips.setdefault(file, []).append(bit)
    return flips


def owners(data: Path) -> dict[str, str]:
    """What a damaged blob is told as."""
    connection = connect(data / FILE)
    try:
        rows = [
            (blob, key, version)
            for table in ("object", "former")
            for blob, key, version in connection.execute(
                f"select blob_id, key, version from {table} where blob_id is not null"  # noqa: S608 - names of ours
            )
        ]
        rows += connection.execute("select blob_id, key, version from extent").fetchall()
        uploads = dict(connection.execute("select id, key from upload").fetchall())
        for upload, extents in connection.execute("select upload_id, extents from part"):
            rows += [(each.blob_id, uploads[upload], upload) for each in unpack_extents(extents)]
    finally:
        connection.close()
    return {blob: f"{key} {version}" for blob, key, version in rows}


def test_what_is_whole_is_told_whole(data: Path) -> None:
    found = checked("--data", str(data))
    assert (found.code, found.damage, found.of("mendable"), found.errors) == (0, [], [], "")
    (done,) = found.of("done")
    assert done["outcome"] == "sound"
    assert done["objects"] > 30
    assert done["bytes"] > 3_000_000
    assert checked("--data", str(data), "--quick").code == 0


def test_a_thousand_flips_are_found_and_named(data: Path) -> None:
    """Each check has many to find, and may name nothing else."""
    chance = random.Random(11)
    owner = owners(data)
    flipped = 0
    while flipped < FLIPS:
        flips = random_flips(data, AT_ONCE, chance)
        pages = {data / FILE: flips.pop(data / FILE, [])}
        _flip(flips)
        found = checked_here(data)
        _flip(flips)
        assert found.code == 1
        told = {f"{each['key']} {each['version']}" for each in found.of("damage")}
        assert told == {owner[path.name] for path in flips}
        # Rows that are damaged may end it before the bytes are read: every page is named before.
        _flip(pages)
        found = checked_here(data)
        _flip(pages)
        told = {each["text"] for each in found.of("damage") if each["kind"] == "metadata"}
        assert told == {
            f"page {bit // 8 // PAGE + 1} of {FILE} is not what was written"
            for bit in pages[data / FILE]
        }
        flipped += AT_ONCE
    assert checked_here(data).code == 0


def _flip(flips: dict[Path, list[int]]) -> None:
    for path, bits in flips.items():
        for bit in bits:
            flip(path, bit)


async def scrubbed(data: Path) -> Progress:
    """One pass of the scrub, as fast as it goes."""
    clock = SystemClock()
    database = SqliteDatabase(data, clock)
    blobs = FileBlobStore(data)
    try:
        kms = KmsKeys(IdentityStore(database, clock), clock, folder_seal(data), "1" * 16)
        scrub = Scrub(database, blobs, ObjectKeys(kms), clock, period_ms=1, note=lambda *_: None)

        async def has_duty() -> bool:
            return True

        await scrub.run(has_duty)
        progress = await progress_of(database)
    finally:
        blobs.close()
        await database.close()
    assert progress is not None
    assert progress.ended_at
    return progress


def test_the_scrub_finds_a_thousand_flips(data: Path) -> None:
    chance = random.Random(12)
    owner = owners(data)
    flipped = 0
    asyncio.run(scrubbed(data))
    while flipped < FLIPS:
        # Where pages are damaged that it needs itself, the server does not start: see below.
        flips = random_flips(data, AT_ONCE, chance)
        pages = flips.pop(data / FILE, [])
        _flip(flips)
        progress = asyncio.run(scrubbed(data))
        _flip(flips)
        assert {f"{each.key} {each.version}" for each in progress.flaws} == {
            owner[path.name] for path in flips
        }
        assert progress.damaged == len(progress.flaws)
        if pages:
            assert _page_flaws(data, pages) == {bit // 8 // PAGE + 1 for bit in pages}
        flipped += AT_ONCE
    assert asyncio.run(scrubbed(data)).damaged == 0


def _page_flaws(data: Path, bits: list[int]) -> set[int]:
    """The pages that the database of a server that has them open finds damaged."""

    async def find() -> set[int]:
        database = SqliteDatabase(data, SystemClock())
        try:
            _flip({data / FILE: bits})

            async def pace(_: int) -> None:
                pass

            return {int(flaw.split()[1]) async for flaw in database.flaws(pace)}
        finally:
            _flip({data / FILE: bits})
            await database.close()

    return asyncio.run(find())


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """The data folder of a server that was killed: its last changes are in the log."""
    with running_server(tmp_path) as server:
        fill(signer(server), each=2)
        supervisor = server.process.pid
        workers = workers_of(server)
        # It would start others in their place; and they would end well if it were killed first.
        os.kill(supervisor, signal.SIGSTOP)
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        server.process.kill()
        server.process.wait()
    return tmp_path / "data"


@pytest.mark.parametrize("has_index", [True, False])
def test_a_flip_in_the_log_is_found_before_it_is_used(killed: Path, has_index: bool) -> None:
    log = killed / f"{FILE}-wal"
    assert log.stat().st_size > PAGE * 20
    if not has_index:
        (killed / f"{FILE}-shm").unlink()
    kept = {path: path.read_bytes() for path in killed.glob(f"{FILE}*")}
    chance = random.Random(3)
    for _ in range(10):
        flip(log, chance.randrange((log.stat().st_size - 2 * PAGE) * 8))
        found = checked_here(killed)
        assert found.code == 1
        assert f"the log {FILE}-wal is broken at frame" in found.damage[0]
        for path, content in kept.items():
            path.write_bytes(content)
        if not has_index:
            # Whoever has looked has made one.
            (killed / f"{FILE}-shm").unlink(missing_ok=True)
    assert checked_here(killed).code == 0
    # It changes nothing: the log is the server's to move.
    assert log.read_bytes() == kept[log]


def test_lost_bytes_are_found_without_reading_any(data: Path) -> None:
    owner = owners(data)
    lost = blobs_of(data)[3]
    lost.unlink()
    for reads in (True, False):
        found = checked_here(data, reads=reads)
        assert found.code == 1
        (told_of,) = found.of("damage")
        assert f"{told_of['key']} {told_of['version']}" == owner[lost.name]
        assert told_of["verdict"] == "gone"


WRONG = {
    "usage": "update bucket_usage set objects = objects + 3, storage_bytes = 0",
    "class usage": "insert into class_usage values (1, 0, 'IA', 5, 5, 1)",
    "references": "update blob set refs = refs + 1 where state = 1",
    "too few references": "update blob set refs = refs - 1 where state = 1",
    "named, and garbage": "update blob set state = 2, refs = 0, lease_until = 1 where state = 1",
    "named, and unknown": "delete from blob where state = 1",
    "bytes of nothing": "insert into content (bytes) values (x'00')",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_counted_wrong_is_set_right(data: Path, wrong: str) -> None:
    harm(data, WRONG[wrong])
    found = checked_here(data)
    assert (found.code, found.damage) == (3, [])
    assert found.of("mendable")
    mended = checked("--data", str(data), "--repair")
    assert (mended.code, len(mended.of("mended"))) == (0, 1)
    after = checked_here(data)
    assert (after.code, after.of("mendable")) == (0, [])
    with running_server(data.parent) as server:
        assert signer(server).request("GET", BUCKET, "pieces/0").status == 200


def harm(data: Path, statement: str) -> None:
    connection = connect(data / FILE)
    connection.execute(statement)
    connection.close()


BEYOND = {
    "content that is not there": "delete from content where id = (select min(id) from content)",
    "pieces that are not there": "delete from extent where seq = 0",
    "pieces of nothing": "update extent set key = 'elsewhere' where key = 'pieces/0'",
    "a bucket that is not there": "delete from bucket",
    "an upload that is not there": "delete from upload",
}


@pytest.mark.parametrize("wrong", BEYOND)
def test_what_rows_lack_is_told(data: Path, wrong: str) -> None:
    harm(data, BEYOND[wrong])
    found = checked_here(data)
    assert found.code == 1
    assert any(each["kind"] == "rows" for each in found.of("damage"))
    assert checked("--data", str(data), "--repair").code == 1


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path) as running:
        fill(signer(running), each=3)
        yield running


def test_it_looks_beside_a_server_that_writes(server: Server) -> None:
    """Nothing that comes, goes or is replaced meanwhile is told as damaged."""
    client = signer(server)
    data = str(server.data / "data")
    ends = threading.Event()

    def write() -> None:
        chance = random.Random(1)
        while not ends.is_set():
            key = f"moving/{chance.randrange(12)}"
            if chance.random() < 0.3:
                client.request("DELETE", BUCKET, key)
            else:
                size = chance.choice((10, 800, 90_000))
                assert client.request("PUT", BUCKET, key, body=chance.randbytes(size)).status == 200

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(4):
            found = checked("--data", data)
            assert (found.code, found.damage, found.of("mendable")) == (0, [], [])
    finally:
        ends.set()
        thread.join()


def test_repairing_needs_the_folder_for_itself(server: Server) -> None:
    found = checked("--data", str(server.data / "data"), "--repair")
    assert found.code == 2
    assert "is in use by another server" in found.errors
    assert "Traceback" not in found.errors


@pytest.mark.parametrize("more", [(), ("--repair",)])
def test_what_is_no_data_folder_is_refused_and_not_made(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    found = checked("--data", str(tmp_path / "typo"), *more)
    assert found.code == 2
    assert "is not a data folder of Ossia" in found.errors
    assert not (tmp_path / "typo").exists()


def test_a_rate_is_kept(data: Path) -> None:
    """Sixteen times slower than the whole second that it takes at least."""
    size = sum(path.stat().st_size for path in blobs_of(data)) / 1e6
    begun = time.monotonic()
    assert checked("--data", str(data), "--rate", str(size / 2)).code == 0
    assert time.monotonic() - begun > 1


def test_a_damaged_file_is_refused_in_one_line_and_checked_all_the_same(data: Path) -> None:
    flip(data / FILE, 8 * 40)
    found = checked("--data", str(data))
    assert found.code in (1, 2)
    assert "Traceback" not in found.errors
    assert found.damage[0].startswith(f"page 1 of {FILE}")


# --- what gateways share ---


@dataclass(frozen=True)
class Shared:
    """A gateway on a shared database, and what names it to a check."""

    server: Server
    flags: tuple[str, ...]
    url: str

    def harm(self, statement: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self.url)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(run())


@pytest.fixture
def shared(postgres: PostgresServer, tmp_path: Path) -> Iterator[Shared]:
    url = postgres.fresh()
    flags = ("--metadata", url, "--master-key-file", str(tmp_path / "master"))
    root = ("--root-access-key-id", ROOT_KEY[0], "--root-access-key-secret", ROOT_KEY[1])
    with running_server(tmp_path, *flags, *root) as server:
        fill(signer(server), each=2)
        yield Shared(server, ("--data", str(tmp_path / "data"), *flags), url)


def test_what_gateways_share_is_checked_and_set_right_beside_them(shared: Shared) -> None:
    found = checked(*shared.flags)
    assert (found.code, found.damage, found.of("mendable")) == (0, [], [])
    assert any("pg_checksums --enable" in each["text"] for each in found.of("note"))
    for statement in (
        "update bucket_usage set objects = objects + 3 where slot = 0",
        "update blob set refs = refs + 1 where state = 1",
        "update blob set state = 2, refs = 0, lease_until = 9000000000000 where state = 1",
        "delete from blob where state = 1",
    ):
        shared.harm(statement)
        found = checked(*shared.flags)
        assert (found.code, found.damage) == (3, [])
        assert checked(*shared.flags, "--repair").code == 0
        after = checked(*shared.flags)
        assert (after.code, after.of("mendable")) == (0, [])
    blob = blobs_of(Path(shared.flags[1]))[0]
    flip(blob, 99)
    assert len(checked(*shared.flags).damage) == 1
    flip(blob, 99)
    assert signer(shared.server).request("GET", BUCKET, "pieces/0").status == 200
