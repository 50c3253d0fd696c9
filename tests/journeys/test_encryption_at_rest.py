"""What lies on disks and in databases of encrypted objects, and what keys are worth.

Everything is read as whoever steals a disk, or a dump of the database, reads it.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from ossia.client.signing_client import SigningClient
from ossia.protocol.seal import make_key
from running import ROOT_KEY, Server, running_server

if TYPE_CHECKING:
    from postgres_server import PostgresServer

pytestmark = pytest.mark.slow

SSE = "x-oss-server-side-encryption"
SECRET, OPEN = b"What nobody may read on a disk. ", b"What lies there as it was written. "
BUCKET = "at-rest"
RULES = [{SSE: "AES256"}, {SSE: "SM4"}, {SSE: "KMS", "x-oss-server-side-data-encryption": "SM4"}]


@dataclass
class Store:
    """Where one server keeps everything."""

    folder: Path
    flags: tuple[str, ...] = ()
    url: str = ""

    @contextmanager
    def served(self) -> "Iterator[SigningClient]":
        root = ("--root-access-key-id", ROOT_KEY[0], "--root-access-key-secret", ROOT_KEY[1])
        workers = () if "--workers" in self.flags else ("--workers", "3")
        with running_server(self.folder, *self.flags, *workers, *root) as server:
            yield SigningClient(server.endpoint, *ROOT_KEY)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def master_key(self) -> Path:
        return self.folder / "master.key" if self.url else self.data / "master.key"

    def read(self, but: tuple[str, ...] = ()) -> bytes:
        """Every byte on the disk, and every row of the database as text and as bytes."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        found = [path.read_bytes() for path in files if path.name not in but]
        return b"".join(found) + (asyncio.run(dump(self.url)) if self.url else b"")


async def dump(url: str) -> bytes:
    connection = await asyncpg.connect(url)
    tables = await connection.fetch(
        "select table_name from information_schema.tables where table_schema = 'public'"
    )
    found = []
    for (name,) in tables:
        for row in await connection.fetch(f'select * from "{name}"'):  # noqa: S608 - a name of ours
            found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    await connection.close()
    return b"\n".join(found)


