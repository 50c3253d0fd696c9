"""What the documentation site has besides docs/: MkDocs calls it (mkdocs.yml).

- A page below ``repository/`` for every file of the repository that a page links to, so that one
  link works on the site and wherever the repository is looked at.
- A nav entry that names a folder, such as ``decisions/``, stands for all pages in it.
"""

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

_ROOT: Final = Path(__file__).parents[1]
_DOCS: Final = "docs"
_ELSEWHERE: Final = "repository"
_ALWAYS: Final = ("INVARIANTS.md", "SECURITY.md", "CHANGELOG.md")
"""In the nav, whoever links to them."""
_LINK: Final = re.compile(r"\[([^\[\]]*)\]\(([^()\s:#]+)(#[^()\s]*)?\)")
_FENCE: Final = re.compile(r"^ *(`{3,})")
_LANGUAGES: Final = {".mjs": "js"}
"""Of files whose suffix says something else."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Spell out folders in the nav; one that is not there yet has no entry."""
    config.nav = list(_spelt_out(config.nav or [], Path(config.docs_dir)))
    return config


def _spelt_out(nav: list[Any], docs: Path) -> Iterator[Any]:
    for entry in nav:
        if not isinstance(entry, dict):
            yield entry
            continue
        ((title, value),) = entry.items()
        if isinstance(value, list):
            yield {title: list(_spelt_out(value, docs))}
        elif not value.endswith("/"):
            yield entry
        elif found := sorted((docs / value).glob("*.md")):
            yield {title: [str(path.relative_to(docs)) for path in found]}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for whatever is linked to elsewhere in the repository, and from there."""
    waiting = list(_ALWAYS)
    for page in files.documentation_pages():
        waiting += _elsewhere(page.content_string, f"{_DOCS}/{page.src_uri}")
    done: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in done:
            continue
        done.add(path)
        text = (_ROOT / path).read_text()
        if path.endswith(".md"):
            waiting += _elsewhere(text, path)
        in_nav = InclusionLevel.INCLUDED if path in _ALWAYS else InclusionLevel.NOT_IN_NAV
        content = text if path.endswith(".md") else _code_page(path, text)
        files.append(File.generated(config, _page_of(path), content=content, inclusion=in_nav))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to where on the site their targets are."""
    del config, files
    here = page.file.src_uri
    path = _path_of(here)
    if path is None:
        return markdown

    def pointed(target: str) -> str:
        return posixpath.relpath(_page_of(target), posixpath.dirname(here) or ".")

    return _with_links(markdown, path, pointed)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Give a page that is little but a table the room of its table of contents."""
    del config, files
    if len(page.toc.items) == 1 and len(page.toc.items[0].children) <= 1:
        page.meta["hide"] = ["toc"]
    return html


def _elsewhere(markdown: str, path: str) -> list[str]:
    """What is linked to outside docs/."""
    found: list[str] = []

    def noted(target: str) -> str:
        found.append(target)
        return target

    _with_links(markdown, path, noted)
    return [each for each in found if not each.startswith(f"{_DOCS}/")]


def _with_links(markdown: str, path: str, change: Callable[[str], str]) -> str:
    """*markdown* with each link to an existing file of the repository changed, code aside."""

    def changed(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link[2]))
        if (_ROOT / target).is_dir():
            return link[1]  # whoever looks at the repository sees it, the site has no page for it
        if not (_ROOT / target).is_file():
            return link[0]  # MkDocs complains about it
        return f"[{link[1]}]({change(target)}{link[3] or ''})"

    lines = []
    closes: str | None = None
    for line in markdown.split("\n"):
        fence = _FENCE.match(line)
        if fence and closes in {None, fence[1]}:
            closes = None if closes else fence[1]
        lines.append(line if closes else _LINK.sub(changed, line))
    return "\n".join(lines)


def _page_of(path: str) -> str:
    """Where on the site the file of the repository *path* is."""
    if path.startswith(f"{_DOCS}/"):
        return path.removeprefix(f"{_DOCS}/")
    return f"{_ELSEWHERE}/{path}" if path.endswith(".md") else f"{_ELSEWHERE}/{path}.md"


def _path_of(page: str) -> str | None:
    """The file that a page is made from, if links of it are to be looked at."""
    if not page.startswith(f"{_ELSEWHERE}/"):
        return f"{_DOCS}/{page}"
    path = page.removeprefix(f"{_ELSEWHERE}/")
    return path if (_ROOT / path).exists() else None


def _code_page(path: str, text: str) -> str:
    language = _LANGUAGES.get(Path(path).suffix, Path(path).suffix.removeprefix("."))
    marks = "````"
    return f"# {Path(path).name}\n\n`{path}`\n\n{marks}{language}\n{text}{marks}\n"
