"""``ossia policy explain`` as a person and as a script use it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ossia.client.signing_client import SigningClient
from running import Server, running_server

pytestmark = pytest.mark.slow

BUCKET = "explained"
ALLOWS_HOME = {
    "Effect": "Allow",
    "Action": "oss:GetObject",
    "Principal": ["*"],
    "Resource": f"acs:oss:*:*:{BUCKET}/*",
    "Condition": {"IpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}},
}
DENIES_SECRETS = {
    "Sid": "Secrets",
    "Effect": "Deny",
    "Action": "oss:*",
    "Principal": ["*"],
    "Resource": f"acs:oss:*:*:{BUCKET}/secret/*",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("policy")) as running:
        client = SigningClient(running.endpoint, running.access_key_id, running.access_key_secret)
        assert client.request("PUT", BUCKET).status == 200
        text = json.dumps({"Version": "1", "Statement": [ALLOWS_HOME, DENIES_SECRETS]})
        query = [("policy", "")]
        assert client.request("PUT", BUCKET, query=query, body=text.encode()).status == 200
        yield running


def explain(server: Server, *arguments: str, code: int = 0) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OSSIA_")}
    named = {"OSSIA_ENDPOINT": server.endpoint, "OSSIA_DATA": str(server.data / "data")}
    answer = subprocess.run(
        [sys.executable, "-m", "ossia", "policy", "explain", *arguments],
        capture_output=True,
        text=True,
        env={**clean, **named},
        timeout=60,
        check=False,
    )
    assert answer.returncode == code, answer
    assert "Traceback" not in answer.stderr
    return answer.stdout if code == 0 else answer.stderr


def asked(key: str, *more: str) -> tuple[str, ...]:
    return (
        "--as",
        "anonymous",
        "--action",
        "oss:GetObject",
        "--resource",
        f"{BUCKET}/{key}",
        *more,
    )


def test_it_says_which_condition_failed(server: Server) -> None:
    told = explain(server, *asked("k"))
    assert told.startswith("Refused: nothing allows it.\n")
    assert "IpAddress acs:SourceIp: wanted '10.0.0.0/8', the request has nothing" in told
    assert "Statement[1] Secrets Deny  does not match: Resource" in told
    assert "ACL: private" in told


def test_context_makes_the_request(server: Server) -> None:
    told = explain(server, *asked("k", "--context", "acs:SourceIp=10.1.2.3"))
    assert told.startswith("Allowed: bucket policy, Statement[0].\n")
    told = explain(server, *asked("secret/k", "--context", "acs:SourceIp=10.1.2.3"))
    assert told.startswith("Refused: bucket policy, Statement[1] Secrets.\n")


def test_json(server: Server, tmp_path: Path) -> None:
    found = json.loads(explain(server, *asked("k", "--json")))
    assert (found["allowed"], found["as"]) == (False, "anonymous")
    narrow = tmp_path / "narrow.json"
    narrow.write_text('{"Version":"1","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}')
    arguments = ("--as", "root", "--action", "oss:ListBuckets", "--resource", "*")
    told = explain(server, *arguments, "--session-policy", str(narrow), code=2)
    assert "Only a session has a session policy" in told
    assert json.loads(explain(server, *arguments, "--json"))["allowed"]


def test_what_cannot_be_asked_is_said_in_a_line(server: Server) -> None:
    assert "KEY=VALUE" in explain(server, *asked("k", "--context", "acs:SourceIp"), code=2)
    nobody = ("--as", "user/none", "--action", "oss:GetObject", "--resource", "x/y")
    assert "nobody of that name" in explain(server, *nobody, code=2)
    assert "--action" in explain(server, "--as", "root", "--resource", "x", code=2)
