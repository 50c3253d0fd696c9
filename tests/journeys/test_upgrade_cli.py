"""`ossia upgrade` as an operator runs it: beside gateways that serve, and on a data folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ossia.adapters.data_folder import DataFolder
from ossia.adapters.postgres.schema import KNOWN_VERSION
from postgres_server import PostgresServer
from running import running_server


def upgrade(*flags: str) -> "subprocess.CompletedProcess[str]":
    environ = {key: value for key, value in os.environ.items() if not key.startswith("OSSIA_")}
    return subprocess.run(
        [sys.executable, "-m", "ossia", "upgrade", *flags],
        capture_output=True, text=True, env=environ, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_beside_a_gateway_that_serves(postgres: PostgresServer, tmp_path: Path) -> None:
    flags = ["--metadata", postgres.fresh(), "--master-key-file", str(tmp_path / "key")]
    with running_server(tmp_path / "data", *flags):
        done = upgrade(*flags)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[-1].endswith("nothing is left to do.")
        done = upgrade(*flags, "--json")
        assert json.loads(done.stdout) == {"event": "done", "version": KNOWN_VERSION}


def test_of_a_data_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    missing = upgrade("--data", str(data))
    assert missing.returncode == 2
    assert missing.stderr == f"ossia: There is no data folder {data}: name it with --data.\n"
    with DataFolder.open(data):
        taken = upgrade("--data", str(data))
        assert taken.returncode == 2
        assert "in use" in taken.stderr
        assert taken.stderr.count("\n") == 1
    done = upgrade("--data", str(data), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"event": "done", "added_checksums": False}


def test_what_cannot_be_upgraded_is_said_in_one_line() -> None:
    nothing = upgrade("--metadata", "memory", "--blobs", "memory")
    assert nothing.returncode == 2
    assert "nothing to upgrade" in nothing.stderr
    gone = ("--metadata", "postgresql://127.0.0.1:1/x", "--master-key-file", "none")
    away = upgrade(*gone, "--metadata-timeout", "1")
    assert away.returncode == 2
    assert "The database of --metadata cannot be used" in away.stderr
    assert away.stderr.count("\n") == 1
