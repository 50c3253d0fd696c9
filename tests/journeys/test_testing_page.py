"""The tests in docs/testing.md, as a suite of somebody else: extracted, and run by pytest."""

import re
from pathlib import Path

import pytest

from suites import run_suite

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def blocks() -> list[str]:
    return re.findall(r"^```python title=.*?\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    *tests, settings = blocks()
    assert len(tests) == 5
    for number, test in enumerate(tests):
        (tmp_path / f"test_{number}.py").write_text(test)
    run = run_suite(tmp_path)
    assert run.passed == 7, run.text
    # With the settings of the page the callbacks are kept: who uploads hears 200.
    (tmp_path / "conftest.py").write_text(settings)
    with_settings = run_suite(tmp_path, "test_0.py", "test_1.py", "test_2.py", "test_4.py")
    assert with_settings.passed == 4, with_settings.text
