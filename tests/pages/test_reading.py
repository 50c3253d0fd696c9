"""What is read on a page, and what is wrong with one that nobody could follow."""

from pathlib import Path

import click
import pytest
from judging import BlockError, judge, judge_spoken
from reading import Command, Fence, UnreadableError, read_page


def fences(folder: Path, text: str) -> list[Fence]:
    (folder / "page.md").write_text(text)
    return read_page("page.md", folder).fences


def block(folder: Path, language: str, text: str, above: str = "") -> Fence:
    (fence,) = fences(folder, f"{above}```{language}\n{text}\n```\n")
    return fence


def test_a_console_is_prompts_and_what_they_show(tmp_path: Path) -> None:
    text = "$ one \\\n    --flag\n$ cat <<END\n> text\n> END\ntext\n\nmore\n$ three &"
    assert block(tmp_path, "console", text).commands() == [
        Command(2, "one \\\n    --flag", ""),
        Command(4, "cat <<END\ntext\nEND", "text\n\nmore"),
        Command(10, "three &", ""),
    ]


def test_a_script_is_its_commands(tmp_path: Path) -> None:
    text = (
        "# a comment\none  # '\ntwo \\\n  --flag\nfor each in 1 2; do\n  echo $each\ndone\n\n"
        'cat <<END\n(\nEND\necho "a\nb"\nlast &'
    )
    assert [(each.line, each.text) for each in block(tmp_path, "sh", text).commands()] == [
        (3, "one  # '"),
        (4, "two \\\n  --flag"),
        (6, "for each in 1 2; do\n  echo $each\ndone"),
        (10, "cat <<END\n(\nEND"),
        (13, 'echo "a\nb"'),
        (15, "last &"),
    ]


@pytest.mark.parametrize(
    ("text", "beside"), [("serve &", True), ("a && b", False), ("a &&", False), ("a", False)]
)
def test_what_runs_beside(text: str, beside: bool) -> None:
    assert Command(1, text).runs_beside is beside


def test_what_stands_above_a_block_is_said_of_it(tmp_path: Path) -> None:
    text = (
        "# Title\n\n<!-- not run: a\nlong reason -->\n\n```sh\none\n```\n"
        "## Part\n<!-- exits: 3 -->\n<!-- within: 90 -->\n```sh\ntwo\n```\n"
        '<!-- not run: of nothing -->\nText.\n```python title="a/b.py"\n```\n'
    )
    one, two, three = fences(tmp_path, text)
    assert (one.heading, one.line, one.not_run) == ("Title", 6, "a\nlong reason")
    assert (two.heading, two.not_run, two.exits, two.within_s) == ("Part", None, 3, 90)
    assert (three.not_run, three.title) == (None, "a/b.py")


def test_a_block_in_a_list_is_read_without_its_indentation(tmp_path: Path) -> None:
    (fence,) = fences(tmp_path, "1. First\n\n    ```python\n    if a:\n        b\n    ```\n")
    assert fence.text == "if a:\n    b\n"


def test_longer_marks_hold_shorter_ones(tmp_path: Path) -> None:
    (fence,) = fences(tmp_path, "````text\n```sh\nno\n```\n````\n")
    assert fence.text == "```sh\nno\n```\n"


def test_a_block_without_an_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"page\.md:2: "):
        fences(tmp_path, "Text.\n```sh\none\n")


GOOD = [
    pytest.param("sh", "ossia key create app | cat", "", id="followed"),
    pytest.param('toml title="a.toml"', "listen = 1", "", id="a-file"),
    pytest.param("python", "a", "", id="pasted"),
    pytest.param("sh", "sudo -u ossia ossia doctor --config a.toml  # …", "<!-- not run: why -->\n", id="checked"),
    pytest.param("sh", "sudo systemctl enable --now ossia", "<!-- not run: why -->\n", id="about-ossia"),
    pytest.param("sh", 'eval "$(ossia token assume up --for env)"', "<!-- not run: why -->\n", id="inside"),
    pytest.param("sh", "ossia serve --data ./x --read-only …", "<!-- not run: why -->\n", id="and-so-on"),
    pytest.param("text", "┌──┐", "<!-- not run: why -->\n", id="text"),
]  # fmt: skip
BAD = [
    pytest.param("", "text", "", "language", id="no-language"),
    pytest.param("klingon", "qo", "", "language", id="unknown-language"),
    pytest.param("json", "{}", "", "not run", id="neither-followed-nor-said-why"),
    pytest.param("sh", "ls", "<!-- not run: -->\n", "why", id="no-reason"),
    pytest.param("json", "{", "<!-- not run: why -->\n", "Expecting", id="bad-json"),
    pytest.param("python", "a b", "<!-- not run: why -->\n", "syntax", id="bad-python"),
    pytest.param("toml", "a = ", "<!-- not run: why -->\n", "Invalid", id="bad-toml"),
    pytest.param("yaml", "a: [", "<!-- not run: why -->\n", "pars", id="bad-yaml"),
    pytest.param("js", "let = {", "<!-- not run: why -->\n", "SyntaxError", id="bad-js"),
    pytest.param("sh", "for; do", "<!-- not run: why -->\n", "no end|syntax", id="bad-shell"),
    pytest.param("sh", "ossia serve --listens x", "<!-- not run: why -->\n", "--listens", id="no-such-flag"),
    pytest.param("sh", "sudo -u ossia ossia serve --listens x", "<!-- not run: why -->\n", "--listens", id="as-somebody"),
    pytest.param("sh", "ossia kay list", "<!-- not run: why -->\n", "kay", id="no-such-command"),
    pytest.param("sh", "ossia key make app", "<!-- not run: why -->\n", "make", id="no-such-sub-command"),
    pytest.param("sh", "ossia key create", "<!-- not run: why -->\n", "user", id="missing-argument"),
    pytest.param("sh", "true && ossia key list a b", "<!-- not run: why -->\n", "extra", id="extra-argument"),
    pytest.param("console", "no prompt", "", "prompt", id="no-prompt"),
    pytest.param("rust", "fn", "<!-- not run: why -->\n", "check", id="nobody-can-check"),
]  # fmt: skip


@pytest.mark.parametrize(
    "code", ["ossia kay list", "ossia key make", "ossia key list --al", "ossia serv"]
)
def test_sentences_name_commands_that_are_there(code: str) -> None:
    with pytest.raises(click.UsageError, match="No such"):
        judge_spoken(code)


def test_sentences_leave_things_out() -> None:
    for code in ("ossia key", "ossia key create", "ossia key create --data …", "ossia up --help"):
        judge_spoken(code)


@pytest.mark.parametrize(("language", "text", "above"), GOOD)
def test_good_blocks(tmp_path: Path, language: str, text: str, above: str) -> None:
    judge(block(tmp_path, language, text, above))


@pytest.mark.parametrize(("language", "text", "above", "wrong"), BAD)
def test_bad_blocks(tmp_path: Path, language: str, text: str, above: str, wrong: str) -> None:
    with pytest.raises((BlockError, UnreadableError), match=f"(?s)page.md:\\d+: .*(?:{wrong})"):
        judge(block(tmp_path, language, text, above))
