"""Why somebody may do something: what each statement of each policy says."""

from dataclasses import replace
from typing import Any

import pytest
from access_facts import ACCOUNT, BUCKET, ROOT, SESSION, USER, Around, bucket, identity, says
from test_evaluation_order import ACLS, KINDS, WISHES, around_of, caller_of, cases

from ossia.access.authorize import Basis, Wish, rule
from ossia.access.explain import explain
from ossia.domain.identity.identities import ANONYMOUS, Caller
from ossia.protocol.policy_place import place_of

READ = Wish("oss:GetObject", place_of(f"{BUCKET}/k"), reads=True, writes=False)
HOME = {"IpAddress": {"acs:SourceIp": ["10.0.0.0/8", "192.0.2.1"]}}


async def test_every_statement_of_every_policy_is_told() -> None:
    caller = replace(
        SESSION,
        policies=(
            identity(says("Allow", "oss:Put*"), says("Allow", Resource="acs:oss:*:*:other/*")),
            identity(says("Allow", Condition=HOME, Sid="FromHome"), says("Allow")),
        ),
        policy_names=("writing", "reading"),
        session_policy=identity(says("Allow")),
    )
    policy = bucket(
        says("Deny", "oss:Put*", Principal=["somebody"], Resource="acs:oss:*:*:other"),
        says("Allow", Principal=["*"]),
    )
    around = Around(policy, is_blocked=True, facts={"acs:SourceIp": ["198.51.100.7"]})
    found = await explain(caller, READ, around)
    assert (found.ruling.allowed, found.because) == (True, "reading, Statement[1]")
    assert (found.acl, found.is_public_blocked) == ("private", True)
    told = [
        (policy.kind, policy.name, each.label, each.effect.value, each.matches, each.misses)
        for policy in found.policies
        for each in policy.statements
    ]
    assert told == [
        ("session policy", "", "Statement[0]", "Allow", True, ()),
        ("identity policy", "writing", "Statement[0]", "Allow", False, ("Action",)),
        ("identity policy", "writing", "Statement[1]", "Allow", False, ("Resource",)),
        ("identity policy", "reading", "Statement[0] FromHome", "Allow", False, ()),
        ("identity policy", "reading", "Statement[1]", "Allow", True, ()),
        ("bucket policy", "", "Statement[0]", "Deny", False, ("Action", "Resource", "Principal")),
        ("bucket policy", "", "Statement[1]", "Allow", False, ("PublicAccessBlock",)),
    ]
    (unmet,) = found.policies[2].statements[0].unmet
    assert unmet == (
        "IpAddress",
        "acs:SourceIp",
        ("10.0.0.0/8", "192.0.2.1"),
        ("198.51.100.7",),
    )


@pytest.mark.parametrize(
    ("caller", "around", "because"),
    [
        (ROOT, Around(), "the root of the account may, unless a bucket policy denies it"),
        (USER, Around(), "nothing allows it"),
        (ANONYMOUS, Around(acl_is="public-read"), "the ACL permits it"),
        (USER, Around(bucket(says("Deny", Principal=[ACCOUNT], Sid="x"))), "bucket policy, Statement[0] x"),
        (
            replace(SESSION, session_policy=identity(says("Allow", "oss:Put*"))),
            Around(),
            "the session policy does not allow it",
        ),
        (
            replace(SESSION, session_policy=identity(says("Deny"))),
            Around(),
            "session policy, Statement[0]",
        ),
    ],
)  # fmt: skip
async def test_what_decided_is_told(caller: Caller, around: Around, because: str) -> None:
    assert (await explain(caller, READ, around)).because == because


async def test_of_other_actions_no_condition_is_looked_at() -> None:
    condition: dict[str, Any] = {"StringEquals": {"oss:ExistingObjectTag/a": "b"}}
    caller = replace(
        USER,
        policies=(identity(says("Allow", "oss:Put*", Condition=condition)),),
        policy_names=("p",),
    )
    around = Around()
    found = await explain(caller, READ, around)
    assert found.policies[0].statements[0].unmet == ()
    assert set() in around.asked


async def test_an_explanation_agrees_with_the_decision() -> None:
    """Whatever the truth table has: some matching statement bears the outcome out."""
    assert (len(KINDS), len(WISHES), len(ACLS)) == (4, 3, 3)
    for case in cases():
        caller, wish, around = caller_of(case), WISHES[case["wish"]], around_of(case)
        found = await explain(caller, wish, around)
        assert found.ruling == await rule(caller, wish, around)
        matching = {
            (policy.kind, each.effect.value)
            for policy in found.policies
            for each in policy.statements
            if each.matches
        }
        kind = {Basis.BOTH: "bucket policy"}.get(found.ruling.basis, found.ruling.basis.value)
        if found.ruling.statement is not None:
            assert (kind, "Allow" if found.ruling.allowed else "Deny") in matching, case
        elif found.ruling.basis is Basis.NOTHING:
            assert not {each for each in matching if each[0] != "session policy"}, case
