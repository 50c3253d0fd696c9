"""A real Prometheus finds every alert when there is reason for it, and only then.

`PROVOCATIONS` has for each alert what goes wrong: a generator that first yields the server while all is
well, then does the harm, and goes on with it as long as it is asked.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from backing_up import Backups

from certificates import Issuer
from fake_engine import BUCKET as ENGINE_BUCKET
from fake_engine import FakeEngine, fake_engine
from ossia.testing.inbox import Inbox
from postgres_server import programs, running_postgres
from prometheus_server import RULES, WINDOW, Prometheus, running_prometheus
from running import Server, running_server, signer, workers_of
from scraping import scrape

pytestmark = pytest.mark.slow

BUCKET = "alerting"
DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "ossia.json"
NOBODY = "http://127.0.0.1:1/"
LARGE = bytes(200_000)
"""Too much for a row: its bytes go where blobs are."""
WITHIN_S = 60
PAUSE_S = 0.2
SECONDS_OF_DAYS = str(2 / (24 * 3600))
"""Two of them, for --scrub-days."""

Provocation = Generator[Server, None, None]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with running_prometheus(tmp_path_factory.mktemp("prometheus")) as running:
        yield running


class Stage:
    """Servers, and what they need, until the test ends."""

    def __init__(self, folder: Path, held: ExitStack) -> None:
        self.folder = folder
        self.held = held

    def serve(self, *arguments: str, data: str = "server", **environment: str) -> Server:
        """A server with metrics and a bucket."""
        server = self.held.enter_context(
            running_server(
                self.folder / data,
                *("--metrics-listen", "127.0.0.1:0"),
                *arguments,
                environment=environment,
            )
        )
        assert signer(server).request("PUT", BUCKET).status == 200
        return server

    def engine(self) -> tuple[FakeEngine, tuple[str, ...]]:
        """An engine that does as it is told, and the flags of who stores bytes there."""
        engine = self.held.enter_context(fake_engine())
        place = f"s3://{ENGINE_BUCKET}/x?endpoint={engine.endpoint}"
        key = ("--blobs-access-key-id", "key", "--blobs-access-key-secret", "secret")
        return engine, ("--blobs", place, *key, "--blobs-timeout", "2")

    def on_engine(self, *arguments: str) -> tuple[Server, FakeEngine]:
        """A server whose bytes are there."""
        engine, flags = self.engine()
        return self.serve(*flags, *arguments), engine

    def with_certificate(self, days: int) -> Server:
        """A server that speaks TLS for so many days."""
        file = self.folder / f"{days}.pem"
        file.write_bytes(Issuer("Alerts").issue("127.0.0.1", age_days=days))
        tls = ("--tls-certificate", str(file), "--tls-key", str(file))
        folder = self.folder / f"for-{days}-days"
        return self.held.enter_context(
            running_server(folder, "--metrics-listen", "127.0.0.1:0", *tls)
        )

    def on_postgres(self, *arguments: str) -> tuple[Server, Any]:
        """A server on a shared database."""
        if programs() is None:
            pytest.skip("PostgreSQL is not installed: make databases")
        database = self.held.enter_context(running_postgres())
        shared = ("--metadata", database.fresh(), "--master-key-file", str(self.folder / "master"))
        root = ("--root-access-key-id", "LTAItestsroot", "--root-access-key-secret", "rootsecret")
        quick = ("--metadata-timeout", "1")
        return self.serve(*shared, *root, *quick, *arguments, data="shared"), database


def put(server: Server, key: str, content: bytes = b"x", url: str = "") -> int:
    """Upload, with a callback to *url*; the status."""
    terms = b64encode(json.dumps({"callbackUrl": url, "callbackBody": "o=${object}"}).encode())
    headers = {"x-oss-callback": terms.decode()} if url else {}
    return signer(server).request("PUT", BUCKET, key, headers=headers, body=content).status


# --- what goes wrong ---


def down(stage: Stage) -> Provocation:
    server = stage.serve()
    yield server
    server.process.kill()
    while True:
        yield server


def engine_down(stage: Stage) -> Provocation:
    server, engine = stage.on_engine()
    yield server
    engine.always("reset")
    while True:
        yield server


def errors(stage: Stage) -> Provocation:
    server, engine = stage.on_engine()
    for _ in range(5):
        assert put(server, "well", LARGE) == 200
    yield server
    engine.always("403")
    while True:
        assert put(server, "ill", LARGE) == 503
        yield server


def overloaded(stage: Stage) -> Provocation:
    server = stage.serve("--workers", "1", "--connection-limit", "1")
    yield server
    host, _, port = server.address.rpartition(":")
    stage.held.enter_context(socket.create_connection((host, int(port))))
    while True:
        assert put(server, "key") == 503
        yield server


def slow(stage: Stage) -> Provocation:
    server, engine = stage.on_engine("--blobs-timeout", "30")
    assert put(server, "key", LARGE) == 200
    yield server
    engine.faults = lambda method, _: time.sleep(1.2) or "" if method == "GET" else ""  # type: ignore[func-returns-value]  # it waits
    while True:
        assert signer(server).request("GET", BUCKET, "key").status == 200
        yield server


def loop_lags(stage: Stage) -> Provocation:
    server = stage.serve("--workers", "1")
    yield server
    (worker,) = workers_of(server)
    while True:
        os.kill(worker, signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(worker, signal.SIGCONT)
        time.sleep(0.3)
        yield server


def workers_die(stage: Stage) -> Provocation:
    server = stage.serve("--workers", "2")
    yield server
    os.kill(workers_of(server)[0], signal.SIGKILL)
    while True:
        yield server


def worker_hangs(stage: Stage) -> Provocation:
    server = stage.serve("--workers", "2")
    yield server
    # Prometheus keeps its connection: the other worker is to tell.
    port = int(server.event["metrics_url"].rpartition(":")[2].partition("/")[0])
    (asked,) = [pid for pid in workers_of(server) if _serves(pid, port)]
    (other,) = [pid for pid in workers_of(server) if pid != asked]
    os.kill(other, signal.SIGSTOP)
    try:
        while True:
            yield server
    finally:
        os.kill(other, signal.SIGCONT)


def _serves(pid: int, port: int) -> bool:
    """Whether the process has a connection of a client at that port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = {row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"}
    held = {str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink()}
    return any(f"socket:[{inode}]" in held for inode in ours)


def disk_full(stage: Stage) -> Provocation:
    place = stage.folder / "small"
    place.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)]
    if subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("only who may mount has a small disk")
    stage.held.callback(subprocess.run, ["umount", "-l", str(place)], check=True)
    server = stage.serve(data="small")
    yield server
    (place / "ballast").write_bytes(bytes(shutil.disk_usage(place).free - 4 * 1024 * 1024))
    while True:
        yield server


