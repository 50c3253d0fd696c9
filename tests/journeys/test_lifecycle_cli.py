"""Lifecycle rules as an administrator sees them, and several gateways that share the work."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ossia.client.signing_client import SigningClient
from running import ROOT_KEY, Server, engines, running_server

BUCKET = "aging"
LIFECYCLE = [("lifecycle", "")]
RULES = b"""<LifecycleConfiguration>
<Rule><ID>logs</ID><Prefix>log/</Prefix><Status>Enabled</Status>
<Expiration><Days>3</Days></Expiration></Rule>
<Rule><ID>cold</ID><Prefix>film/</Prefix><Status>Enabled</Status>
<Transition><Days>2</Days><StorageClass>Archive</StorageClass></Transition></Rule>
<Rule><ID>parts</ID><Prefix>up/</Prefix><Status>Enabled</Status>
<AbortMultipartUpload><Days>1</Days></AbortMultipartUpload></Rule>
</LifecycleConfiguration>"""
GONE = b"""<LifecycleConfiguration><Rule><ID>old</ID><Prefix>old/</Prefix><Status>Enabled</Status>
<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>"""
WITHIN_S = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("lifecycle-cli")
    with running_server(folder, "--lifecycle-interval", "0.2") as running:
        client = SigningClient(running.endpoint, running.access_key_id, running.access_key_secret)
        assert client.request("PUT", BUCKET).status == 200
        for key in ("log/1", "log/2\x1b[31m", "film/1", "other"):
            assert client.request("PUT", BUCKET, key, body=b"x").status == 200
        assert client.request("POST", BUCKET, "up/1", query=[("uploads", "")]).status == 200
        put = client.request("PUT", BUCKET, query=LIFECYCLE, body=RULES)
        assert put.status == 200
        yield running


def ossia(server: Server, *arguments: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ossia", "lifecycle", *arguments]
    command += ["--endpoint", server.endpoint, "--access-key-id", server.access_key_id]
    command += ["--access-key-secret", server.access_key_secret]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode != 0) is fails, done.stderr
    return done


def day(after: int) -> str:
    return (datetime.now(UTC) + timedelta(days=after)).date().isoformat()


def test_what_would_go_and_by_which_rule(server: Server) -> None:
    assert ossia(server, "explain", BUCKET).stdout == "Nothing is due (of 4 looked at).\n"
    shown = ossia(server, "explain", BUCKET, "--at", day(6)).stdout
    lines = shown.splitlines()
    assert [line.split("  [")[0].split() for line in lines[:-1]] == [
        ["change", "class", "to", "Archive", "film/1"],
        ["delete", "log/1"],
        ["delete", "log/2\\x1b[31m"],
        ["abort", "upload", "up/1", lines[3].split("(")[1].split(")")[0].join("()")],
    ]
    assert "[cold: " in lines[0]
    assert "[logs: " in lines[1]
    assert f"since {day(4)}T00:00:00" in lines[1]
    assert lines[-1].startswith("abort upload: 1, change class to Archive: 1, delete: 2 (of ")


def test_as_json_of_a_prefix(server: Server) -> None:
    shown = ossia(server, "explain", BUCKET, "--at", day(6), "--prefix", "film/", "--json").stdout
    (found,) = map(json.loads, shown.splitlines())
    assert found["deed"] == "change class"
    assert found["storage_class"] == "Archive"
    assert found["rule"] == "cold"
    assert found["key"] == "film/1"


def test_a_pass_that_is_asked_for(server: Server) -> None:
    found = json.loads(ossia(server, "run", BUCKET, "--wait", "--json").stdout)
    assert (found["stage"], found["counts"]) == ("done", {})
    shown = ossia(server, "status", BUCKET).stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["stage", "begun", "ended", "looked"]
    assert shown[0].split() == ["stage", "done"]


def test_a_bucket_that_has_no_rules(server: Server) -> None:
    client = SigningClient(server.endpoint, server.access_key_id, server.access_key_secret)
    assert client.request("PUT", "plain-bucket").status == 200
    for verb in ("explain", "run", "status"):
        assert "lifecycle" in ossia(server, verb, "plain-bucket", fails=True).stderr.lower()


def test_one_gateway_ages_and_another_goes_on_when_it_dies(tmp_path: Path) -> None:
    if not engines.are_shared:
        pytest.skip("gateways share a database")
    shared = engines.flags(tmp_path)
    flags = ["--lifecycle-interval", "0.2", "--lifecycle-day", "1", "--workers", "1", *shared]
    with running_server(tmp_path / "one", *flags) as one:
        client = SigningClient(one.endpoint, *ROOT_KEY)
        assert client.request("PUT", BUCKET).status == 200
        for number in range(600):
            key = f"{'old' if number % 2 else 'new'}/{number:04}"
            assert client.request("PUT", BUCKET, key, body=b"x").status == 200
        with running_server(tmp_path / "two", *flags) as two:
            other = SigningClient(two.endpoint, *ROOT_KEY)
            assert other.request("PUT", BUCKET, query=LIFECYCLE, body=GONE).status == 200
            ended = time.monotonic() + WITHIN_S
            while keys(other) == 600 and time.monotonic() < ended:
                time.sleep(0.05)
            one.process.send_signal(signal.SIGKILL)
            while keys(other) > 300 and time.monotonic() < ended:
                time.sleep(0.2)
            assert keys(other) == 300
            while True:
                found = json.loads(ossia(two, "status", BUCKET, "--json").stdout)
                if found["stage"] == "done" or time.monotonic() > ended:
                    break
                time.sleep(0.2)
            assert found["stage"] == "done"


def keys(client: SigningClient) -> int:
    """How many there are."""
    listed = client.request("GET", BUCKET, query=[("max-keys", "1000")])
    return listed.body.count(b"<Key>")
