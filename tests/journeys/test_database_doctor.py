"""``ossia doctor`` on the database of ``--metadata postgresql://…``."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ossia.client.signing_client import SigningClient
from ossia.node.database_checks import database_findings
from ossia.node.finding import Finding
from ossia.settings import load
from patroni_stand_in import patroni
from ports import free_port
from postgres_server import PostgresServer, copied_postgres, running_postgres
from running import ROOT_KEY, running_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def durable() -> Iterator[PostgresServer]:
    with running_postgres(fsync=True) as server:
        yield server


def findings(
    url: str, key: Path, *, patroni: tuple[str, ...] = (), **more: Any
) -> dict[str, Finding]:
    given = {"metadata": url, "master_key_file": str(key), "patroni": patroni, "workers": 2, **more}
    return {each.check: each for each in database_findings(load(given, {}))}


def ask(url: str, sql: str) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(sql)
        finally:
            await connection.close()

    return asyncio.run(run())


def test_only_what_matters_is_examined(durable: PostgresServer, tmp_path: Path) -> None:
    url = durable.fresh().replace("postgres@", "postgres:sesame@")
    answer = subprocess.run(
        [sys.executable, "-m", "ossia", "doctor", "--json", "--listen", f"127.0.0.1:{free_port()}",
         "--data", str(tmp_path / "unused"), "--workers", "2",
         "--master-key-file", str(tmp_path / "key")],
        capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "OSSIA_METADATA": url, "OSSIA_BLOBS": "s3://b/x?endpoint=http://127.0.0.1:9",
             "OSSIA_BLOBS_ACCESS_KEY_ID": "key", "OSSIA_BLOBS_ACCESS_KEY_SECRET": "x",
             "OSSIA_BLOBS_TIMEOUT": "0.5"},
    )  # fmt: skip
    assert "sesame" not in answer.stdout + answer.stderr
    found = {each["check"]: each for each in json.loads(answer.stdout)}
    assert [each for each in found if not each.startswith("blobs")] == [
        "spool", "port", "clock", "batch signing", "database", "postgresql", "schema", "db speed",
        "db clock", "copies", "connections", "master key",
    ]  # fmt: skip
    assert found["schema"]["seen"] == "will be made at the first start"
    assert "one copy" in found["copies"]["seen"]
    assert all(each["ok"] for name, each in found.items() if not name.startswith(("blobs", "db")))
    assert not (tmp_path / "key").exists()
    assert not ask(url, "select 1 from pg_tables where schemaname = 'public'")


def test_the_master_key_is_tried(durable: PostgresServer, tmp_path: Path) -> None:
    url, key = durable.fresh(), tmp_path / "key"
    assert "will be made" in findings(url, key)["master key"].seen
    flags = ("--metadata", url, "--master-key-file", str(key), "--workers", "1")
    given = ("--root-access-key-id", ROOT_KEY[0], "--root-access-key-secret", ROOT_KEY[1])
    with running_server(tmp_path / "first", *flags, *given) as server:
        client, account = SigningClient(server.endpoint, *ROOT_KEY), server.account_id
        assert client.request("PUT", "kept").status == 200
        assert client.request("PUT", "kept", "a", body=b"of the first").status == 200
        right = findings(url, key)["master key"]
        assert right.ok
        assert "opens the keys" in right.seen
    key.chmod(0o640)
    assert "chmod 600" in findings(url, key)["master key"].remedy
    key.rename(tmp_path / "lost")
    lost = findings(url, key)["master key"]
    assert not lost.ok
    assert "no other object is" in lost.remedy
    key.write_text("AAAA\n")
    assert "has 3 bytes" in findings(url, key)["master key"].seen
    key.write_text("A" * 43 + "=\n")
    key.chmod(0o600)
    assert "is not the key" in findings(url, key)["master key"].seen
    # What docs/scale.md says of a key that is lost for good.
    ask(
        url, "delete from identity where kind = 'setting' and name in ('node-keys', 'sealing-keys')"
    )
    assert "nothing is sealed" in findings(url, key)["master key"].seen
    more = ("--account-id", account)
    with running_server(tmp_path / "first", *flags, *given, *more) as server:
        client = SigningClient(server.endpoint, *ROOT_KEY)
        assert client.request("GET", "kept", "a").body == b"of the first"
        assert client.request("PUT", "kept", "b", body=b"of the second").status == 200
        assert server.account_id == account


def test_standbys_and_patronis_are_compared(durable: PostgresServer, tmp_path: Path) -> None:
    key, name = tmp_path / "key", durable.fresh().rpartition("/")[2]
    nobody = f"http://127.0.0.1:{free_port()}"
    with copied_postgres(durable) as standby, patroni(200) as yes, patroni(503) as no:
        url = f"postgresql://postgres@127.0.0.1:{durable.port},127.0.0.1:{standby.port}/{name}"
        seen = findings(url, key, patroni=(yes, no))
        assert seen["database"].ok, seen
        assert f"{standby.port} is a standby" in seen["database"].seen
        assert seen["patroni"].ok
        assert "synchronous_mode" in seen["copies"].remedy
        assert "in the order" in findings(url, key, patroni=(no, yes))["patroni"].remedy
        assert "no Patroni says" in findings(url, key, patroni=(no, no))["patroni"].seen
        silent = findings(url, key, patroni=(yes, nobody))["patroni"]
        assert not silent.ok
        assert f"{nobody} not reached" in silent.seen
        durable.set("synchronous_standby_names", "*")
        try:
            durable.await_true("select 1 from pg_stat_replication where sync_state = 'sync'")
            assert "1 of 1 standbys" in findings(url, key)["copies"].seen
        finally:
            durable.set("synchronous_standby_names", "")
        alone = f"postgresql://postgres@127.0.0.1:{standby.port}/{name}"
        assert "promote" in findings(alone, key)["database"].remedy
    gone = findings(url, key)
    assert "is not reached" in gone["database"].seen
    assert "start it" in gone["database"].remedy
    assert gone["schema"].ok


def test_what_is_wrong_with_a_server_is_said(durable: PostgresServer, tmp_path: Path) -> None:
    url, key = durable.fresh(), tmp_path / "key"
    name = url.rpartition("/")[2]
    assert "createdb" in findings(f"{url}_not", key)["database"].remedy
    many = findings(url, key, workers=50)["connections"]
    assert not many.ok
    assert "max_connections" in many.remedy
    ask(url, "create role poor login")
    poor = findings(url.replace("postgres@", "poor@"), key)["schema"]
    assert not poor.ok
    assert "owner to poor" in poor.remedy
    ask(url, f"alter database {name} set synchronous_commit = off")
    assert "loses what was acknowledged" in findings(url, key)["copies"].seen
    ask(url, "create table schema_version (only_one bigint, version bigint, least bigint)")
    ask(url, "create table identity (kind text, name text, record bytea)")
    ask(url, "insert into schema_version values (1, 900, 1)")
    assert "may stand beside" in findings(url, key)["schema"].seen
    ask(url, "update schema_version set least = 900")
    too_new = findings(url, key)["schema"]
    assert not too_new.ok
    assert "restore a backup" in too_new.remedy
    denied = findings(url.replace("postgres@", "poor@"), key)["database"]
    assert "permission denied" in denied.seen
    assert "make it the owner" in denied.remedy
    ask(url, "create database latin encoding 'LATIN1' locale 'C' template template0")
    assert "UTF8" in findings(url.replace(name, "latin"), key)["postgresql"].remedy
    assert "HOST:PORT" in findings("postgresql:///x", key)["database"].seen
