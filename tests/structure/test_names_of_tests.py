"""Files of tests have names of their own: pytest collects no two of one name in one run."""

from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_no_two_files_of_tests_share_a_name() -> None:
    packages = {each.parent for each in TESTS.rglob("__init__.py")}
    names = Counter(each.name for each in TESTS.rglob("test_*.py") if each.parent not in packages)
    assert [name for name, count in names.items() if count > 1] == []
