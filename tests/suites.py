"""Suites of users, run by pytest in a process of their own."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_ENDS_WITHIN_S = 180
_COUNTED = re.compile(r"(\d+) (passed|failed|error)")


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a suite: its exit code, how many tests passed, what was printed, how long."""

    code: int
    passed: int
    text: str
    took_s: float


def run_suite(folder: Path, *arguments: str) -> Run:
    """Run the tests in *folder*; warnings are errors there too."""
    configuration = folder / "pytest.ini"
    if not configuration.exists():
        configuration.write_text(
            "[pytest]\nfilterwarnings =\n    error\n    ignore::DeprecationWarning:oss2\n"
            "    ignore:.*utcnow:DeprecationWarning\n"
            "asyncio_default_fixture_loop_scope = function\n"
        )
    begun_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=_ENDS_WITHIN_S,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    took_s = time.perf_counter() - begun_s
    text = done.stdout + done.stderr
    counted = {word: int(number) for number, word in _COUNTED.findall(text[-200:])}
    passed = counted.get("passed", 0) if not done.returncode else 0
    return Run(done.returncode, passed, text, took_s)
