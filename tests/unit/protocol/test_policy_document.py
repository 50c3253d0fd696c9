"""The policy language: what covers what, who wins, and what is not a policy."""

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.protocol.policy_document import Asker, Grammar, PolicyDocument, PolicyError, Verdict
from ossia.protocol.policy_place import place_of
from ossia.protocol.policy_text import literally

ALLOW, DENY, NONE = Verdict.ALLOW, Verdict.DENY, Verdict.NONE
KEY = "acs:oss:cn-hangzhou:1234:mine/user/a.txt"


def document(*statements: dict[str, Any], grammar: Grammar = Grammar.IDENTITY) -> PolicyDocument:
    return PolicyDocument.parse(
        json.dumps({"Version": "1", "Statement": list(statements)}), grammar
    )


def statement(effect: str = "Allow", **changes: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": "oss:GetObject", "Resource": "*", **changes}


def verdict(policy: PolicyDocument, action: str = "oss:GetObject", resource: str = KEY) -> Verdict:
    return policy.decide(action, resource, {}).verdict


@pytest.mark.parametrize(
    ("pattern", "action", "expected"),
    [
        ("oss:GetObject", "oss:GetObject", ALLOW),
        ("oss:getobject", "OSS:GetObject", ALLOW),
        ("oss:Get*", "oss:GetObjectAcl", ALLOW),
        ("oss:?etObject", "oss:GetObject", ALLOW),
        ("*", "sts:AssumeRole", ALLOW),
        ("oss:*", "sts:AssumeRole", NONE),
        ("oss:Get", "oss:GetObject", NONE),
        (["oss:PutObject", "oss:GetObject"], "oss:GetObject", ALLOW),
        (["oss:PutObject", "oss:List*"], "oss:GetObject", NONE),
    ],
)
def test_actions(pattern: object, action: str, expected: Verdict) -> None:
    assert verdict(document(statement(Action=pattern)), action) is expected


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"),
    [
        ("*", KEY, ALLOW),
        ("acs:oss:*:*:*", KEY, ALLOW),
        ("acs:oss:*:*:mine/*", KEY, ALLOW),
        ("acs:oss:*:*:mine/user/*", KEY, ALLOW),
        ("acs:oss:*:1234:mine/user/?.txt", KEY, ALLOW),
        ("acs:oss:cn-hangzhou:*:mine/*", KEY, ALLOW),
        ("acs:oss:oss-cn-hangzhou:*:mine/*", KEY, ALLOW),
        ("acs:oss:cn-hangzhou:*:mine/*", KEY.replace("cn-", "oss-cn-", 1), ALLOW),
        ("acs:oss:cn-beijing:*:mine/*", KEY, NONE),
        ("acs:oss:*:9999:mine/*", KEY, NONE),
        ("acs:oss:*:*:MINE/*", KEY, NONE),
        ("acs:ram:*:*:mine/*", KEY, NONE),
        ("acs:oss:*:*:mine/*", "acs:oss:cn-hangzhou:1234:mine", NONE),
        ("acs:oss:*:*:mine", KEY, NONE),
        ("acs:oss:*:*:mine/a:b:*", "acs:oss:x:1:mine/a:b:c", ALLOW),
        ("acs:oss:*:*:mine/*", "acs:oss:cn-hangzhou:1234:other/x:mine/user/a.txt", NONE),
        ("acs:oss:*:*:mine*", "acs:oss:cn-hangzhou:1234:mine\n", ALLOW),
        ("acs:oss:*:*:*", "nothing", NONE),
        (["acs:oss:*:*:other", "acs:oss:*:*:mine/*"], KEY, ALLOW),
    ],
)
def test_resources(pattern: object, resource: str, expected: Verdict) -> None:
    assert verdict(document(statement(Resource=pattern)), resource=resource) is expected


def test_not_action_and_not_resource_cover_the_rest() -> None:
    others = {
        "Effect": "Allow",
        "NotAction": ["oss:Delete*"],
        "NotResource": "acs:oss:*:*:secret/*",
    }
    policy = document(others)
    assert verdict(policy) is ALLOW
    assert verdict(policy, "oss:DeleteObject") is NONE
    assert verdict(policy, resource="acs:oss:x:1:secret/a") is NONE


