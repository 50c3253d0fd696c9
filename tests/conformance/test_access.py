"""Who may do what: every operation against callers who may not, sessions, tokens, sources.

The matrices are generated from the operations' records: an operation without a request here fails.
"""

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ossia.adapters.data_folder import DataFolder
from ossia.api.operation import Operation
from ossia.api.oss import oss
from ossia.bootstrap import Node, load_keys
from ossia.client.signing_client import Reply, SigningClient
from ossia.client.sts import assume_role
from ossia.domain.sessions import Session
from ossia.errors import RpcError
from ossia.protocol import signature_v1, signature_v4
from ossia.protocol.checksums import etag_to_content_md5, md5_hex
from ossia.protocol.dates import format_basic
from ossia.protocol.post_policy import build
from ossia.records import AccessKey, Role
from ossia.settings import Settings
from running import Server, running_server

FULL, WRITER = "full", "writer"
BOUNDARY = "b0undary"


def policy(*statements: tuple[str, str | list[str], str | list[str]]) -> str:
    """(effect, action, resource), …"""
    listed = [{"Effect": e, "Action": a, "Resource": r} for e, a, r in statements]
    return json.dumps({"Version": "1", "Statement": listed})


@dataclass(frozen=True)
class World:
    """A server of its own with identities: a user without policies, one who may assume roles."""

    server: Server
    nobody: AccessKey
    app: AccessKey
    expired: tuple[Session, str]

    @property
    def root(self) -> SigningClient:
        server = self.server
        return self.client(server.access_key_id, server.access_key_secret)

    def client(
        self, key_id: str, secret: str, token: str | None = None, version: int = 4
    ) -> SigningClient:
        return SigningClient(
            self.server.endpoint, key_id, secret, self.server.region, version, token
        )

    def session(
        self, role: str = FULL, allowed: str | None = None, version: int = 4
    ) -> SigningClient:
        """A role session, narrowed by a session policy."""
        given = assume_role(
            self.server.endpoint,
            access_key_id=self.app.id,
            secret=self.app.secret,
            role_arn=f"acs:ram::{self.server.account_id}:role/{role}",
            session_name="eric",
            policy=allowed,
        )
        return self.client(
            given.access_key_id, given.access_key_secret, given.security_token, version
        )


async def _prepare(folder: Path) -> tuple[AccessKey, AccessKey, tuple[Session, str]]:
    settings = Settings(data=folder)
    with DataFolder.open(folder) as opened:
        keys = load_keys(settings, opened.path)
        node = Node(settings, keys, opened.path)
        try:
            trust = json.dumps(
                {
                    "Version": "1",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "sts:AssumeRole",
                            "Principal": {"RAM": [f"acs:ram::{keys.account_id}:root"]},
                        }
                    ],
                }
            )
            them = node.identities
            for name in ("nobody", "app"):
                await them.create_user(name)
            await them.attach_to_user("AliyunSTSAssumeRoleAccess", "app")
            await them.create_policy(
                "write", policy(("Allow", "oss:PutObject", "acs:oss:*:*:*/user/*"))
            )
            roles: dict[str, Role] = {}
            for name, attached in ((FULL, "AliyunOSSFullAccess"), (WRITER, "write")):
                roles[name] = await them.create_role(name, trust)
                await them.attach_to_role(attached, name)
            expired = await node.sessions.issue(
                roles[FULL], account_id=keys.account_id, name="late", policy="", expires_at=1
            )
            return (
                await them.create_access_key("nobody"),
                await them.create_access_key("app"),
                expired,
            )
        finally:
            await node.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("access")
    nobody, app, expired = asyncio.run(_prepare(folder / "data"))
    with running_server(folder, "--workers", "1") as server:
        yield World(server, nobody, app, expired)


# --- a request for each operation ---


@dataclass(frozen=True)
class Place:
    """A bucket with an object ``<at>k``, an upload of ``<at>up`` with one part, and CORS rules."""

    root: SigningClient
    bucket: str
    at: str
    upload: str
    etag: str

    def state(self) -> list[tuple[int, bytes]]:
        """Everything that a request could change."""
        asked: list[tuple[str, str, list[tuple[str, str]]]] = [
            ("", "", []),
            (self.bucket, "", []),
            (self.bucket, "", [("acl", "")]),
            (self.bucket, "", [("cors", "")]),
            (self.bucket, "", [("uploads", "")]),
            (self.bucket, self.at + "k", []),
            (self.bucket, self.at + "k", [("acl", "")]),
            (self.bucket, self.at + "up", [("uploadId", self.upload)]),
        ]
        replies = [self.root.request("GET", b, k, query=query) for b, k, query in asked]
        assert {reply.status for reply in replies} == {200}
        return [(reply.status, reply.body) for reply in replies]


