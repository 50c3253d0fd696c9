"""A workflow of GitHub Actions, step by step, as a runner would; and whether GitHub would take it."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import yaml  # type: ignore[import-untyped]
from following import Reader
from reading import ROOT
from showing import shows

_FILE: Final = ".github/workflows/test.yml"
_LINTER: Final = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
_BUILD_S: Final = 300


@contextmanager
def workflow(reader: Reader) -> Iterator[None]:
    """Lint it, and do its steps as GitHub does: each in a bash of its own that ends at an error."""
    reader.read()
    _passes_the_linter(reader.folder / _FILE)
    reader.type(f"mkdir temporary; export RUNNER_TEMP={reader.folder}/temporary")
    (job,) = yaml.safe_load((reader.folder / _FILE).read_text())["jobs"].values()
    for name, value in job["env"].items():
        reader.type(f"export {name}={shlex.quote(reader.there(value))}")
    printed = {}
    for step in job["steps"]:
        if "run" in step:
            script = reader.folder.with_name("step.sh")
            script.write_text(step["run"])
            printed[step["name"]] = reader.type(f"bash --noprofile --norc -eo pipefail {script}")
    (shown,) = (f.text for f in reader.page.fences if f.heading == "See that it worked")
    assert shows(f"…\n{shown}", printed["Test"]), printed["Test"]
    assert "lake.jpg" in printed["What the store says"], printed
    yield


def _passes_the_linter(file: Path) -> None:
    """Without Go nobody lints; the steps are done all the same."""
    go = shutil.which("go")
    if go is None:
        return
    folder = ROOT / ".cache" / "actionlint"
    if not (folder / "actionlint").exists():
        environment = {**os.environ, "GOBIN": str(folder), "GOFLAGS": ""}
        subprocess.run([go, "install", _LINTER], check=True, env=environment, timeout=_BUILD_S)
    told = subprocess.run(
        [folder / "actionlint", "-no-color", file], capture_output=True, text=True, check=False
    )
    if told.returncode:
        pytest.fail(f"GitHub would not take {_FILE}:\n{told.stdout}{told.stderr}")
