"""Every data format that there ever was is read, brought up to date, and found whole.

What lies in ``tests/formats`` was written by the versions themselves (`formats.keep`).
"""

import asyncio
import hashlib
import json
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from checking import checked
from formats.keep import BUCKET, DUMP, HERE, KEY, MASTER_KEY, OWN, complete, flags_of, load
from ossia.adapters.postgres import schema as postgres_schema
from ossia.adapters.sqlite import schema as sqlite_schema
from ossia.adapters.sqlite.page_checksums import FILE, are_in, connect
from ossia.client.signing_client import SigningClient
from ossia.protocol.seal import make_key
from running import Server, running_server

if TYPE_CHECKING:
    from postgres_server import PostgresServer

pytestmark = pytest.mark.slow

FORMATS = sorted(path.name.partition(".")[0] for path in HERE.glob("*.tar.xz"))
ROOT = [word for pair in OWN.items() for word in pair]


VERSIONS = {"sqlite": sqlite_schema.KNOWN_VERSION, "postgres": postgres_schema.KNOWN_VERSION}


@dataclass(frozen=True)
class Kept:
    """What a version of Ossia wrote, where this one finds it."""

    name: str
    data: Path
    database: str = ""
    """The URL; empty where everything is in the folder."""

    @property
    def flags(self) -> list[str]:
        """Where it is."""
        shared = flags_of(self.database, self.data) if self.database else []
        return ["--data", str(self.data), *shared]

    @property
    def settings(self) -> str:
        """The same, as the commands take it that are about two of them."""
        if not self.database:
            return str(self.data)
        file = self.data.parent / "settings.toml"
        lines = {
            "data": self.data,
            "metadata": self.database,
            "master_key_file": self.data / MASTER_KEY,
        }
        file.write_text("".join(f'{name} = "{value}"\n' for name, value in lines.items()))
        return str(file)

    @property
    def has_checksums(self) -> bool:
        """Whether every page of the metadata has one."""
        connection = connect(self.data / FILE)
        try:
            return are_in(connection)
        finally:
            connection.close()

    def make_newer(self) -> None:
        """Let the next version have been here, beside which this one cannot stand."""
        if self.database:
            newer = "update schema_version set version = version + 1, least = version + 1"
            asyncio.run(_fetch(self.database, newer))
        else:
            connection = connect(self.data / FILE)
            connection.execute("update schema_version set version = version + 1")
            connection.close()

    def stored(self) -> object:
        """What a command that refuses must not have changed."""
        if self.database:
            return asyncio.run(_fetch(self.database, _TABLES))
        return (self.data / FILE).read_bytes()


_TABLES = (
    "select table_name, column_name, (select version from schema_version),"
    " (select least from schema_version), (select count(*) from object)"
    " from information_schema.columns where table_schema = 'public' order by 1, 2"
)
"""Which tables there are, of which version, and how much is in them."""


