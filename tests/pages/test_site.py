"""The documentation site: it is whole, everything on it is found, and nothing is fetched from elsewhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from reading import ROOT

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
