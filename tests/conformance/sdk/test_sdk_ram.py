"""User, key, policy, role, session, its limits and its end, by the official packages of each language.

A session lasts at least fifteen minutes, and so far may a signature's time be off: the server's
clock is moved back before and ahead after, which is more than a session and less than the skew.
"""

import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from sdk_toolchains import HERE, BuildFailed, Missing, command_of
from sdk_world import Run, _results

from running import Server, running_server

SUITES: Final = ("python_v2", "go_v2", "java", "node")
CASES: Final = (
    "user_and_key",
    "policy",
    "role",
    "assume_and_use",
    "denied_outside",
    "expired",
    "clean_up",
)
TIMEOUT_S: Final = 60


@dataclass
class RamWorld:
    """A server whose clock the suites move, one suite after the other."""

    server: Server
    clock: Path
    scratch: Path
    runs: dict[str, Run] = field(default_factory=dict)

    def of(self, suite: str) -> Run:
        if suite not in self.runs:
            self.clock.write_text("0")
            self.runs[suite] = self._run(suite)
        return self.runs[suite]

    def _run(self, suite: str) -> Run:
        hosts = self.scratch / "hosts"
        hosts.write_text("")
        try:
            command = command_of(suite, hosts, "ram")
        except Missing as error:
            return Run({}, missing=str(error))
        except BuildFailed as error:
            return Run({}, trouble=str(error))
        done = subprocess.run(
            command,
            env={**os.environ, **self._environment(suite)},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        return Run(_results(done.stdout), f"ended with {done.returncode}: {done.stderr[-3000:]}")

    def _environment(self, suite: str) -> dict[str, str]:
        server = self.server
        scratch = self.scratch / suite
        scratch.mkdir()
        ours = {
            "ENDPOINT": server.endpoint,
            "STYLE": "path",
            "SIGNATURE": "v4",
            "REGION": server.region,
            "ACCESS_KEY_ID": server.access_key_id,
            "ACCESS_KEY_SECRET": server.access_key_secret,
            "PREFIX": f"ram-{uuid.uuid4().hex[:10]}",
            "ACCOUNT_ID": server.account_id,
            "STS_ENDPOINT": server.address,
            "CLOCK": str(self.clock),
            "SHARED": str(HERE / "shared.json"),
            "SCRATCH": str(scratch),
            # What the other suites need.
            **dict.fromkeys(
                ("INBOX", "STS_ACCESS_KEY_ID", "STS_ACCESS_KEY_SECRET", "ROLE_ARN", "ROLE_BUCKET"),
                "",
            ),
        }
        return {f"OSSIA_TEST_{name}": value for name, value in ours.items()}


@pytest.fixture(scope="module")
def ram_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RamWorld]:
    scratch = tmp_path_factory.mktemp("ram")
    clock = scratch / "clock"
    clock.write_text("0")
    environment = {"OSSIA_TEST_CLOCK_FILE": str(clock)}
    with running_server(scratch / "server", "--workers", "2", environment=environment) as server:
        yield RamWorld(server, clock, scratch)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("suite", SUITES)
def test_sdk_ram(ram_world: RamWorld, suite: str, case: str) -> None:
    run = ram_world.of(suite)
    if run.missing:
        pytest.skip(run.missing)
    result: dict[str, Any] | None = run.results.get(case)
    if result is None:
        pytest.fail(f"{suite} did not report {case}: {run.trouble}", pytrace=False)
    if not result["ok"]:
        pytest.fail(f"{suite}: {case}: {result['detail']}", pytrace=False)


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_everything_reported_is_asserted(ram_world: RamWorld, suite: str) -> None:
    assert set(ram_world.of(suite).results) <= set(CASES)
