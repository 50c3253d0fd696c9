"""Every block of every page is followed by a test, or checked and says why it is not followed."""

import re

import pytest
from judging import judge, judge_spoken
from reading import Fence, pages, read_page

FENCES = [fence for name in pages() for fence in read_page(name).fences]


@pytest.mark.parametrize("fence", FENCES, ids=lambda fence: fence.place)
def test_a_block_is_followed_or_checked(fence: Fence) -> None:
    judge(fence)


@pytest.mark.parametrize("name", pages())
def test_commands_that_sentences_name_are_there(name: str) -> None:
    for code in re.findall(r"`(ossia [^`]+)`", " ".join(read_page(name).prose)):
        try:
            judge_spoken(code)
        except Exception as wrong:
            raise AssertionError(f"{name}: `{code}`: {wrong}") from wrong
