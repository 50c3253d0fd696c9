"""A page as its reader sees it: prose, files to write, commands to type.

Text in, `Fence` and `Command` out.  Who does what they say is `following`; how pages are written is
docs/writing.md.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SHELLS: Final = frozenset({"console", "bash", "sh"})

_OPENING: Final = re.compile(
    r"^(?P<indent> *)(?P<marks>`{3,})(?P<language>[\w+#.-]*) *(?P<rest>.*)$"
)
_TITLE: Final = re.compile(r'\btitle="([^"]+)"')
_DIRECTIVE: Final = re.compile(
    r"<!-- *(?P<word>not run|before|instead|answers|exits|within): *(?P<text>.*?) *-->", re.DOTALL
)
_HEADING: Final = re.compile(r"^#+ +(.*?) *$")
_ASKS_FOR_MORE: Final = re.compile(r"(^|[^\\])(\\\\)*\\$")
_PROMPT, _MORE = "$ ", "> "


class UnreadableError(AssertionError):
    """Nobody knows what is to be done with it; names page and line."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is typed at one prompt, and the lines that a page shows below it."""

    line: int
    text: str
    shown: str = ""

    @property
    def runs_beside(self) -> bool:
        """Whether the shell does not wait for it."""
        return self.text.rstrip().endswith("&") and not self.text.rstrip().endswith("&&")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """One fenced block of a page."""

    page: str
    line: int
    heading: str
    language: str
    title: str | None
    text: str
    not_run: str | None = None
    """The reason, where it is only checked."""
    instead: str | None = None
    """What is typed in its place, where it has something that only the reader knows."""
    before: str | None = None
    """What its reader has done before it, elsewhere."""
    answers: str | None = None
    """What its reader types where it asks, separated by commas."""
    exits: int = 0
    """What its last command ends with."""
    within_s: float | None = None
    """How long each command of it may take, where that is long."""

    @property
    def place(self) -> str:
        """Where a person finds it."""
        return f"{self.page}:{self.line}"

    @property
    def is_shell(self) -> bool:
        """Whether it is typed into a terminal."""
        return self.language in SHELLS and self.title is None

    def commands(self) -> list[Command]:
        """What is typed, one by one."""
        read = _at_prompts if self.language == "console" else _of_script
        return list(read(self))


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its name from the root of the repository, its blocks, and the words around them."""

    name: str
    fences: list[Fence] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)

    @property
    def is_followed(self) -> bool:
        """Whether there is anything to do on it."""
        return any(fence.not_run is None for fence in self.fences)


def pages() -> list[str]:
    """Every page whose blocks must be good, from the root of the repository."""
    found = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [str(path.relative_to(ROOT)) for path in found]


def read_page(name: str, root: Path = ROOT) -> Page:
    """The page that is kept in that file."""
    page = Page(name)
    lines = iter(enumerate((root / name).read_text().splitlines(), 1))
    heading = ""
    above: list[str] = []
    for number, line in lines:
        if not (opening := _OPENING.match(line)):
            page.prose.append(line)
            if titled := _HEADING.match(line):
                heading = titled[1]
            # What stands above a block is said of it; anything but an empty line begins anew.
            above = [*above, line] if above or line.startswith("<!--") else []
            if line.strip() and not _is_comment(above):
                above = []
            continue
        text = _inside(opening, lines, f"{name}:{number}")
        said = {found["word"]: found["text"] for found in _DIRECTIVE.finditer("\n".join(above))}
        above = []
        titled = _TITLE.search(opening["rest"])
        page.fences.append(
            Fence(
                page=name,
                line=number,
                heading=heading,
                language=opening["language"],
                title=titled[1] if titled else None,
                text=text,
                not_run=said.get("not run"),
                before=said.get("before"),
                instead=said.get("instead"),
                answers=said.get("answers"),
                exits=int(said.get("exits", 0)),
                within_s=float(said["within"].removesuffix("s")) if "within" in said else None,
            )
        )
    return page


def _is_comment(lines: list[str]) -> bool:
    """Whether nothing but one or more HTML comments is in them, the last perhaps unfinished."""
    left = re.sub(r"<!--.*?(-->|\Z)", "", "\n".join(lines), flags=re.DOTALL)
    return not left.strip()


def _inside(opening: re.Match[str], lines: Iterator[tuple[int, str]], place: str) -> str:
    closing = re.compile(rf"^ *{opening['marks']}`* *$")
    inside: list[str] = []
    for _, line in lines:
        if closing.match(line):
            return "".join(f"{each}\n" for each in inside)
        inside.append(line.removeprefix(opening["indent"]))
    raise UnreadableError(f"{place}: this block is never closed")


def _at_prompts(fence: Fence) -> Iterator[Command]:
    """``$ command``, ``> more of it`` (or a line behind a backslash), then what it prints."""
    typed: list[str] = []
    shown: list[str] = []
    begun = 0
    for number, line in enumerate(fence.text.splitlines(), fence.line + 1):
        if line.startswith(_PROMPT):
            if typed:
                yield Command(begun, "\n".join(typed), "\n".join(shown).strip("\n"))
            begun, typed, shown = number, [line.removeprefix(_PROMPT)], []
        elif not typed:
            raise UnreadableError(f"{fence.page}:{number}: a console begins with a prompt ($)")
        elif not shown and (line.startswith(_MORE) or _ASKS_FOR_MORE.search(typed[-1])):
            typed.append(line.removeprefix(_MORE))
        else:
            shown.append(line)
    if not typed:
        raise UnreadableError(f"{fence.place}: nothing is typed here")
    yield Command(begun, "\n".join(typed), "\n".join(shown).strip("\n"))


def _of_script(fence: Fence) -> Iterator[Command]:
    """Line by line; what a line only begins goes on in the next ones."""
    typed: list[str] = []
    begun = 0
    for number, line in enumerate(fence.text.splitlines(), fence.line + 1):
        if not typed:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            begun = number
        typed.append(line)
        if not _ASKS_FOR_MORE.search(line) and _is_whole("\n".join(typed)):
            yield Command(begun, "\n".join(typed))
            typed = []
    if typed:
        raise UnreadableError(
            f"{fence.page}:{begun}: this command has no end, or its syntax is bad"
        )


@lru_cache(None)
def _is_whole(text: str) -> bool:
    """Whether the shell would run *text*, or asks for more of it."""
    told = subprocess.run(
        ["bash", "-n"], input=f"{text}\n", capture_output=True, text=True, check=False
    )
    # A document that is not closed is only warned of.
    return not told.returncode and not told.stderr
