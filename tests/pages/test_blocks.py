"""Every block of every page is followed by a test, or checked and says why it is not followed."""

import pytest
from judging import judge
from reading import Fence, pages, read_page

FENCES = [fence for name in pages() for fence in read_page(name).fences]


@pytest.mark.parametrize("fence", FENCES, ids=lambda fence: fence.place)
def test_a_block_is_followed_or_checked(fence: Fence) -> None:
    judge(fence)
