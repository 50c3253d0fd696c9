"""In which order what decides (sts-ram.md, 5.1): a truth table, and what a refusal says."""

from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import pytest
from access_facts import (
    ACCOUNT,
    BUCKET,
    ROOT,
    ROOT_ARN,
    SESSION,
    USER,
    Around,
    bucket,
    identity,
    says,
)

from ossia.access.authorize import Basis, NoBucket, Ruling, Wish, authorize, rule
from ossia.domain.identity.identities import ANONYMOUS, Caller, CallerKind
from ossia.errors import AccessDenied
from ossia.protocol.policy_document import PolicyDocument
from ossia.protocol.policy_place import place_of

READ = Wish("oss:GetObject", place_of(f"{BUCKET}/k"), reads=True, writes=False)
WRITE = Wish("oss:PutObject", place_of(f"{BUCKET}/k"), reads=False, writes=True)
LIST = Wish("oss:ListObjects", place_of(BUCKET), reads=False, writes=False)
SERVICE = Wish(
    "oss:ListBuckets", place_of(f"acs:oss:cn-test:{ACCOUNT}:*"), reads=False, writes=False
)

OTHER = says("Allow", "oss:Nothing")
ALLOW, DENY = says("Allow"), says("Deny")
NAMED = {"Principal": [ACCOUNT]}
CONDITION = {"Condition": {"StringNotEquals": {"acs:UserAgent": "never"}}}

SESSIONS = {"-": None, "silent": (OTHER,), "allow": (ALLOW,), "deny": (ALLOW, DENY)}
IDENTITIES = {"silent": (OTHER,), "allow": (OTHER, ALLOW), "deny": (ALLOW, DENY)}
BUCKETS: dict[str, tuple[dict[str, Any], ...] | None] = {
    "-": None,
    "silent": (OTHER | NAMED,),
    "allow named": (ALLOW | NAMED,),
    "allow *": (ALLOW | {"Principal": "*"},),
    "deny named": (ALLOW | NAMED, DENY | NAMED),
    "deny *": (ALLOW | NAMED, DENY | {"Principal": ["*"]}),
    "deny * if": (ALLOW | NAMED, DENY | CONDITION | {"Principal": []}),
}
KINDS = {"anonymous": ANONYMOUS, "root": ROOT, "user": USER, "session": SESSION}
WISHES = {"read": READ, "write": WRITE, "list": LIST}
ACLS = ("private", "public-read", "public-read-write")

SIGNED = ("user", "session")
NOT_NAMED = ("deny *", "deny * if")
DENYING = ("deny named", *NOT_NAMED)
ORDER: list[tuple[dict[str, tuple[str, ...]], bool, Basis]] = [
    # The first row that fits decides.
    ({"who": ("root",), "bucket": ("deny named", "deny * if")}, False, Basis.BUCKET),
    ({"who": ("root",)}, True, Basis.ROOT),
    ({"who": ("session",), "session": ("silent", "deny")}, False, Basis.SESSION),
    ({"who": SIGNED, "identity": ("deny",), "bucket": DENYING}, False, Basis.BOTH),
    ({"who": SIGNED, "identity": ("deny",)}, False, Basis.IDENTITY),
    ({"who": SIGNED, "bucket": DENYING}, False, Basis.BUCKET),
    ({"who": ("anonymous",), "bucket": NOT_NAMED}, False, Basis.BUCKET),
    ({"who": SIGNED, "identity": ("allow",)}, True, Basis.IDENTITY),
    ({"who": SIGNED, "bucket": ("allow named",)}, True, Basis.BUCKET),
    ({"bucket": ("allow *",), "blocked": ("no",)}, True, Basis.BUCKET),
    ({"wish": ("read",), "acl": ("public-read", "public-read-write"), "blocked": ("no",)}, True, Basis.ACL),
    ({"wish": ("write",), "acl": ("public-read-write",), "blocked": ("no",)}, True, Basis.ACL),
    ({}, False, Basis.NOTHING),
]  # fmt: skip


def cases() -> list[dict[str, str]]:
    axes: dict[str, tuple[str, ...]] = {
        "who": tuple(KINDS),
        "session": tuple(SESSIONS),
        "identity": tuple(IDENTITIES),
        "bucket": tuple(BUCKETS),
        "wish": tuple(WISHES),
        "acl": ACLS,
        "blocked": ("no", "yes"),
    }
    made = (dict(zip(axes, each, strict=True)) for each in product(*axes.values()))
    # Only sessions have session policies, only users and sessions identity policies.
    return [
        case
        for case in made
        if (case["who"] == "session" or case["session"] == "-")
        and (case["who"] in SIGNED or case["identity"] == "silent")
    ]


def caller_of(case: dict[str, str]) -> Caller:
    return _caller(case["who"], case["session"], case["identity"])


