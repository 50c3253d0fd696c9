"""Issue 10, C1 and C9: which comparisons keep anybody out, and networks that are none."""

import json
from typing import Any

import pytest

from ossia.protocol.bucket_policy import closed_bucket_policy, stored_bucket_policy
from ossia.protocol.policy_document import Asker, Grammar, PolicyDocument, PolicyError, Verdict

PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
EVERY_8 = [f"{first}.0.0.0/8" for first in range(256)]


def text(condition: Any, **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": "oss:*", "Resource": "*", "Condition": condition}
    return json.dumps({"Version": "1", "Statement": [{**statement, **more}]})


@pytest.mark.parametrize(
    "key", ["acs:SourceVpc", "ACS:sourcevpc", "acs:SourceVpcId", "acs:AccessId"]
)
@pytest.mark.parametrize("operator", ["StringEquals", "StringEqualsIgnoreCase", "StringLike"])
@pytest.mark.parametrize(
    ("wanted", "is_public"),
    [
        ("vpc-1", False), (["vpc-1", "vpc-2"], False), ("", True), ([""], True), (["vpc-1", ""], True),
        ("*", True), (["vpc-1", "?"], True), ("${acs:AccessId}", True), (["vpc-1", "${oidc:sub}"], True),
    ],
)  # fmt: skip
def test_c1_text_that_everybody_has(
    operator: str, key: str, wanted: object, is_public: bool
) -> None:
    policy = PolicyDocument.parse(text({operator: {key: wanted}}, Principal="*"), Grammar.BUCKET)
    assert policy.is_public is is_public


@pytest.mark.parametrize("operator", ["IpAddress", "IpAddressIncludeBorder"])
@pytest.mark.parametrize(
    ("wanted", "is_public"),
    [
        ("192.0.2.1", False), ("10.9.9.9/8", False), (PRIVATE, False), ("10.0.0.0/7", True),
        (["10.0.0.0/8", "11.0.0.0/8"], True), (["10.0.0.0/8", "99.0.0.0/8"], True), (EVERY_8, True),
        (["10.0.0.0/8"] * 9, False), ([f"{first}.0.0.0/9" for first in range(4)], True),
        ([f"10.{second}.0.0/16" for second in range(256)], False), ("0.0.0.0/0", True), ("::/0", True),
        ("2001:db8::/32", False), (["2001:db8::/32", "2001:db9::/32"], True), ("2001:db8::/31", True),
        ([*PRIVATE, "fd00:1::/32"], False), ([*PRIVATE, "::/0"], True), (["fd00::1", *EVERY_8], True),
        ("192.0.2.*", True), ("*", True), (["192.0.2.1", "*"], True),
    ],
)  # fmt: skip
def test_c1_networks_are_taken_together(operator: str, wanted: object, is_public: bool) -> None:
    for key in ("acs:SourceIp", "acs:SourceVpcIp"):
        written = text({operator: {key: wanted}}, Principal=["*"])
        assert PolicyDocument.parse(written, Grammar.BUCKET).is_public is is_public


def test_c1_one_comparison_that_restricts_is_enough() -> None:
    open_and_closed = {"StringEquals": {"acs:SourceVpc": "", "acs:AccessId": "AK"}}
    assert not PolicyDocument.parse(text(open_and_closed, Principal="*"), Grammar.BUCKET).is_public
    twice = {"StringEquals": {"acs:SourceVpc": "", "acs:sourcevpc": "vpc-1"}}
    assert not PolicyDocument.parse(text(twice, Principal="*"), Grammar.BUCKET).is_public


NO_NETWORKS = [
    "0.0.0.0/0.0.0.0", "10.0.0.0/255.0.0.0", "10.0.0.0/0.0.0.255", "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/",
    "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/\u0668", "10.0.0.0/²", "fe80::1%1", "fe80::%eth0/64",
    "::/129", "::/ffff::", "1.2.3", "0x7f.1", "\u0661.1.1.1", "*.*.*.²", "10.*", "10.0.0.*/8", "/", "",
]  # fmt: skip


@pytest.mark.parametrize("network", NO_NETWORKS)
@pytest.mark.parametrize("operator", ["IpAddress", "NotIpAddress", "IpAddressIncludeBorder"])
@pytest.mark.parametrize(
    ("grammar", "more"),
    [
        pytest.param(Grammar.BUCKET, {"Principal": "*"}, id="bucket"),
        pytest.param(Grammar.BUCKET, {"Principal": ["1"], "Effect": "Deny"}, id="bucket-of-one"),
        pytest.param(Grammar.IDENTITY, {}, id="identity-and-session"),
    ],
)
def test_c9_what_is_no_network_is_refused_by_its_name(
    grammar: Grammar, more: dict[str, Any], operator: str, network: str
) -> None:
    for wanted in (network, ["10.0.0.1", network]):
        with pytest.raises(PolicyError) as caught:
            PolicyDocument.parse(text({operator: {"acs:SourceIp": wanted}}, **more), grammar)
        assert str(caught.value) == f"{network} is not an address or a CIDR block"


ODD_VALUES = [
    "0.0.0.0/0.0.0.0", "\ud800", "1e999999999", "sNaN", "-0", "Infinity", "\u0663", "²", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "2025-02-30", "${", "${acs:UserName", "${acs:UserName}", "*" * 3000, "1" * 4000,
    "\x00", "", True, None, 1e999, -1, {}, [], [[]], {"a": "b"}, ["a", 1, False], "true", "TRUE",
]  # fmt: skip


@pytest.mark.parametrize("grammar", Grammar)
@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda each: ascii(each)[:20])
def test_c9_whatever_a_policy_holds_it_is_read_or_refused(grammar: Grammar, value: object) -> None:
    """Nothing but `PolicyError`, and nothing that cannot be told: the answer would be a 500."""
    operators = ["StringEquals", "StringEqualsIgnoreCase", "StringLike", "NumericEquals", "NumericLessThan", "DateEquals",
                 "DateGreaterThan", "Bool", "IpAddress", "NotIpAddress", "Null"]  # fmt: skip
    plain = {"Effect": "Allow", "Action": "oss:*"}
    plain |= {"Resource": "*"} if grammar.value[0] else {}
    plain |= {"Principal": "*"} if grammar.value[1] else {}
    conditions = [{operator: {"acs:SourceIp": value}} for operator in operators]
    statements: list[Any] = [{**plain, "Condition": each} for each in [*conditions, value]]
    statements += [{**plain, name: value} for name in (*plain, "Sid", "NotAction", "NotResource")]
    for statement in statements:
        written = json.dumps({"Version": "1", "Statement": statement})
        try:
            policy = PolicyDocument.parse(written, grammar)
        except PolicyError as refused:
            str(refused).encode()
        else:
            policy.decide("oss:GetObject", "acs:oss:x:1:b/k", {"acs:SourceIp": ["192.0.2.1", "x"]})


def test_c9_what_is_stored_and_not_understood_denies() -> None:
    """Another version may have accepted it; requests neither fail nor get through."""
    stored = text({"IpAddress": {"acs:SourceIp": "0.0.0.0/0.0.0.0"}}, Principal="*").encode()
    policy = stored_bucket_policy(stored)
    assert not policy.is_public
    for closed in (policy, closed_bucket_policy(stored)):
        rules = closed.about("oss:GetObject")
        place = "acs:oss:x:1:b/k"
        assert closed.decide("oss:GetObject", place, {}).verdict is Verdict.DENY
        assert rules.keys == frozenset()
    for grammar in Grammar:
        denied = PolicyDocument.in_force("{}", grammar).decide("a:b", "acs:x:y:z:t", {}, ["1"])
        assert denied.verdict is Verdict.DENY
    # The root can still replace it.
    root = Asker(["1"], is_owner=True)
    assert not policy.statements[0].covers_principal(root)