@pytest.fixture(params=["one machine", "gateways"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "one machine":
        # A flag given here keeps --shared-engines out.
        return Store(tmp_path, ("--metadata", "sqlite"))
    postgres: PostgresServer = request.getfixturevalue("postgres")
    url = postgres.fresh()
    key = str(tmp_path / "master.key")
    return Store(tmp_path, ("--metadata", url, "--master-key-file", key, "--blobs", "files"), url)


def write_everything(client: SigningClient, mark: bytes, at: str, asked: dict[str, str]) -> int:
    """One object of each making, all of *mark*; how many."""

    def ask(method: str, key: str, **more: Any) -> Any:
        reply = client.request(method, BUCKET, at + key, **more)
        assert reply.status in (200, 204), reply.body
        return reply

    ask("PUT", "inline", body=mark * 20, headers=asked)
    ask("PUT", "blob", body=mark * 30_000, headers=asked)
    for position in (0, 20 * len(mark)):
        query = [("append", ""), ("position", str(position))]
        ask("POST", "log", query=query, body=mark * 20, headers=asked)
    upload = ("uploadId", ask("POST", "parts", query=[("uploads", "")], headers=asked)
              .element("UploadId"))  # fmt: skip
    ask("PUT", "parts", query=[("partNumber", "1"), upload], body=mark * 5000)
    source = {"x-oss-copy-source": f"/{BUCKET}/{at}blob"}
    ask("PUT", "parts", query=[("partNumber", "2"), upload], headers=source)
    ask("POST", "parts", query=[upload], headers={"x-oss-complete-all": "yes"})
    ask("PUT", "copy", headers={**source, **asked})
    pending = ("uploadId", ask("POST", "pending", query=[("uploads", "")], headers=asked)
               .element("UploadId"))  # fmt: skip
    ask("PUT", "pending", query=[("partNumber", "1"), pending], body=mark * 20)
    return 5


def test_nothing_of_an_encrypted_object_lies_there_in_plain(store: Store) -> None:
    with store.served() as client:
        assert client.request("PUT", BUCKET).status == 200
        for number, asked in enumerate(RULES):
            count = write_everything(client, SECRET, f"{number}/", asked)
        listed = client.request("GET", BUCKET).body
        assert listed.count(b"<Key>") == count * len(RULES)
        assert SECRET.strip() not in store.read()
    assert SECRET.strip() not in store.read()
    # The same, not encrypted, is found: the test sees what there is to be seen.
    with store.served() as client:
        write_everything(client, OPEN, "plain/", {})
    found = store.read()
    assert found.count(OPEN.strip()) > 30_000
    assert SECRET.strip() not in found
    with store.served() as client:
        for number in range(len(RULES)):
            body = client.request("GET", BUCKET, f"{number}/parts").body
            assert body == SECRET * 35_000
        # What was encrypted and is not any more is seen as well.
        source = {"x-oss-copy-source": f"/{BUCKET}/0/blob"}
        assert client.request("PUT", BUCKET, "in-plain", headers=source).status == 200
    assert SECRET.strip() in store.read()


def test_keys_lie_there_sealed(store: Store) -> None:
    """Without the master key, which lies apart, nothing opens what was taken."""
    with store.served() as client:
        assert client.request("PUT", BUCKET).status == 200
        assert client.request("PUT", BUCKET, "k", body=SECRET, headers=RULES[2]).status == 200
    taken = store.read(but=("master.key",))
    key = store.master_key.read_text().strip()
    assert key.encode() not in taken
    assert store.master_key.stat().st_mode & 0o777 == 0o600


def ossia(*arguments: str, data: Path, endpoint: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "ossia", *arguments]
    if endpoint:
        command += ["--endpoint", endpoint, "--access-key-id", ROOT_KEY[0]]
        command += ["--access-key-secret", ROOT_KEY[1]]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=data)


Command = Callable[..., str]


def command_of(store: Store, client: SigningClient) -> Command:
    """``ossia kms …``; what it prints."""

    def run(*arguments: str) -> str:
        done = ossia("kms", *arguments, data=store.folder, endpoint=client.endpoint)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def rows_and_blobs(store: Store) -> tuple[dict[str, int], list[Any]]:
    """What a rotation must leave as it is: files of blobs by their time, and rows of objects."""
    blobs = {
        path.name: path.stat().st_mtime_ns
        for path in (store.data / "blobs").rglob("*")
        if path.is_file()
    }

    async def rows() -> list[Any]:
        if store.url:
            connection = await asyncpg.connect(store.url)
            found = [tuple(row) for row in await connection.fetch("select * from object, content")]
            await connection.close()
            return found
        from ossia.adapters.sqlite.source import SqliteSource  # noqa: PLC0415 - one use

        source = SqliteSource(store.data)
        found = [tuple(row) for row in await source.all("select * from object, content")]
        await source.close()
        return found

    return blobs, asyncio.run(rows())


def test_another_master_key_touches_no_object(store: Store) -> None:
    with store.served() as client:
        kms = command_of(store, client)
        assert client.request("PUT", BUCKET).status == 200
        for number, asked in enumerate(RULES):
            write_everything(client, SECRET, f"{number}/", asked)
        before = rows_and_blobs(store)
        old = store.master_key.read_text()
        if store.url:
            refused = ossia(
                "kms", "master-key", "rotate", data=store.folder, endpoint=client.endpoint
            )
            assert refused.returncode == 2
            assert "second line" in refused.stderr
            # As docs/encryption.md says: it only opens at first, then it seals.
            new = make_key() + "\n"
            for line in (f"-{new}", new):
                store.master_key.write_text(old + line)
        assert "2 keys are sealed" in kms("master-key", "rotate")
        assert rows_and_blobs(store) == before
        if store.url:
            store.master_key.write_text(new)
        assert store.master_key.read_text() != old
        assert len(store.master_key.read_text().split()) == 1
        # Every worker of every one that serves goes on.
        for _ in range(12):
            for number in range(len(RULES)):
                assert client.request("GET", BUCKET, f"{number}/inline").body == SECRET * 20
        assert client.request("PUT", BUCKET, "new", body=SECRET, headers=RULES[0]).status == 200
    with store.served() as client:
        assert client.request("GET", BUCKET, "1/parts").body == SECRET * 35_000
        assert client.request("GET", BUCKET, "new").body == SECRET
    if not store.url:
        # Who kept the old file opens nothing.
        store.master_key.write_text(old)
        with store.served() as client:
            reply = client.request("GET", BUCKET, "1/parts")
            assert (reply.status, reply.code) == (503, "ServiceUnavailable")
            assert "another master key" in reply.element("Message")


def test_a_lost_master_key_is_told_and_nothing_is_made_up(tmp_path: Path) -> None:
    store = Store(tmp_path, ("--metadata", "sqlite"))
    with store.served() as client:
        assert client.request("PUT", BUCKET).status == 200
        assert client.request("PUT", BUCKET, "plain", body=OPEN).status == 200
        for key in ("small", "large"):
            body = SECRET * (1 if key == "small" else 30_000)
            assert client.request("PUT", BUCKET, key, body=body, headers=RULES[0]).status == 200
    well = json.loads(ossia("doctor", "--data", "data", "--json", data=tmp_path).stdout)
    assert [each["ok"] for each in well if each["check"] == "master key"] == [True]
    kept = store.master_key.rename(tmp_path / "kept")
    refused = ossia("serve", "--data", "data", "--listen", "127.0.0.1:0", data=tmp_path)
    assert refused.returncode == 2
    assert "restore the file from a backup" in refused.stderr
    assert not store.master_key.exists()
    found = json.loads(ossia("doctor", "--data", "data", "--json", data=tmp_path).stdout)
    (lost,) = [each for each in found if each["check"] == "master key"]
    assert not lost["ok"]
    assert "what is encrypted is lost" in lost["remedy"]
    # It is lost for good: a new one, with which nothing old is read, and nothing new is refused.
    store.master_key.write_text(ossia("kms", "master-key", "new", data=tmp_path).stdout)
    found = json.loads(ossia("doctor", "--data", "data", "--json", data=tmp_path).stdout)
    (another,) = [each for each in found if each["check"] == "master key"]
    assert "is not the key under which" in another["seen"]
    with store.served() as client:
        kms = command_of(store, client)
        assert client.request("GET", BUCKET, "plain").body == OPEN
        for key in ("small", "large"):
            assert client.request("HEAD", BUCKET, key).status == 200
            reply = client.request("GET", BUCKET, key)
            assert (reply.status, reply.code) == (503, "ServiceUnavailable")
            assert "another master key" in reply.element("Message")
        reply = client.request("PUT", BUCKET, "new", body=SECRET, headers=RULES[0])
        assert (reply.status, reply.code) == (503, "ServiceUnavailable")
        kms("key", "rotate", "oss-managed")
        assert client.request("PUT", BUCKET, "new", body=SECRET, headers=RULES[0]).status == 200
        assert client.request("GET", BUCKET, "new").body == SECRET
        assert client.request("GET", BUCKET, "small").status == 503
    # The old one comes back after all: with both, everything is read.
    store.master_key.write_text(kept.read_text() + store.master_key.read_text())
    with store.served() as client:
        assert client.request("GET", BUCKET, "large").body == SECRET * 30_000
        assert client.request("GET", BUCKET, "new").body == SECRET


def test_keys_by_the_command_line(server: Server, tmp_path: Path) -> None:
    client = SigningClient(server.endpoint, server.access_key_id, server.access_key_secret)
    bucket = "kms-cli"
    assert client.request("PUT", bucket).status == 200

    def run(*arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "ossia", "kms", *arguments]
        if arguments[-1] != "new":
            command += ["--endpoint", server.endpoint, "--access-key-id", server.access_key_id]
            command += ["--access-key-secret", server.access_key_secret]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    key = run("key", "create", "--description", "photos of the year").strip()
    asked = {SSE: "KMS", f"{SSE}-key-id": key}
    assert client.request("PUT", bucket, "k", body=SECRET, headers=asked).status == 200
    listed = run("key", "list")
    assert key in listed
    assert "photos of the year" in listed
    assert "version" in run("key", "show", key).lower()
    assert json.loads(run("key", "show", key, "--json"))["state"] == "Enabled"
    assert "disabled" in run("key", "disable", key)
    for _ in range(8):
        assert client.request("GET", bucket, "k").code == "Rejected.Disabled"
    assert "enabled" in run("key", "enable", key)
    for _ in range(8):
        assert client.request("GET", bucket, "k").body == SECRET
    assert "Version 2" in run("key", "rotate", key)
    assert client.request("GET", bucket, "k").body == SECRET
    assert "keep" in run("key", "delete", key, "--days", "7", "--yes")
    assert client.request("GET", bucket, "k").code == "Rejected.PendingDeletion"
    assert "stays" in run("key", "keep", key)
    run("key", "enable", key)
    assert "is gone" in run("key", "delete", key, "--days", "0", "--yes", "--json")
    assert client.request("GET", bucket, "k").code == "KeyNotFound"
    assert "KMS keyId is not found" in run("key", "show", key, code=2)
    assert json.loads(run("key", "create", "--json"))["versions"][0]["number"] == 1
    assert run("master-key", "new") != run("master-key", "new")
