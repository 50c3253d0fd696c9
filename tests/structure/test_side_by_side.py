"""What is kept in one process where several run tests."""

from pathlib import Path

from side_by_side import TOGETHER

ROOT = Path(__file__).parents[2]


def test_what_is_kept_together_is_there() -> None:
    assert [place for place in TOGETHER if not (ROOT / place).exists()] == []
