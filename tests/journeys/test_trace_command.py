"""``ossia trace`` as somebody uses it who has an error's RequestId."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alibabacloud_oss_v2
import oss2
import pytest
from uploading import callback

from ossia.client.signing_client import Reply
from ossia.testing.inbox import Inbox
from running import Server, running_server, signer

pytestmark = pytest.mark.slow

BUCKET = "traced"
HOSTILE = "k\x1b[2J\u202e"


@dataclass
class Stage:
    server: Server
    inbox: Inbox
    log: Path

    def upload(self, key: str) -> Reply:
        told = {"x-oss-callback": callback(self.inbox.url)}
        return signer(self.server).request("PUT", BUCKET, key, body=b"x", headers=told)


@pytest.fixture(params=["text", "json"], scope="module")
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("trace")
    log = folder / "ossia.log"
    flags = ("--access-log", "--log-format", request.param, "--log-file", str(log))
    with (
        Inbox() as inbox,
        running_server(folder, *flags, "--callback-mode", "outbox") as server,
    ):
        assert signer(server).request("PUT", BUCKET).status == 200
        yield Stage(server, inbox, log)


def run(stage: Stage, *arguments: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OSSIA_")}
    answer = subprocess.run(
        [sys.executable, "-m", "ossia", "trace", *arguments],
        capture_output=True,
        text=True,
        env={
            **clean,
            "OSSIA_ENDPOINT": stage.server.endpoint,
            "OSSIA_DATA": str(stage.server.data / "data"),
            "TZ": "UTC",
        },
        timeout=60,
        check=False,
    )
    assert answer.returncode == code, answer
    assert "Traceback" not in answer.stderr
    return answer


def rows(stage: Stage, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(stage, *arguments, "--json").stdout.splitlines()]


def test_the_story_of_an_upload_whose_callback_was_refused(stage: Stage) -> None:
    stage.inbox.clear()
    stage.inbox.script()
    stage.inbox.answer(status=500)
    answer = stage.upload(HOSTILE)
    assert answer.status == 203
    stage.inbox.wait(2)
    request_id = answer.headers["x-oss-request-id"]
    found = rows(stage, request_id, "--log", str(stage.log))
    assert [each["at"] for each in found] == sorted(each["at"] for each in found)
    told = {(each["source"], each.get("event", each.get("kind", ""))) for each in found}
    assert told == {
        ("log", "access"), ("log", "callback_failed"), ("delivery", "upload"), ("delivery", "retry"), ("owed", ""),
    }  # fmt: skip
    assert all(each["request_id"] == request_id for each in found)
    text = run(stage, request_id, "--log", str(stage.log)).stdout
    assert r"PutObject traced/k\x1b[2J\u202e by acs:ram::" in text
    assert ": 203 in " in text
    assert f"upload 1 to {stage.inbox.url}: failed 500" in text
    assert "retry 2 to" in text
    assert "owed as msg_" in text
    assert "\x1b[2J" not in text
    stage.inbox.answer()


def test_what_was_rotated_and_compressed_is_read_too(stage: Stage) -> None:
    request_id = signer(stage.server).request("GET", BUCKET, "none").headers["x-oss-request-id"]
    while request_id not in stage.log.read_text():
        pass
    moved = stage.log.with_name("ossia.log.7.gz")
    moved.write_bytes(gzip.compress(stage.log.read_bytes()))
    stage.log.unlink()
    (line,) = run(stage, request_id, "--log", str(stage.log), "--no-server").stdout.splitlines()
    assert "GetObject traced/none" in line


def test_what_cannot_be_asked_is_said_and_the_rest_is_told(stage: Stage) -> None:
    answer = stage.upload("k")
    request_id = answer.headers["x-oss-request-id"]
    told = run(stage, request_id, "--log", "/nonexistent.log")
    assert told.stderr == "ossia trace: /nonexistent.log: there is no such file\n"
    assert "upload 1 to" in told.stdout
    while not stage.log.exists() or request_id not in stage.log.read_text():
        pass
    told = run(stage, request_id, "--log", str(stage.log), "--endpoint", "http://127.0.0.1:9")
    assert told.stderr.startswith("ossia trace: No server answers at http://127.0.0.1:9")
    assert "PutObject" in told.stdout
    told = run(stage, request_id, "--log", str(stage.log), "--data", "/nonexistent")
    assert told.stderr.startswith("ossia trace: No key: ")
    assert "PutObject" in told.stdout


def test_nothing_known_is_one_line_that_says_where_was_looked(stage: Stage) -> None:
    answer = run(stage, "6B0B7C05B6AC6000348E3BFF", "--log", str(stage.log), code=1)
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    assert answer.stderr.startswith("Nothing is known of 6B0B7C05B6AC6000348E3BFF; looked in: ")
    assert stage.server.endpoint in answer.stderr
    answer = run(stage, "6B0B7C05B6AC6000348E3BFF", "--no-server", code=2)
    assert "Name the server's log with --log." in answer.stderr


@pytest.mark.parametrize("wrong", ["", "x", "a b c d e f g", "../../../../etc/passwd"])
def test_what_is_no_id_is_refused_in_one_line(stage: Stage, wrong: str) -> None:
    answer = run(stage, wrong, code=2)
    assert answer.stderr == (
        f"ossia: {wrong!r} is no request id: give what x-oss-request-id or RequestId says.\n"
    )


def test_what_an_sdk_says_of_an_error_leads_to_it(stage: Stage) -> None:
    server = stage.server
    keys = (server.access_key_id, server.access_key_secret)
    bucket = oss2.Bucket(oss2.Auth(*keys), server.endpoint, BUCKET)
    with pytest.raises(oss2.exceptions.NoSuchKey) as raised:
        bucket.get_object("none")
    config = alibabacloud_oss_v2.config.load_default()
    config.credentials_provider = alibabacloud_oss_v2.credentials.StaticCredentialsProvider(*keys)
    config.region, config.endpoint, config.use_path_style = server.region, server.endpoint, True
    client = alibabacloud_oss_v2.Client(config)
    with pytest.raises(alibabacloud_oss_v2.exceptions.OperationError) as wrapped:
        client.get_object(alibabacloud_oss_v2.GetObjectRequest(bucket=BUCKET, key="none"))
    for request_id in (raised.value.request_id, wrapped.value.unwrap().request_id):
        while request_id not in stage.log.read_text():
            pass
        (found,) = rows(stage, request_id, "--log", str(stage.log), "--no-server")
        assert (found["operation"], found["key"]) == ("GetObject", "none")


def test_what_sts_calls_the_request_leads_to_it(stage: Stage) -> None:
    reply = signer(stage.server, 0).request(
        "POST",
        "",
        "",
        query=[("Action", "GetCallerIdentity"), ("Version", "2015-04-01"), ("Format", "JSON")],
    )
    request_id = json.loads(reply.body)["RequestId"]
    while request_id not in stage.log.read_text():
        pass
    found = rows(stage, request_id, "--log", str(stage.log), "--no-server")
    assert [each["rpc_request_id"] for each in found] == [request_id]
