"""The plugin in suites of somebody else: found by itself, cheap, and in order with pytest-xdist."""

import subprocess
import sys
from pathlib import Path

import pytest

from suites import run_suite

pytestmark = pytest.mark.slow

SHARED = """
import os
import pytest

@pytest.mark.parametrize("number", range(20))
def test_upload(ossia_server, ossia_bucket, ossia_inbox, number):
    ossia_bucket.put("a.txt", "hello", ossia_inbox.callback())
    ossia_inbox.one()
    with open(os.environ["NOTED"], "a") as noted:
        print(os.environ["PYTEST_XDIST_WORKER"], ossia_server.pid, file=noted)
"""

FRESH = """
pids = []

def test_one(fresh_ossia_server, ossia_clock):
    fresh_ossia_server.bucket("same-name")
    ossia_clock.advance(60)
    pids.append(fresh_ossia_server.pid)

def test_other(fresh_ossia_server, ossia_clock, ossia_server):
    fresh_ossia_server.bucket("same-name").assert_no_object("a")
    assert ossia_clock.ahead_s == 0
    assert fresh_ossia_server.region == ossia_server.region == "cn-mine"
    try:
        os.kill(pids[0], 0)
    except ProcessLookupError:
        return
    raise AssertionError("the server of the test before is still there")
"""

SETTINGS = """
import pytest

@pytest.fixture(scope="session")
def ossia_settings():
    return {"region": "cn-mine"}
"""


def test_each_worker_of_xdist_has_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = tmp_path / "noted"
    monkeypatch.setenv("NOTED", str(noted))
    (tmp_path / "test_shared.py").write_text(SHARED)
    run = run_suite(tmp_path, "-n", "2")
    assert run.passed == 20, run.text
    pairs = {tuple(line.split()) for line in noted.read_text().splitlines()}
    assert {worker for worker, _ in pairs} == {"gw0", "gw1"}
    assert len({pid for _, pid in pairs}) == len(pairs) == 2
    assert not any(Path("/proc", pid).exists() for _, pid in pairs)


def test_a_fresh_server_is_fresh_and_has_the_settings_of_the_suite(tmp_path: Path) -> None:
    (tmp_path / "test_fresh.py").write_text("import os\n" + FRESH)
    (tmp_path / "conftest.py").write_text(SETTINGS)
    run = run_suite(tmp_path)
    assert run.passed == 2, run.text


def test_who_does_not_use_it_imports_next_to_nothing() -> None:
    script = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import ossia.testing.plugin\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    ours = [name for name in done.stdout.split() if name.startswith("ossia")]
    assert ours == ["ossia", "ossia.testing", "ossia.testing.plugin"]
    others = set(done.stdout.split()) - set(ours)
    assert not {name.partition(".")[0] for name in others} & {"cryptography", "asyncio", "http"}
