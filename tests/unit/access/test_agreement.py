"""The engine agrees with a deliberately naive second one, over random questions.

``OSSIA_POLICY_CASES`` says how many; what is asked depends on its number alone, so that a
disagreement can be repeated.
"""

import json
import os
from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

import pytest
from access_facts import ACCOUNT, ROOT, SESSION, USER, Around, bucket, identity
from naive_evaluator import OPERATORS, Question, condition, may, public

from ossia.access.authorize import Wish, authorize, rule
from ossia.access.explain import explain
from ossia.domain.identity.identities import ANONYMOUS, Caller
from ossia.errors import AccessDenied
from ossia.protocol.conditions import compile_conditions
from ossia.protocol.policy_place import place_of

pytestmark = pytest.mark.slow

CASES = int(os.environ.get("OSSIA_POLICY_CASES", "3000"))

ACTIONS = [
    "oss:GetObject",
    "oss:PutObject",
    "oss:ListObjects",
    "oss:PutBucketPolicy",
    "sts:AssumeRole",
]
ACTION_PATTERNS = ["*", "oss:*", "oss:Get*", "oss:?etObject", "OSS:getobject", "oss:Put*", *ACTIONS]
HEAD = f"acs:oss:cn-test:{ACCOUNT}:"
RESOURCES = [
    f"{HEAD}{name}" for name in ("b", "b/k", "b/user/a.txt", "b/user/b:c", "c/k", "*", "b/*")
]
RESOURCE_PATTERNS = [
    "*", "acs:oss:*:*:*", "acs:oss:*:*:b", "acs:oss:*:*:b/*", "acs:oss:*:*:b/user/*", "acs:oss:*:*:b/user/?.txt",
    f"acs:oss:oss-cn-test:{ACCOUNT}:b/*", "acs:oss:cn-other:*:b/*", "acs:oss:*:9:*", "acs:ram:*:*:*", "acs:oss:*:*:*b:c",
    "acs:oss:*:*:*/a.*", "acs:?ss:*:*:?/k", "acs:oss:*:*:b/${acs:UserName}/*", "acs:oss:*:*:${ACS:username}",
    "acs:oss:*:*:b/${acs:RoleSessionName}*", "acs:oss:*:*:${acs:RoleSessionName}/*", "acs:oss:*:*:b/${*}", "acs:oss:*:*:b${?}*",
    "acs:oss:*:*:*/${acs:UserId}/${$}", "acs:oss:*:*:?/us${acs:UserName}r/*",
]  # fmt: skip
PRINCIPALS = [
    "*", "22", "33", "2?", ACCOUNT, f"acs:ram::{ACCOUNT}:root", f"acs:ram::{ACCOUNT}:user/*", f"acs:ram::{ACCOUNT}:role/r",
    f"arn:sts::{ACCOUNT}:assumed-role/r/*", "arn:sts::*:*/*/*", "9", "arn:sts::9:*/*/*",
]  # fmt: skip
TEXTS = ["", "a", "A", "ab", "a*", "*", "vpc-1", "vpc-*", "?b", "STS.x", "true"]
WITH_VARIABLES = [
    "${acs:UserName}",
    "${acs:RoleSessionName}*",
    "?${ACS:USERNAME}",
    "a${*}",
    "${?}b",
    "${oidc:sub}",
    "$$${$}",
]
OWN_NAMES = ["u", "user", "a", "A", "b", "*", "?", "a*", "e", "$", "vpc-1", "${*}"]
VALUES: dict[str, list[str]] = {
    "String": [*TEXTS, *WITH_VARIABLES],
    "Numeric": ["0", "1", "1.0", "10", "-3", "2.5"],
    "Date": ["2025-01-02", "2025-01-02T00:00:00Z", "2025-01-02T08:00:00+08:00", "2025-01-03T00:00:00Z", "2024-12-31T23:59:59Z"],
    "Bool": ["true", "false"],
    "Ip": ["10.0.0.1", "10.0.0.0/8", "10.0.0.0/7", "192.0.2.0/24", "192.0.2.*", "*", "10.9.9.9/8", "0.0.0.0/0"],
}  # fmt: skip
KEYS = [
    "acs:SourceIp",
    "acs:SourceVpc",
    "acs:AccessId",
    "acs:UserAgent",
    "acs:CurrentTime",
    "oss:Prefix",
    "oss:ExistingObjectTag/a",
]
FOUND = [
    *TEXTS,
    "$$$",
    "1",
    "10.0",
    "few",
    "2025-01-02T00:00:00Z",
    "soon",
    "10.0.0.1",
    "11.0.0.1",
    "192.0.2.7",
    "True",
    "a" * 1024,
    "a" * 1025,
]
KINDS: dict[str, Caller] = {"root": ROOT, "anonymous": ANONYMOUS, "user": USER, "session": SESSION}


