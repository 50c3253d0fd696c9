"""The documentation site: it is whole, everything on it is found, and nothing is fetched from elsewhere."""

import functools
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from reading import ROOT
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver

from browsing import Viewer, needs_browser, running_browser

FETCHED = {
    ("link", "href"), ("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("object", "data"),
}  # fmt: skip


class Document(HTMLParser):
    """What one page of the site fetches, links to and can be linked to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"id", "name"} and value:
                self.anchors.add(value)
            elif tag == "a" and name == "href" and value:
                self.links.append(value)
            elif (tag, name) in FETCHED and value:
                self.fetched.append(value)


def build(into: Path) -> str:
    """Make the site as `make site` does; what it complained about."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(into)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("site")
    told = build(into)
    assert "WARNING" not in told
    assert "ERROR" not in told
    return into


@pytest.fixture(scope="module")
def documents(site: Path) -> dict[Path, Document]:
    return {path: Document(path.read_text()) for path in site.rglob("*.html")}


@pytest.mark.slow
def test_every_link_leads_somewhere(site: Path, documents: dict[Path, Document]) -> None:
    lost = []
    for path, document in documents.items():
        if path.name == "404.html":
            continue
        for link in document.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            there = documents.get(target)
            if there is None and target.is_file():
                continue
            if there is None or unquote(parts.fragment) not in there.anchors:
                lost.append(f"{path.relative_to(site)}: {link}")
    assert not lost


@pytest.mark.slow
def test_every_page_has_its_place_in_the_navigation(site: Path) -> None:
    shown = Document((site / "index.html").read_text())
    linked = {unquote(link).partition("#")[0] for link in shown.links}
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    assert {str(page.with_suffix(".html")) for page in pages} <= linked


@pytest.mark.slow
def test_nothing_is_fetched_from_elsewhere(site: Path, documents: dict[Path, Document]) -> None:
    for path, document in documents.items():
        assert [each for each in document.fetched if urlsplit(each).netloc] == [], path
    for style in site.rglob("*.css"):
        assert not re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", style.read_text()), style


@pytest.mark.slow
def test_code_that_pages_link_to_is_on_the_site(site: Path) -> None:
    source = (ROOT / "examples" / "appserver" / "flask_app.py").read_text()
    shown = (site / "repository" / "examples" / "appserver" / "flask_app.py.html").read_text()
    (first,) = re.findall(r"^def (\w+)", source, re.MULTILINE)[:1]
    assert first in shown


@contextmanager
def served(site: Path) -> Iterator[str]:
    """As any web server would have it."""
    handler = functools.partial(_Silent, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *about: object) -> None:
        pass


def copied(browser: WebDriver) -> str:
    text: str = browser.execute_async_script(
        "navigator.clipboard.readText().then(arguments[0], (e) => arguments[0](''))"
    )
    return text


@pytest.mark.slow
@needs_browser
def test_a_reader_searches_and_copies_commands(site: Path, tmp_path: Path) -> None:
    with served(site) as base, running_browser(tmp_path / "chromium", 1280, 900) as browser:
        viewer = Viewer(browser)
        browser.get(f"{base}/tutorial.html")
        may = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
        browser.execute_cdp_cmd("Browser.grantPermissions", may)
        viewer.until(lambda: viewer.all(".language-console button"))[1].click()
        viewer.until(lambda: copied(browser))
        assert copied(browser).split("\n")[0] == "ossia serve &"
        assert "ready" not in copied(browser)
        viewer.one("[data-md-component=search-query]").send_keys("presigned", Keys.NULL)
        found = viewer.until(lambda: viewer.all(".md-search-result__item a"))
        assert any("clients.html" in each.get_attribute("href") for each in found)
        asked = browser.execute_script(
            "return performance.getEntriesByType('resource').map((each) => each.name)"
        )
        assert asked
        assert [each for each in asked if not each.startswith(base)] == []
        assert viewer.errors() == []


@pytest.mark.slow
@needs_browser
def test_a_page_is_as_wide_as_a_phone(site: Path, tmp_path: Path) -> None:
    """Tables and code that are wider are moved by themselves."""
    with served(site) as base, running_browser(tmp_path / "chromium", 1280, 900) as browser:
        phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
        for name in ("tutorial", "settings", "compatibility", "scale", "logs"):
            browser.get(f"{base}/{name}.html")
            shown = browser.execute_script("return document.documentElement.scrollWidth")
            assert shown <= phone["width"], name