def test_a_deny_wins_wherever_it_stands_and_is_named() -> None:
    policy = document(
        statement(),
        statement("Deny", Action="oss:*", Resource="acs:oss:*:*:mine/user/*"),
        statement(Action="oss:PutObject"),
    )
    assert policy.decide("oss:GetObject", KEY, {}) == (DENY, 1)
    assert policy.decide("oss:PutObject", "acs:oss:x:1:mine/b", {}) == (ALLOW, 2)
    assert policy.decide("oss:ListObjects", "acs:oss:x:1:mine", {}) == (NONE, None)


def test_a_statement_needs_its_condition() -> None:
    policy = document(statement(Condition={"IpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}}))
    assert policy.decide("oss:GetObject", KEY, {"acs:SourceIp": ["10.0.0.1"]}).verdict is ALLOW
    assert policy.decide("oss:GetObject", KEY, {"acs:SourceIp": ["192.0.2.1"]}).verdict is NONE


def test_a_single_statement_needs_no_list() -> None:
    policy = PolicyDocument.parse(json.dumps({"Version": "1", "Statement": statement(Sid="x")}))
    assert verdict(policy) is ALLOW


# --- principals -------------------------------------------------------------

ROOT = "acs:ram::1234:root"
ALICE = "acs:ram::1234:user/alice"


@pytest.mark.parametrize(
    ("principal", "callers", "expected"),
    [
        ({"RAM": [ROOT]}, (ALICE, ROOT), ALLOW),
        ({"RAM": ALICE}, (ALICE, ROOT), ALLOW),
        ({"RAM": ["acs:ram::1234:user/bob"]}, (ALICE, ROOT), NONE),
        ({"RAM": ["acs:ram::*:root"]}, (ALICE, ROOT), ALLOW),
        ({"RAM": ["acs:ram::9999:root"]}, (ALICE, ROOT), NONE),
        ({"RAM": "*"}, (), ALLOW),
        ({"Service": ["ecs.aliyuncs.com"]}, (ALICE, ROOT), NONE),
        ({"Service": "*"}, (ALICE, ROOT), NONE),
        ({"Service": "ecs.aliyuncs.com", "RAM": ALICE}, (ALICE,), ALLOW),
        ("*", (), ALLOW),
        (["2022"], ("2022",), ALLOW),
        (["2022", "2023"], ("2024",), NONE),
        ([ALICE], (), NONE),
    ],
)
def test_principals(principal: object, callers: tuple[str, ...], expected: Verdict) -> None:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    policy = document(trust, grammar=Grammar.TRUST)
    role = "acs:ram::1234:role/app"
    assert policy.decide("sts:AssumeRole", role, {}, callers).verdict is expected
    bucket = document({**trust, "Resource": role}, grammar=Grammar.BUCKET)
    assert bucket.decide("sts:AssumeRole", role, {}, callers).verdict is expected
    assert bucket.decide("sts:AssumeRole", KEY, {}, callers).verdict is NONE


# --- what is not a policy ---------------------------------------------------


def _text(**changes: Any) -> str:
    whole = {"Version": "1", "Statement": [statement()], **changes}
    return json.dumps({name: value for name, value in whole.items() if value is not None})


def _with(**changes: Any) -> str:
    whole = statement(**changes)
    return _text(Statement=[{name: value for name, value in whole.items() if value is not None}])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "must be a JSON object"),
        ('{"Version":"1","Version":"1"}', "the same name twice"),
        ('{"Version":NaN}', "NaN is not a JSON value"),
        (_text(Version=None), 'Version must be "1"'),
        (_text(Version=1), 'Version must be "1"'),
        (_text(Version="2012-10-17"), 'Version must be "1"'),
        (_text(Id="x"), "unknown element Id"),
        (_text(Statement=None), "Statement must be"),
        (_text(Statement=[]), "Statement must be"),
        (_text(Statement=["x"]), "Statement must be"),
        (_with(Effect="allow"), "Effect must be Allow or Deny"),
        (_with(Effect=None), "Effect must be Allow or Deny"),
        (_with(Effect=["Allow"]), "Effect must be Allow or Deny"),
        (_with(NotAction="oss:*"), "one of Action and NotAction"),
        (_with(Action=None), "one of Action and NotAction"),
        (_with(NotResource="*"), "one of Resource and NotResource"),
        (_with(Resource=None), "one of Resource and NotResource"),
        (_with(Action="GetObject"), "GetObject is not an action"),
        (_with(Action=[]), "Action must be a string or a list"),
        (_with(Action=[1]), "Action must be a string or a list"),
        (_with(Action={}), "Action must be a string or a list"),
        (_with(Resource="mine/*"), "mine/* is not a resource"),
        (_with(Resource=["*", ""]), "Resource must be a string or a list"),
        (_with(Principal="*"), "unknown element Principal"),
        (_with(Conditions={}), "unknown element Conditions"),
        (_with(Condition={"Like": {"k": "v"}}), "unknown condition operator Like"),
        (_with(Sid=1), "Sid must be a string"),
    ],
)
def test_what_is_not_a_policy_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(reason)):
        PolicyDocument.parse(text)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "Principal is missing"),
        ({"Principal": {}}, "Principal is empty"),
        ({"Principal": {"AWS": "*"}}, "unknown element AWS"),
        ({"Principal": {"RAM": 1}}, "Principal.RAM must be a string or a list"),
        ({"Principal": []}, "Principal must be a string or a list"),
        ({"Principal": "*", "Resource": "*"}, "unknown element Resource"),
    ],
)
def test_what_is_not_a_trust_policy(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(reason)):
        document({"Effect": "Allow", "Action": "sts:AssumeRole", **changes}, grammar=Grammar.TRUST)


