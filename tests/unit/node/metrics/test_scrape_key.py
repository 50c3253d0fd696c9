from pathlib import Path

import pytest

from ossia.node.metrics.access import scrape_key
from ossia.settings import Settings, SettingsError


def test_the_key_is_the_line_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("0123456789abcdef\n")
    assert scrape_key(Settings(metrics_key_file=str(file))) == b"0123456789abcdef"
    assert scrape_key(Settings()) is None


@pytest.mark.parametrize(
    "content", ["", "\n", "short", "two lines\nof it, long enough", "0123456789abcdeä"]
)
def test_what_is_no_key_is_said_in_one_line_without_it(tmp_path: Path, content: str) -> None:
    file = tmp_path / "key"
    file.write_text(content)
    with pytest.raises(SettingsError) as refused:
        scrape_key(Settings(metrics_key_file=str(file)))
    assert "\n" not in str(refused.value)
    assert "long enough" not in str(refused.value)


def test_a_file_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        scrape_key(Settings(metrics_key_file=str(tmp_path / "key")))
