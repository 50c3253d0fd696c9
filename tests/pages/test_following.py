"""Pages are followed as they stand: what does not work, or shows what is not so, is told with its line."""

from contextlib import nullcontext
from pathlib import Path

import pytest
from following import PageError, Reader, following
from reading import read_page
from showing import shows


def follow(folder: Path, text: str) -> Reader:
    (folder / "page.md").write_text(text)
    with following(read_page("page.md", folder), folder / "page") as reader:
        reader.read()
    return reader


def test_a_page_is_one_sitting(tmp_path: Path) -> None:
    reader = follow(
        tmp_path,
        '```python title="a/b.py"\nprint("seen", __import__("os").environ["NAME"])\n```\n'
        "```sh\nexport NAME=me\ncd a\n```\n"
        "```console\n$ python b.py\nseen  me\n$ echo one; echo two >&2; echo three\none\n…\n```\n"
        "```python\nimport os\na = os.environ['NAME']\n```\n"
        "```python\nprint(a * 2)\n```\n"
        "<!-- exits: 3 -->\n```console\n$ (exit 3)\n```\n",
    )
    assert reader.printed[-2] == "meme\n"


def test_what_runs_beside_is_waited_for_and_ended(tmp_path: Path) -> None:
    reader = follow(
        tmp_path,
        "```console\n$ echo $$ >shell; sh -c 'sleep 0.3; echo ready; exec sleep 600' &\nready\n"
        "$ jobs -p | tee job\n$ kill -0 %1\n```\n",
    )
    for noted in ("shell", "job"):
        state = Path("/proc") / (reader.folder / noted).read_text().strip() / "stat"
        # Dead, though perhaps nobody has asked yet how it ended.
        assert not state.exists() or state.read_text().rpartition(") ")[2][0] == "Z"


def test_ports_of_pages_are_free_ones(tmp_path: Path) -> None:
    text = (
        '```python title="a.py"\nport = 9000\n```\n```console\n$ cat a.py; echo 90001 http://127.0.0.1:7080/\n'
        "port = 9000\n90001 http://127.0.0.1:7080/\n$ ! grep 900[0] a.py\n$ echo $OSSIA_LISTEN\n127.0.0.1:9000\n```\n"
    )
    reader = follow(tmp_path, text)
    assert reader.here("9000") == reader.names["9000"] != "9000"


def test_folders_of_pages_are_their_own(tmp_path: Path) -> None:
    text = "```console\n$ touch /mnt/a; ls -d /mnt/a\n/mnt/a\n```\n"
    reader = follow(tmp_path, text)
    assert Path(reader.here("/mnt/a")).exists()
    assert not Path("/mnt/a").exists()


def test_something_else_is_typed_where_only_the_reader_knows(tmp_path: Path) -> None:
    text = "<!-- not run: yours -->\n<!-- instead: KEY=1 -->\n```sh\nKEY=…\n```\n```sh\n[ $KEY = 1 ]\n```\n"
    follow(tmp_path, text)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("pip install ossia oss2 'ossia[testing]'", None),
        ("pip install 'ossia[tested]'", "extra 'tested'"),
        ("pip install ossia==0.0.1", "ossia==0.0.1"),
        ("pip install ossia no-such-package-of-anybody", "no-such-package"),
        ("pip uninstall --yes ossia", "venv"),
    ],
)
def test_the_environment_of_the_tests_stays_as_it_is(
    tmp_path: Path, typed: str, told: str | None
) -> None:
    with nullcontext() if told is None else pytest.raises(PageError, match=told):
        follow(tmp_path, f"```sh\n{typed}\n```\n")


def test_what_is_asked_is_answered(tmp_path: Path) -> None:
    follow(
        tmp_path,
        "<!-- answers: 9000, b c -->\n```sh\nread -r one; read -r two\n```\n"
        "```sh\n[ \"$one-$two\" = '9000-b c' ]\n! read -r three\n```\n",
    )


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param(3, "```console\n$ true\n$ false\n```\n", id="fails"),
        pytest.param(4, "Text.\n\n```sh\nno-such-program --flag\ntrue\n```\n", id="is-not-there"),
        pytest.param(2, "```console\n$ echo one\ntwo\n```\n", id="shows-something-else"),
        pytest.param(2, "```console\n$ echo one; echo two\none\n```\n", id="shows-too-little"),
        pytest.param(3, "<!-- exits: 1 -->\n```sh\ntrue\n```\n", id="should-fail"),
        pytest.param(2, "```sh\nexit 0\n```\n", id="leaves-the-shell"),
        pytest.param(3, "<!-- within: 0.3 -->\n```sh\nsleep 5\n```\n", id="does-not-end"),
        pytest.param(3, "<!-- within: 0.3 -->\n```console\n$ sleep 5 &\nready\n```\n", id="is-never-ready"),
        pytest.param(2, "```console\n$ sleep 5 &\n```\n", id="does-not-say-when-it-is-ready"),
        pytest.param(1, "```python\nundefined\n```\n", id="python-raises"),
        pytest.param(1, '```sh title="../a"\ntrue\n```\n', id="writes-elsewhere"),
        pytest.param(1, "```json\n{}\n```\n", id="nobody-knows-how"),
    ],
)  # fmt: skip
def test_what_a_reader_stumbles_over_is_told_with_its_line(
    tmp_path: Path, line: int, text: str
) -> None:
    with pytest.raises(PageError, match=rf"^page\.md:{line}: "):
        follow(tmp_path, text)


def test_a_page_is_read_in_parts(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# A\n```sh\ntouch a\n```\n# B\n```sh\nls a b\n```\n")
    with following(read_page("page.md", tmp_path), tmp_path / "page") as reader:
        reader.read(until="B")
        reader.type("touch b")
        reader.read()
    with following(read_page("page.md", tmp_path), tmp_path / "again") as reader:
        reader.type("touch b")
        with pytest.raises(PageError, match="'C'"):
            reader.read(until="C")


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a  b", "a b\n", True),
        ("a … c", "a b c\n", True),
        ("a … c", "a c\n", True),
        ("a … c", "ac\n", False),
        ("a …c", "a bc\n", True),
        ("… b …", "b\n", True),
        ("… b …", "a b c\n", True),
        ("… b", "ab\n", False),
        ("a...", "abc\n", True),
        ("a\n…\nd", "a\nb\nc\nd\n", True),
        ("a\n…", "a\n", True),
        ("a", "a\nb\n", False),
        ("b", "a\nb\n", False),
        ("a\nb", "b\na\n", False),
        ("a.c", "abc\n", False),
        ("at 2026-11-21 16:05:23 in 2 ms", "at 2027-01-01 00:00:00 in 3.5 ms", True),
        ("at 2026-11-21", "at noon", False),
        ("LTAI5t7b703e…: 01a1fedaf18e00000046e6af", "LTAI5tff: 01A1FEDAF18E00000046E6B0", True),
        ("01a1fedaf18e00000046e6af", "01a1", False),
        ("in 2 ms", "in 2", False),
    ],
)
def test_what_is_shown(shown: str, printed: str, same: bool) -> None:
    assert shows(shown, printed) is same