words = st.sampled_from(
    ["Version", "1", "Statement", "Effect", "Allow", "Deny", "Action", "Resource", "Condition",
     "Principal", "RAM", "StringLike", "oss:*", "*", "acs:oss:*:*:*", "Bool", "\ud800"]
)  # fmt: skip
json_values = st.recursive(
    st.one_of(words, st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=5)),
    max_leaves=25,
)


@given(json_values, st.sampled_from(Grammar))
def test_any_json_is_a_policy_or_a_policy_error(value: object, grammar: Grammar) -> None:
    with suppress(PolicyError):
        PolicyDocument.parse(json.dumps(value), grammar)
    with suppress(PolicyError):
        PolicyDocument.parse(json.dumps({"Version": "1", "Statement": value}), grammar)


@given(st.text(max_size=40))
def test_any_text_is_a_policy_or_a_policy_error(text: str) -> None:
    with suppress(PolicyError):
        PolicyDocument.parse(text)


@given(st.text(min_size=1, max_size=10), st.text(max_size=10))
def test_a_prefix_covers_exactly_the_keys_below_it(prefix: str, key: str) -> None:
    policy = document(statement(Resource=f"acs:oss:*:*:mine/{literally(prefix)}*"))
    assert verdict(policy, resource=f"acs:oss:x:1:mine/{prefix}{key}") is ALLOW
    other = f"acs:oss:x:1:mine/{key}"
    assert (verdict(policy, resource=other) is ALLOW) == key.startswith(prefix)


@pytest.mark.parametrize(
    ("changed", "may"),
    [
        pytest.param({}, True, id="everybody"),
        pytest.param({"Principal": []}, True, id="everybody-as-nobody-named"),
        pytest.param({"Resource": ["acs:oss:*:*:b/only/this"]}, True, id="one-key"),
        pytest.param({"Condition": {"IpAddress": {"acs:SourceIp": ["10.0.0.1"]}}}, True, id="some"),
        pytest.param({"Principal": ["123456789"]}, False, id="another-account"),
        pytest.param({"Action": ["oss:GetObject"]}, False, id="another-action"),
        pytest.param({"Resource": ["acs:oss:*:*:c/*"]}, False, id="another-bucket"),
        pytest.param({"Effect": "Deny"}, False, id="denial"),
    ],
)
def test_b3_what_a_policy_could_allow_a_stranger_somewhere_in_a_bucket(
    changed: dict[str, object], may: bool
) -> None:
    statement = {
        "Effect": "Allow",
        "Action": ["oss:DeleteObject"],
        "Principal": ["*"],
        "Resource": ["acs:oss:*:*:b/*"],
        **changed,
    }
    text = json.dumps({"Version": "1", "Statement": [statement]})
    rules = PolicyDocument.parse(text, Grammar.BUCKET).about("oss:DeleteObject")
    place = place_of("acs:oss:cn-hangzhou:1:b")
    assert rules.may_allow_in(place, Asker()) is may