CORS = (
    b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin>"
    b"<AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>"
)


def make_place(world: World, at: str = "user/", acl: str = "private") -> Place:
    root, bucket = world.root, f"b-{uuid.uuid4().hex[:20]}"
    assert root.request("PUT", bucket, headers={"x-oss-acl": acl}).status == 200
    assert root.request("PUT", bucket, query=[("cors", "")], body=CORS).status == 200
    assert root.request("PUT", bucket, at + "k", body=b"content").status == 200
    upload = root.request("POST", bucket, at + "up", query=[("uploads", "")]).element("UploadId")
    part = [("uploadId", upload), ("partNumber", "1")]
    etag = root.request("PUT", bucket, at + "up", query=part, body=b"part").headers["etag"]
    return Place(root, bucket, at, upload, etag)


Send = Callable[[SigningClient, Place], Reply]


def simple(
    method: str, key: str = "", *query: tuple[str, str], body: bytes = b"", **headers: str
) -> Send:
    """A request whose key stands behind the place's prefix."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def send(client: SigningClient, place: Place) -> Reply:
        full = place.at + key if key else ""
        return client.request(method, place.bucket, full, query=query, headers=named, body=body)

    return send


def _put_bucket(client: SigningClient, place: Place) -> Reply:
    return client.request("PUT", f"{place.bucket}-new")


def _delete_bucket(client: SigningClient, place: Place) -> Reply:
    # Who may delete buckets hears that this one is not empty.
    return client.request("DELETE", place.bucket)


def _delete_multiple(client: SigningClient, place: Place) -> Reply:
    return delete_keys(client, place, place.at + "k")


def delete_keys(client: SigningClient, place: Place, *keys: str) -> Reply:
    objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    body = f"<Delete>{objects}</Delete>".encode()
    headers = {"Content-MD5": etag_to_content_md5(md5_hex(body))}
    return client.request("POST", place.bucket, query=[("delete", "")], headers=headers, body=body)


def _copy(client: SigningClient, place: Place) -> Reply:
    headers = {"x-oss-copy-source": f"/{place.bucket}/{place.at}k"}
    return client.request("PUT", place.bucket, place.at + "copy", headers=headers)


def _upload_part(client: SigningClient, place: Place) -> Reply:
    query = [("uploadId", place.upload), ("partNumber", "2")]
    return client.request("PUT", place.bucket, place.at + "up", query=query, body=b"x")


def _upload_part_copy(client: SigningClient, place: Place) -> Reply:
    query = [("uploadId", place.upload), ("partNumber", "2")]
    headers = {"x-oss-copy-source": f"/{place.bucket}/{place.at}k"}
    return client.request("PUT", place.bucket, place.at + "up", query=query, headers=headers)


def _complete(client: SigningClient, place: Place) -> Reply:
    part = f"<Part><PartNumber>1</PartNumber><ETag>{place.etag}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
    query = [("uploadId", place.upload)]
    return client.request("POST", place.bucket, place.at + "up", query=query, body=body)


def _abort(client: SigningClient, place: Place) -> Reply:
    query = [("uploadId", place.upload)]
    return client.request("DELETE", place.bucket, place.at + "up", query=query)


def _list_parts(client: SigningClient, place: Place) -> Reply:
    query = [("uploadId", place.upload)]
    return client.request("GET", place.bucket, place.at + "up", query=query)


def _post(client: SigningClient, place: Place) -> Reply:
    return send_form(client, place, signed_form(client, place))


def signed_form(client: SigningClient, place: Place) -> dict[str, str]:
    """The fields of a form that uploads ``<at>posted``."""
    fields = {"key": place.at + "posted"}
    if client.version == 0:
        return fields
    now_ms = time.time_ns() // 1_000_000
    if client.security_token:
        fields["x-oss-security-token"] = client.security_token
    if client.version == 1:
        text = build(expires_at_ms=now_ms + 60_000, conditions=[{"bucket": place.bucket}])
        signature = signature_v1.sign_policy(text, client.secret)
        return {
            **fields,
            "OSSAccessKeyId": client.access_key_id,
            "policy": text,
            "Signature": signature,
        }
    credential = signature_v4.credential_for(
        client.access_key_id, now_ms=now_ms, region=client.region
    )
    own = {
        "x-oss-signature-version": "OSS4-HMAC-SHA256",
        "x-oss-credential": signature_v4.credential_text(credential),
        "x-oss-date": format_basic(now_ms),
    }
    text = build(
        expires_at_ms=now_ms + 60_000,
        conditions=[{"bucket": place.bucket}, *({n: v} for n, v in own.items())],
    )
    signature = signature_v4.sign_policy(text, client.secret, credential)
    return {**fields, **own, "policy": text, "x-oss-signature": signature}


def send_form(client: SigningClient, place: Place, fields: dict[str, str]) -> Reply:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {**fields, "file": "content"}.items()
    ]
    body = ("".join(parts) + f"--{BOUNDARY}--\r\n").encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return client.send("POST", f"/{place.bucket}/", kind, body)


def _list_buckets(client: SigningClient, _place: Place) -> Reply:
    return client.request("GET")


REQUESTS: dict[str, Send] = {
    "ListBuckets": _list_buckets,
    "PutBucket": _put_bucket,
    "DeleteBucket": _delete_bucket,
    "HeadBucket": simple("HEAD"),
    "GetBucketInfo": simple("GET", "", ("bucketInfo", "")),
    "GetBucketLocation": simple("GET", "", ("location", "")),
    "GetBucketStat": simple("GET", "", ("stat", "")),
    "ListObjects": simple("GET"),
    "ListObjectsV2": simple("GET", "", ("list-type", "2")),
    "ListObjectVersions": simple("GET", "", ("versions", "")),
    "GetBucketAcl": simple("GET", "", ("acl", "")),
    "PutBucketAcl": simple("PUT", "", ("acl", ""), x_oss_acl="public-read-write"),
    "PutBucketCors": simple("PUT", "", ("cors", ""), body=CORS.replace(b"GET", b"PUT")),
    "GetBucketCors": simple("GET", "", ("cors", "")),
    "DeleteBucketCors": simple("DELETE", "", ("cors", "")),
    "GetBucketVersioning": simple("GET", "", ("versioning", "")),
    "ListLiveChannel": simple("GET", "", ("live", "")),
    "PutObject": simple("PUT", "k", body=b"other"),
    "GetObject": simple("GET", "k"),
    "HeadObject": simple("HEAD", "k"),
    "GetObjectMeta": simple("HEAD", "k", ("objectMeta", "")),
    "DeleteObject": simple("DELETE", "k"),
    "DeleteMultipleObjects": _delete_multiple,
    "CopyObject": _copy,
    "AppendObject": simple("POST", "log", ("append", ""), ("position", "0"), body=b"x"),
    "PutObjectAcl": simple("PUT", "k", ("acl", ""), x_oss_object_acl="public-read-write"),
    "GetObjectAcl": simple("GET", "k", ("acl", "")),
    "InitiateMultipartUpload": simple("POST", "new", ("uploads", "")),
    "UploadPart": _upload_part,
    "UploadPartCopy": _upload_part_copy,
    "CompleteMultipartUpload": _complete,
    "AbortMultipartUpload": _abort,
    "ListParts": _list_parts,
    "ListMultipartUploads": simple("GET", "", ("uploads", "")),
    "PostObject": _post,
}
OPERATIONS = [pytest.param(each, id=each.name) for each in oss.operations]


def actions_of(operation: Operation) -> list[str]:
    own = [] if operation.action is None else [operation.action]
    return own + [needs.action for needs in operation.also]


def code_of(reply: Reply) -> str:
    """The error's code, which HEAD has in a header."""
    hidden = reply.headers.get("x-oss-err")
    if hidden is None:
        return reply.code
    return Reply(0, {}, base64.b64decode(hidden)).code


def assert_denied(reply: Reply) -> None:
    assert (reply.status, code_of(reply)) == (403, "AccessDenied"), reply


def assert_let_in(name: str, reply: Reply) -> None:
    expected = {409} if name == "DeleteBucket" else {200, 204}
    assert reply.status in expected, (name, reply)


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
            _post(bad, place),
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
        _post(late, place),
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
            _post(caller, place),
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
    assert _post(token, place).status == 204
    assert place.root.request("GET", place.bucket, "user/posted").body == b"content"
    assert_denied(_post(token, outside))
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