def commits_slow(stage: Stage) -> Provocation:
    # A disk that becomes slow when it is told to.
    lazy, told = stage.folder / "lazy", stage.folder / "told"
    lazy.mkdir()
    (lazy / "sitecustomize.py").write_text(
        "import os, time\n"
        "quick = os.fdatasync\n"
        f"os.fdatasync = lambda file: time.sleep(0.4 * os.path.exists({str(told)!r})) or quick(file)\n"
    )
    server = stage.serve(PYTHONPATH=str(lazy))
    assert put(server, "key") == 200
    yield server
    told.touch()
    while True:
        assert put(server, "key") == 200
        yield server


def duties_fail(stage: Stage) -> Provocation:
    server, database = stage.on_postgres()
    yield server
    database.stop()
    while True:
        yield server


def callbacks_fail(stage: Stage) -> Provocation:
    server = stage.serve()
    inbox = stage.held.enter_context(Inbox())
    assert put(server, "key", url=inbox.url) == 200
    yield server
    while True:
        assert put(server, "key", url=NOBODY) == 203
        yield server


def outbox_lags(stage: Stage) -> Provocation:
    clock = stage.folder / "clock"
    clock.write_text("0")
    server = stage.serve("--callback-mode", "outbox", OSSIA_TEST_CLOCK_FILE=str(clock))
    assert put(server, "key", url=NOBODY) == 203
    yield server
    clock.write_text(str(3600))
    while True:
        yield server


def callbacks_given_up(stage: Stage) -> Provocation:
    server = stage.serve("--callback-mode", "outbox", "--callback-retry-for", "0")
    yield server
    assert put(server, "key", url=NOBODY) == 203
    while True:
        yield server


def damage_found(stage: Stage) -> Provocation:
    server = stage.serve("--scrub-days", SECONDS_OF_DAYS)
    assert put(server, "key", LARGE) == 200
    _await(lambda: scrubbed(server) > 0, "nothing is read")
    yield server
    (blob,) = (stage.folder / "server" / "data" / "blobs").glob("*/*/*")
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.write_bytes(content)
    while True:
        yield server


def scrubbed(server: Server) -> float:
    """How many rows were read."""
    return scrape(server.event["metrics_url"]).total("ossia_scrubbed_rows_total")


def scrub_late(stage: Stage) -> Provocation:
    well = stage.serve("--scrub-days", "30")
    # Here it was done two months ago; and who only reads has nobody do it.
    clock = stage.folder / "clock"
    clock.write_text(str(-61 * 24 * 3600))
    with running_server(
        stage.folder / "late",
        *("--metrics-listen", "127.0.0.1:0", "--scrub-days", SECONDS_OF_DAYS),
        environment={"OSSIA_TEST_CLOCK_FILE": str(clock)},
    ) as long_ago:
        done = "ossia_scrub_done_time_seconds"
        _await(lambda: scrape(long_ago.event["metrics_url"]).total(done) > 0, "it is not done")
    yield well
    server = stage.held.enter_context(
        running_server(stage.folder / "late", "--metrics-listen", "127.0.0.1:0", "--read-only")
    )
    while True:
        yield server


