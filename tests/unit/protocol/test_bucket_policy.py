"""What a bucket policy may be, and how much the engine remembers."""

import json
from typing import Any

import pytest

from ossia.protocol.bucket_policy import (
    closed_bucket_policy,
    parse_bucket_policy,
    stored_bucket_policy,
)
from ossia.protocol.conditions import compile_conditions
from ossia.protocol.policy_document import Asker, Grammar, PolicyDocument, PolicyError, Verdict
from ossia.protocol.policy_place import place_of

_ONE = Asker(["1"])


def text(**more: Any) -> bytes:
    plain = {"Effect": "Allow", "Action": "oss:*", "Resource": "*", "Principal": ["1"]}
    return json.dumps({"Version": "1", "Statement": [{**plain, **more}]}).encode()


def test_what_is_stored_is_read_once() -> None:
    content = text(Principal=["*"])
    assert parse_bucket_policy(content).is_public
    stored = stored_bucket_policy(content)
    assert stored is stored_bucket_policy(bytes(content))
    assert stored.is_public
    closed = closed_bucket_policy(content)
    assert closed is closed_bucket_policy(content)
    assert not closed.statements


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff", "not UTF-8"),
        (text(Sid="x" * 4096), "a field is longer than 4095 bytes"),
        (text(Sid="\u00e9" * 2048), "a field is longer than 4095 bytes"),
        (text(Condition={"StringEquals": {"oss:BucketTag/" + "x" * 4096: "x"}}), "a field is longer"),
        (text(Principal=["1" * 100] * 160), "longer than 16384 bytes"),
        (text(Condition={"StringEquals": {"acs:Referer": "x"}}), "unknown condition key acs:Referer"),
        (text(Condition={"StringEquals": {"oss:BucketTag/": "x"}}), "unknown condition key oss:BucketTag/"),
        (text(Condition={"StringEquals": {"oss:BucketTag": "x"}}), "unknown condition key oss:BucketTag"),
        (text(Condition={"IpAddress": {"acs:SourceIp": "10.*"}}), "10.* is not an address"),
        (text(Condition={"IpAddress": {"acs:SourceIp": "10.*.*.256"}}), "is not an address"),
        (text(Condition={"IpAddress": {"acs:SourceIp": "10.*.*.x"}}), "is not an address"),
    ],
)  # fmt: skip
def test_what_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_bucket_policy(content)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        text(Sid="x" * 4095),
        text(Principal=["1" * 100] * 150),
        text(
            Condition={"StringEquals": {"oss:bucketTAG/Team": "x", "OSS:dataaccesspointarn": "x"}}
        ),
        text(Condition={"NumericLessThan": {"oss:object-remaining-retention-days": 3}}),
    ],
)
def test_what_is_accepted(content: bytes) -> None:
    assert len(parse_bucket_policy(content).statements) == 1


def test_identity_policies_may_speak_of_other_services() -> None:
    def parse(key: str) -> PolicyDocument:
        condition = {"StringEquals": {key: "x"}}
        statement = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
        return PolicyDocument.parse(json.dumps({"Version": "1", "Statement": statement}))

    parse("ecs:tag/team")
    parse("acs:ResourceTag/team")
    for key in ("oss:Referer", "OSS:prefixes"):
        with pytest.raises(PolicyError, match="unknown condition key"):
            parse(key)


def test_what_it_remembers_is_bounded_and_true() -> None:
    """Actions and accounts may be anything, where somebody asks for explanations."""
    policy = PolicyDocument.parse(
        text(Action="oss:a*", Resource="acs:oss:*:7:b/*").decode(), Grammar.BUCKET
    )
    for number in range(2000):
        rules = policy.about(f"oss:a{number}")
        place = place_of(f"acs:oss:x{number}:7:b/k")
        assert rules.decide(place, {}, _ONE).verdict is Verdict.ALLOW
        other = place_of(f"acs:oss:x:8{number}:b/k")
        assert rules.decide(other, {}, _ONE).verdict is Verdict.NONE
    assert len(policy._rules) <= 512
    rules = policy.about("oss:abc")
    for number in range(1100):
        place = place_of(f"acs:oss:x:7:b{number}/k")
        assert rules.decide(place, {}, _ONE).verdict is Verdict.NONE
    assert len(rules._in_buckets) <= 1024
    assert policy.about("oss:a1") is policy.about("oss:a1")


def test_labels() -> None:
    policy = parse_bucket_policy(text(Sid="Mine"))
    assert policy.label_of(0) == "Statement[0] Mine"
    assert parse_bucket_policy(text()).label_of(0) == "Statement[0]"
    assert compile_conditions({}).keys == frozenset()