async def _fetch(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


def unpack(name: str, folder: Path, request: pytest.FixtureRequest) -> tuple[Kept, dict[str, Any]]:
    """Put what a version wrote into *folder*; that, and what must be found in it."""
    data = folder / "data"
    data.mkdir(mode=0o700)
    with tarfile.open(HERE / f"{name}.tar.xz") as archive:
        archive.extractall(data, filter="data")
    expected: dict[str, Any] = json.loads((data / "expected.json").read_text())
    (data / "expected.json").unlink()
    if not (data / DUMP).exists():
        return Kept(name, data), expected
    postgres: PostgresServer = request.getfixturevalue("postgres")
    return Kept(name, data, load(postgres, data)), expected


def client_of(server: Server) -> SigningClient:
    return SigningClient(server.endpoint, *KEY, server.region)


def assert_all_is_there(server: Server, expected: dict[str, Any]) -> None:
    client = client_of(server)
    for key, about in expected["objects"].items():
        reply = client.request("GET", BUCKET, key)
        assert reply.status == 200, (key, reply.body)
        assert hashlib.sha256(reply.body).hexdigest() == about["sha256"], key
        for name, value in about["headers"].items():
            assert reply.headers[name] == value, (key, name)
    for version, digest in expected["versions"].items():
        reply = client.request("GET", BUCKET, "versioned", query=[("versionId", version)])
        assert hashlib.sha256(reply.body).hexdigest() == digest
    offered = expected["offered"]
    if "versions" in offered:
        assert client.request("GET", BUCKET, "versioned").status == 404
    if "tags" in offered:
        assert b"green" in client.request("GET", BUCKET, "small", query=[("tagging", "")]).body
    if "symlink" in offered:
        linked = client.request("GET", BUCKET, "link").body
        assert hashlib.sha256(linked).hexdigest() == expected["objects"]["large"]["sha256"]
    if "lifecycle" in offered:
        assert b"<Prefix>old/</Prefix>" in client.request(
            "GET", BUCKET, query=[("lifecycle", "")]
        ).body  # fmt: skip
    uploads = client.request("GET", BUCKET, query=[("uploads", "")]).body.decode()
    assert expected["upload"]["id"] in uploads


def test_every_version_of_the_tables_is_kept() -> None:
    """Whoever adds a version keeps what it writes: `formats.keep`."""
    wanted = {
        f"{engine}-{number}" for engine, known in VERSIONS.items() for number in range(1, known + 1)
    }
    assert wanted | {"sqlite-8-checksums"} == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_served_and_brought_up_to_date(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kept, expected = unpack(name, tmp_path, request)
    with running_server(tmp_path, *kept.flags, *ROOT, "--callback-mode", "outbox") as server:
        assert_all_is_there(server, expected)
        found = checked(*kept.flags)
        assert (found.code, found.damage, found.of("mendable")) == (0, [], [])
        # Versions before the second had no callbacks that were owed.
        assert owed(server) == (0 if name == "sqlite-1" else 1)
    assert upgraded(kept) == (
        {"version": VERSIONS["postgres"]}
        if kept.database
        else {"added_checksums": not name.endswith("checksums")}
    )
    assert kept.database or kept.has_checksums
    assert checked(*kept.flags).code == 0
    with running_server(tmp_path, *kept.flags, *ROOT) as server:
        assert_all_is_there(server, expected)
        finish_upload(server, expected["upload"])


def owed(server: Server) -> int:
    """How many callbacks are."""
    reply = client_of(server).request("GET", "-", "api/callbacks/pending")
    assert reply.status == 200, reply.body
    return len(json.loads(reply.body)["pending"])


def run_command(name: str, *arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """One of ``ossia``, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ossia", name, *arguments],
        capture_output=True, text=True, check=False, timeout=60, cwd=cwd,
    )  # fmt: skip


def upgraded(kept: Kept) -> dict[str, Any]:
    """What ``ossia upgrade`` says at its end."""
    done = run_command("upgrade", *kept.flags, "--json", cwd=kept.data)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert said.pop("event") == "done"
    return said


def finish_upload(server: Server, upload: dict[str, str]) -> None:
    """Complete what an older version began."""
    client = client_of(server)
    reply = complete(client, "unfinished", upload["id"], [upload["etag"]])
    assert reply.status == 200, reply.body
    whole = client.request("GET", BUCKET, "unfinished").body
    assert hashlib.sha256(whole).hexdigest() == upload["sha256"]


@pytest.mark.parametrize("command", ["serve", "upgrade", "check", "migrate"])
@pytest.mark.parametrize("engine", VERSIONS)
def test_a_downgrade_is_refused_in_words(
    engine: str, command: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    known = VERSIONS[engine]
    kept, _ = unpack(f"{engine}-{known}", tmp_path, request)
    kept.make_newer()
    before = kept.stored()
    arguments = {
        "serve": (*kept.flags, "--listen", "127.0.0.1:0"),
        "migrate": ("--from", kept.settings, "--to", "nowhere"),
    }
    done = run_command(command, *arguments.get(command, kept.flags), cwd=tmp_path)
    assert done.returncode == 2
    assert "start the newer Ossia that wrote it, or restore a backup" in done.stderr
    assert f"this Ossia knows {known}" in done.stderr
    assert done.stderr.count("\n") == 1
    assert kept.stored() == before


@pytest.mark.parametrize("command", ["check", "migrate"])
def test_a_database_of_somebody_else_is_told(
    command: str, tmp_path: Path, postgres: "PostgresServer"
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / MASTER_KEY).write_text(f"{make_key()}\n")
    kept = Kept("", folder, postgres.fresh())
    place = kept.flags if command == "check" else ["--from", kept.settings, "--to", "nowhere"]
    done = run_command(command, *place, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "ossia: The database of --metadata is not a database of Ossia.\n",
    )
