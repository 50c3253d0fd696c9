"""The systemd unit: well formed, closed as far as it can be, and open for all that Ossia does."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ossia.client.signing_client import SigningClient
from ossia.settings import load, rows

pytestmark = pytest.mark.slow
SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT = SYSTEMD / "ossia.service"
MOST_EXPOSED = 15
"""Tenths, as `systemd-analyze security` counts; it calls up to 2.0 "OK"."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="no systemd-analyze: make package-tools"
)
needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None or shutil.which("systemd-analyze") is None,
    reason="no strace or no systemd-analyze: make package-tools",
)


def told(key: str) -> list[str]:
    """What the unit says behind *key*, each time."""
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.MULTILINE)


def system_calls(groups: str) -> set[str]:
    """The names in groups as `SystemCallFilter=` has them, nested ones too."""
    found: set[str] = set()
    for group in groups.split():
        listed = subprocess.run(
            ["systemd-analyze", "syscall-filter", "--no-pager", group],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        names = [line.strip() for line in listed.splitlines()[1:]]
        for name in names:
            if name.startswith("@"):
                found |= system_calls(name)
            elif name and not name.startswith("#"):
                found.add(name)
    return found


@needs_systemd
def test_systemd_understands_it(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    # It looks whether the program is there, which it is only where the package is.
    copy.write_text(UNIT.read_text().replace("/usr/bin/ossia", "/bin/true"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")


@needs_systemd
def test_little_is_exposed() -> None:
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager",
         f"--threshold={MOST_EXPOSED}", UNIT],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert judged.returncode == 0, judged.stdout.splitlines()[-1]


def test_its_settings_are_settings() -> None:
    """What is commented out too: it is there to be uncommented."""
    lines = (SYSTEMD / "ossia.toml").read_text().replace("# ", "").splitlines()
    named = {line.partition(" = ")[0] for line in lines if " = " in line}
    assert named >= {"data", "listen", "public_url"}
    assert load({}, {}, SYSTEMD / "ossia.toml").data == Path("/var/lib") / told("StateDirectory")[0]
    assert named <= {row.name for row in rows()}


@needs_strace
def test_what_it_does_is_allowed(tmp_path: Path) -> None:
    allowed: set[str] = set()
    for line in told("SystemCallFilter"):
        named = system_calls(line.removeprefix("~"))
        allowed = allowed - named if line.startswith("~") else allowed | named
    trace = tmp_path / "trace"
    process = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", trace, sys.executable, "-m", "ossia", "serve", "--json",
         "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--workers", "2"],
        stdout=subprocess.PIPE, env={**os.environ, "OSSIA_LIFECYCLE_INTERVAL": "1"},
        start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        secret = json.loads(Path(ready["secret_file"]).read_text())["root_access_key_secret"]
        client = SigningClient(ready["endpoint"], ready["access_key_id"], secret, ready["region"])
        large = b"x" * 100_000
        assert client.request("PUT", "bucket").status == 200
        assert client.request("PUT", "bucket", "large", body=large).status == 200
        assert client.request("GET", "bucket", "large").body == large
        assert client.request("DELETE", "bucket", "large").status == 204
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)
    lines = trace.read_text().splitlines()
    made = {found[1] for line in lines if (found := re.match(r"\d+ +(\w+)\(", line))}
    assert made >= {"fdatasync", "accept4"}, "nothing was seen"
    assert made <= allowed
    # MemoryDenyWriteExecute
    assert not [line for line in lines if re.search(r"mmap.*PROT_WRITE\|PROT_EXEC", line)]
    assert not [line for line in lines if re.search(r"(mprotect|shmat).*EXEC", line)]