@cache
def _caller(who: str, session_says: str, identity_says: str) -> Caller:
    caller = KINDS[who]
    if who not in SIGNED:
        return caller
    session = SESSIONS[session_says]
    policies = tuple(identity(each) for each in IDENTITIES[identity_says])
    return replace(
        caller,
        policies=policies,
        policy_names=tuple(f"p{number}" for number in range(len(policies))),
        session_policy=None if session is None else identity(*session),
    )


def around_of(case: dict[str, str]) -> Around:
    return Around(_bucket(case["bucket"]), case["acl"], case["blocked"] == "yes")


@cache
def _bucket(says_what: str) -> PolicyDocument | None:
    statements = BUCKETS[says_what]
    return None if statements is None else bucket(*statements)


async def test_truth_table() -> None:
    used = set()
    every = cases()
    for case in every:
        row = next(
            number
            for number, (wanted, _, _) in enumerate(ORDER)
            if all(case[axis] in values for axis, values in wanted.items())
        )
        _, allowed, basis = ORDER[row]
        ruling = await rule(caller_of(case), WISHES[case["wish"]], around_of(case))
        assert (ruling.allowed, ruling.basis) == (allowed, basis), case
        used.add(row)
    assert used == set(range(len(ORDER)))
    assert len(every) == (1 + 1 + 3 + 3 * 4) * 7 * 3 * 3 * 2


ECS = {
    Basis.SESSION: ("0003-00000301", "Access denied by authorizer's policy."),
    Basis.IDENTITY: ("0003-00000201", "You have no right to access this object."),
    Basis.BUCKET: ("0003-00000101", "Access denied by bucket policy."),
    Basis.BOTH: ("0003-00000203", "Access denied by bucket policy."),
}


async def test_a_refusal_says_what_decided() -> None:
    for case in cases():
        caller, around, wish = caller_of(case), around_of(case), WISHES[case["wish"]]
        ruling = await rule(caller, wish, around)
        if ruling.allowed:
            await authorize(caller, wish, around)
            continue
        with pytest.raises(AccessDenied) as caught:
            await authorize(caller, wish, around)
        error = caught.value
        detail = error.details["AccessDeniedDetail"]
        assert isinstance(detail, dict)
        assert detail["AuthAction"] == wish.action
        assert detail["Resource"] == wish.resource
        if ruling.basis in ECS:
            assert (error.ec, error.text) == ECS[ruling.basis]
        explicit = ruling.basis is not Basis.NOTHING and case["session"] != "silent"
        assert detail["NoPermissionType"] == ("ExplicitDeny" if explicit else "ImplicitDeny")
        # What policies say is for callers of the account.
        assert ("MatchedPolicy" in detail) == (explicit and case["who"] != "anonymous")
        assert ("AuthPrincipalOwnerId" in detail) == (case["who"] != "anonymous")


@pytest.mark.parametrize(
    ("caller", "wish", "ec", "message"),
    [
        (USER, READ, "0003-00000001", "You have no right to access this object because of bucket acl."),
        (USER, LIST, "0003-00000202", "You have no right to access this object."),
        (USER, SERVICE, "0003-00000202", "You have no right to access this object."),
        (ANONYMOUS, READ, "0003-00000001", "You have no right to access this object because of bucket acl."),
        (ANONYMOUS, LIST, "0003-00000001", "Anonymous user has no right to access this bucket."),
        (ANONYMOUS, SERVICE, "0003-00000001", "You are forbidden to list buckets."),
    ],
)  # fmt: skip
async def test_a_refusal_for_want_of_permission(
    caller: Caller, wish: Wish, ec: str, message: str
) -> None:
    with pytest.raises(AccessDenied) as caught:
        await authorize(caller, wish, Around())
    assert (caught.value.ec, caught.value.text) == (ec, message)


async def test_the_deciding_statement_is_named() -> None:
    writing = identity(says("Allow", "oss:PutObject"), says("Deny", Sid="NoReading"))
    user = replace(USER, policies=(identity(OTHER), writing), policy_names=("other", "writing"))
    with pytest.raises(AccessDenied) as caught:
        await authorize(user, READ, Around())
    assert caught.value.details == {
        "AccessDeniedDetail": {
            "AuthAction": "oss:GetObject",
            "Resource": f"{BUCKET}/k",
            "NoPermissionType": "ExplicitDeny",
            "PolicyType": "AccountLevelIdentityBasedPolicy",
            "AuthPrincipalType": "SubUser",
            "AuthPrincipalOwnerId": ACCOUNT,
            "AuthPrincipalDisplayName": "22",
            "MatchedPolicy": "writing",
            "MatchedStatement": "Statement[1] NoReading",
        }
    }
    with pytest.raises(AccessDenied) as caught:
        await authorize(
            replace(SESSION, policies=(identity(ALLOW),), session_policy=identity(OTHER, DENY)),
            READ,
            Around(),
        )
    detail = caught.value.details["AccessDeniedDetail"]
    assert isinstance(detail, dict)
    assert detail["PolicyType"] == "SessionPolicy"
    assert detail["AuthPrincipalType"] == "AssumedRoleUser"
    assert detail["AuthPrincipalDisplayName"] == "r:eric"
    assert (detail["MatchedPolicy"], detail["MatchedStatement"]) == (
        "session policy",
        "Statement[1]",
    )


