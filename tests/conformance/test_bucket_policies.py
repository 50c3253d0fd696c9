"""Bucket policies and blocked public access: put, get, delete, and what they do to requests.

The server is one of its own: blocking public access in the account is felt by everybody.
"""

# mypy: disable-error-code="import-untyped"

import json
from collections.abc import Iterator
from typing import Any

import oss2
import pytest
from access_world import (
    SOMEBODY,
    World,
    access_world,
    assert_denied,
    block,
    bucket_policy,
    make_place,
    send_post,
)

from ossia.client.signing_client import Reply, SigningClient

POLICY = [("policy", "")]
STATUS = [("policyStatus", "")]
BLOCK = [("publicAccessBlock", "")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with access_world(tmp_path_factory.mktemp("policies")) as made:
        yield made


@pytest.fixture
def root(world: World) -> SigningClient:
    return world.root


@pytest.fixture
def anonymous(world: World) -> SigningClient:
    return SigningClient(world.server.endpoint, version=0)


@pytest.fixture
def nobody(world: World) -> SigningClient:
    return world.client(world.nobody.id, world.nobody.secret)


def statement(bucket: str, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    resource = [f"acs:oss:*:*:{bucket}", f"acs:oss:*:*:{bucket}/*"]
    return {"Effect": effect, "Action": ["oss:*"], "Principal": ["*"], "Resource": resource, **more}


def put_policy(root: SigningClient, bucket: str, *statements: dict[str, Any]) -> Reply:
    body = json.dumps({"Version": "1", "Statement": list(statements)}).encode()
    return root.request("PUT", bucket, query=POLICY, body=body)


# --- the documents ---


@pytest.mark.covers("PutBucketPolicy", "GetBucketPolicy", "DeleteBucketPolicy")
def test_put_get_delete(world: World, root: SigningClient) -> None:
    place = make_place(world)
    text = b' {"Version": "1", "Statement": ' + json.dumps(statement(place.bucket)).encode() + b"} "
    assert root.request("PUT", place.bucket, query=POLICY, body=text).status == 200
    reply = root.request("GET", place.bucket, query=POLICY)
    assert (reply.status, reply.body) == (200, text)
    assert reply.headers["content-type"] == "application/json"
    for _ in range(2):
        assert root.request("DELETE", place.bucket, query=POLICY).status == 204
    reply = root.request("GET", place.bucket, query=POLICY)
    assert (reply.status, reply.code) == (404, "NoSuchBucketPolicy")
    assert root.request("PUT", "nowhere-at-all", query=POLICY, body=text).code == "NoSuchBucket"


@pytest.mark.covers("PutBucketPolicy")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"<xml/>", "unknown char &lt;"),
        (b"\xff", "not UTF-8"),
        (b'{"Version":"1","Statement":[]}', "Statement must be"),
        (b'{"Version":"2","Statement":[{}]}', "Version"),
        (bucket_policy("b", "1").replace(b"Principal", b"Principals"), "unknown element"),
        (bucket_policy("b", "1", effect="Maybe"), "Effect"),
        (bucket_policy("b" * 4096, "1"), "longer than 4095 bytes"),
        (bucket_policy("b", *(["1" * 1000] * 17)), "longer than 16384 bytes"),
        (
            bucket_policy("b", "1").replace(
                b'"Effect"', b'"Condition":{"StringLike":{"acs:Referer":"*"}},"Effect"'
            ),
            "unknown condition key acs:Referer",
        ),
    ],
)
def test_what_is_no_policy_is_not_stored(
    world: World, root: SigningClient, body: bytes, reason: str
) -> None:
    place = make_place(world)
    before = place.state()
    reply = root.request("PUT", place.bucket, query=POLICY, body=body)
    assert (reply.status, reply.code) == (400, "InvalidPolicyDocument")
    assert reason in reply.element("Message")
    assert place.state() == before


