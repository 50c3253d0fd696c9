"""Every data format that there ever was is read, brought up to date, and found whole.

What lies in ``tests/formats`` was written by the versions themselves (`formats.keep`).
"""

import hashlib
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from checking import checked
from formats.keep import BUCKET, HERE, KEY, OWN, complete
from ossia.adapters.sqlite.page_checksums import FILE, are_in, connect
from ossia.adapters.sqlite.schema import KNOWN_VERSION
from ossia.client.signing_client import SigningClient
from running import Server, running_server

pytestmark = pytest.mark.slow

FORMATS = sorted(path.name.partition(".")[0] for path in HERE.glob("*.tar.xz"))
ROOT = [word for pair in OWN.items() for word in pair]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where a format is unpacked."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


def unpack(name: str, data: Path) -> dict[str, Any]:
    """Put what a version wrote there; what must be found in it."""
    with tarfile.open(HERE / f"{name}.tar.xz") as archive:
        archive.extractall(data, filter="data")
    expected: dict[str, Any] = json.loads((data / "expected.json").read_text())
    (data / "expected.json").unlink()
    return expected


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
    """Whoever adds a version keeps what it writes: ``python tests/formats/keep.py sqlite-N``."""
    wanted = {f"sqlite-{number}" for number in range(1, KNOWN_VERSION + 1)}
    assert wanted | {"sqlite-8-checksums"} == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_served_and_brought_up_to_date(name: str, data: Path) -> None:
    expected = unpack(name, data)
    with running_server(data.parent, *ROOT, "--callback-mode", "outbox") as server:
        assert_all_is_there(server, expected)
        found = checked("--data", str(data))
        assert (found.code, found.damage, found.of("mendable")) == (0, [], [])
    # Versions before the second had no callbacks that were owed.
    owed = 0 if name == "sqlite-1" else 1
    connection = connect(data / FILE)
    assert connection.execute("select count(*) from pending").get == owed
    assert are_in(connection) == name.endswith("checksums")
    connection.close()
    upgraded = subprocess.run(
        [sys.executable, "-m", "ossia", "upgrade", "--data", str(data), "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(upgraded.stdout)["added_checksums"] == (not name.endswith("checksums"))
    assert checked("--data", str(data)).code == 0
    with running_server(data.parent, *ROOT) as server:
        assert_all_is_there(server, expected)
        finish_upload(server, expected["upload"])


def finish_upload(server: Server, upload: dict[str, str]) -> None:
    """Complete what an older version began."""
    client = client_of(server)
    reply = complete(client, "unfinished", upload["id"], [upload["etag"]])
    assert reply.status == 200, reply.body
    whole = client.request("GET", BUCKET, "unfinished").body
    assert hashlib.sha256(whole).hexdigest() == upload["sha256"]


COMMANDS: dict[str, tuple[str, ...]] = {
    "serve": ("serve", "--listen", "127.0.0.1:0", "--data"),
    "upgrade": ("upgrade", "--data"),
    "check": ("check", "--data"),
    "migrate": ("migrate", "--to", "nowhere", "--from"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_downgrade_is_refused_in_words(command: str, data: Path) -> None:
    unpack(FORMATS[-1], data)
    connection = connect(data / FILE)
    connection.execute("update schema_version set version = version + 1")
    connection.close()
    before = (data / FILE).read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "ossia", *COMMANDS[command], str(data)],
        capture_output=True, text=True, check=False, timeout=60, cwd=data.parent,
    )  # fmt: skip
    assert done.returncode == 2
    assert "start the newer Ossia that wrote it, or restore a backup" in done.stderr
    assert f"schema version {KNOWN_VERSION + 1}, this Ossia knows {KNOWN_VERSION}" in done.stderr
    assert "Traceback" not in done.stderr
    assert (data / FILE).read_bytes() == before
