"""What is said of blocks that nobody follows: that there is a reason, and that they are written well.

How a block is judged depends on its language; one that has no row here cannot be left unfollowed.
"""

import ast
import json
import re
import shlex
import shutil
import subprocess
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from typing import Final

import click
import tree_sitter
import tree_sitter_swift  # type: ignore[import-untyped]  # has no types
import yaml  # type: ignore[import-untyped]  # has no types
from pygments.lexers import find_lexer_class_by_name  # type: ignore[import-untyped]
from pygments.util import ClassNotFound  # type: ignore[import-untyped]
from reading import Fence

from ossia.cli import Elsewhere, cli

_ENDS_COMMAND: Final = frozenset({"|", "||", "&&", ";", "&", ">", "<", ">>", "2>"})
_PLACEHOLDER: Final = "…"


class BlockError(AssertionError):
    """Something is wrong with a block; names page and line."""


def judge(fence: Fence) -> None:
    """Refuse *fence* unless it is followed, or checked and with a reason for being checked only."""
    try:
        find_lexer_class_by_name(fence.language)
    except ClassNotFound as unknown:
        raise BlockError(f"{fence.place}: nobody knows a language {fence.language!r}") from unknown
    if fence.is_shell:
        fence.commands()
    if fence.not_run is None:
        if fence.instead is not None:
            raise BlockError(f"{fence.place}: say why something else is run instead")
        if fence.title is None and not fence.is_shell and fence.language != "python":
            raise BlockError(
                f"{fence.place}: nobody follows this: give it a title, which makes it a file, "
                "or say why not: <!-- not run: … -->"
            )
        return
    if not fence.not_run:
        raise BlockError(f"{fence.place}: say why it is not run")
    if fence.language not in CHECKS:
        raise BlockError(f"{fence.place}: nobody can check {fence.language!r}: follow it")
    try:
        CHECKS[fence.language](fence)
    except Exception as wrong:
        raise BlockError(f"{fence.place}: {wrong}") from wrong


def judge_spoken(code: str) -> None:
    """Refuse *code* of a sentence if it names a command or an option of ``ossia`` that is not there."""
    for arguments in _ossia_in(code):
        try:
            _is_taken(arguments)
        except (click.MissingParameter, click.BadOptionUsage, click.exceptions.NoArgsIsHelpError):
            continue  # a sentence may leave them out


def _shell(fence: Fence) -> None:
    for command in fence.commands():
        _passes(["bash", "-n"], command.text)
        for arguments in _ossia_in(command.text):
            _is_taken(arguments)


def _passes(program: list[str], text: str) -> None:
    done = subprocess.run(program, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr or done.stdout)


def _ossia_in(command: str) -> Iterator[list[str]]:
    """The arguments of each ``ossia`` in a line of the shell, comments and pipes aside."""
    for inner in re.findall(r"\$\(([^()]*)\)", command):
        yield from _ossia_in(inner)
    outer = re.sub(r"\$\([^()]*\)", "inner", command)
    lexer = shlex.shlex(outer, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    simple: list[list[str]] = [[]]
    for word in lexer:
        if word in _ENDS_COMMAND:
            simple.append([])
        else:
            simple[-1].append(word)
    for words in simple:
        if words[:1] == ["sudo"]:
            del words[: 3 if words[1:2] == ["-u"] else 1]
        if words[:1] == ["ossia"]:
            yield [each for each in words[1:] if each != _PLACEHOLDER]


def _is_taken(arguments: list[str]) -> None:
    """Whether ``ossia`` knows such a command and its options; values may be made up."""
    command: click.Command = cli
    context: click.Context | None = None
    while True:
        if isinstance(command, Elsewhere):
            command = command.imported()
        try:
            context = command.make_context(command.name, list(arguments), context)
        except click.exceptions.Exit:
            return  # --help
        except click.BadParameter as wrong:
            if isinstance(wrong, click.MissingParameter):
                raise
            return
        if not isinstance(command, click.Group):
            return
        # click keeps the sub-command and what follows it apart.
        _, found, arguments = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        assert found is not None
        command = found


def _json(fence: Fence) -> None:
    json.loads(fence.text)


def _javascript(fence: Fence) -> None:
    node = shutil.which("node")
    if node is None:
        return
    # What uses `require` may use `await` too: as in a module, or at a prompt.
    _passes([node, "--check", "--input-type=module", "-"], fence.text)


def _braces(fence: Fence) -> None:
    """Whether every bracket has its other half, strings aside; who can tell more is not at hand."""
    opened: list[str] = []
    for mark in re.sub(r'"(\\.|[^"\\])*"', "", fence.text):
        if mark in "([{":
            opened.append(mark)
        elif mark in ")]}" and (not opened or f"{opened.pop()}{mark}" not in {"()", "[]", "{}"}):
            raise ValueError(f"{mark} closes nothing")
    if opened:
        raise ValueError(f"{opened[-1]} is never closed")


def _swift(fence: Fence) -> None:
    """Whether it is Swift; what the names in it mean only a compiler with Apple's frameworks knows."""
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_swift.language()))
    left = [parser.parse(fence.text.encode()).root_node]
    while left:
        node = left.pop()
        if node.is_error or node.is_missing:
            raise ValueError(f"no Swift, from line {node.start_point.row + 1} of the block on")
        left += node.children


def _terraform(fence: Fence) -> None:
    program = shutil.which("terraform")
    if program is None:
        _braces(fence)
    else:
        _passes([program, "fmt", "-check", "-"], fence.text)


CHECKS: Final[dict[str, Callable[[Fence], object]]] = {
    "console": _shell,
    "bash": _shell,
    "sh": _shell,
    "python": lambda fence: ast.parse(fence.text),
    "json": _json,
    "yaml": lambda fence: list(yaml.safe_load_all(fence.text)),
    "toml": lambda fence: tomllib.loads(fence.text),
    "xml": lambda fence: ET.fromstring(fence.text),  # noqa: S314 - it is ours
    "js": _javascript,
    "nginx": _braces,
    "go": _braces,
    "java": _braces,
    "kotlin": _braces,
    "swift": _swift,
    "terraform": _terraform,
    # Nothing that could be wrong but to a person.
    "text": lambda fence: fence.text,
    "markdown": lambda fence: fence.text,
}
