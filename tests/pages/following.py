"""Does what a page says, as a reader would: writes its files, types its commands, looks at the answers.

1. A page has a work folder, a home and ports of its own; nothing is left of it but what it printed.
2. Ports that pages name are stood in for by free ones, in everything that is typed, written and read,
   so that pages can be followed on a machine that uses those ports itself.
3. What is shown below a command must be what it prints: line for line, where ``…`` is any text in a line
   and a line of its own any number of lines.  How many blanks there are does not count.
"""

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reading import Command, Fence, Page
from terminal import Answer, Terminal, running_terminal

from running import free_port

PORTS: Final = (9000, 7080, 8000, 8080, 3000, 5000, 9101)
"""What pages name."""
WITHIN_S: Final = 60
_ANY: Final = ("…", "...")
_PROGRAMS: Final = Path(sys.executable).parent
_PYTHON_PROMPT: Final = Path(__file__).with_name("python_prompt.py")
_GAPS: Final = {
    (False, False): ".*",
    (True, True): "(?: .*)? ",
    (False, True): "(?:.* )?",
    (True, False): "(?: .*)?",
}
_SHOW: Final = 4000


class PageError(AssertionError):
    """What a reader of the page would stumble over; names page and line."""


class Reader:
    """Follows one page, block by block."""

    def __init__(self, page: Page, folder: Path, terminal: Terminal, ports: dict[int, int]) -> None:
        self.page = page
        self.folder = folder
        self.ports = ports
        self.printed: list[str] = []
        """What every command printed, in the words of the page."""
        self._terminal = terminal
        self._left = list(page.fences)
        self._prompt: Path | None = None
        self._pasted = 0

    def read(self, until: str | None = None) -> None:
        """Do everything, or everything above the heading *until* that is not done yet."""
        while self._left and self._left[0].heading != until:
            fence = self._left.pop(0)
            if fence.not_run is None:
                self._follow(fence)
        if until is not None and not self._left:
            raise PageError(f"{self.page.name}: there is nothing left to do below {until!r}")

    def here(self, text: str) -> str:
        """*text* of the page with the ports that there are."""
        return _ports(text, self.ports)

    def there(self, text: str) -> str:
        """What was printed, with the ports of the page."""
        return _ports(text, {here: there for there, here in self.ports.items()})

    def type(self, command: str, within_s: float = WITHIN_S) -> str:
        """What somebody does at this point of the page that it leaves to the reader."""
        answer = self._terminal.type(self.here(command), within_s)
        if answer.code != 0:
            raise PageError(f"{self.page.name}: {command!r} {_ended(answer)}")
        return self.there(answer.text)

    def _follow(self, fence: Fence) -> None:
        if fence.title is not None:
            self._write(fence, fence.title)
        elif fence.is_shell:
            commands = fence.commands()
            for command in commands:
                last = command is commands[-1]
                self._run(fence, command, fence.exits if last else 0)
        elif fence.language == "python":
            self._paste(fence)
        else:
            raise PageError(
                f"{fence.place}: nobody knows how to follow {fence.language!r} without a title"
            )

    def _write(self, fence: Fence, title: str) -> None:
        file = self.folder / title
        if not file.resolve().is_relative_to(self.folder.resolve()):
            raise PageError(f"{fence.place}: {title} is not in the work folder")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.here(fence.text))

    def _run(self, fence: Fence, command: Command, exits: int) -> None:
        place = f"{fence.page}:{command.line}: `{command.text}`"
        if command.runs_beside:
            self._run_beside(fence, command, place)
            return
        within_s = fence.within_s or WITHIN_S
        answer = self._terminal.type(self.here(command.text), within_s)
        printed = self.there(answer.text)
        self.printed.append(printed)
        if answer.code != exits:
            raise PageError(f"{place} {_ended(answer)}")
        if command.shown and not shows(command.shown, printed):
            raise PageError(_differs(place, command.shown, printed))

    def _run_beside(self, fence: Fence, command: Command, place: str) -> None:
        if not command.shown:
            raise PageError(f"{place} runs beside: show what it prints when it is ready")
        log = self._terminal.type_beside(self.here(command.text))
        until = time.monotonic() + (fence.within_s or WITHIN_S)
        while not shows(f"{command.shown}\n…", printed := self.there(log.read_text())):
            if time.monotonic() > until:
                raise PageError(_differs(place, command.shown, printed))
            time.sleep(0.05)
        self.printed.append(printed)

    def _paste(self, fence: Fence) -> None:
        """Into the one Python prompt that the page has: what was defined above is still there."""
        blocks = self.folder.with_name("pasted")
        if self._prompt is None:
            blocks.mkdir()
            self._prompt = self._terminal.type_beside(f"python {_PYTHON_PROMPT} {blocks} &")
        self._pasted += 1
        before = len(self._prompt.read_text())
        (blocks / "part").write_text(self.here(fence.text))
        (blocks / "part").rename(blocks / f"{self._pasted}.py")
        ended = blocks / f"{self._pasted}.ended"
        until = time.monotonic() + (fence.within_s or WITHIN_S)
        while not ended.exists() and time.monotonic() < until:
            time.sleep(0.02)
        printed = self._prompt.read_text()[before:]
        self.printed.append(self.there(printed))
        answer = Answer(printed, int(ended.read_text()) if ended.exists() else None)
        if answer.code != fence.exits:
            raise PageError(f"{fence.place}: this Python {_ended(answer)}")


