"""The example applications, run as their first lines say: login, form, callback, other users."""

import http.cookiejar
import json
import os
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import oss2  # type: ignore[import-untyped]
import pytest
from forms import post_form, v1_fields, v4_fields

from ports import free_port
from running import Demo

EXAMPLES = Path(__file__).parents[2] / "examples" / "appserver"


class Browser:
    """Keeps cookies."""

    def __init__(self, base: str) -> None:
        self.base = base
        jar = HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener: OpenerDirector = build_opener(jar)

    def get(self, path: str) -> Any:
        with self.opener.open(self.base + path, timeout=10) as response:
            return json.load(response)

    def status(self, path: str) -> int:
        try:
            with self.opener.open(self.base + path, timeout=10) as response:
                return int(response.status)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code

    def sign_in(self, user: str, password: str) -> None:
        form = urlencode({"user": user, "password": password}).encode()
        # Where it leads to may not be there.
        try:
            self.opener.open(self.base + "/login", form, timeout=10).close()
        except urllib.error.HTTPError as answered:
            answered.close()
            if answered.code != 404:
                raise


@contextmanager
def serving(demo: Demo, folder: Path, *command: str) -> Iterator[str]:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    environ = {
        **os.environ,
        "CONFIG": str(demo.server.data / "data" / "appserver" / "config.json"),
        "ENDPOINT": demo.endpoint,
        "BUCKET": demo.bucket,
        "PUBLIC_URL": base,
        "STORE": str(folder / "uploads.sqlite3"),
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "--port", str(port)],
            cwd=EXAMPLES,
            env=environ,
            stdout=log,
            stderr=log,
        )
    try:
        browser = Browser(base)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                browser.status("/")
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)
        yield base
    finally:
        process.terminate()
        process.wait(10)


def token_of(demo: Demo, answer: dict[str, str]) -> oss2.Bucket:
    auth = oss2.StsAuth(answer["AccessKeyId"], answer["AccessKeySecret"], answer["SecurityToken"])
    return oss2.Bucket(auth, demo.endpoint, demo.bucket)


def upload(form: dict[str, Any], version: int, key: str) -> dict[str, Any]:
    fields = v1_fields if version == 1 else v4_fields
    answer = post_form(form["host"], fields(form, key), b"hello")
    assert answer.status == 200, answer.body
    told: dict[str, Any] = answer.json()
    return told


def try_with(demo: Demo, base: str, place: str) -> None:
    """What both applications promise."""
    alice, bob, nobody = Browser(base), Browser(base), Browser(base)
    alice.sign_in("alice", "wonderland")
    bob.sign_in("bob", "builder")
    for password in ("wrong", ""):
        with pytest.raises(urllib.error.HTTPError):
            nobody.sign_in("alice", password)
    for path in ("token", "policy", "policy?version=v4"):
        assert nobody.status(f"{place}/{path}") == 401
    for version, path in ((1, "policy"), (4, "policy?version=v4")):
        form = alice.get(f"{place}/{path}")
        assert form["dir"] == "users/alice/"
        told = upload(form, version, f"users/alice/{version}.txt")
        assert told["object"] == f"users/alice/{version}.txt"
        assert "alice" in json.dumps(told)
        fields = (v1_fields if version == 1 else v4_fields)(form, "users/bob/x")
        assert post_form(form["host"], fields, b"x").status == 403
    bucket = token_of(demo, bob.get(f"{place}/token"))
    assert bucket.put_object("users/bob/a", b"x").status == 200
    with pytest.raises(oss2.exceptions.AccessDenied):
        bucket.put_object("users/alice/a", b"x")


@pytest.mark.slow
def test_fastapi(demo: Demo, tmp_path: Path) -> None:
    with serving(demo, tmp_path, "uvicorn", "fastapi_app:app", "--log-level", "warning") as base:
        try_with(demo, base, "/oss")
        alice, bob = Browser(base), Browser(base)
        assert bob.status("/oss/uploads") == 401
        alice.sign_in("alice", "wonderland")
        bob.sign_in("bob", "builder")
        seen = alice.get("/oss/uploads")["uploads"]
        assert {each["vars"]["x:user"] for each in seen} == {"alice"}
        assert bob.get("/oss/uploads") == {"uploads": []}


@pytest.mark.slow
def test_flask(demo: Demo, tmp_path: Path) -> None:
    with serving(demo, tmp_path, "flask", "--app", "flask_app", "run") as base:
        try_with(demo, base, "")
