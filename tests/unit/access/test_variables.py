"""Variables in policies: what they stand for, where they may stand, whom they never help."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from access_facts import ACCOUNT, BUCKET, ROOT, SESSION, USER, Around, bucket, identity, says
from hypothesis import given
from hypothesis import strategies as st

from ossia.access.authorize import Wish, rule
from ossia.access.explain import explain
from ossia.domain.identity.identities import ANONYMOUS, Caller
from ossia.domain.identity.permission import permits
from ossia.protocol.policy_document import NOBODY, Grammar, PolicyDocument, PolicyError, Verdict
from ossia.protocol.policy_place import place_of
from ossia.protocol.policy_text import VARIABLES, compile_pattern, fill, literally, plain_text

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "policy" / "variables.json").read_text()
)
ALICE = replace(USER, name="alice", access_key_id="LTAIalice")
OWN = "acs:oss:*:*:b/${acs:UserName}/*"
OWN_SESSION = "acs:oss:*:*:b/${acs:RoleSessionName}/*"


def wish(key: str, action: str = "oss:GetObject") -> Wish:
    return Wish(action, place_of(f"{BUCKET}/{key}"), reads=True)


def facts_of(known: dict[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in known.items()}


@pytest.mark.parametrize(("pattern", "known", "asked", "covers"), VECTORS["resources"])
def test_resources(pattern: str, known: dict[str, str], asked: str, covers: bool) -> None:
    place = place_of(f"acs:oss:cn-test:{ACCOUNT}:{asked}")
    pattern = f"acs:oss:*:*:{pattern}"
    plain = identity(says("Allow", Resource=[pattern])).for_whom(facts_of(known))
    decision = plain.about("oss:GetObject").decide(place, {}, NOBODY)
    assert (decision.verdict is Verdict.ALLOW) is covers
    assert plain.statements[0].covers_resource(place) is covers
    other = {"Effect": "Allow", "Action": "*", "NotResource": pattern}
    inverted = identity(other).for_whom(facts_of(known))
    decision = inverted.about("oss:GetObject").decide(place, {}, NOBODY)
    assert (decision.verdict is Verdict.ALLOW) is not covers


@pytest.mark.parametrize(("operator", "wanted", "known", "found", "holds"), VECTORS["conditions"])
def test_conditions(
    operator: str, wanted: object, known: dict[str, str], found: str, holds: bool
) -> None:
    condition = {operator: {"acs:UserAgent": wanted}}
    policy = identity(says("Allow", Condition=condition)).for_whom(facts_of(known))
    rules = policy.about("oss:GetObject")
    decision = rules.decide(place_of(BUCKET), {"acs:UserAgent": [found]}, NOBODY)
    assert (decision.verdict is Verdict.ALLOW) is holds


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Resource": "acs:oss:*:*:b/${aws:username}/*"}, "unknown variable ${aws:username}; there are acs:AccessId, "),
        ({"Resource": "acs:oss:*:*:b/${}/*"}, "unknown variable ${}"),
        ({"Resource": "acs:oss:*:*:b/${acs:SourceIp}/*"}, "unknown variable ${acs:SourceIp}"),
        ({"Resource": "acs:oss:*:*:b/${acs:UserName"}, "has a ${ that is no variable; as text it is ${$}{"),
        ({"Resource": "acs:oss:*:*:b/${${acs:UserName}}"}, "has a ${ that is no variable"),
        ({"Resource": "acs:oss:*:${acs:UserId}:b/*"}, "the first four parts of a resource cannot have variables"),
        ({"Resource": "acs:oss:${*}:*:b/*"}, "the first four parts of a resource cannot have variables"),
        ({"Resource": "${acs:UserName}"}, "is not a resource"),
        ({"Action": "oss:${acs:UserName}"}, "Action cannot have variables"),
        ({"Condition": {"StringLike": {"acs:UserAgent": ["a", "${b}"]}}}, "unknown variable ${b}"),
        ({"Condition": {"StringEquals": {"acs:UserAgent": "${b"}}}, "has a ${ that is no variable"),
        ({"Condition": {"NumericEquals": {"acs:UserAgent": "${acs:UserId}"}}}, "is not a number"),
        ({"Condition": {"IpAddress": {"acs:SourceIp": "${acs:UserId}"}}}, "is not an address"),
        ({"Condition": {"StringEquals": {"oss:ExistingObjectTag/${acs:UserId}": "x"}}}, "unknown condition key"),
    ],
)  # fmt: skip
def test_what_is_no_variable_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(reason)):
        identity(says("Allow", **changes))


@pytest.mark.parametrize(
    "principal", ["${acs:UserId}", {"RAM": ["1", "acs:ram::*:user/${acs:UserName}"]}]
)
def test_a_principal_is_no_place_for_one(principal: object) -> None:
    with pytest.raises(PolicyError, match="cannot have variables"):
        bucket(says("Allow", Principal=principal))
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    with pytest.raises(PolicyError, match="cannot have variables"):
        PolicyDocument.parse(json.dumps({"Version": "1", "Statement": trust}), Grammar.TRUST)


@pytest.mark.parametrize(
    ("caller", "known"),
    [
        (ANONYMOUS, {}),
        (replace(ROOT, access_key_id="LTAIroot"), {"acs:AccessId": "LTAIroot", "acs:PrincipalARN": ROOT.arn}),
        (ALICE, {"acs:AccessId": "LTAIalice", "acs:PrincipalARN": USER.arn, "acs:UserName": "alice", "acs:UserId": "22"}),
        (
            replace(SESSION, access_key_id="STS.x"),
            {"acs:AccessId": "STS.x", "acs:PrincipalARN": SESSION.arn, "acs:RoleName": "r", "acs:RoleSessionName": "eric"},
        ),
    ],
)  # fmt: skip
def test_what_is_known_of_a_caller(caller: Caller, known: dict[str, str]) -> None:
    assert caller.facts == {name: (value,) for name, value in known.items()}
    assert set(caller.facts) <= set(VARIABLES)


async def test_one_policy_gives_everybody_his_own_folder() -> None:
    policy = identity(says("Allow", Resource=OWN))
    for name in ("alice", "bob"):
        caller = replace(USER, name=name, policies=(policy,), policy_names=("own",))
        for other in ("alice", "bob", "${acs:UserName}", ""):
            assert (await rule(caller, wish(f"{other}/k"), Around())).allowed is (other == name)


async def test_a_session_policy_may_have_them_too() -> None:
    caller = replace(
        SESSION,
        policies=(identity(says("Allow")),),
        policy_names=("all",),
        session_policy=identity(says("Allow", Resource=OWN_SESSION)),
    )
    assert (await rule(caller, wish("eric/k"), Around())).allowed
    assert not (await rule(caller, wish("mary/k"), Around())).allowed


@pytest.mark.parametrize("is_blocked", [False, True])
async def test_a_bucket_policy_is_asked_for_each_caller(is_blocked: bool) -> None:
    everybody = bucket(says("Allow", Resource=OWN, Principal=["*"]))
    named = bucket(says("Allow", Resource=OWN, Principal=[ACCOUNT]))
    bob = replace(USER, name="bob")
    for policy, helps in ((everybody, not is_blocked), (named, True)):
        around = Around(policy, is_blocked=is_blocked)
        assert (await rule(ALICE, wish("alice/k"), around)).allowed is helps
        assert (await rule(bob, wish("bob/k"), around)).allowed is helps
        assert not (await rule(bob, wish("alice/k"), around)).allowed
        for nobody in (ANONYMOUS, SESSION):
            assert not (await rule(nobody, wish("alice/k"), around)).allowed
            assert not (await rule(nobody, wish("/k"), around)).allowed


async def test_a_refusal_by_what_is_not_ones_own() -> None:
    others = {"Effect": "Deny", "Action": "oss:*", "NotResource": OWN}
    policy = identity(says("Allow"), others)
    alice = replace(ALICE, policies=(policy,), policy_names=("own",))
    assert (await rule(alice, wish("alice/k"), Around())).allowed
    assert not (await rule(alice, wish("bob/k"), Around())).allowed
    # Nothing is his own who has no name: the refusal reaches everything.
    session = replace(SESSION, policies=(policy,), policy_names=("own",))
    assert not (await rule(session, wish("alice/k"), Around())).allowed


@pytest.mark.parametrize("value", ["${acs:AccessId}", "LTAI${*}"])
def test_a_variable_is_no_fixed_key(value: str) -> None:
    condition = {"StringEquals": {"acs:AccessId": value}}
    policy = bucket(says("Allow", Principal="*", Condition=condition))
    assert policy.is_public
    filled = policy.for_whom(ALICE.facts)
    assert filled.is_public
    assert not filled.without_public().statements


def test_tags_may_be_ones_own() -> None:
    condition = {"StringEquals": {"oss:ExistingObjectTag/owner": "${acs:UserName}"}}
    rules = (
        identity(says("Allow", Condition=condition)).for_whom(ALICE.facts).about("oss:GetObject")
    )
    assert rules.keys == {"oss:ExistingObjectTag/owner"}
    for owner, verdict in (("alice", Verdict.ALLOW), ("bob", Verdict.NONE)):
        facts = {"oss:ExistingObjectTag/owner": [owner]}
        assert rules.decide(place_of(BUCKET), facts, NOBODY).verdict is verdict


def test_users_look_after_their_own_keys() -> None:
    policy = identity(says("Allow", "ram:*AccessKey*", Resource="acs:ram:*:*:user/${acs:UserName}"))
    alice = replace(ALICE, policies=(policy,), policy_names=("keys",))
    for name, may in (("alice", True), ("bob", False)):
        resource = f"acs:ram::{ACCOUNT}:user/{name}"
        assert permits(alice, "ram:CreateAccessKey", resource, {}) is may


def test_conditions_may_ask_who_it_is() -> None:
    condition = {"StringEquals": {"acs:username": "alice"}}
    policy = identity(says("Allow", "ram:*", Condition=condition))
    for name, may in (("alice", True), ("bob", False)):
        caller = replace(ALICE, name=name, policies=(policy,), policy_names=("p",))
        assert permits(caller, "ram:ListUsers", f"acs:ram::{ACCOUNT}:user/*", {}) is may


async def test_who_lacks_a_value_is_told_so() -> None:
    policy = identity(says("Allow", Resource=OWN))
    session = replace(SESSION, policies=(policy,), policy_names=("own",))
    (told,) = (await explain(session, wish("alice/k"), Around())).policies[0].statements
    assert (told.misses, told.unset) == (("Resource",), ("acs:UserName",))
    alice = replace(ALICE, policies=(policy,), policy_names=("own",))
    (told,) = (await explain(alice, wish("bob/k"), Around())).policies[0].statements
    assert (told.misses, told.unset) == (("Resource",), ())
    around = Around(bucket(says("Allow", Resource=OWN, Principal=["*"])))
    (told,) = (await explain(ALICE, wish("alice/k"), around)).policies[0].statements
    assert told.matches


def test_what_is_filled_for_one_caller_is_remembered_and_forgotten() -> None:
    policy = identity(says("Allow", Resource=OWN))
    first = policy.for_whom(facts_of({"acs:UserName": "u0"}))
    assert policy.for_whom(facts_of({"acs:UserName": "u0", "acs:UserId": "7"})) is first
    for number in range(1, 1000):
        policy.for_whom(facts_of({"acs:UserName": f"u{number}"}))
    assert len(policy._filled) <= 256
    two = policy.for_whom({"acs:UserName": ["a", "b"]})
    assert two.statements[0].variables == {"acs:UserName"}


def test_what_else_a_statement_wants_stays() -> None:
    condition = {"Bool": {"acs:SecureTransport": True}, "NumericEquals": {"acs:UserAgent": [1, 2]}}
    policy = identity(says("Allow", Resource=OWN, Condition=condition)).for_whom(ALICE.facts)
    rules, place = policy.about("oss:GetObject"), place_of(f"{BUCKET}/alice/k")
    secure = {"acs:SecureTransport": ["true"], "acs:UserAgent": ["2"]}
    assert rules.decide(place, secure, NOBODY).verdict is Verdict.ALLOW
    assert rules.decide(place, {**secure, "acs:UserAgent": ["3"]}, NOBODY).verdict is Verdict.NONE


def test_a_policy_without_them_is_itself() -> None:
    policy = identity(says("Allow", Resource="acs:oss:*:*:b/*"))
    assert policy.for_whom(ALICE.facts) is policy


@given(st.text(), st.text())
def test_a_value_stands_for_itself_whatever_it_is(value: str, other: str) -> None:
    text = fill("${acs:UserName}", {"acs:UserName": value})
    assert text == literally(value)
    assert plain_text(text) == value
    covers = compile_pattern(text)
    assert covers(value)
    assert covers(other) is (other == value)
    assert compile_pattern(f"{text}/*")(f"{value}/{other}")
