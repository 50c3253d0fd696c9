"""Who may do what: every operation against callers who may not, sessions, tokens, sources.

The matrices are generated from the operations' records: an operation without a request in
`access_world` fails.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from access_world import (
    OPERATIONS,
    REQUESTS,
    WRITER,
    World,
    access_world,
    actions_of,
    assert_denied,
    assert_let_in,
    delete_keys,
    make_place,
    policy,
    send_form,
    send_post,
    signed_form,
)

from ossia.api.operation import Operation
from ossia.api.oss import oss
from ossia.client.signing_client import Reply, SigningClient
from ossia.errors import RpcError


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with access_world(tmp_path_factory.mktemp("access")) as made:
        yield made


def test_every_operation_has_a_request() -> None:
    assert {each.name for each in oss.operations} == set(REQUESTS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_who_has_no_policy_is_refused(world: World, operation: Operation) -> None:
    place = make_place(world)
    before = place.state()
    for key in (world.nobody, world.app):
        for version in (1, 4):
            caller = world.client(key.id, key.secret, version=version)
            assert_denied(REQUESTS[operation.name](caller, place))
    assert place.state() == before


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_anonymous_are_refused(world: World, operation: Operation) -> None:
    place = make_place(world)
    before = place.state()
    anonymous = SigningClient(world.server.endpoint, version=0)
    assert_denied(REQUESTS[operation.name](anonymous, place))
    assert place.state() == before


@pytest.mark.parametrize("operation", OPERATIONS)
def test_without_one_of_its_actions_it_is_refused(world: World, operation: Operation) -> None:
    """Everything is allowed but one action; then nothing but its actions."""
    send = REQUESTS[operation.name]
    place = make_place(world)
    before = place.state()
    for action in actions_of(operation):
        others = policy(("Allow", "oss:*", "*"), ("Deny", action, "*"))
        assert_denied(send(world.session(allowed=others), place))
    assert place.state() == before
    exactly = policy(("Allow", actions_of(operation), "*"))
    assert_let_in(operation.name, send(world.session(allowed=exactly), place))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_token_for_a_folder_does_exactly_that(world: World, operation: Operation) -> None:
    """oss:PutObject on ``bucket/user/*`` and nothing else, by session policy and by role."""
    send = REQUESTS[operation.name]
    inside, outside = make_place(world, "user/"), make_place(world, "users/")
    tokens = [
        world.session(WRITER),
        world.session(
            allowed=policy(("Allow", "oss:PutObject", f"acs:oss:*:*:{inside.bucket}/user/*"))
        ),
    ]
    may = actions_of(operation) == ["oss:PutObject"]
    for token in tokens:
        before = outside.state()
        assert_denied(send(token, outside))
        assert outside.state() == before
        if not may:
            before = inside.state()
            assert_denied(send(token, inside))
            assert inside.state() == before
    if may:
        assert_let_in(operation.name, send(tokens[1], inside))


@pytest.mark.parametrize(
    "key", ["user", "User/k", "user%2Fk", "x/user/k", "../user/k", "user\\k", "user//../../other"]
)
def test_keys_that_only_look_like_the_folder(world: World, key: str) -> None:
    place = make_place(world)
    token = world.session(
        allowed=policy(("Allow", "oss:PutObject", f"acs:oss:*:*:{place.bucket}/user/*"))
    )
    reply = token.request("PUT", place.bucket, key, body=b"x")
    if key.startswith("user/"):
        # Keys are never normalised: this one lies in the folder.
        assert reply.status == 200
        assert token.request("GET", place.bucket, "other").status == 403
    else:
        assert_denied(reply)


def test_resources_of_other_regions_and_buckets_do_not_help(world: World) -> None:
    place = make_place(world)
    for resource in (
        f"acs:oss:cn-elsewhere:*:{place.bucket}/*",
        f"acs:oss:*:1234567890123456:{place.bucket}/*",
        f"acs:oss:*:*:{place.bucket}x/*",
        f"acs:oss:*:*:{place.bucket}",
        f"acs:ram:*:*:{place.bucket}/*",
    ):
        token = world.session(allowed=policy(("Allow", "oss:PutObject", resource)))
        assert_denied(token.request("PUT", place.bucket, "user/k", body=b"x"))


# --- sources and lists of keys ---


@pytest.mark.parametrize("operation", ["CopyObject", "UploadPartCopy"])
def test_a_copy_needs_its_source(world: World, operation: str) -> None:
    place, other = make_place(world), make_place(world)
    assert place.root.request("PUT", place.bucket, "secret/k", body=b"x").status == 200
    token = world.session(
        allowed=policy(
            ("Allow", "oss:PutObject", f"acs:oss:*:*:{place.bucket}/*"),
            ("Allow", "oss:GetObject", f"acs:oss:*:*:{place.bucket}/user/*"),
        )
    )
    before = place.state()
    bucket = place.bucket
    query = [("uploadId", place.upload), ("partNumber", "2")] if operation != "CopyObject" else []
    for source in (
        f"/{bucket}/secret/k",
        f"{bucket}/secret/k",
        f"/{bucket}/secret%2fk",
        f"/{bucket}/%73ecret/k?versionId=null",
        f"/{other.bucket}/user/k",
        f"/{bucket}/user",
    ):
        headers = {"x-oss-copy-source": source}
        reply = token.request("PUT", bucket, "user/up", query=query, headers=headers)
        assert_denied(reply)
    assert place.state() == before
    headers = {"x-oss-copy-source": f"/{bucket}/user%2Fk"}
    assert token.request("PUT", bucket, "user/up", query=query, headers=headers).status == 200


def test_a_source_that_is_missing_is_not_told_from_one_that_is_forbidden(world: World) -> None:
    place = make_place(world)
    token = world.session(
        allowed=policy(("Allow", "oss:PutObject", f"acs:oss:*:*:{place.bucket}/*"))
    )
    for source in ("user/k", "user/missing"):
        headers = {"x-oss-copy-source": f"/{place.bucket}/{source}"}
        assert_denied(token.request("PUT", place.bucket, "copy", headers=headers))


def test_deleting_many_needs_each_key(world: World) -> None:
    place = make_place(world)
    assert place.root.request("PUT", place.bucket, "other/k", body=b"x").status == 200
    token = world.session(
        allowed=policy(("Allow", "oss:DeleteObject", f"acs:oss:*:*:{place.bucket}/user/*"))
    )
    before = place.state()
    assert_denied(delete_keys(token, place, "user/k", "other/k"))
    assert_denied(delete_keys(token, place, "other/k", "user/k"))
    assert_denied(delete_keys(token, place, "user/k", ""))
    assert place.state() == before
    assert delete_keys(token, place, "user/k", "user/missing").status == 200
    assert place.root.request("HEAD", place.bucket, "user/k").status == 404


# --- sessions ---


def test_a_session_policy_never_adds_to_the_role(world: World) -> None:
    place = make_place(world)
    token = world.session(WRITER, policy(("Allow", "*", "*")))
    assert token.request("PUT", place.bucket, "user/new", body=b"x").status == 200
    assert_denied(token.request("GET", place.bucket, "user/k"))
    assert_denied(token.request("PUT", place.bucket, "other/new", body=b"x"))


def test_a_session_policy_is_asked_before_an_acl(world: World) -> None:
    place = make_place(world, acl="public-read-write")
    token = world.session(WRITER, policy(("Allow", "oss:PutObject", "*")))
    assert_denied(token.request("GET", place.bucket, "user/k"))
    assert world.session(WRITER).request("GET", place.bucket, "user/k").status == 200


def test_a_role_cannot_be_assumed_with_a_policy_that_is_none(world: World) -> None:
    with pytest.raises(RpcError):
        world.session(allowed="{}")


def test_acls_grant_objects_and_nothing_else(world: World) -> None:
    anonymous = SigningClient(world.server.endpoint, version=0)
    nobody = world.client(world.nobody.id, world.nobody.secret)
    readable = make_place(world, acl="public-read")
    writable = make_place(world, acl="public-read-write")
    for caller in (anonymous, nobody):
        for operation in oss.operations:
            for place in (readable, writable):
                granted = operation.grant.value
                helps = granted == "read" or (granted == "write" and place is writable)
                if helps or operation.also or operation.name == "AbortMultipartUpload":
                    continue
                assert_denied(REQUESTS[operation.name](caller, place))
        assert caller.request("GET", readable.bucket, "user/k").body == b"content"
        assert caller.request("PUT", writable.bucket, "user/k", body=b"content").status == 200
    hidden = {"x-oss-object-acl": "private"}
    assert writable.root.request("PUT", writable.bucket, "user/h", headers=hidden).status == 200
    for caller in (anonymous, nobody):
        assert_denied(caller.request("GET", writable.bucket, "user/h"))
        assert_denied(caller.request("PUT", writable.bucket, "user/h", body=b"x"))
        copy = {"x-oss-copy-source": f"/{writable.bucket}/user/h"}
        assert_denied(caller.request("PUT", writable.bucket, "user/c", headers=copy))


# --- tokens ---


def _tokens(world: World) -> list[tuple[str, str]]:
    """Tokens that are no longer what was issued."""
    token, other = world.session().security_token, world.session().security_token
    assert token is not None
    assert other is not None
    middle = len(token) // 2
    return [
        ("tampered", token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]),
        ("truncated", token[:-8]),
        ("beginning", token[:16]),
        ("spliced", token[:middle] + other[middle:]),
        ("longer", token + "AAAA"),
        ("twice", token + token),
        ("no Base64", "%%%"),
        ("other", other),
        ("text", "token"),
    ]


@pytest.mark.parametrize("version", [1, 4])
def test_tokens_that_were_not_issued(world: World, version: int) -> None:
    place = make_place(world)
    good = world.session(version=version)
    assert good.request("GET", place.bucket, "user/k").status == 200
    for label, token in _tokens(world):
        bad = world.client(good.access_key_id, good.secret, token, version)
        replies = [
            bad.request("GET", place.bucket, "user/k"),
            open_url(bad.url("GET", place.bucket, "user/k")),
            send_post(bad, place),
        ]
        for reply in replies:
            assert (reply.status, reply.code) == (403, "InvalidSecurityToken"), (label, reply)


@pytest.mark.parametrize("version", [1, 4])
def test_expired_tokens(world: World, version: int) -> None:
    place = make_place(world)
    session, token = world.expired
    late = world.client(session.access_key_id, session.access_key_secret, token, version)
    for reply in (
        late.request("GET", place.bucket, "user/k"),
        open_url(late.url("GET", place.bucket, "user/k")),
        send_post(late, place),
    ):
        assert (reply.status, reply.code) == (403, "SecurityTokenExpired")


@pytest.mark.parametrize("version", [1, 4])
def test_half_of_a_pair(world: World, version: int) -> None:
    """A temporary key without its token, and a token with a key that is not temporary."""
    place = make_place(world)
    session = world.session()
    alone = world.client(session.access_key_id, session.secret, None, version)
    mixed = world.client(world.app.id, world.app.secret, session.security_token, version)
    wrong = world.client(session.access_key_id, "wrong", session.security_token, version)
    for caller, code in (
        (alone, "InvalidAccessKeyId"),
        (mixed, "InvalidAccessKeyId"),
        (wrong, "SignatureDoesNotMatch"),
    ):
        for reply in (
            caller.request("GET", place.bucket, "user/k"),
            open_url(caller.url("GET", place.bucket, "user/k")),
            send_post(caller, place),
        ):
            assert (reply.status, reply.code) == (403, code)


def open_url(url: str, method: str = "GET", body: bytes = b"") -> Reply:
    """As a client that knows nothing but the URL."""
    place = urlsplit(url)
    plain = SigningClient(f"{place.scheme}://{place.netloc}", version=0)
    return plain.send(method, f"{place.path}?{place.query}", {}, body)


@pytest.mark.parametrize("version", [1, 4])
def test_presigned_urls_of_sessions(world: World, version: int) -> None:
    place = make_place(world)
    token = world.session(
        allowed=policy(("Allow", "oss:PutObject", f"acs:oss:*:*:{place.bucket}/user/*")),
        version=version,
    )
    assert open_url(token.url("PUT", place.bucket, "user/url"), "PUT", b"by url").status == 200
    assert place.root.request("GET", place.bucket, "user/url").body == b"by url"
    assert_denied(open_url(token.url("PUT", place.bucket, "other/url"), "PUT", b"x"))
    assert_denied(open_url(token.url("GET", place.bucket, "user/k")))
    url = token.url("PUT", place.bucket, "user/url")
    assert (
        open_url(url.replace("user/url", "user/else"), "PUT", b"x").code == "SignatureDoesNotMatch"
    )
    assert open_url(url).code == "SignatureDoesNotMatch"
    name = "security-token=" if version == 1 else "x-oss-security-token="
    head, _, tail = url.partition(name)
    without = head.rstrip("&?") + "&" + tail.partition("&")[2]
    assert open_url(without, "PUT", b"x").code in {"InvalidAccessKeyId", "SignatureDoesNotMatch"}


@pytest.mark.parametrize("version", [1, 4])
def test_post_forms_of_sessions(world: World, version: int) -> None:
    place, outside = make_place(world, "user/"), make_place(world, "other/")
    token = world.session(WRITER, version=version)
    assert send_post(token, place).status == 204
    assert place.root.request("GET", place.bucket, "user/posted").body == b"content"
    assert_denied(send_post(token, outside))
    fields = signed_form(token, place)
    del fields["x-oss-security-token"]
    assert send_form(token, place, fields).code == "InvalidAccessKeyId"
    fields = signed_form(token, place)
    fields["x-oss-security-token"] = str(world.session(WRITER).security_token)
    assert send_form(token, place, fields).code == "InvalidSecurityToken"
    fields = signed_form(token, place)
    fields["key"] = "other/posted"
    assert_denied(send_form(token, place, fields))
    anonymous = SigningClient(world.server.endpoint, version=0)
    assert_denied(send_form(anonymous, place, {"key": "user/posted"}))


def test_a_token_with_a_header_and_a_url_does_not_mix(world: World) -> None:
    """The token of the URL is the one that counts for a signed URL."""
    place = make_place(world)
    writer = world.session(WRITER)
    full = world.session()
    url = writer.url("GET", place.bucket, "user/k").partition(world.server.endpoint)[2]
    headers = {"x-oss-security-token": str(full.security_token)}
    assert full.send("GET", url, headers, b"").status == 403
