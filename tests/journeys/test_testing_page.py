"""The settings in docs/testing.md, with the tests of the page (which tests/pages runs without them)."""

import re
from pathlib import Path

import pytest

from suites import run_suite

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
FILE = re.compile(r'^```python title="(.*?)"\n(.*?)^```', re.DOTALL | re.MULTILINE)


def test_the_tests_of_the_page_pass_with_its_settings(tmp_path: Path) -> None:
    files = dict(FILE.findall(PAGE.read_text()))
    # The callbacks are kept: who uploads to an application that fails hears 200.
    del files["test_faults.py"]
    assert files.keys() > {"conftest.py", "test_callback.py"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    run = run_suite(tmp_path)
    assert run.passed == 4, run.text
