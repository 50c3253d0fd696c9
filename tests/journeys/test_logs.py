"""Log lines of real servers: in both forms, in a file, on a pipe, and while requests fail."""

import json
import os
import select
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from uploading import callback

from ossia.client.signing_client import SigningClient
from ossia.logs.lines import read_lines
from ossia.testing.inbox import Inbox
from running import log_of, running_server, signer
from waiting import until

pytestmark = pytest.mark.slow

BUCKET = "logged"
FORMS = ("text", "json")


def events(path: Path) -> list[dict[str, Any]]:
    return list(read_lines(path.read_bytes().splitlines(keepends=True)))


@pytest.mark.parametrize("form", FORMS)
def test_every_request_is_a_line_with_its_id_and_phases(tmp_path: Path, form: str) -> None:
    path = tmp_path / "access.log"
    with Inbox() as inbox:
        flags = ("--access-log", "--log-format", form, "--log-file", str(path), "--workers", "2")
        with running_server(tmp_path, *flags) as server:
            client = signer(server)
            ids = [client.request("PUT", BUCKET).headers["x-oss-request-id"]]
            told = {"x-oss-callback": callback(inbox.url)}
            for key in ('a "quoted"\x7f\u202e key', "b status=500", "c"):
                answer = client.request("PUT", BUCKET, key, body=b"x" * 30_000, headers=told)
                ids.append(answer.headers["x-oss-request-id"])
                assert answer.status == 200
            ids.append(client.request("GET", BUCKET, "c").headers["x-oss-request-id"])
        lines = path.read_bytes()
    found = [each for each in events(path) if each["event"] == "access"]
    assert [each["request_id"] for each in sorted(found, key=lambda each: each["time"])] == ids
    assert all(line.isascii() or form == "text" for line in lines.split(b"\n"))
    puts = [each for each in found if each["operation"] == "PutObject"]
    assert {each["key"] for each in puts} == {'a "quoted"\x7f\u202e key', "b status=500", "c"}
    for each in puts:
        assert str(each["status"]) == "200"
        assert str(each["received"]) == "30000"
        names = {name for name in each if name.endswith("_us")}
        assert names == {
            f"{phase}_us" for phase in ("auth", "permit", "run", "publish", "commit", "callback")
        }
        assert sum(int(each[name]) for name in names) == pytest.approx(int(each["us"]), abs=10)
    (get,) = (each for each in found if each["operation"] == "GetObject")
    assert "send_us" in get


@pytest.mark.parametrize("form", FORMS)
def test_whatever_is_logged_for_a_request_names_it(tmp_path: Path, form: str) -> None:
    flags = ("--access-log", "--log-format", form, "--workers", "1")
    with Inbox() as inbox:
        inbox.answer(status=500)
        with running_server(
            tmp_path, *flags, "--callback-mode", "outbox", "--callback-retry-for", "0"
        ) as server:
            client = signer(server)
            assert client.request("PUT", BUCKET).status == 200
            told = {"x-oss-callback": callback(inbox.url)}
            refused = client.request("PUT", BUCKET, "k", body=b"x", headers=told)
            assert refused.status == 203
            until(
                lambda: any(
                    each["event"] == "callback_given_up" for each in events(log_of(tmp_path))
                )
            )
            database = sqlite3.connect(tmp_path / "data" / "metadata.sqlite3", timeout=10)
            with database:
                database.execute("update object set headers = x'c1'")
            database.close()
            broken = client.request("GET", BUCKET, "k")
            assert broken.status == 500
    found = events(log_of(tmp_path))
    of_refused = [
        each for each in found if each.get("request_id") == refused.headers["x-oss-request-id"]
    ]
    assert {each["event"] for each in of_refused} == {
        "access",
        "callback_failed",
        "callback_given_up",
    }
    of_broken = [
        each for each in found if each.get("request_id") == broken.headers["x-oss-request-id"]
    ]
    assert {each["event"] for each in of_broken} == {"access", "request_failed"}
    (failed,) = (each for each in of_broken if each["event"] == "request_failed")
    assert failed["exception"].startswith("Traceback")


def test_a_file_that_is_moved_away_is_made_anew_by_every_worker(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    flags = ("--access-log", "--log-file", str(path), "--workers", "3")
    with running_server(tmp_path, *flags) as server:
        ids = []
        for turn in range(3):
            for _ in range(20):
                answer = signer(server).request("GET", "", "")
                ids.append(answer.headers["x-oss-request-id"])
            until(lambda: path.exists() and all(each in path.read_text() for each in ids[-20:]))
            path.rename(tmp_path / f"access.log.{turn}")
    written = [
        each["request_id"]
        for turn in range(3)
        for each in events(tmp_path / f"access.log.{turn}")
        if each["event"] == "access"
    ]
    assert sorted(written) == sorted(ids)


def test_a_pipe_that_nobody_reads_costs_no_request(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ossia", "serve", "--data", str(tmp_path / "data")]
    flags = ["--listen", "127.0.0.1:0", "--workers", "1", "--json", "--access-log"]
    keys = ["--root-access-key-id", "k", "--root-access-key-secret", "s"]
    process = subprocess.Popen(
        [*command, *flags, *keys], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        client = SigningClient(json.loads(process.stdout.readline())["endpoint"], "k", "s")
        # More than a pipe holds: 64 KiB.
        for _ in range(400):
            began = time.monotonic()
            assert client.request("GET", "nothing", "x" * 300).status == 404
            assert time.monotonic() - began < 2
        time.sleep(0.5)
        written = b""
        while select.select([process.stderr], [], [], 1)[0]:
            written += os.read(process.stderr.fileno(), 65536)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
    found = list(read_lines(written.splitlines(keepends=True)))
    assert len([each for each in found if each["event"] == "access"]) == 400


def test_a_server_that_ends_has_written_what_it_had_to_say(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with running_server(tmp_path, "--access-log", "--log-file", str(path)) as server:
        answer = signer(server).request("GET", "", "")
    assert answer.headers["x-oss-request-id"] in path.read_text()


def test_a_log_file_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ossia", "serve", "--data", str(tmp_path / "data")]
    answer = subprocess.run(
        [*command, "--log-file", str(tmp_path / "none" / "a.log")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert answer.returncode == 2
    assert answer.stderr.startswith("ossia: --log-file ")
    assert answer.stderr.count("\n") == 1
