"""The starters for other languages: each runs a server and sees a callback of its official SDK.

A language that is not on the machine is skipped, loudly.  What is fetched stays in ``.cache``.
"""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "testing"
CACHE = ROOT / ".cache" / "testing"
ENDS_WITHIN_S = 420


def tool(name: str, language: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"THE {language.upper()} STARTER IS NOT TESTED: there is no {name!r} here")
    return found


def copied(language: str) -> Path:
    """A copy of the example, where what is fetched and built may lie."""
    home = CACHE / language
    shutil.copytree(EXAMPLES / language, home, dirs_exist_ok=True)
    return home


def run(*command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    here = Path(sys.executable).parent
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=ENDS_WITHIN_S,
        env={**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"},
    )


def marked(mark: str) -> set[str]:
    """The command of every process that has *mark* in its environment."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes():
                found.add((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@pytest.fixture(autouse=True)
def nothing_is_left_running(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    mark = uuid.uuid4().hex
    monkeypatch.setenv("MARK", mark)
    yield
    assert not {command for command in marked(mark) if " serve " in command}


def test_java() -> None:
    maven = tool("mvn", "java")
    tool("javac", "java")
    home = copied("java")
    # What is there already is not asked for again.
    done = run(maven, "-o", "-B", "test", folder=home)
    if "Tests run" not in done.stdout:
        done = run(maven, "-B", "test", folder=home)
    assert "Tests run: 1, Failures: 0, Errors: 0, Skipped: 0" in done.stdout, done.stdout
    assert done.returncode == 0


def test_go() -> None:
    go = tool("go", "go")
    done = run(go, "test", "-count=1", "-v", "./...", folder=EXAMPLES / "go")
    assert "--- PASS: TestTheApplicationHearsOfAnUpload" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
    assert run(go, "vet", "./...", folder=EXAMPLES / "go").returncode == 0


def test_node() -> None:
    npm = tool("npm", "node")
    home = copied("node")
    fetched = run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=home)
    assert fetched.returncode == 0, fetched.stderr
    done = run(npm, "test", folder=home)
    assert "ok 1 - the application hears of an upload" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_a_server_that_does_not_start_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSSIA_WORKERS", "many")
    done = run(tool("go", "go"), "test", "-count=1", "./...", folder=EXAMPLES / "go")
    assert done.returncode == 1
    assert "OSSIA_WORKERS is 'many'; it must be a number." in done.stdout + done.stderr
    assert "ossia did not start: what it says is above" in done.stdout
