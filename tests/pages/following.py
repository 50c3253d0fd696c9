"""Does what a page says, as a reader would: writes its files, types its commands, looks at the answers.

1. A page has a work folder, a home and ports of its own; nothing is left of it but what it printed.
2. Free ports and folders below the work folder stand in for the ports and folders that pages name, in
   everything that is typed, written and read: pages can be followed on a machine that uses those itself.
3. What is shown below a command must be what it prints (`showing`).
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
from showing import shows
from terminal import Answer, Terminal, running_terminal

from ports import free_port

PORTS: Final = (9000, 9001, 7080, 7081, 8000, 8080, 8999, 3000, 5000, 9101, 8443)
"""What pages name."""
FOLDERS: Final = ("/mnt", "/srv", "/etc/ossia", "/var/log/ossia")
"""The same."""
WITHIN_S: Final = 60
_PROGRAMS: Final = Path(sys.executable).parent
_PYTHON_PROMPT: Final = Path(__file__).with_name("python_prompt.py")
_SHOW: Final = 4000
_PIP: Final = """\
#!/bin/sh
[ "$1" = install ] || {{ echo 'make an environment first: python3 -m venv' >&2; exit 1; }}
shift
# That an extra is not known is a warning only.
told=$({python} -m pip install --dry-run --no-index --quiet --disable-pip-version-check \
  --root-user-action ignore "$@" 2>&1) && [ -z "$told" ] && exit
echo "$told" >&2
exit 1
"""


class PageError(AssertionError):
    """What a reader of the page would stumble over; names page and line."""


class Reader:
    """Follows one page, block by block."""

    def __init__(self, page: Page, folder: Path, terminal: Terminal, names: dict[str, str]) -> None:
        self.page = page
        self.folder = folder
        self.names = names
        """What stands on the page, and what stands in for it here."""
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
            if fence.before is not None:
                self.type(fence.before)
            if fence.not_run is None:
                self._follow(fence)
            elif fence.instead is not None:
                self._run(fence, Command(fence.line, fence.instead), fence.exits)
        if until is not None and not self._left:
            raise PageError(f"{self.page.name}: there is nothing left to do below {until!r}")

    def here(self, text: str) -> str:
        """*text* of the page with what stands in for its names."""
        return _renamed(text, self.names)

    def there(self, text: str) -> str:
        """What was printed, with the names of the page."""
        return _renamed(text, {here: there for there, here in self.names.items()})

    def type(self, command: str, within_s: float = WITHIN_S) -> str:
        """What somebody does at this point of the page that it leaves to the reader."""
        answer = self._terminal.type(self.here(command), within_s)
        if answer.code != 0:
            raise PageError(f"{self.page.name}: {command!r} {_ended(answer)}")
        return self.there(answer.text)

    def paste(self, text: str) -> None:
        """The same, at the page's Python prompt."""
        self._paste(
            Fence(
                page=self.page.name,
                line=0,
                heading="",
                language="python",
                title=None,
                text=text,
            )
        )

    def type_beside(self, command: str, shown: str) -> None:
        """The same, of what runs beside; *shown* is its first lines."""
        self._run_beside(None, Command(0, f"{command} &", shown), f"{self.page.name}: {command!r}")

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
        answers = "".join(f"{each.strip()}\n" for each in (fence.answers or "").split(",") if each)
        answer = self._terminal.type(self.here(command.text), within_s, self.here(answers))
        printed = self.there(answer.text)
        self.printed.append(printed)
        if answer.code != exits:
            raise PageError(f"{place} {_ended(answer)}")
        if command.shown and not shows(command.shown, printed):
            raise PageError(_differs(place, command.shown, printed))

    def _run_beside(self, fence: Fence | None, command: Command, place: str) -> None:
        if not command.shown:
            raise PageError(f"{place} runs beside: show what it prints when it is ready")
        log = self._terminal.type_beside(self.here(command.text))
        until = time.monotonic() + ((fence and fence.within_s) or WITHIN_S)
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
        self._terminal.type(f"env -0 >{blocks / str(self._pasted)}.environment", WITHIN_S)
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


def _renamed(text: str, names: Mapping[str, str]) -> str:
    # The longest first: a name may begin with another.
    named = "|".join(re.escape(each) for each in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?<!\w)({named})(?!\w)", lambda found: names[found[1]], text)


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
    work, home = folder / "work", folder / "home"
    names = {str(port): str(free_port()) for port in PORTS}
    names |= {each: f"{folder}/root{each}" for each in FOLDERS}
    for made in (work, home, *(Path(names[each]) for each in FOLDERS)):
        made.mkdir(parents=True)
    if path is None:
        path = f"{_careful_pip(folder / 'bin')}:{_PROGRAMS}:{os.environ['PATH']}"
    with running_terminal(work, folder / "typed", _environment(home, names, path)) as terminal:
        yield Reader(page, work, terminal, names)


def _careful_pip(folder: Path) -> Path:
    """A folder with a pip that installs nothing into what the tests run in.

    It ends well if all that it is to install is there: pages take the environment of the tests for theirs.
    """
    folder.mkdir()
    pip = folder / "pip"
    pip.write_text(_PIP.format(python=sys.executable))
    pip.chmod(0o755)
    return folder


def _environment(home: Path, names: Mapping[str, str], path: str) -> dict[str, str]:
    """Nothing of ours, and the ports of programs that are not told any."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("OSSIA_")}
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME"):
        given.pop(name, None)
    server, application = (f"127.0.0.1:{names[port]}" for port in ("9000", "7080"))
    return {
        **given,
        "HOME": str(home),
        "PATH": path,
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "120",
        "PYTHONUNBUFFERED": "1",
        "OSSIA_LISTEN": server,
        "OSSIA_ENDPOINT": f"http://{server}",
        "OSSIA_APP_LISTEN": application,
        "OSSIA_APP_ENDPOINT": f"http://{server}",
    }
