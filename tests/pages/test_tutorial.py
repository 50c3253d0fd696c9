"""docs/tutorial.md, by somebody with an empty folder, Python, the wheel, and a browser; and how long it takes.

Reading and typing are not measured but reckoned (`Effort`); what the machine does is measured.
"""

import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from following import Reader, following
from reading import Page, read_page

from browsing import Viewer, needs_browser, running_browser
from packed import committed_wheel

pytestmark = [pytest.mark.slow, pytest.mark.alone]
PAGE = read_page("docs/tutorial.md")
PHOTO = b"\xff\xd8\xff" + bytes(20_000)
AT_MOST_S = 600


@dataclass(frozen=True, slots=True)
class Effort:
    """What a page asks of its reader, in seconds.

    200 words a minute are read, code included; 200 characters a minute are typed at prompts; a file is
    pasted in 15 seconds.  Choosing a photo, and looking at what came of it, takes 30 seconds.
    """

    reading_s: float
    typing_s: float
    pasting_s: float
    looking_s: float = 30

    @property
    def total_s(self) -> float:
        return self.reading_s + self.typing_s + self.pasting_s + self.looking_s


def effort(page: Page) -> Effort:
    prose = " ".join(re.sub(r"<!--.*?-->|\]\([^)]*\)|[|#*`]", " ", "\n".join(page.prose)).split())
    words = len(prose.split()) + sum(len(fence.text.split()) for fence in page.fences)
    typed = sum(
        len(command.text) + 1
        for fence in page.fences
        if fence.is_shell
        for command in fence.commands()
    )
    files = sum(fence.title is not None for fence in page.fences)
    return Effort(words / 200 * 60, typed / 200 * 60, files * 15)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return committed_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def reader(wheel: Path, tmp_path: Path) -> Iterator[Reader]:
    """Who has nothing but Python; pip finds Ossia where the release would be."""
    with following(PAGE, tmp_path / "page", path=f"{sys.base_prefix}/bin:{os.defpath}") as reader:
        (tmp_path / "constraints.txt").write_text(f"ossia @ {wheel.as_uri()}\n")
        reader.type(f"export PIP_CONSTRAINT={tmp_path / 'constraints.txt'}")
        yield reader


@needs_browser
def test_nothing_installed_to_a_verified_callback_within_ten_minutes(
    reader: Reader, tmp_path: Path
) -> None:
    begun_s = time.monotonic()
    reader.read(until="Upload")
    photo = tmp_path / "sea.jpg"
    photo.write_bytes(PHOTO)
    with running_browser(tmp_path / "chromium", 900, 700) as browser:
        began_browser_s = time.monotonic()
        viewer = Viewer(browser)
        browser.get(reader.here("http://127.0.0.1:8000/"))
        viewer.one("#photo").send_keys(str(photo))
        viewer.one("#upload").click()
        answer = viewer.until(lambda: viewer.text("#answer"))
        (shown,) = (fence.text for fence in PAGE.fences if fence.heading == "Upload")
        assert answer == shown.strip().replace("…", str(len(PHOTO)))
        assert [each for each in viewer.errors() if "favicon.ico" not in each] == []
        browser.get(reader.here("http://127.0.0.1:9000/-/console/callbacks"))
        browser_s = time.monotonic() - began_browser_s
    reader.read()
    machine_s = time.monotonic() - begun_s
    needed = effort(PAGE)
    told = f"{needed}, the machine {machine_s:.0f} s (browser {browser_s:.0f} s)"
    print(told)
    assert needed.total_s + machine_s <= AT_MOST_S, told
