"""The console's page of callbacks in a real browser.

Needs chromium and chromedriver; where they are missing the tests are skipped with the reason.
With OSSIA_SCREENSHOTS, pictures are written to that folder for people to look at.
"""

import io
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from uploading import callback, upload

from browsing import Viewer, needs_browser, running_browser
from ossia.testing.inbox import Inbox
from ports import free_port
from running import Server, running_server, signer

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
        # Of the same origin, and without a script that keeps anything.
        self.browser.get(self.server.console_url.replace("console/", "health"))
        self.browser.execute_script("sessionStorage.clear()")
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
    assert console.text(".row[aria-current]").endswith("replay")
    console.until(
        lambda: [each.text for each in console.all(".row .name")].count("sea view.jpg") == 2
    )
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


# --- D8: what strangers store is no page of the console

ATTACK = """
document.title = "ran"; document.documentElement.dataset.ran = "yes";
fetch("/-/console/callbacks").then(() => document.title = "fetched");
"""
HOSTILE = {
    "page.html": ("text/html", f"<!doctype html><p id='seen'>seen</p><script>{ATTACK}</script><img src=x onerror='{ATTACK}'>"),
    "text": ("text/plain", f"<!doctype html><p id='seen'>seen</p><script>{ATTACK}</script>"),
    "picture.svg": ("image/svg+xml", f"<svg xmlns='http://www.w3.org/2000/svg'><text id='seen' y='20'>seen</text><script>{ATTACK.replace('=>', '=&gt;')}</script></svg>"),
    "strange.xml": ("application/xml", f"<html xmlns='http://www.w3.org/1999/xhtml'><body><p id='seen'>seen</p><script>{ATTACK.replace('=>', '=&gt;')}</script></body></html>"),
}  # fmt: skip


def store(server: Server, key: str, content: bytes, content_type: str) -> str:
    """Put an object that everybody may read; its path-style address."""
    client = signer(server)
    client.request("PUT", "strangers")
    headers = {"content-type": content_type} if content_type else {}
    headers["x-oss-object-acl"] = "public-read"
    assert client.request("PUT", "strangers", key, headers=headers, body=content).status == 200
    return f"{server.endpoint}/strangers/{key}"


@pytest.mark.parametrize("name", HOSTILE)
def test_d8_an_object_cannot_run_scripts(console: Console, server: Server, name: str) -> None:
    content_type, content = HOSTILE[name]
    console.sign_in()
    console.until(lambda: console.one("#log").is_displayed())
    browser = console.browser
    browser.get(store(server, name, content.encode(), content_type))
    if content_type != "text/plain":
        assert console.text("#seen") == "seen"
    assert browser.title not in ("ran", "fetched")
    assert browser.execute_script("return document.documentElement.dataset.ran") is None
    # It has not even the origin.
    assert browser.execute_script("return self.origin") == "null"
    with pytest.raises(WebDriverException, match=r"sandboxed|denied|SecurityError"):
        browser.execute_script("return sessionStorage.length")


def test_d8_a_form_of_an_object_is_not_sent(console: Console, server: Server) -> None:
    form = "<form method=post action='/-/console/callbacks'><button id=go>go</button></form>"
    url = store(server, "form.html", form.encode(), "text/html")
    console.browser.get(url)
    console.one("#go").click()
    assert console.browser.current_url == url
    assert any("sandboxed" in each["message"] for each in console.browser.get_log("browser"))  # type: ignore[no-untyped-call]


def test_d8_pictures_and_downloads_stay(console: Console, server: Server, tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (4, 3), "teal").save(picture, "PNG")
    browser = console.browser
    browser.get(store(server, "photo.png", picture.getvalue(), "image/png"))
    assert browser.execute_script("return document.images[0].naturalWidth") == 4
    # Elsewhere, too: the header is about documents.
    console.open()
    load = "const done = arguments[1], i = new Image(); i.onload = () => done(i.naturalHeight); i.src = arguments[0];"
    browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    try:
        console.open()
        url = f"{server.endpoint}/strangers/photo.png"
        assert browser.execute_async_script(load, url) == 3
    finally:
        browser.execute_cdp_cmd("Page.setBypassCSP", {"enabled": False})
    behaviour = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    browser.get("about:blank")
    browser.execute_script(f"location = '{store(server, 'some.bin', b'bytes', '')}'")
    console.until((tmp_path / "some.bin").exists)
    console.until(lambda: (tmp_path / "some.bin").read_bytes() == b"bytes")


READ_EVERYTHING = """
const done = arguments[0];
(async () => {
  const found = [JSON.stringify({...sessionStorage}), JSON.stringify({...localStorage}), document.cookie];
  for (const input of document.querySelectorAll("input")) found.push(input.value);
  for (const {name} of await indexedDB.databases()) {
    const db = await new Promise((ok) => { const r = indexedDB.open(name); r.onsuccess = () => ok(r.result); });
    for (const store of db.objectStoreNames) {
      const all = await new Promise((ok) => { const r = db.transaction(store).objectStore(store).getAll(); r.onsuccess = () => ok(r.result); });
      for (const one of all) {
        found.push(JSON.stringify(one), String(one.secret), String(one.secret.extractable));
        for (const form of ["raw", "jwk"]) {
          try { found.push(JSON.stringify(await crypto.subtle.exportKey(form, one.secret))); }
          catch (error) { found.push(error.name); }
        }
      }
    }
    db.close();
  }
  return found.join("\\n");
})().then(done, (error) => done("failed: " + error));
"""


def test_d8_a_script_in_the_console_itself_cannot_read_the_key(
    console: Console, server: Server
) -> None:
    """The worst that could happen: something runs in the page.  It may sign, and not take away."""
    console.sign_in()
    console.until(lambda: console.one("#log").is_displayed())
    console.until(lambda: console.one("#secret").get_property("value") == "")
    found = console.browser.execute_async_script(READ_EVERYTHING)
    assert server.access_key_secret not in found
    assert "InvalidAccessError" in found
    assert "[object CryptoKey]\nfalse" in found
    console.browser.refresh()
    console.until(lambda: console.one("#log").is_displayed())
    console.one("#sign-out").click()
    console.until(lambda: console.one("#sign-in").is_displayed())
    # Those of other tabs stay.
    held = found.count("CryptoKey")
    console.until(
        lambda: console.browser.execute_async_script(READ_EVERYTHING).count("CryptoKey") == held - 1
    )


def test_d8_the_console_at_an_origin_of_its_own(browser: webdriver.Chrome, tmp_path: Path) -> None:
    with running_server(tmp_path, "--console-listen", "127.0.0.1:0") as server:
        home = server.console_url.removesuffix("/-/console/")
        assert home != server.endpoint
        console = Console(browser, server)
        console.open()
        console.sign_in()
        console.until(lambda: console.one("#log").is_displayed())
        assert upload(server, "photos", "there.txt", callback("http://127.0.0.1:1/")).status == 203
        console.row("there.txt")
        # There is nothing else there, and no console among the objects.
        there, here = signer(server), signer(server)
        there.endpoint = home
        for method, bucket, key in (
            ("GET", "photos", "there.txt"),
            ("PUT", "photos", "mine"),
            ("POST", "", ""),
            ("GET", "-", "console/assets/none"),
        ):
            assert there.request(method, bucket, key).status == 404
        assert there.request("GET").status == 302
        assert there.request("GET", "-", "api/callbacks").status == 200
        assert here.request("GET", "-", "api/callbacks").status == 200
        assert here.request("GET", "-", "console/").status == 404
        assert here.request("GET", "-", "console/callbacks").status == 404
        assert here.request("GET", "photos", "there.txt").status == 200
