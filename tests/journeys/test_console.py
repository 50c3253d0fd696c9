"""The console's page of callbacks in a real browser.

Needs chromium and chromedriver; where they are missing the tests are skipped with the reason.
With OSSIA_SCREENSHOTS, pictures are written to that folder for people to look at.
"""

import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from uploading import callback, upload

from browsing import Viewer, needs_browser, running_browser
from ossia.testing.inbox import Inbox
from running import Server, free_port, running_server

BUILT = Path(__file__).parents[2] / "src" / "ossia" / "gateway" / "static" / "index.html"

pytestmark = [
    pytest.mark.slow,
    needs_browser,
    pytest.mark.skipif(not BUILT.exists(), reason="the console is not built: make web"),
]


class Console(Viewer):
    """The page as a person sees it."""

    def __init__(self, browser: webdriver.Chrome, server: Server) -> None:
        super().__init__(browser)
        self.server = server

    def open(self) -> None:
        self.browser.get(self.server.console_url)
        self.browser.execute_script("sessionStorage.clear()")
        # From another document: the same address with another fragment would load nothing anew.
        self.browser.get("about:blank")
        self.browser.get(self.server.console_url)
        self.until(lambda: self.one("#sign-in").is_displayed())

    def sign_in(self, secret: str | None = None) -> None:
        self.type("#key-id", self.server.access_key_id)
        self.type("#secret", (secret or self.server.access_key_secret) + Keys.ENTER)

    def row(self, key: str) -> WebElement:
        """The newest row of that object."""

        def find() -> WebElement | None:
            for row in self.all("#rows .row"):
                if row.find_element(By.CSS_SELECTOR, ".name").text == key:
                    return row
            return None

        found: WebElement = self.until(find)
        return found

    def badge(self, text: str) -> None:
        """Wait until the detail says so."""
        self.until(lambda: self.all(".badge") and self.text(".badge") == text)

    def picture(self, name: str) -> None:
        folder = os.environ.get("OSSIA_SCREENSHOTS")
        if folder:
            self.browser.save_screenshot(str(Path(folder) / f"{name}.png"))

    def media(self, scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with running_browser(tmp_path_factory.mktemp("chromium"), 1280, 1000) as running:
        yield running


@pytest.fixture
def console(browser: webdriver.Chrome, server: Server) -> Console:
    found = Console(browser, server)
    found.open()
    found.errors()
    return found


def test_a_failure_is_seen_explained_replayed_and_accepted(
    console: Console, server: Server
) -> None:
    port = free_port()
    assert (
        upload(server, "photos", "sea view.jpg", callback(f"http://127.0.0.1:{port}/cb")).status
        == 203
    )
    console.picture("1-sign-in")
    console.sign_in()
    row = console.row("sea view.jpg")
    assert "Failed: not connected" in row.text
    row.click()
    console.badge("Failed: not connected")
    assert f"Nothing listens on 127.0.0.1:{port}" in console.text(".cause")
    assert '"object":"sea view.jpg"' in console.text(".detail pre")
    console.picture("2-failed")
    with Inbox() as inbox:
        console.type("#replay-url", inbox.url)
        console.one(".replay button").click()
        console.badge("Accepted 200")
        assert inbox.wait()[0].values() == {
            "bucket": "photos", "object": "sea view.jpg", "size": 5,
        }  # fmt: skip
    assert console.one(".row[aria-current]").text.endswith("replay")
    assert len([each for each in console.all(".row") if "sea view.jpg" in each.text]) == 2
    assert console.all(".legend li")
    console.picture("3-accepted")
    assert console.errors() == []


def test_new_callbacks_appear_by_themselves_and_filters_hold(
    console: Console, server: Server
) -> None:
    console.sign_in()
    console.until(lambda: console.text("#live") == "Live")
    with Inbox() as inbox:
        inbox.answer(b'{"Status":"verify not ok"}', status=403)
        assert upload(server, "live", "refused.txt", callback(inbox.url)).status == 203
        console.row("refused.txt").click()
        console.badge("Failed 403")
        assert "samples know only gosspublic.alicdn.com" in console.text(".explanation")
        assert console.one("details.signature").get_property("open")
        assert "openssl dgst -md5 -verify" in console.text("details.signature")
        inbox.answer()
        assert upload(server, "live", "fine.txt", callback(inbox.url)).status == 200
        console.row("fine.txt")
    console.picture("4-refused")
    console.type("#bucket", "live")
    console.until(lambda: len(console.all(".row")) == 2)
    console.one("#failed").click()
    console.until(lambda: len(console.all(".row")) == 1)
    assert "refused.txt" in console.text("#rows")
    assert console.errors() == []


def test_phone_and_dark(console: Console, server: Server) -> None:
    upload(
        server,
        "photos",
        "holiday/2026/a rather long name of a photo.jpeg",
        callback("http://localhost:1/cb?x=1"),
    )
    browser = console.browser
    metrics = {"width": 375, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    console.media("dark")
    try:
        console.sign_in()
        row = console.row("holiday/2026/a rather long name of a photo.jpeg")
        console.picture("5-phone-list")
        row.send_keys(Keys.ENTER)
        console.badge("Failed: not connected")
        assert not console.one("#rows").is_displayed()
        width = "return document.documentElement.scrollWidth"
        assert browser.execute_script(width) == 375
        console.picture("6-phone-detail")
        console.one(".back").send_keys(Keys.ENTER)
        console.until(lambda: console.one("#rows").is_displayed())
        active = browser.switch_to.active_element
        assert "a rather long name" in active.text
        background = "return getComputedStyle(document.body).backgroundColor"
        assert browser.execute_script(background) == "rgb(15, 17, 21)"
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        console.media("")
    assert console.errors() == []


def test_key_stays_in_the_tab(console: Console, server: Server) -> None:
    console.sign_in("wrong")
    console.until(lambda: console.one("#sign-in-error").is_displayed())
    assert "signature" in console.text("#sign-in-error")
    assert not console.one("#log").is_displayed()
    console.sign_in()
    console.until(lambda: console.one("#log").is_displayed())
    browser = console.browser
    assert server.access_key_secret not in browser.current_url
    stored = "return [localStorage.length, document.cookie, sessionStorage.length]"
    assert browser.execute_script(stored) == [0, "", 1]
    browser.refresh()
    console.until(lambda: console.one("#log").is_displayed())
    console.one("#sign-out").click()
    console.until(lambda: console.one("#sign-in").is_displayed())
    assert browser.execute_script("return sessionStorage.length") == 0
    assert console.one("#secret").get_property("value") == ""
    browser.refresh()
    console.until(lambda: console.one("#sign-in").is_displayed())


def test_headers_are_strict(server: Server) -> None:
    with urllib.request.urlopen(f"{server.endpoint}/-/console/") as page:
        policy = page.headers["Content-Security-Policy"]
        assert page.url.endswith("/-/console/callbacks")
        html = page.read().decode()
    assert "default-src 'none'; script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "<style" not in html
    assert "style=" not in html
    assert "<script>" not in html
