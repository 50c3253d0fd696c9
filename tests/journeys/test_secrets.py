"""Issue 10, D6 and D9: what a whole life of a server leaves behind that others can read.

A server and an application server start in a folder that was there, under a umask that gives
everything to everybody; they see uploads, tokens, users, refusals and a crash.  Then every file is
looked at, and every byte that any of the processes wrote.
"""

import json
import os
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from forms import get_json, post_form, v1_fields, v4_fields

from ossia.client.ram import RamClient, RamRefused
from ossia.client.signing_client import SigningClient
from running import Demo, running_demo

pytestmark = pytest.mark.slow

ROOT_SECRET = "R00tS3cr3tThatTheOperatorGave"


@contextmanager
def umask(bits: int) -> Iterator[None]:
    before = os.umask(bits)
    try:
        yield
    finally:
        os.umask(before)


@dataclass
class Life:
    """What happened, and what must not be found."""

    demo: Demo
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.demo.server.data

    def client(self, key: str = "", secret: str = "", **more: object) -> SigningClient:
        server = self.demo.server
        given = (key or server.access_key_id, secret or server.access_key_secret)
        return SigningClient(server.endpoint, *given, server.region, **more)  # type: ignore[arg-type]

    def live(self) -> None:
        self.upload()
        self.manage()
        self.presign()
        self.be_refused()
        self.crash()

    def upload(self) -> None:
        app = json.loads((self.folder / "data" / "appserver" / "config.json").read_text())
        self.secrets["app key"] = app["AccessKeySecret"]
        for version, fields_of in ((1, v1_fields), (4, v4_fields)):
            form = get_json(f"{self.demo.page}policy?version=v{version}")
            fields = fields_of(form, f"{form['dir']}v{version}.txt", name="a")
            answer = post_form(form["host"], fields, b"hello")
            assert (answer.status, answer.json()["Status"]) == (200, "OK")
            self.secrets[f"form signature v{version}"] = form["signature"]
        token = get_json(f"{self.demo.page}token")
        self.secrets["session secret"] = token["AccessKeySecret"]
        self.secrets["session token"] = token["SecurityToken"]
        session = self.client(
            token["AccessKeyId"], token["AccessKeySecret"], security_token=token["SecurityToken"]
        )
        assert session.request("PUT", self.demo.bucket, "user-dir/t", body=b"x").status == 200

    def manage(self) -> None:
        server = self.demo.server
        ram = RamClient(server.endpoint, server.access_key_id, server.access_key_secret)
        ram.call("CreateUser", UserName="somebody")
        key = ram.call("CreateAccessKey", UserName="somebody")["AccessKey"]
        self.secrets["user secret"] = key["AccessKeySecret"]
        user = RamClient(server.endpoint, key["AccessKeyId"], key["AccessKeySecret"])
        with pytest.raises(RamRefused):
            user.call("CreateAccessKey", UserName="ossia-demo-app")
        for path in ("/-/api/callbacks", "/-/api/nothing"):
            self.client().request("GET", "-", path.removeprefix("/-/"))

    def presign(self) -> None:
        url = self.client().url("GET", self.demo.bucket, "user-dir/t")
        self.secrets["URL signature"] = dict(parse_qsl(urlsplit(url).query))["x-oss-signature"]
        with urllib.request.urlopen(url) as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(url + "0")

    def be_refused(self) -> None:
        """The secret where something else belongs: as a key id, a signature, a name, a token."""
        server = self.demo.server
        for client in (
            self.client(secret="wrong" + ROOT_SECRET),
            self.client(server.access_key_secret, "x"),
            self.client(version=1, secret="x", security_token=server.access_key_secret),
        ):
            assert client.request("GET", self.demo.bucket, "k").status == 403
        for authorization in (f"OSS {server.access_key_id}:{ROOT_SECRET}", f"OSS4 {ROOT_SECRET}"):
            anonymous = self.client(version=0)
            headers = {"authorization": authorization, "date": "x"}
            assert anonymous.request("GET", self.demo.bucket, "k", headers=headers).status >= 400
        with pytest.raises(RamRefused):
            RamClient(server.endpoint, server.access_key_id, ROOT_SECRET + "x").call("ListUsers")

    def crash(self) -> None:
        """A damaged record of a key, which the server stumbles over with the secret in its hands."""
        server = self.demo.server
        ram = RamClient(server.endpoint, server.access_key_id, server.access_key_secret)
        key = ram.call("CreateAccessKey", UserName="somebody")["AccessKey"]
        self.secrets["secret of the damaged key"] = key["AccessKeySecret"]
        database = sqlite3.connect(self.folder / "data" / "metadata.sqlite3", timeout=10)
        with database:
            ((record,),) = database.execute(
                "select record from identity where name = ? and kind = 'access_key'",
                (key["AccessKeyId"],),
            ).fetchall()
            damaged = record.replace(b'"secret"', b'"sEcret"')
            assert damaged != record
            database.execute(
                "update identity set record = ? where name = ?", (damaged, key["AccessKeyId"])
            )
        database.close()
        client = self.client(key["AccessKeyId"], key["AccessKeySecret"])
        assert client.request("GET", self.demo.bucket, "k").status == 500


