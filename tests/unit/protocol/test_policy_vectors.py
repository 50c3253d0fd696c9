"""The policy language against its vectors: what covers what, what holds, who is meant."""

import json
from pathlib import Path
from typing import Any

import pytest

from ossia.protocol.conditions import compile_conditions
from ossia.protocol.policy_document import Asker, Grammar, PolicyDocument
from ossia.protocol.policy_place import place_of

VECTORS = Path(__file__).parents[2] / "vectors" / "policy"
CALLERS = {
    "root": Asker(["acs:ram::1234:root", "1234"], is_owner=True),
    "alice": Asker(["acs:ram::1234:user/alice", "acs:ram::1234:root", "1234", "2022"]),
    "eric": Asker(["acs:ram::1234:root", "1234", "3033", "arn:sts::1234:assumed-role/app/eric"]),
    "nobody": Asker(),
}


def load(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


def cases(name: str) -> list[Any]:
    return [pytest.param(*each, id=str(number)) for number, each in enumerate(load(name)["cases"])]


def policy(*statements: dict[str, Any]) -> PolicyDocument:
    text = json.dumps({"Version": "1", "Statement": list(statements)})
    return PolicyDocument.parse(text, Grammar.BUCKET)


def statement(**more: Any) -> dict[str, Any]:
    plain = {"Effect": "Allow", "Action": "oss:*", "Resource": "*", "Principal": "1"}
    return {**plain, **more}


@pytest.mark.parametrize(("pattern", "action", "covers"), cases("actions"))
def test_actions(pattern: object, action: str, covers: bool) -> None:
    found = policy(statement(Action=pattern)).statements[0]
    assert found.covers_action(action.lower()) is covers
    inverted = statement(NotAction=pattern)
    del inverted["Action"]
    assert policy(inverted).statements[0].covers_action(action.lower()) is not covers


@pytest.mark.parametrize(("pattern", "resource", "covers"), cases("resources"))
def test_resources(pattern: object, resource: str, covers: bool) -> None:
    place = place_of(resource)
    assert policy(statement(Resource=pattern)).statements[0].covers_resource(place) is covers
    inverted = statement(NotResource=pattern)
    del inverted["Resource"]
    assert policy(inverted).statements[0].covers_resource(place) is not covers


@pytest.mark.parametrize(("operator", "wanted", "found", "holds"), cases("conditions"))
def test_conditions(operator: str, wanted: object, found: list[str], holds: bool) -> None:
    conditions = compile_conditions({operator: {"acs:UserAgent": wanted}})
    assert conditions.hold({"acs:UserAgent": found} if found else {}) is holds
    assert bool(list(conditions.unmet({"acs:UserAgent": found}))) is not holds


@pytest.mark.parametrize(
    ("principal", "has_condition", "names", "is_owner", "meant"), cases("principals")
)
def test_principals(
    principal: object, has_condition: bool, names: list[str], is_owner: bool, meant: bool
) -> None:
    condition = {"StringNotEquals": {"acs:UserAgent": "x"}} if has_condition else {}
    found = policy(statement(Principal=principal, Condition=condition)).statements[0]
    assert found.covers_principal(Asker(names, is_owner)) is meant


@pytest.mark.parametrize(("effect", "principal", "condition", "public"), cases("public"))
def test_public(effect: str, principal: object, condition: object, public: bool) -> None:
    found = policy(statement(Effect=effect, Principal=principal, Condition=condition))
    assert found.is_public is public
    assert bool(found.without_public().statements) is not public


@pytest.mark.parametrize("example", load("documented")["policies"], ids=lambda each: each["name"])
def test_documented_examples(example: Any) -> None:
    found = policy(*example["statements"])
    for asked in example["questions"]:
        decision = found.about(asked["action"]).decide(
            place_of(asked["resource"]), asked["facts"], CALLERS[asked["caller"]]
        )
        assert decision.verdict.value == asked["verdict"], asked


def test_there_are_many() -> None:
    counted = sum(
        len(load(name)["cases"])
        for name in ("actions", "resources", "conditions", "principals", "public")
    )
    asked = sum(len(each["questions"]) for each in load("documented")["policies"])
    assert counted + asked >= 300
