"""Whoever measures how long a refusal takes must not learn a secret letter by letter."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "ossia"
SECRET = re.compile(
    r"secret|(?:^|_)provided$|(?:^|_)signature$|(?:^|_)mac$|password|security_token$"
)
COMPARES = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)


def named(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def comparisons(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare) and any(isinstance(op, COMPARES) for op in node.ops):
            sides = [node.left, *node.comparators]
            # That it is there or not is no secret.
            if not any(isinstance(side, ast.Constant) for side in sides):
                yield from (
                    (node.lineno, name) for side in sides if SECRET.search(name := named(side))
                )


@pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE))
)
def test_no_secret_is_compared_letter_by_letter(path: Path) -> None:
    assert list(comparisons(path)) == []


def test_the_rule_finds_what_it_is_for(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(
        "if sign(key) == self._provided or secret in known or mac != given: pass\nif secret == '': pass\n"
    )
    assert [name for _, name in comparisons(bad)] == ["_provided", "secret", "mac"]


def checks() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every method by which a claim is proved."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.FunctionDef)
                and node.name == "check"
                and [a.arg for a in node.args.args] == ["self", "secret"]
            ):
                body = [each for each in node.body if not isinstance(each, ast.Expr)]
                if body:
                    yield f"{path.name}:{node.lineno}", node


CHECKS = dict(checks())


def test_there_is_one_for_each_signature() -> None:
    assert len(CHECKS) >= 6


@pytest.mark.parametrize("place", CHECKS)
def test_every_claim_is_proved_in_constant_time(place: str) -> None:
    called = [named(node.func) for node in ast.walk(CHECKS[place]) if isinstance(node, ast.Call)]
    assert "compare_digest" in called