@pytest.mark.parametrize(
    "action", ["oss:PutBucketPolicy", "oss:GetBucketPolicy", "oss:DeleteBucketPolicy"]
)
async def test_the_policy_itself_stays_in_the_roots_hands(action: str) -> None:
    locked = Around(bucket(DENY | CONDITION | {"Principal": "*"}, DENY | NAMED))
    wish = Wish(action, place_of(BUCKET), reads=False, writes=False)
    assert (await rule(ROOT, wish, locked)).allowed
    assert not (await rule(ROOT, LIST, locked)).allowed
    user = replace(USER, policies=(identity(ALLOW),), policy_names=("all",))
    assert not (await rule(user, wish, locked)).allowed


async def test_who_is_meant_by_a_principal() -> None:
    names = {
        "22": (USER,),
        ACCOUNT: (USER, SESSION, ROOT),
        ROOT_ARN: (USER, SESSION, ROOT),
        f"acs:ram::{ACCOUNT}:user/u": (USER,),
        f"acs:ram::{ACCOUNT}:user/*": (USER,),
        f"acs:ram::{ACCOUNT}:role/r": (SESSION,),
        f"arn:sts::{ACCOUNT}:assumed-role/r/eric": (SESSION,),
        f"arn:sts::{ACCOUNT}:assumed-role/r/*": (SESSION,),
        "arn:sts::*:*/*/*": (SESSION,),
        f"arn:sts::{ACCOUNT}:assumed-role/R/eric": (),
        f"arn:sts::{ACCOUNT}:assumed-role/r/other": (),
        "arn:sts::9999:assumed-role/r/eric": (),
        "23": (),
        "*": (USER, SESSION, ANONYMOUS),
    }
    for name, meant in names.items():
        around = Around(bucket(says("Deny", Principal=[name])))
        for caller in (USER, SESSION, ROOT, ANONYMOUS):
            ruling = await rule(caller, READ, around)
            assert (ruling.basis is Basis.BUCKET) == (caller in meant), (name, caller.arn)


# --- what is looked at ------------------------------------------------------


async def test_only_what_can_decide_is_looked_at() -> None:
    allowed = replace(USER, policies=(identity(ALLOW),), policy_names=("all",))
    public = bucket(ALLOW | {"Principal": "*"})
    rows: list[tuple[Caller, Wish, Around, list[object]]] = [
        (ROOT, READ, Around(), []),
        (allowed, READ, Around(), []),
        (USER, LIST, Around(), []),
        (USER, READ, Around(), ["acl"]),
        (USER, READ, Around(acl_is="public-read"), ["acl", "block"]),
        (USER, READ, Around(public), ["block"]),
    ]
    for caller, wish, around, asked in rows:
        await rule(caller, wish, around)
        assert around.asked == asked


async def test_only_keys_of_statements_about_the_action_are_asked_for() -> None:
    def asks(action: str, key: str) -> dict[str, Any]:
        return says("Allow", action, Condition={"StringEquals": {key: "x"}})

    caller = replace(
        SESSION,
        policies=(identity(asks("oss:Get*", "acs:UserAgent"), asks("oss:List*", "oss:Prefix")),),
        policy_names=("p",),
        session_policy=identity(asks("oss:*", "acs:SourceIp")),
    )
    policy = bucket(asks("oss:GetObject", "oss:ExistingObjectTag/a") | {"Principal": ["9"]})
    for wish, keys in (
        (READ, {"acs:UserAgent", "acs:SourceIp", "oss:ExistingObjectTag/a"}),
        (LIST, {"oss:Prefix", "acs:SourceIp"}),
        (WRITE, {"acs:SourceIp"}),
    ):
        around = Around(policy)
        await rule(caller, wish, around)
        assert around.asked[0] == keys


async def test_what_is_in_no_bucket_has_policies_only() -> None:
    wish = Wish(
        "ossia:GetCallback", place_of("acs:ossia:x:1234:callbacks/b/k"), reads=True, writes=False
    )
    home = {"acs:SourceIp": ["10.0.0.1"]}
    user = replace(
        USER,
        policies=(
            identity(
                says("Allow", "ossia:*", Condition={"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}})
            ),
        ),
        policy_names=("home",),
    )
    assert await rule(user, wish, NoBucket(home)) == Ruling(
        allowed=True, basis=Basis.IDENTITY, statement=0
    )
    assert not (await rule(user, wish, NoBucket({}))).allowed
    assert not (await rule(USER, wish, NoBucket(home))).allowed
    assert (await rule(ROOT, wish, NoBucket({}))).allowed
    assert not await NoBucket({}).blocks_public()


def test_kinds_are_complete() -> None:
    assert {caller.kind for caller in KINDS.values()} == set(CallerKind)
