"""Every page, followed to its end by somebody who has nothing but the page."""

from pathlib import Path

import pytest
from following import following
from preparations import ELSEWHERE, PREPARATIONS, prepared
from reading import ROOT, pages, read_page

PAGES = {name: read_page(name) for name in pages()}
FOLLOWED = [name for name, page in PAGES.items() if page.is_followed and name not in ELSEWHERE]


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLLOWED)
def test_what_a_page_says_works(name: str, tmp_path: Path) -> None:
    with following(PAGES[name], tmp_path / "page") as reader, prepared(reader):
        reader.read()


def test_what_is_prepared_for_a_page_is_for_one_that_is_there() -> None:
    assert set(PREPARATIONS) <= set(FOLLOWED)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_page_with_a_test_of_its_own_has_one(name: str) -> None:
    assert PAGES[name].is_followed
    assert name in (ROOT / ELSEWHERE[name]).read_text()