@pytest.mark.covers("GetBucketPolicyStatus")
def test_status(world: World, root: SigningClient) -> None:
    place = make_place(world)
    narrow = {"IpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}}
    rows = [
        ([statement(place.bucket)], "true"),
        ([statement(place.bucket, Principal=[SOMEBODY])], "false"),
        ([statement(place.bucket, "Deny")], "false"),
        ([statement(place.bucket, Condition=narrow)], "false"),
        ([statement(place.bucket, Principal=[SOMEBODY]), statement(place.bucket)], "true"),
    ]
    for statements, expected in rows:
        assert put_policy(root, place.bucket, *statements).status == 200
        reply = root.request("GET", place.bucket, query=STATUS)
        assert (reply.status, reply.element("IsPublic")) == (200, expected)
    root.request("DELETE", place.bucket, query=POLICY)
    assert root.request("GET", place.bucket, query=STATUS).element("IsPublic") == "false"


@pytest.mark.covers("PutBucketPolicy", "GetBucketPolicy", "DeleteBucketPolicy")
def test_the_flow_of_oss2s_own_test(world: World, root: SigningClient) -> None:
    """oss2, tests/test_bucket_policy.py."""
    place = make_place(world)
    auth = oss2.AuthV4(root.access_key_id, root.secret)
    session = oss2.Bucket(auth, root.endpoint, place.bucket, region=root.region, is_path_style=True)
    policy = bucket_policy(place.bucket, SOMEBODY).decode()
    assert session.put_bucket_policy(policy).status == 200
    assert session.get_bucket_policy().policy == policy
    assert session.delete_bucket_policy().status == 204
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        session.get_bucket_policy()
    assert (caught.value.status, caught.value.code) == (404, "NoSuchBucketPolicy")


# --- what policies permit ---


def test_everybody_may_what_the_policy_says(
    world: World, root: SigningClient, anonymous: SigningClient, nobody: SigningClient
) -> None:
    place = make_place(world)
    reading = statement(place.bucket, Action=["oss:GetObject", "oss:ListObjects"])
    for caller in (anonymous, nobody):
        assert_denied(caller.request("GET", place.bucket, "user/k"))
    assert put_policy(root, place.bucket, reading).status == 200
    for caller in (anonymous, nobody):
        assert caller.request("GET", place.bucket, "user/k").body == b"content"
        assert "user/k" in caller.request("GET", place.bucket).body.decode()
        assert_denied(caller.request("PUT", place.bucket, "user/k", body=b"x"))
        assert_denied(caller.request("GET", place.bucket, query=[("acl", "")]))
        assert_denied(caller.request("GET"))


def test_whom_the_policy_names(
    world: World, root: SigningClient, anonymous: SigningClient, nobody: SigningClient
) -> None:
    place = make_place(world)
    account = world.server.account_id
    writer = world.session("writer")
    names = [f"acs:ram::{account}:user/nobody", f"arn:sts::{account}:assumed-role/writer/*"]
    for name, caller, other in ((names[0], nobody, writer), (names[1], writer, nobody)):
        assert (
            put_policy(root, place.bucket, statement(place.bucket, Principal=[name])).status == 200
        )
        assert caller.request("GET", place.bucket, "user/k").status == 200
        for refused in (other, anonymous):
            assert_denied(refused.request("GET", place.bucket, "user/k"))


def test_a_deny_wins_over_policies_and_acls(
    world: World, root: SigningClient, anonymous: SigningClient
) -> None:
    place = make_place(world, acl="public-read-write")
    full = world.session()
    denying = statement(place.bucket, "Deny", Action="oss:GetObject")
    assert put_policy(root, place.bucket, denying).status == 200
    for caller in (full, anonymous):
        reply = caller.request("GET", place.bucket, "user/k")
        assert_denied(reply)
        assert reply.element("EC") == "0003-00000101"
        assert reply.element("NoPermissionType") == "ExplicitDeny"
    assert reply.element("MatchedPolicy") == ""
    named = full.request("GET", place.bucket, "user/k").element("MatchedStatement")
    assert named == "Statement[0]"
    # Without a condition, "*" does not mean the owner.
    assert root.request("GET", place.bucket, "user/k").status == 200
    conditional = {**denying, "Condition": {"StringNotLike": {"acs:AccessId": ["STS.*"]}}}
    assert put_policy(root, place.bucket, conditional).status == 200
    assert full.request("GET", place.bucket, "user/k").status == 200
    for caller in (root, anonymous):
        assert_denied(caller.request("GET", place.bucket, "user/k"))
    assert root.request("DELETE", place.bucket, query=POLICY).status == 204
    assert root.request("GET", place.bucket, "user/k").status == 200


def test_the_policy_of_the_source_counts_too(world: World, root: SigningClient) -> None:
    source, target = make_place(world), make_place(world)
    for effect, principal in (("Deny", world.server.account_id), ("Allow", "*")):
        policy = statement(source.bucket, effect, Principal=[principal])
        assert put_policy(root, source.bucket, policy).status == 200
        headers = {"x-oss-copy-source": f"/{source.bucket}/user/k"}
        reply = root.request("PUT", target.bucket, "user/copy", headers=headers)
        assert reply.status == (403 if effect == "Deny" else 200)
        writer = world.session("writer")
        reply = writer.request("PUT", target.bucket, "user/copy", headers=headers)
        assert reply.status == (403 if effect == "Deny" else 200)


@pytest.mark.parametrize(
    ("condition", "method", "key", "query", "headers", "allowed"),
    [
        ({"StringEquals": {"oss:ExistingObjectTag/team": "red"}}, "GET", "user/tagged", [], {}, True),
        ({"StringEquals": {"oss:ExistingObjectTag/team": "blue"}}, "GET", "user/tagged", [], {}, False),
        ({"StringEquals": {"oss:ExistingObjectTag/team": "red"}}, "GET", "user/k", [], {}, False),
        ({"StringEquals": {"oss:RequestObjectTag/team": "red"}}, "PUT", "user/n", [], {"x-oss-tagging": "team=red"}, True),
        ({"StringEquals": {"oss:RequestObjectTag/team": "red"}}, "PUT", "user/n", [], {"x-oss-tagging": "team=blue"}, False),
        ({"StringEquals": {"oss:RequestObjectTag/team": "red"}}, "PUT", "user/n", [], {}, False),
        ({"StringEquals": {"oss:RequestObjectTag/team": "red"}}, "GET", "user/k", [], {"x-oss-tagging": "team=red"}, False),
        ({"StringLike": {"oss:Prefix": "user/*"}}, "GET", "", [("prefix", "user/")], {}, True),
        ({"StringLike": {"oss:Prefix": "user/*"}}, "GET", "", [("prefix", "other/")], {}, False),
        ({"StringLike": {"oss:Prefix": "user/*"}}, "GET", "", [], {}, False),
        ({"StringEquals": {"oss:Prefix": ""}}, "GET", "", [], {}, True),
        ({"StringLike": {"oss:Prefix": "user/*"}}, "GET", "user/k", [("prefix", "user/")], {}, False),
        ({"StringEquals": {"oss:Delimiter": "/"}}, "GET", "", [("delimiter", "/")], {}, True),
        ({"StringEquals": {"oss:Delimiter": "/"}}, "GET", "", [("delimiter", "-")], {}, False),
        ({"StringEquals": {"oss:x-oss-object-acl": "private"}}, "PUT", "user/n", [], {"x-oss-object-acl": "private"}, True),
        ({"StringEquals": {"oss:x-oss-object-acl": "private"}}, "PUT", "user/n", [], {"x-oss-object-acl": "default"}, False),
        ({"StringEquals": {"oss:x-oss-object-acl": "private"}}, "PUT", "user/n", [], {}, False),
        ({"StringEquals": {"oss:x-oss-object-acl": "private"}}, "GET", "user/k", [], {"x-oss-object-acl": "private"}, False),
        ({"StringEquals": {"oss:x-oss-acl": "private"}}, "PUT", "", [("acl", "")], {"x-oss-acl": "private"}, True),
        ({"StringEquals": {"oss:x-oss-acl": "private"}}, "PUT", "", [("acl", "")], {"x-oss-acl": "public-read"}, False),
        ({"StringLike": {"acs:UserAgent": "mine/*"}}, "GET", "user/k", [], {"User-Agent": "mine/1"}, True),
        ({"StringLike": {"acs:UserAgent": "mine/*"}}, "GET", "user/k", [], {"User-Agent": "other"}, False),
        ({"IpAddress": {"acs:SourceIp": "127.0.0.0/8"}}, "GET", "user/k", [], {}, True),
        ({"NotIpAddress": {"acs:SourceIp": "127.0.0.0/8"}}, "GET", "user/k", [], {}, False),
        ({"Bool": {"acs:SecureTransport": "false"}}, "GET", "user/k", [], {}, True),
        ({"Bool": {"acs:SecureTransport": "true"}}, "GET", "user/k", [], {}, False),
        ({"Bool": {"acs:MFAPresent": "true"}}, "GET", "user/k", [], {}, False),
        ({"DateGreaterThan": {"acs:CurrentTime": "2020-01-01T00:00:00Z"}}, "GET", "user/k", [], {}, True),
        ({"DateLessThan": {"acs:CurrentTime": "2020-01-01T00:00:00+08:00"}}, "GET", "user/k", [], {}, False),
        ({"StringLike": {"acs:SourceVpc": "*"}}, "GET", "user/k", [], {}, True),
        ({"StringLike": {"acs:SourceVpc": "vpc-*"}}, "GET", "user/k", [], {}, False),
        ({"StringNotLike": {"acs:SourceVpc": "vpc-*"}}, "GET", "user/k", [], {}, True),
        ({"StringLike": {"acs:AccessId": "LTAI*"}}, "GET", "user/k", [], {}, True),
        ({"StringLike": {"acs:AccessId": "STS.*"}}, "GET", "user/k", [], {}, False),
        ({"StringLike": {"acs:PrincipalARN": "acs:ram::*:user/nobody"}}, "GET", "user/k", [], {}, True),
        ({"StringLike": {"acs:PrincipalARN": "acs:ram::*:user/app"}}, "GET", "user/k", [], {}, False),
        ({"StringNotEquals": {"oss:BucketTag/a": "b"}}, "GET", "user/k", [], {}, True),
        ({"StringEquals": {"oss:BucketTag/a": "b"}}, "GET", "user/k", [], {}, False),
        ({"StringEquals": {"oss:BucketTag/stage": "test"}}, "GET", "user/k", [], {}, True),
        ({"StringEquals": {"oss:BucketTag/stage": "test"}}, "GET", "", [], {}, True),
        ({"StringEquals": {"oss:BucketTag/stage": "live"}}, "GET", "user/k", [], {}, False),
        ({"StringEquals": {"oss:BucketTag/Stage": "test"}}, "GET", "user/k", [], {}, False),
        ({"StringNotEquals": {"oss:BucketTag/stage": "test"}}, "GET", "user/k", [], {}, False),
    ],
)  # fmt: skip
def test_conditions(
    world: World,
    root: SigningClient,
    nobody: SigningClient,
    condition: dict[str, Any],
    method: str,
    key: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    allowed: bool,
) -> None:
    place = make_place(world)
    tags = {"x-oss-tagging": "team=red&other=x"}
    assert root.request("PUT", place.bucket, "user/tagged", headers=tags).status == 200
    stage = b"<Tagging><TagSet><Tag><Key>stage</Key><Value>test</Value></Tag></TagSet></Tagging>"
    assert root.request("PUT", place.bucket, query=[("tagging", "")], body=stage).status == 200
    needs_tagging = statement(place.bucket, Action=["oss:PutObjectTagging"])
    wanted = [statement(place.bucket, Condition=condition), needs_tagging]
    assert put_policy(root, place.bucket, *wanted).status == 200
    reply = nobody.request(method, place.bucket, key, query=query, headers=headers, body=b"")
    assert reply.status == (200 if allowed else 403)


def test_conditions_without_a_signature(
    world: World, root: SigningClient, anonymous: SigningClient
) -> None:
    place = make_place(world)
    for key in ("acs:AccessId", "acs:PrincipalARN"):
        condition = {"StringLike": {key: "*"}}
        assert (
            put_policy(root, place.bucket, statement(place.bucket, Condition=condition)).status
            == 200
        )
        assert_denied(anonymous.request("GET", place.bucket, "user/k"))


def test_a_form_has_the_acl_of_its_field(world: World, root: SigningClient) -> None:
    place = make_place(world)
    private = {"StringNotEquals": {"oss:x-oss-object-acl": "private"}}
    denying = statement(place.bucket, "Deny", Action="oss:PutObject", Condition=private)
    assert put_policy(root, place.bucket, denying).status == 200
    assert_denied(send_post(world.session(), place))


def test_the_acl_of_a_bucket_is_no_by_product(world: World, root: SigningClient) -> None:
    """Who may create buckets may not open those that exist."""
    place = make_place(world)
    creating = json.dumps(
        {
            "Version": "1",
            "Statement": [{"Effect": "Allow", "Action": "oss:PutBucket", "Resource": "*"}],
        }
    )
    session = world.session(allowed=creating)
    public = {"x-oss-acl": "public-read"}
    assert session.request("PUT", place.bucket).status == 200
    reply = session.request("PUT", place.bucket, headers=public)
    assert_denied(reply)
    assert reply.element("AuthAction") == "oss:PutBucketAcl"
    assert session.request("PUT", f"{place.bucket}-new", headers=public).status == 200


# --- blocked public access ---


@pytest.fixture
def unblocked(root: SigningClient) -> Iterator[None]:
    yield
    assert root.request("DELETE", query=BLOCK).status == 204


@pytest.mark.covers(
    "PutBucketPublicAccessBlock", "GetBucketPublicAccessBlock", "DeleteBucketPublicAccessBlock"
)
def test_block_of_a_bucket(world: World, root: SigningClient) -> None:
    bucket = make_place(world).bucket

    def told() -> tuple[str, str]:
        info = root.request("GET", bucket, query=[("bucketInfo", "")])
        one = root.request("GET", bucket, query=BLOCK)
        return one.element("BlockPublicAccess"), info.element("BlockPublicAccess")

    assert told() == ("false", "false")
    for sent, shown in (("true", "true"), ("false", "false"), (" True\n", "true"), ("", "false")):
        assert root.request("PUT", bucket, query=BLOCK, body=block(sent)).status == 200
        assert told() == (shown, shown)
    root.request("PUT", bucket, query=BLOCK, body=block("true"))
    for bad in (b"", b"<A/>", block("yes")):
        assert root.request("PUT", bucket, query=BLOCK, body=bad).code == "MalformedXML"
    assert told() == ("true", "true")
    for _ in range(2):
        assert root.request("DELETE", bucket, query=BLOCK).status == 204
    assert told() == ("false", "false")


@pytest.mark.covers("PutPublicAccessBlock", "GetPublicAccessBlock", "DeletePublicAccessBlock")
@pytest.mark.usefixtures("unblocked")
def test_block_of_the_account(root: SigningClient) -> None:
    def told() -> str:
        return root.request("GET", query=BLOCK).element("BlockPublicAccess")

    assert told() == "false"
    assert root.request("PUT", query=BLOCK, body=block("true")).status == 200
    assert told() == "true"
    assert root.request("PUT", query=BLOCK, body=block("maybe")).code == "MalformedXML"
    assert root.request("PUT", query=BLOCK, body=block("false")).status == 200
    assert told() == "false"
    root.request("PUT", query=BLOCK, body=block("true"))
    assert root.request("DELETE", query=BLOCK).status == 204
    assert told() == "false"


@pytest.mark.usefixtures("unblocked")
@pytest.mark.parametrize("everywhere", [True, False])
def test_what_is_public_is_no_longer(
    world: World,
    root: SigningClient,
    anonymous: SigningClient,
    nobody: SigningClient,
    everywhere: bool,
) -> None:
    by_acl, by_policy, by_name = (
        make_place(world, acl="public-read-write"),
        make_place(world),
        make_place(world),
    )
    assert put_policy(root, by_policy.bucket, statement(by_policy.bucket)).status == 200
    named = statement(by_name.bucket, Principal=[f"acs:ram::{world.server.account_id}:user/nobody"])
    assert put_policy(root, by_name.bucket, named, statement(by_name.bucket)).status == 200
    hidden = {"x-oss-object-acl": "public-read"}
    assert root.request("PUT", by_name.bucket, "user/open", headers=hidden).status == 200
    places = (by_acl, by_policy, by_name)

    def statuses(caller: SigningClient) -> list[int]:
        return [caller.request("GET", place.bucket, "user/k").status for place in places]

    assert statuses(anonymous) == statuses(nobody) == [200, 200, 200]
    for bucket in [""] if everywhere else [place.bucket for place in places]:
        assert root.request("PUT", bucket, query=BLOCK, body=block("true")).status == 200
    assert statuses(anonymous) == [403, 403, 403]
    # What names him is not public.
    assert statuses(nobody) == [403, 403, 200]
    assert_denied(anonymous.request("PUT", by_acl.bucket, "user/k", body=b"x"))
    assert_denied(anonymous.request("GET", by_name.bucket, "user/open"))
    assert statuses(root) == statuses(world.session()) == [200, 200, 200]
    for bucket in [""] if everywhere else [place.bucket for place in places]:
        assert root.request("DELETE", bucket, query=BLOCK).status == 204
    assert statuses(anonymous) == [200, 200, 200]


@pytest.mark.usefixtures("unblocked")
@pytest.mark.parametrize("everywhere", [True, False])
def test_nothing_becomes_public(world: World, root: SigningClient, everywhere: bool) -> None:
    place = make_place(world)
    bucket = place.bucket
    where = "" if everywhere else bucket
    assert root.request("PUT", where, query=BLOCK, body=block("true")).status == 200
    before = place.state()
    opened = {"x-oss-object-acl": "public-read"}
    upload = [("uploadId", place.upload)]
    part = f"<Part><PartNumber>1</PartNumber><ETag>{place.etag}</ETag></Part>"
    complete = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
    append = [("append", ""), ("position", "0")]
    copy = {"x-oss-copy-source": f"/{bucket}/user/k", **opened}
    replies = [
        put_policy(root, bucket, statement(bucket)),
        root.request("PUT", bucket, query=[("acl", "")], headers={"x-oss-acl": "public-read"}),
        root.request("PUT", bucket, headers={"x-oss-acl": "public-read-write"}),
        root.request("PUT", bucket, "user/k", query=[("acl", "")], headers=opened),
        root.request("PUT", bucket, "user/k", headers=opened, body=b"x"),
        root.request("PUT", bucket, "user/copy", headers=copy),
        root.request("POST", bucket, "user/log", query=append, headers=opened, body=b"x"),
        root.request("POST", bucket, "user/other", query=[("uploads", "")], headers=opened),
        root.request("POST", bucket, "user/up", query=upload, headers=opened, body=complete),
    ]
    for reply in replies:
        assert_denied(reply)
        assert "Public access is blocked" in reply.element("Message")
    assert place.state() == before
    if everywhere:
        assert_denied(root.request("PUT", f"{bucket}-new", headers={"x-oss-acl": "public-read"}))
    private = {"x-oss-object-acl": "private"}
    assert root.request("PUT", bucket, "user/k", headers=private, body=b"content").status == 200
    assert (
        root.request("PUT", bucket, query=[("acl", "")], headers={"x-oss-acl": "private"}).status
        == 200
    )
    assert put_policy(root, bucket, statement(bucket, Principal=[SOMEBODY])).status == 200