def kind_of(operator: str) -> str:
    return next(kind for kind in VALUES if kind in operator)


def a_condition(random: Random) -> dict[str, Any]:
    block: dict[str, Any] = {}
    for _ in range(random.choice([1, 1, 1, 2])):
        operator = random.choice(list(OPERATORS))
        values = random.sample(VALUES[kind_of(operator)], random.choice([1, 1, 2]))
        keys = block.setdefault(operator, {})
        keys[random.choice(KEYS)] = (
            values if len(values) > 1 or random.random() < 0.5 else values[0]
        )
    return block


def some(random: Random, of: list[str]) -> list[str] | str:
    chosen = random.sample(of, random.choice([1, 1, 2, 3]))
    return chosen[0] if len(chosen) == 1 and random.random() < 0.5 else chosen


def a_statement(random: Random, *, principal: bool) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": random.choice(["Allow", "Allow", "Deny"])}
    statement[random.choice(["Action", "Action", "Action", "NotAction"])] = some(
        random, ACTION_PATTERNS
    )
    statement[random.choice(["Resource"] * 4 + ["NotResource"])] = some(random, RESOURCE_PATTERNS)
    if random.random() < 0.4:
        statement["Condition"] = a_condition(random)
    if principal:
        names = some(random, PRINCIPALS)
        statement["Principal"] = random.choice([names, names, [], {"RAM": names}, {"Service": "x"}])
    return statement


def a_policy(random: Random, *, principal: bool = False) -> list[dict[str, Any]]:
    return [a_statement(random, principal=principal) for _ in range(random.choice([1, 1, 2, 4]))]


def a_question(seed: int) -> tuple[Question, Caller]:
    random = Random(seed)
    kind = random.choice(list(KINDS))
    signed = kind in ("user", "session")
    caller = KINDS[kind]
    name = random.choice(OWN_NAMES)
    who: dict[str, str] = {}
    if kind == "user":
        caller = replace(caller, name=name)
        who = {"acs:UserName": name, "acs:UserId": "22"}
    if kind == "session":
        caller = replace(caller, arn=f"acs:ram::{ACCOUNT}:assumed-role/r/{name}")
        who = {"acs:RoleSessionName": name, "acs:RoleName": "r"}
    question = Question(
        kind=kind,
        names=list(caller.asker.names),
        session=a_policy(random) if kind == "session" and random.random() < 0.5 else None,
        identity=[a_policy(random) for _ in range(random.choice([0, 1, 2]))] if signed else [],
        bucket=a_policy(random, principal=True) if random.random() < 0.7 else None,
        action=random.choice(ACTIONS),
        resource=random.choice(RESOURCES),
        facts={
            key: random.sample(FOUND, random.choice([0, 1, 1, 1, 2]))
            for key in KEYS
            if random.random() < 0.7
        },
        right=random.choice(["", "read", "write"]),
        acl=random.choice(["private", "public-read", "public-read-write"]),
        blocked=random.random() < 0.3,
        who=who,
    )
    caller = replace(
        caller,
        policies=tuple(identity(*each) for each in question.identity),
        policy_names=tuple(str(number) for number in range(len(question.identity))),
        session_policy=None if question.session is None else identity(*question.session),
    )
    return question, caller


