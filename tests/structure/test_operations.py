"""Every operation is registered, covered and unambiguous."""

import ast
from pathlib import Path

import pytest

from ossia.api import oss as topics
from ossia.api.operation import Registry, Scope
from ossia.api.oss import oss
from ossia.api.route import Router

ROOT = Path(__file__).parents[2]
TOPICS = ROOT / "src" / "ossia" / "api" / "oss"
NOT_TOPICS = {
    "__init__",
    "aging",
    "registry",
    "fields",
    "following",
    "listing_xml",
    "location",
    "callback_answer",
    "encryption_headers",
    "object_answer",
    "traffic",
}


def covered() -> set[str]:
    """The names in ``covers(…)`` marks of all conformance tests."""
    names = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "covers"
            ):
                names.update(arg.value for arg in node.args if isinstance(arg, ast.Constant))
    return names


def test_every_offered_operation_has_a_test() -> None:
    assert {each.name for each in oss.operations} - covered() == set()


def test_marks_name_operations_that_exist() -> None:
    assert covered() - {each.name for each in oss.operations} == set()


def test_every_topic_module_is_registered() -> None:
    modules = {path.stem for path in TOPICS.glob("*.py")} - NOT_TOPICS
    assert modules == set(topics.__all__) - {"oss"}


def test_every_operation_says_what_it_does() -> None:
    assert [each.name for each in oss.operations if not each.summary] == []


def test_names_are_unique() -> None:
    """A declined one may have several forms; one name is offered of a bucket and not of the account."""
    offered = [each.name for each in oss.operations]
    assert sorted({name for name in offered if offered.count(name) > 1}) == []
    assert set(offered) & {each.name for each in oss.declined} == {"ListAccessPoints"}


def test_two_operations_with_the_same_selectors_fail() -> None:
    registry = Registry("oss")
    registry.decline("One", "GET", Scope.BUCKET, "x")
    registry.decline("Two", "GET", Scope.BUCKET, "x")
    with pytest.raises(TypeError, match="same selectors"):
        Router(registry)
