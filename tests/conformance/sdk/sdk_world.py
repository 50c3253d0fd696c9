"""The world in which the suites run, and running them: ``ossia up``, an application server that echoes."""

import json
import os
import re
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compatibility import ONLY_REFUSED
from sdk_matrix import DOMAIN, IP, LOCALHOST, Variant
from sdk_toolchains import HERE, BuildFailed, Missing, command_of

from ossia.receiver.verify import CallbackNotVerified, verify
from ossia.testing.inbox import Answer, Inbox, Received
from running import Demo, log_of

SUITE_TIMEOUT_S = 120


class EchoApp(Inbox):
    """An application server that verifies each callback and answers with what it received.

    ``/fail`` answers 500; ``/text`` answers something that is not JSON; ``/processed`` answers what
    OSS itself answers to a process, of which SDKs read nothing else.
    """

    def __init__(self, public_key_url: str) -> None:
        self._public_key_url = public_key_url
        super().__init__("")

    def _accept(self, received: Received) -> Answer:
        super()._accept(received)
        if received.path == "/fail":
            return Answer(status=500, body=b'{"Status":"no"}')
        if received.path == "/text":
            return Answer(body=b"OK")
        try:
            answer = self._echo(received)
            if received.path == "/processed":
                answer = _processed(answer["values"])
            return Answer(body=json.dumps(answer, ensure_ascii=False).encode())
        except (CallbackNotVerified, ValueError) as error:
            return Answer(status=403, body=json.dumps({"reason": str(error)}).encode())

    def _echo(self, received: Received) -> dict[str, Any]:
        verify(
            path=received.path,
            query=received.query,
            headers=received.headers,
            body=received.body,
            trusted_key_urls=[self._public_key_url],
        )
        return {
            "Status": "OK",
            "target": received.target,
            "type": received.headers.get("content-type"),
            "values": {name: str(value) for name, value in received.values().items()},
        }


def _processed(values: dict[str, str]) -> dict[str, Any]:
    size = int(values["size"])
    return {**values, "fileSize": size, "status": f"{values['operation']}: {values['note']}"}


@dataclass(frozen=True, slots=True)
class World:
    """The server, the application server and a role for uploads."""

    demo: Demo
    app: EchoApp
    scratch: Path

    def environment(self, variant: Variant, prefix: str) -> dict[str, str]:
        """What a suite reads."""
        server = self.demo.server
        role = json.loads((server.data / "data" / "appserver" / "config.json").read_text())
        port = server.address.rpartition(":")[2]
        scratch = self.scratch / variant.id
        scratch.mkdir()
        return {
            "OSSIA_TEST_ENDPOINT": f"http://{variant.host}:{port}",
            "OSSIA_TEST_STYLE": "path" if variant.host == IP else "virtual",
            "OSSIA_TEST_SIGNATURE": variant.signature,
            "OSSIA_TEST_REGION": server.region,
            "OSSIA_TEST_ACCESS_KEY_ID": server.access_key_id,
            "OSSIA_TEST_ACCESS_KEY_SECRET": server.access_key_secret,
            "OSSIA_TEST_PREFIX": prefix,
            "OSSIA_TEST_INBOX": self.app.url,
            "OSSIA_TEST_STS_ENDPOINT": f"{IP}:{port}",
            "OSSIA_TEST_STS_ACCESS_KEY_ID": role["AccessKeyID"],
            "OSSIA_TEST_STS_ACCESS_KEY_SECRET": role["AccessKeySecret"],
            "OSSIA_TEST_ROLE_ARN": role["RoleArn"],
            "OSSIA_TEST_ROLE_BUCKET": self.demo.bucket,
            "OSSIA_TEST_SHARED": str(HERE / "shared.json"),
            "OSSIA_TEST_SCRATCH": str(scratch),
        }

    def hosts_file(self, prefix: str) -> Path:
        """A hosts file with every name that a suite with *prefix* uses."""
        ours = ("-other", "-missing", "-archive", "-direct", "-versions", "-worm", "-settings")
        buckets = (prefix, *(f"{prefix}{each}" for each in ours), self.demo.bucket)
        domains = (LOCALHOST, DOMAIN)
        names = [*domains, *(f"{bucket}.{domain}" for bucket in buckets for domain in domains)]
        file = self.scratch / f"{prefix}.hosts"
        file.write_text("".join(f"{IP} {name}\n" for name in names))
        return file


@dataclass(frozen=True, slots=True)
class Run:
    """What a suite reported, or why it could not."""

    results: dict[str, dict[str, Any]]
    trouble: str = ""
    missing: str = ""
    operations: frozenset[str] = frozenset()
    """Those that the server did for it."""


class Runs:
    """Runs each variant once, when its first result is asked for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._runs: dict[Variant, Run] = {}

    def of(self, variant: Variant) -> Run:
        """The run of *variant*."""
        if variant not in self._runs:
            self._runs[variant] = self._run(variant)
        return self._runs[variant]

    def _run(self, variant: Variant) -> Run:
        prefix = f"sdk-{uuid.uuid4().hex[:10]}"
        try:
            command = command_of(variant.suite, self._world.hosts_file(prefix))
        except Missing as error:
            return Run({}, missing=str(error))
        except BuildFailed as error:
            return Run({}, trouble=str(error))
        ours = self._world.environment(variant, prefix)
        log = log_of(self._world.demo.server.data)
        before = log.stat().st_size
        try:
            done = subprocess.run(
                command,
                env={**os.environ, **ours},
                capture_output=True,
                text=True,
                check=False,
                timeout=SUITE_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            return Run(_results(error.stdout or b""), f"took more than {SUITE_TIMEOUT_S} s")
        ended = f"ended with {done.returncode}; standard error:\n{done.stderr[-3000:]}"
        # Lines come behind their requests, some tenths of a second at most.
        time.sleep(1)
        with log.open("rb") as lines:
            lines.seek(before)
            operations = _operations_of(lines.read().decode(errors="replace"))
        return Run(_results(done.stdout), ended, operations=operations)


_ANSWERED = re.compile(r" access method=\S+ operation=(\w+) .* status=(\d+) ")
"""A line of the access log."""


def _operations_of(log: str) -> frozenset[str]:
    """Those that were done, according to *log*: not refused, or as they always are."""
    return frozenset(
        operation
        for operation, status in _ANSWERED.findall(log)
        if status[0] in "23" or (status == "404" and operation in ONLY_REFUSED)
    )


def _results(stdout: str | bytes) -> dict[str, dict[str, Any]]:
    text = stdout.decode() if isinstance(stdout, bytes) else stdout
    lines = [json.loads(line) for line in text.splitlines() if line.startswith('{"case"')]
    return {line["case"]: line for line in lines}