def backup_late(stage: Stage) -> Provocation:
    server = stage.serve()
    yield server
    clock = stage.folder / "clock"
    clock.write_text(str(-3 * 24 * 3600))
    long_ago = {**os.environ, "OSSIA_TEST_CLOCK_FILE": str(clock)}
    data = ("--data", str(stage.folder / "server" / "data"))
    assert Backups.new(stage.folder).run("run", *data, environment=long_ago).code == 0
    while True:
        yield server


def certificate_expires(stage: Stage) -> Provocation:
    yield stage.with_certificate(30)
    server = stage.with_certificate(5)
    while True:
        yield server


PROVOCATIONS: dict[str, Callable[[Stage], Provocation]] = {
    "OssiaDown": down,
    "OssiaEngineDown": engine_down,
    "OssiaErrors": errors,
    "OssiaOverloaded": overloaded,
    "OssiaSlow": slow,
    "OssiaLoopLags": loop_lags,
    "OssiaWorkersDie": workers_die,
    "OssiaWorkerHangs": worker_hangs,
    "OssiaDiskFull": disk_full,
    "OssiaCommitsSlow": commits_slow,
    "OssiaDutiesFail": duties_fail,
    "OssiaCallbacksFail": callbacks_fail,
    "OssiaOutboxLags": outbox_lags,
    "OssiaCallbacksGivenUp": callbacks_given_up,
    "OssiaDamageFound": damage_found,
    "OssiaScrubLate": scrub_late,
    "OssiaBackupLate": backup_late,
    "OssiaCertificateExpires": certificate_expires,
}


@pytest.mark.parametrize("alert", re.findall(r"- alert: (\w+)", RULES.read_text()))
def test_an_alert_fires_when_there_is_reason(
    prometheus: Prometheus, tmp_path: Path, alert: str
) -> None:
    with ExitStack() as held:
        provocation = PROVOCATIONS[alert](Stage(tmp_path, held))
        held.callback(provocation.close)
        server = next(provocation)
        instance = held.enter_context(prometheus.watching(server.event["metrics_url"]))
        _await(lambda: _is_seen(prometheus, instance, 3), "Prometheus sees nothing")
        # What was said of all servers may have been said of those before.
        _await(lambda: not _firing(prometheus), "all is well", prometheus.alerts)

        def provoked() -> bool:
            bad = next(provocation)
            url = bad.event["metrics_url"]
            if _instance(url) not in prometheus.targets:
                held.enter_context(prometheus.watching(url))
            return prometheus.firing(alert, _instance(url))

        _await(provoked, f"{alert} does not fire", prometheus.alerts)


def _instance(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]


def _firing(prometheus: Prometheus) -> list[dict[str, Any]]:
    return [each for each in prometheus.alerts() if each["state"] == "firing"]


def test_every_panel_of_the_dashboard_is_filled(prometheus: Prometheus, tmp_path: Path) -> None:
    panels = [each for each in json.loads(DASHBOARD.read_text())["panels"] if "targets" in each]
    wanted = {
        (
            panel["title"],
            target["expr"].replace("$instance", ".*").replace("$__rate_interval", WINDOW),
        )
        for panel in panels
        for target in panel["targets"]
    }
    assert len(wanted) > len(panels) // 2
    with ExitStack() as held:
        stage = Stage(tmp_path, held)
        _, on_engine = stage.engine()
        inbox = held.enter_context(Inbox())
        shared, _ = stage.on_postgres(*on_engine, "--callback-mode", "outbox")
        servers = [stage.serve("--scrub-days", SECONDS_OF_DAYS), shared]
        assert (
            Backups.new(tmp_path).run("run", "--data", str(tmp_path / "server" / "data")).code == 0
        )
        for each in (*servers, stage.with_certificate(30)):
            held.enter_context(prometheus.watching(each.event["metrics_url"]))

        def filled() -> bool:
            for server in servers:
                for key, content, url in (
                    ("small", b"x", ""),
                    ("large", LARGE, ""),
                    ("told", b"x", inbox.url),
                    ("untold", b"x", NOBODY),
                ):
                    assert put(server, key, content, url) in {200, 203}
                assert signer(server).request("GET", BUCKET, "large").status == 200
            empty = {each for each in wanted if not prometheus.query(each[1])}
            wanted.intersection_update(empty)
            return not wanted

        _await(filled, "these panels stay empty:", lambda: sorted(wanted))


def _is_seen(prometheus: Prometheus, instance: str, times: int) -> bool:
    """Whether a server has been scraped so often, well."""
    seen = prometheus.query(f'sum_over_time(up{{instance="{instance}"}}[1m])')
    return any(value >= times for _, value in seen)


def _await(holds: Callable[[], bool], what: str, more: Callable[[], object] = lambda: "") -> None:
    until = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < until, f"{what} {more()}"
        time.sleep(PAUSE_S)
