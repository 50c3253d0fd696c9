"""Running the fault matrix through the SDKs: one process for each, all of them at the same time."""

import json
import os
import subprocess
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fault_world import FaultWorld, faults
from sdk_toolchains import HERE, BuildFailed, Command, Missing, command_of

SUITES: Final = ("python_oss2", "python_v2", "node", "java", "go_v1", "go_v2")
OPERATIONS: Final = ("put", "complete")
TIMEOUT_S: Final = 240
BODY: Final = "bucket=${bucket}&object=${object}&size=${size}"


def case_id(operation: str, fault: str) -> str:
    """The name of a case in reports."""
    return f"{operation}/{fault}"


def key_of(suite: str, operation: str, fault: str) -> str:
    """The object that a case uploads."""
    return f"{suite}/{case_id(operation, fault)}"


def content_of(suite: str, operation: str, fault: str) -> str:
    """What it uploads."""
    return f"content of {key_of(suite, operation, fault)}"


@dataclass(frozen=True, slots=True)
class FaultRun:
    """What a suite showed, by case; or why there is nothing."""

    shown: dict[str, dict[str, Any]]
    trouble: str = ""
    missing: str = ""


class FaultRuns:
    """Runs every suite when the first result is asked for."""

    def __init__(self, world: FaultWorld, scratch: Path) -> None:
        self._world = world
        self._scratch = scratch
        self._runs: dict[str, Future[FaultRun]] = {}

    def of(self, suite: str) -> FaultRun:
        """The run of *suite*."""
        if not self._runs:
            # Building one after the other is left to the thread of the caller.
            commands = {suite: self._command(suite) for suite in SUITES}
            with ThreadPoolExecutor(len(SUITES)) as pool:
                for each, command in commands.items():
                    self._runs[each] = pool.submit(self._run, each, command)
        return self._runs[suite].result()

    def _command(self, suite: str) -> Command | FaultRun:
        try:
            return command_of(suite, self._hosts_file(), "faults")
        except Missing as error:
            return FaultRun({}, missing=str(error))
        except BuildFailed as error:
            return FaultRun({}, trouble=str(error))

    def _run(self, suite: str, command: Command | FaultRun) -> FaultRun:
        if isinstance(command, FaultRun):
            return command
        try:
            done = subprocess.run(
                command,
                env={**os.environ, **self._environment(suite)},
                capture_output=True,
                text=True,
                check=False,
                timeout=TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            said = (error.stdout or b"").decode()
            return FaultRun(_shown(said), f"took more than {TIMEOUT_S} s")
        ended = f"ended with {done.returncode}; standard error:\n{done.stderr[-3000:]}"
        return FaultRun(_shown(done.stdout), ended)

    def _environment(self, suite: str) -> dict[str, str]:
        """What the suites read; STS is none of these cases."""
        server = self._world.patient.server
        scratch = self._scratch / suite
        scratch.mkdir()
        cases = scratch / "faults.json"
        cases.write_text(json.dumps(self._cases(suite)))
        given = {
            "FAULTS": str(cases),
            "ENDPOINT": server.endpoint,
            "STYLE": "path",
            "SIGNATURE": "v4",
            "REGION": server.region,
            "ACCESS_KEY_ID": server.access_key_id,
            "ACCESS_KEY_SECRET": server.access_key_secret,
            "PREFIX": f"unused-{uuid.uuid4().hex[:10]}",
            "SHARED": str(HERE / "shared.json"),
            "SCRATCH": str(scratch),
        }
        unused = ("INBOX", "STS_ENDPOINT", "STS_ACCESS_KEY_ID", "STS_ACCESS_KEY_SECRET")
        given |= dict.fromkeys((*unused, "ROLE_ARN", "ROLE_BUCKET"), "")
        return {f"OSSIA_TEST_{name}": value for name, value in given.items()}

    def _cases(self, suite: str) -> list[dict[str, str]]:
        world = self._world
        return [
            {
                "id": case_id(operation, fault),
                "operation": operation,
                "endpoint": world.place_of(fault).server.endpoint,
                "bucket": world.place_of(fault).bucket,
                "key": key_of(suite, operation, fault),
                "content": content_of(suite, operation, fault),
                "url": world.url(fault),
                "body": BODY,
            }
            for fault in faults()
            for operation in OPERATIONS
            # The limit of OSS itself: once for each SDK, as it takes six seconds.
            if (operation, fault) != ("complete", "late-by-the-limit-of-oss")
        ]

    def _hosts_file(self) -> Path:
        file = self._scratch / "faults.hosts"
        file.write_text("127.0.0.1 localhost\n")
        return file


def _shown(stdout: str) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in stdout.splitlines() if line.startswith('{"')]
    return {line["case"]: line["shown"] for line in lines}
