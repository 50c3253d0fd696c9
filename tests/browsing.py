"""A real browser for tests of pages: Debian's Chromium, driven as a person would."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

_CHROMEDRIVER: Final = Path("/usr/bin/chromedriver")
_TIMEOUT_S: Final = 20
_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en",
)


def has_browser() -> bool:
    """Whether this machine has one."""
    return _CHROMEDRIVER.exists() and shutil.which("chromium") is not None


needs_browser = pytest.mark.skipif(
    not has_browser(),
    reason="chromium or chromedriver is missing: apt-get install chromium chromium-driver",
)


@contextmanager
def running_browser(profile: Path, width: int, height: int) -> Iterator[webdriver.Chrome]:
    """A browser of its own, with a window of that size."""
    options = Options()
    for flag in (*_FLAGS, f"--window-size={width},{height}", f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    running = webdriver.Chrome(options=options, service=Service(str(_CHROMEDRIVER)))
    try:
        yield running
    finally:
        running.quit()


class Viewer:
    """What a person does with any page."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser

    def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for *condition*, whatever the page draws anew meanwhile; what it gave."""
        wait = WebDriverWait(self.browser, _TIMEOUT_S, 0.05, [StaleElementReferenceException])
        return wait.until(lambda _: condition())

    def one(self, selector: str) -> WebElement:
        """The first element."""
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        """Every element."""
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """What one reads in the first element."""
        try:
            return self.one(selector).text
        except StaleElementReferenceException:
            # It was drawn anew between being found and being read.
            return self.one(selector).text

    def type(self, selector: str, text: str) -> None:
        """Replace the text of a field."""
        field = self.one(selector)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)

    def errors(self) -> list[str]:
        """What the browser complains about, a blocked script or request included."""
        log: list[dict[str, Any]] = self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in log if entry["level"] == "SEVERE"]
