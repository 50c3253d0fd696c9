"""Imports point downward only (style.md, section 2)."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "ossia"

TOP = frozenset({"cli", "node", "__main__"})
"""Knows every concrete class."""

MAY_IMPORT: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "logs": frozenset(),
    "records": frozenset(),
    "settings": frozenset(),
    "private_files": frozenset(),
    "ports": frozenset({"records"}),
    "tables": frozenset({"records", "ports"}),
    "protocol": frozenset({"errors"}),
    "http": frozenset({"errors", "protocol"}),
    "domain": frozenset({"errors", "records", "ports", "tables", "protocol", "http", "logs"}),
    "access": frozenset({"errors", "records", "ports", "protocol", "http", "domain"}),
    "api": frozenset(
        {"errors", "records", "ports", "tables", "protocol", "http", "domain", "access"}
    ),
    "gateway": frozenset(
        {"errors", "records", "ports", "protocol", "http", "domain", "access", "api", "logs"}
    ),
    "adapters": frozenset({"private_files", "errors", "records", "ports", "tables", "protocol"}),
    "client": frozenset({"errors", "protocol"}),
    "receiver": frozenset({"errors", "protocol"}),
    "appserver": frozenset({"private_files", "errors", "protocol", "client", "receiver", "logs"}),
    "commands": frozenset(
        {"private_files", "settings", "protocol", "client", "receiver", "node", "logs"}
    ),
    "testing": frozenset({"errors", "protocol", "client", "receiver", "logs"}),
}
"""What each part may import besides itself."""


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_parts(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ossia"):
            names = node.module.split(".")
            parts = [names[1]] if len(names) > 1 else [alias.name for alias in node.names]
            found.update(part for part in parts if part != "__version__")
        elif isinstance(node, ast.Import):
            found.update(
                alias.name.split(".")[1] for alias in node.names if alias.name.startswith("ossia.")
            )
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_downward(path: Path) -> None:
    part = part_of(path)
    if part in TOP or path == SOURCE / "__init__.py":
        return
    upward = imported_parts(path) - MAY_IMPORT[part] - {part}
    assert not upward, f"{part} may not import {sorted(upward)}"


def imported_modules(path: Path, known: set[str]) -> set[str]:
    """The modules of Ossia that *path* names, also those for types only."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & known


def test_modules_import_each_other_in_no_circle() -> None:
    names = {
        path: ".".join(("ossia", *path.relative_to(SOURCE).with_suffix("").parts))
        for path in modules()
    }
    known = set(names.values())
    graph = {name: imported_modules(path, known) - {name} for path, name in names.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        raise AssertionError(" -> ".join(circle.args[1])) from None


def test_nothing_but_the_top_imports_adapters() -> None:
    offenders = [
        str(path)
        for path in modules()
        if part_of(path) not in {*TOP, "adapters"} and "adapters" in imported_parts(path)
    ]
    assert not offenders


def test_only_the_plugin_needs_pytest() -> None:
    naming = {path.name for path in modules() if "import pytest" in path.read_text()}
    assert naming == {"plugin.py"}


def test_protocol_is_pure() -> None:
    impure = {"socket", "asyncio", "os", "threading", "time", "subprocess", "pathlib"}
    for path in (SOURCE / "protocol").rglob("*.py"):
        tree = ast.parse(path.read_text())
        names = {
            alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        } | {
            (node.module or "").split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
        }
        assert not names & impure, f"{path.name} imports {sorted(names & impure)}"


def test_only_settings_commands_and_the_top_read_the_environment() -> None:
    for path in modules():
        if part_of(path) in {*TOP, "commands", "settings", "appserver"}:
            continue
        assert "os.environ" not in path.read_text(), path
