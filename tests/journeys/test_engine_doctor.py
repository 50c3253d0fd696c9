"""``ossia doctor`` on the engine of ``--blobs s3://…``."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from fake_engine import BUCKET, fake_engine
from ports import free_port
from s3_engine import S3Engine, needs_engine

pytestmark = pytest.mark.slow


def engine_findings(url: str, **environment: str) -> dict[str, dict[str, Any]]:
    """What the doctor says of the engine at *url*."""
    given = {
        "OSSIA_BLOBS": url,
        "OSSIA_BLOBS_ACCESS_KEY_ID": "key",
        "OSSIA_BLOBS_ACCESS_KEY_SECRET": "sesame",
        "OSSIA_BLOBS_TIMEOUT": "2",
        **environment,
    }
    answer = subprocess.run(
        [sys.executable, "-m", "ossia", "doctor", "--json", "--data", "./nothing-here",
         "--listen", f"127.0.0.1:{free_port()}"],
        capture_output=True, text=True, env={**os.environ, **given}, timeout=60, check=False,
    )  # fmt: skip
    assert "sesame" not in answer.stdout + answer.stderr
    found = {each["check"]: each for each in json.loads(answer.stdout)}
    assert answer.returncode == (0 if all(each["ok"] for each in found.values()) else 1)
    return {name: each for name, each in found.items() if name.startswith("blobs")}


@needs_engine
def test_doctor_finds_a_healthy_engine_healthy(s3_engine: S3Engine) -> None:
    url, right = s3_engine.new_url(), dict(s3_engine.environment)
    found = engine_findings(url, **right)
    assert found.keys() == {"blobs", "blobs speed", "blobs clock"}
    assert all(each["ok"] for each in found.values()), found
    nothing = url.replace("s3://", "s3://not-")
    assert "make the bucket" in engine_findings(nothing, **right)["blobs"]["remedy"]
    wrong = engine_findings(url, **{**right, "OSSIA_BLOBS_ACCESS_KEY_SECRET": "wrong"})
    assert "OSSIA_BLOBS_ACCESS_KEY_SECRET" in wrong["blobs"]["remedy"]
    wrong = engine_findings(url, OSSIA_BLOBS_ACCESS_KEY_ID="nobody")
    assert "--blobs-access-key-id" in wrong["blobs"]["remedy"]


def test_doctor_says_what_to_do_about_an_engine() -> None:
    with fake_engine() as fake:
        url = f"s3://{BUCKET}/x?endpoint={fake.endpoint}"
        assert engine_findings(url)["blobs"]["ok"]
        assert not fake.names
        fake.lie = "stale"
        assert "does not give back" in engine_findings(url)["blobs"]["seen"]
        fake.lie = "keeps"
        assert "still has what was deleted" in engine_findings(url)["blobs"]["seen"]
        fake.lie = "range"
        assert "another range" in engine_findings(url)["blobs"]["seen"]
        fake.lie = "list"
        assert "does not list" in engine_findings(url)["blobs"]["seen"]
        fake.lie = ""
        fake.ahead_s = 3600
        assert "NTP" in engine_findings(url)["blobs clock"]["remedy"]
        fake.ahead_s = 0
        fake.always("slow")
        assert "nearer" in engine_findings(url)["blobs speed"]["remedy"]
    gone = engine_findings(url)
    assert "start the engine" in gone["blobs"]["remedy"]
    assert "start the engine" in gone["blobs clock"]["remedy"]
    assert "do not belong" in engine_findings("s3://key:sesame@bucket/x")["blobs"]["seen"]