@pytest.fixture(scope="module", params=["text", "json"])
def life(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Life, bytes]:
    more = ["--access-log", "--log-format", request.param, "--workers", "1"]
    folder = tmp_path_factory.mktemp("life")
    (folder / "data").mkdir(mode=0o755)
    given = {"OSSIA_ROOT_ACCESS_KEY_ID": "LTAIroot", "OSSIA_ROOT_ACCESS_KEY_SECRET": ROOT_SECRET}
    with (
        umask(0),
        running_demo(folder, *more, environment=given) as demo,
    ):
        story = Life(demo, {"root secret": ROOT_SECRET})
        story.live()
        stdout = demo.server.process.stdout
        assert stdout is not None
        os.kill(demo.server.process.pid, signal.SIGTERM)
        written = stdout.read() + json.dumps(demo.server.event).encode()
        demo.server.process.wait(30)
    return story, written + (folder / "stderr.log").read_bytes()


def test_d9_no_secret_is_in_what_the_processes_write(life: tuple[Life, bytes]) -> None:
    story, written = life
    # All of it was seen: requests, a refused callback's absence, and the crash with its traceback.
    assert b"access method=PUT" in written or b'"event":"access","method":"PUT"' in written
    assert b"Traceback" in written
    assert len(story.secrets) >= 9
    found = [name for name, secret in story.secrets.items() if secret.encode() in written]
    assert found == []


def test_d6_no_file_can_be_read_by_others(life: tuple[Life, bytes]) -> None:
    story, _ = life
    files = [path for path in (story.folder / "data").rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert names >= {
        "keys.json", "metadata.sqlite3", "callback_key.pem", "webhook_key.pem", "uploads.sqlite3", "config.json",
    }  # fmt: skip
    loose = [str(path) for path in files if path.stat().st_mode & 0o077]
    assert loose == []


def first_words(folder: Path, **environment: str) -> str:
    """What ``ossia serve`` says to a person."""
    command = [sys.executable, "-m", "ossia", "serve", "--listen", "127.0.0.1:0", "--workers", "1"]
    process = subprocess.Popen(
        [*command, "--data", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    said = b""
    until = time.monotonic() + 20
    try:
        while b"Stop with Ctrl-C" not in said and time.monotonic() < until:
            if select.select([process.stdout], [], [], 0.2)[0]:
                said += process.stdout.read(65536) or b""
    finally:
        process.terminate()
        said += process.stdout.read()
        process.wait(20)
        process.stdout.close()
    return said.decode()


def test_d9_the_first_start_says_only_a_secret_that_nobody_knows(tmp_path: Path) -> None:
    made = first_words(tmp_path / "made")
    secret = json.loads((tmp_path / "made" / "keys.json").read_text())["root_access_key_secret"]
    assert made.count(secret) == 3
    again = first_words(tmp_path / "made")
    assert secret not in again
    assert re.search(r"secret\s+in .*keys\.json", again)
    given = {"OSSIA_ROOT_ACCESS_KEY_ID": "LTAIroot", "OSSIA_ROOT_ACCESS_KEY_SECRET": ROOT_SECRET}
    for folder in ("given", "given", "made"):
        told = first_words(tmp_path / folder, **given)
        assert ROOT_SECRET not in told
        assert secret not in told
        assert re.search(r"secret\s+as it was given", told)


def test_d9_without_a_folder_too(tmp_path: Path) -> None:
    memory = {"OSSIA_METADATA": "memory", "OSSIA_BLOBS": "memory"}
    assert re.search(r"secret\s+\w{30}\n", first_words(tmp_path, **memory))
    given = {"OSSIA_ROOT_ACCESS_KEY_ID": "LTAIroot", "OSSIA_ROOT_ACCESS_KEY_SECRET": ROOT_SECRET}
    assert ROOT_SECRET not in first_words(tmp_path, **memory, **given)


def test_no_key_has_a_default(tmp_path: Path) -> None:
    """Two servers have no secret in common, and nobody can guess the keys of others."""
    kept = []
    for name in ("one", "other"):
        first_words(tmp_path / name)
        folder = tmp_path / name
        keys = json.loads((folder / "keys.json").read_text())
        pems = [path.read_text() for path in sorted(folder.glob("*.pem"))]
        kept.append({keys["root_access_key_id"], keys["root_access_key_secret"], *pems})
    assert len(kept[0]) == len(kept[1]) == 4
    assert kept[0].isdisjoint(kept[1])
