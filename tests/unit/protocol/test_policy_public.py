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


def parsed(*statements: dict[str, Any]) -> PolicyDocument:
    shared = {"Effect": "Allow", "Principal": "*", "Action": "oss:*", "Resource": "*"}
    document = {"Version": "1", "Statement": [{**shared, **each} for each in statements]}
    return PolicyDocument.parse(json.dumps(document), Grammar.BUCKET)


def allowed(network: object, operator: str = "IpAddress", **more: Any) -> dict[str, Any]:
    return {"Condition": {operator: {"acs:SourceIp": network}}, **more}


def public_ones(policy: PolicyDocument) -> list[bool]:
    return [each.is_public for each in policy.statements]


SPLIT = {
    "many statements": [allowed([f"{first}.0.0.0/8", f"{first + 1}.0.0.0/9"]) for first in range(0, 210, 2)],
    "two statements": [allowed("10.0.0.0/8"), allowed("99.0.0.0/8")],
    "two operators": [allowed("10.0.0.0/8"), allowed("99.0.0.0/8", "IpAddressIncludeBorder")],
    "two keys": [allowed("10.0.0.0/8"), {"Condition": {"IpAddress": {"acs:SourceVpcIp": "99.0.0.0/8"}}}],
    "two spellings": [allowed("10.0.0.0/8"), {"Condition": {"IpAddress": {"ACS:sourceip": "99.0.0.0/8"}}}],
    "two actions": [allowed("10.0.0.0/8", Action="oss:GetObject"), allowed("99.0.0.0/8", Action="oss:PutObject")],
    "two principals": [allowed("10.0.0.0/8"), allowed("99.0.0.0/8", Principal=["1", "2?"])],
    "two parts of a resource": [allowed("10.0.0.0/8", Resource="acs:oss:*:*:b/a*"), allowed("99.0.0.0/8")],
    "each with a second comparison": [
        {"Condition": {"IpAddress": {"acs:SourceIp": each}, "Bool": {"acs:SecureTransport": "true"}}}
        for each in ("10.0.0.0/8", "99.0.0.0/8")
    ],
    "v6": [allowed("2001:db8::/32"), allowed("2001:db9::/32")],
    "sixteens": [allowed(f"{first}.{second}.0.0/16") for first in (10, 99) for second in range(256)],
}  # fmt: skip


@pytest.mark.parametrize("statements", SPLIT.values(), ids=SPLIT)
def test_c1_networks_of_all_statements_are_taken_together(statements: list[dict[str, Any]]) -> None:
    for order in (statements, statements[::-1]):
        policy = parsed(*order)
        assert policy.is_public
        assert public_ones(policy) == [True] * len(statements)
        assert not policy.without_public().statements


def test_c1_a_policy_of_few_networks_is_not_public() -> None:
    few = [
        allowed(each, Sid=each) for each in [*PRIVATE, "10.1.0.0/16", "10.0.0.0/8", "fd00:1::/32"]
    ]
    assert not parsed(*few).is_public
    # Whom fixed text or a fixed name lets in, and what is denied, adds no address.
    key = {"IpAddress": {"acs:SourceIp": "99.0.0.0/8"}, "StringEquals": {"acs:AccessId": "AK"}}
    others = [
        {"Condition": key},
        allowed("99.0.0.0/8", Principal=["1"]),
        allowed("99.0.0.0/8", Effect="Deny"),
    ]
    assert not parsed(*few, *others).is_public


def test_c1_what_is_public_by_itself_leaves_the_others_as_they_are() -> None:
    policy = parsed(allowed("10.0.0.0/8"), {}, allowed("0.0.0.0/0"))
    assert public_ones(policy) == [False, True, True]
    assert [each.number for each in policy.without_public().statements] == [0]


def test_c1_of_several_networks_in_one_statement_the_narrowest_counts() -> None:
    """They hold together: whoever gets in is in each of them."""
    wide_and_narrow = {"IpAddress": {"acs:SourceIp": "10.1.0.0/16"}, "IpAddressIncludeBorder": {"acs:SourceIp": "0.0.0.0/0"}}  # fmt: skip
    assert not parsed({"Condition": wide_and_narrow}, allowed("99.0.0.0/8")).is_public
    twice = {"IpAddress": {"acs:SourceIp": "10.0.0.0/7", "acs:sourceip": "98.0.0.0/7"}}
    assert parsed({"Condition": twice}).is_public


@pytest.mark.parametrize("operator", ["IpAddressIfExists", "ForAnyValue:IpAddress"])
def test_c1_there_is_no_other_way_to_name_a_network(operator: str) -> None:
    with pytest.raises(PolicyError, match="unknown condition operator"):
        parsed(allowed("10.0.0.0/8", operator))


def test_c1_the_judgement_does_not_depend_on_who_asks() -> None:
    own = "acs:oss:*:*:b/${acs:UserName}/*"
    policy = parsed(allowed("10.0.0.0/8", Resource=own), allowed("99.0.0.0/8", Resource=own))
    filled = policy.for_whom({"acs:UserName": ["alice"]})
    assert filled is not policy
    assert public_ones(filled) == [True, True]
    assert not policy.without_public().for_whom({"acs:UserName": ["alice"]}).statements


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