def shows(shown: str, printed: str) -> bool:
    """Whether *shown*, from a page, is what was *printed*."""
    lines = [_plain(line) for line in shown.strip().splitlines()]
    pattern = "".join(r"(?:.*\n)*" if line in _ANY else f"{_with_gaps(line)}\n" for line in lines)
    text = "".join(f"{_plain(line)}\n" for line in printed.strip().splitlines())
    return re.fullmatch(pattern, text) is not None


def _plain(line: str) -> str:
    return " ".join(line.split())


def _with_gaps(line: str) -> str:
    """A gap between blanks is any number of words, none included; elsewhere any characters."""
    parts = re.split(r"(^(?:…|\.\.\.) | (?:…|\.\.\.) | (?:…|\.\.\.)$|…|\.\.\.)", line)
    return "".join(
        _GAPS[bool(part.startswith(" ")), bool(part.endswith(" "))] if at % 2 else re.escape(part)
        for at, part in enumerate(parts)
    )


def _ports(text: str, ports: Mapping[int, int]) -> str:
    named = "|".join(map(str, ports))
    return re.sub(rf"\b({named})\b", lambda found: str(ports[int(found[1])]), text)


def _ended(answer: Answer) -> str:
    ended = "does not end" if answer.code is None else f"ends with {answer.code}"
    return f"{ended}:\n{answer.text[-_SHOW:]}"


def _differs(place: str, shown: str, printed: str) -> str:
    return f"{place} shows\n{shown}\nbut prints\n{printed[-_SHOW:]}"


@contextmanager
def following(page: Page, folder: Path, path: str | None = None) -> Iterator[Reader]:
    """Somebody who has the page before him, and below *folder* a home and an empty work folder.

    Programs are found where these tests run, or as *path* says.
    """
    ports = {port: free_port() for port in PORTS}
    work, home = folder / "work", folder / "home"
    for each in (work, home):
        each.mkdir(parents=True)
    environment = _environment(home, ports, path)
    with running_terminal(work, folder / "typed", environment) as terminal:
        yield Reader(page, work, terminal, ports)


def _environment(home: Path, ports: Mapping[int, int], path: str | None) -> dict[str, str]:
    """Nothing of ours, and the ports of programs that are not told any."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("OSSIA_")}
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME"):
        given.pop(name, None)
    server, application = (f"127.0.0.1:{ports[port]}" for port in (9000, 7080))
    return {
        **given,
        "HOME": str(home),
        "PATH": path or f"{_PROGRAMS}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "120",
        "PYTHONUNBUFFERED": "1",
        "OSSIA_LISTEN": server,
        "OSSIA_ENDPOINT": f"http://{server}",
        "OSSIA_APP_LISTEN": application,
        "OSSIA_APP_ENDPOINT": f"http://{server}",
    }
