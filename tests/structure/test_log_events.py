"""Every line that Ossia logs is an event with fields, so that both forms can tell it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from ossia.logs.records import parse_template

SOURCE = Path(__file__).parents[2] / "src" / "ossia"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def logged() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "log"
            ):
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", node


def test_every_line_is_an_event() -> None:
    found = list(logged())
    assert len(found) > 25
    wrong = [
        place
        for place, call in found
        if not isinstance(call.args[0], ast.Constant)
        or parse_template(str(call.args[0].value)) is None
        or any(each.arg == "extra" for each in call.keywords)
    ]
    assert wrong == []
