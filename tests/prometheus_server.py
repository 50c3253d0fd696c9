"""A real Prometheus for tests, in a hurry: it scrapes and judges every second."""

import json
import math
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from ports import free_port

ROOT = Path(__file__).parents[1]
RULES = ROOT / "deploy" / "prometheus" / "ossia.rules.yml"
WINDOW = "10s"
_UNPACKED = ROOT / ".cache" / "prometheus" / "usr" / "bin"
_CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{folder}/hurried.rules.yml"]
scrape_configs:
  - job_name: ossia
    metrics_path: /-/metrics
    scrape_timeout: 1s
    tls_config: {{insecure_skip_verify: true}}
    file_sd_configs: [{{files: ["{folder}/targets.json"], refresh_interval: 1s}}]
"""


def program(name: str) -> str | None:
    """Where it is: installed, or unpacked by ``make prometheus``."""
    return shutil.which(name) or shutil.which(name, path=str(_UNPACKED))


def hurried(rules: str) -> str:
    """The same rules for who cannot wait: minutes of patience become a second, windows ten."""
    rules = re.sub(r"for: \d+m", "for: 1s", rules)
    return re.sub(r"\[\d+m\]", f"[{WINDOW}]", rules)


@dataclass
class Prometheus:
    """A running one."""

    folder: Path
    url: str
    targets: dict[str, str] = field(default_factory=dict)
    """Schemes by address."""

    @contextmanager
    def watching(self, metrics_url: str) -> Iterator[str]:
        """Scrape a server; its instance."""
        scheme, _, rest = metrics_url.partition("://")
        instance = rest.partition("/")[0]
        self.targets[instance] = scheme
        self._tell()
        try:
            yield instance
        finally:
            del self.targets[instance]
            self._tell()

    def _tell(self) -> None:
        groups = [
            {"targets": [address], "labels": {"__scheme__": scheme}}
            for address, scheme in self.targets.items()
        ]
        new = self.folder / "targets.new"
        new.write_text(json.dumps(groups))
        new.replace(self.folder / "targets.json")

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and values now; what is not a number is left out."""
        found = self._get("query", query=expression)["result"]
        series = [(each["metric"], float(each["value"][1])) for each in found]
        return [(labels, value) for labels, value in series if not math.isnan(value)]

    def firing(self, alert: str, instance: str) -> bool:
        """Whether the alert tells of *instance*, or of all together."""
        return any(
            each["labels"]["alertname"] == alert
            and each["labels"].get("instance", instance) == instance
            and each["state"] == "firing"
            for each in self._get("alerts")["alerts"]
        )

    def alerts(self) -> list[dict[str, Any]]:
        """Those that are pending or firing."""
        found: list[dict[str, Any]] = self._get("alerts")["alerts"]
        return found

    def _get(self, what: str, **query: str) -> Any:
        with urlopen(f"{self.url}/api/v1/{what}?{urlencode(query)}", timeout=5) as answer:
            return json.load(answer)["data"]


@contextmanager
def running_prometheus(folder: Path) -> Iterator[Prometheus]:
    """One with the rules of ``deploy/`` in a hurry; it watches nothing yet.  Skips without one."""
    found = program("prometheus")
    if found is None:
        pytest.skip("Prometheus is not installed: make prometheus")
    config = folder / "prometheus.yml"
    config.write_text(_CONFIG.format(folder=folder))
    (folder / "hurried.rules.yml").write_text(hurried(RULES.read_text()))
    (folder / "targets.json").write_text("[]")
    address = f"127.0.0.1:{free_port()}"
    command = [found, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address={address}", "--log.level=warn"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        until = time.monotonic() + 20
        while not _is_ready(f"http://{address}/-/ready"):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until, "Prometheus does not answer"
            time.sleep(0.1)
        yield Prometheus(folder, f"http://{address}")
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def _is_ready(url: str) -> bool:
    try:
        with urlopen(url, timeout=1):
            return True
    except (URLError, OSError):
        return False
