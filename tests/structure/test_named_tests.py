"""What SECURITY.md and INVARIANTS.md name as proof exists, and every class of attack has some."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("SECURITY.md", "INVARIANTS.md")
NAMED = re.compile(r"`(tests/[^`]+|…[^`]+)`")
ROWS = [
    *(f"B{n}" for n in range(1, 8)),
    *(f"C{n}" for n in range(1, 10)),
    *(f"D{n}" for n in range(1, 13)),
]
ADVISORIES = (
    "policies that are not enforced", "copy source", "session polic", "default secrets", "traversal", "spoofed conditions", "SSRF",
    "timing", "secrets in logs", "slow clients", "governance bypass",
)  # fmt: skip


def rows_of(page: str) -> list[str]:
    return [line for line in (ROOT / page).read_text().splitlines() if line.startswith("| ")]


def named_in(row: str) -> Iterator[tuple[str, str]]:
    """File and test (or nothing); ``…`` stands for what the name before it began with."""
    file = ""
    for text in NAMED.findall(row):
        path, _, test = text.partition("::")
        if path == "…":
            path = file
        elif path.startswith("…/"):
            path = str(Path(file or "tests").parent / path.removeprefix("…/"))
            if not (ROOT / path).exists():
                (path,) = (
                    str(found.relative_to(ROOT))
                    for found in (ROOT / "tests").rglob(Path(path).name)
                )
        file = path
        yield path, test


@lru_cache(None)
def functions_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


NAMES = sorted({(page, *name) for page in PAGES for row in rows_of(page) for name in named_in(row)})


@pytest.mark.parametrize(("page", "path", "test"), NAMES, ids=lambda each: each)
def test_what_is_named_exists(page: str, path: str, test: str) -> None:
    assert (ROOT / path).is_file(), f"{page} names {path}"
    assert not test or test in functions_in(path), f"{page} names {path}::{test}"


def test_there_are_many() -> None:
    assert len(NAMES) > 80


@pytest.mark.parametrize("label", ROWS)
def test_every_row_of_the_review_has_a_proof(label: str) -> None:
    (row,) = (each for each in rows_of("SECURITY.md") if each.startswith(f"| {label} |"))
    assert list(named_in(row))


@pytest.mark.parametrize("kind", ADVISORIES)
def test_every_class_of_the_advisories_has_a_proof(kind: str) -> None:
    rows = [
        each for each in rows_of("SECURITY.md") if kind.lower() in each.partition("| ")[2].lower()
    ]
    assert any(list(named_in(row)) for row in rows)


def test_no_row_is_without_a_proof() -> None:
    tables = [row for row in rows_of("SECURITY.md") if "class of attack" not in row]
    assert len(tables) > 40
    assert [row for row in tables if not list(named_in(row))] == []