async def test_agreement_with_a_naive_evaluator() -> None:
    outcomes = {True: 0, False: 0}
    bases = set()
    for seed in range(CASES):
        question, caller = a_question(seed)
        around = Around(
            None if question.bucket is None else bucket(*question.bucket),
            question.acl,
            question.blocked,
            question.facts,
        )
        wish = Wish(
            question.action,
            place_of(question.resource),
            reads=question.right == "read",
            writes=question.right == "write",
        )
        expected = may(question)
        ruling = await rule(caller, wish, around)
        assert ruling.allowed == expected, (seed, json.dumps(question.__dict__, indent=1))
        outcomes[expected] += 1
        bases.add(ruling.basis)
        if seed % 50 == 0:
            assert (await explain(caller, wish, around)).ruling == ruling
            try:
                await authorize(caller, wish, around)
            except AccessDenied:
                assert not expected
            else:
                assert expected
    # Neither answer is rare, and every way to decide is gone.
    assert min(outcomes.values()) > CASES // 5
    assert len(bases) == 7


def test_agreement_about_every_operator_on_every_value() -> None:
    for operator in OPERATORS:
        for wanted in VALUES[kind_of(operator)]:
            block = {operator: {"acs:UserAgent": wanted}}
            compiled = compile_conditions(block)
            for found in ([], *([text] for text in FOUND), ["10.0.0.1", "1"]):
                facts = {"acs:UserAgent": found}
                assert compiled.hold(facts) == condition(block, facts), (block, found)
                denying = compile_conditions(block, denies=True)
                assert denying.hold(facts) == condition(block, facts, denies=True), (block, found)


def a_network(random: Random) -> str:
    bits = random.choice([1, 4, 7, 8, 9, 12, 16, 24, 32])
    return f"{random.randrange(256)}.{random.randrange(256)}.{random.randrange(256)}.0/{bits}"


def test_c1_what_is_not_public_keeps_the_public_out() -> None:
    """Issue 10, C1: whoever has no key and comes from anywhere is refused, but for a few networks."""
    closed = 0
    for seed in range(CASES):
        random = Random(seed)
        condition: dict[str, Any] = {}
        for _ in range(random.choice([1, 1, 2])):
            operator = random.choice(list(OPERATORS))
            kind = kind_of(operator)
            some_values = [*VALUES[kind], *VALUES[kind], ""] if kind == "String" else VALUES[kind]
            many = random.choice([1, 1, 2, 3, 60])
            listed = [
                a_network(random)
                if kind == "Ip" and random.random() < 0.8
                else random.choice(some_values)
                for _ in range(many)
            ]
            condition.setdefault(operator, {})[random.choice([*KEYS, "acs:SourceVpcId"])] = listed
        statement = {
            "Effect": "Allow",
            "Action": "oss:*",
            "Resource": "*",
            "Principal": "*",
            "Condition": condition,
        }
        if bucket(statement).is_public:
            continue
        closed += 1
        inside = 0
        for _ in range(200):
            facts = {
                "acs:SourceIp": [".".join(str(random.randrange(256)) for _ in range(4))],
                "acs:SourceVpc": [""],
                "acs:UserAgent": [random.choice(FOUND)],
                "acs:CurrentTime": ["2025-01-02T00:00:00Z"],
                "oss:Prefix": [random.choice(FOUND)],
                "oss:ExistingObjectTag/a": [random.choice(FOUND)],
            }
            inside += may(
                Question(
                    "anonymous", [], None, [], [statement], "oss:GetObject", RESOURCES[1], facts
                )
            )
        # A /7 is one address of 128.
        assert inside < 12, (seed, condition)
    assert closed > CASES // 100


def test_agreement_about_what_is_public() -> None:
    keys = [*KEYS, "acs:SourceVpcId", "acs:SourceVpcIp"]
    for operator, key, principal in product(OPERATORS, keys, ["*", "2?", "22", [], ["22", "*"]]):
        for wanted in VALUES[kind_of(operator)]:
            for effect in ("Allow", "Deny"):
                statement = {
                    "Effect": effect,
                    "Action": "oss:*",
                    "Resource": "*",
                    "Principal": principal,
                    "Condition": {operator: {key: wanted}},
                }
                assert bucket(statement).is_public == public(statement), statement
