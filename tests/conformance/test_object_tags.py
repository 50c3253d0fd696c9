"""Tags of objects on the wire, and in the conditions of policies."""

import json
import threading
import uuid
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from access_world import World, access_world
from asking import Ask

from ossia.client.signing_client import Reply

TAGGING = [("tagging", "")]


def document(*pairs: tuple[str, str]) -> bytes:
    tags = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in pairs)
    return f"<Tagging><TagSet>{tags}</TagSet></Tagging>".encode()


def described(reply: Reply) -> dict[str, str]:
    """What tagging must leave as it is."""
    fresh = {"date", "x-oss-request-id", "x-oss-server-time", "x-oss-tagging-count"}
    return {name: value for name, value in reply.headers.items() if name not in fresh}


@pytest.mark.covers("PutObjectTagging")
@pytest.mark.covers("GetObjectTagging")
@pytest.mark.covers("DeleteObjectTagging")
def test_tags_are_replaced_told_and_removed(ask: Ask) -> None:
    ask("PUT", "k", body=b"x", headers={"x-oss-tagging": "old=1", "x-oss-meta-a": "b"})
    before, usage = ask("HEAD", "k"), ask("GET", query=[("stat", "")])
    pairs = [("key1=", "value 1+"), ("key2-", "value2."), ("key3:/", ""), ("Key2-", "é_")]
    put = ask("PUT", "k", query=TAGGING, body=document(*pairs))
    assert (put.status, put.body) == (200, b"")
    got = ask("GET", "k", query=TAGGING)
    assert (got.status, got.headers["content-type"]) == (200, "application/xml")
    assert document(*pairs) in got.body
    for method in ("GET", "HEAD"):
        reply = ask(method, "k")
        assert reply.headers["x-oss-tagging-count"] == "4"
    assert described(ask("HEAD", "k")) == described(before)
    assert ask("GET", query=[("stat", "")]).element("Storage") == usage.element("Storage")
    gone = ask("DELETE", "k", query=TAGGING)
    assert (gone.status, gone.body) == (204, b"")
    assert document() in ask("GET", "k", query=TAGGING).body
    assert ask("DELETE", "k", query=TAGGING).status == 204
    after = ask("HEAD", "k")
    assert "x-oss-tagging-count" not in after.headers
    assert described(after) == described(before)


@pytest.mark.covers("PutObjectTagging")
def test_an_empty_set_removes_all(ask: Ask) -> None:
    ask("PUT", "k", body=b"x", headers={"x-oss-tagging": "a=1"})
    assert ask("PUT", "k", query=TAGGING, body=document()).status == 200
    assert document() in ask("GET", "k", query=TAGGING).body


@pytest.mark.covers("PutObjectTagging")
@pytest.mark.parametrize(
    ("body", "code", "ec", "text"),
    [
        (b"", "MalformedXML", "0010-00000101", ""),
        (document(("a", "1"))[:-10], "MalformedXML", "0010-00000101", ""),
        (document().replace(b"Tagging", b"XMLTag"), "MalformedXML", "0010-00000102", ""),
        (b"<Tagging></Tagging>", "MalformedXML", "", ""),
        (document(("a", "1")).replace(b"Key", b"NoKey"), "MalformedXML", "0010-00000107", ""),
        (document(("a", "1")).replace(b"Value", b"V"), "MalformedXML", "0010-00000107", ""),
        (document(("a", "1"), ("a", "2")), "InvalidTag", "0010-00000210", "Cannot provide multiple Tags with the same key"),
        (document(("", "1")), "InvalidTag", "0010-00000208", "The TagKey you have provided is invalid"),
        (document(("key1&amp;", "1")), "InvalidTag", "0010-00000217", "The TagKey you have provided is invalid"),
        (document(("k" * 129, "1")), "InvalidTag", "0010-00000217", "The TagKey you have provided is invalid"),
        (document(("k", "v" * 257)), "InvalidTag", "0010-00000217", "The TagValue you have provided is invalid"),
        (document(*((f"k{n}", "v") for n in range(11))), "BadRequest", "", "Object tags cannot be greater than 10"),  # W46
        (b" " * (64 * 1024 + 1), "InvalidArgument", "", ""),
    ],
)  # fmt: skip
def test_tags_that_are_refused(ask: Ask, body: bytes, code: str, ec: str, text: str) -> None:
    ask("PUT", "k", body=b"x", headers={"x-oss-tagging": "a=1"})
    reply = ask("PUT", "k", query=TAGGING, body=body)
    assert (reply.status, reply.code) == (400, code)
    assert reply.headers.get("x-oss-ec", "") == ec
    assert text in reply.element("Message")
    assert document(("a", "1")) in ask("GET", "k", query=TAGGING).body


@pytest.mark.covers("PutObjectTagging")
def test_the_most_that_is_allowed(ask: Ask) -> None:
    ask("PUT", "k", body=b"x")
    most = [(f"{n}".rjust(128, "k"), "v" * 256) for n in range(10)]
    assert ask("PUT", "k", query=TAGGING, body=document(*most)).status == 200
    assert document(*most) in ask("GET", "k", query=TAGGING).body


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
@pytest.mark.covers("DeleteObjectTagging")
def test_what_is_absent_has_no_tags(ask: Ask, method: str) -> None:
    body = document(("a", "1")) if method == "PUT" else b""
    reply = ask(method, "none", query=TAGGING, body=body)
    assert (reply.status, reply.code, reply.element("Key")) == (404, "NoSuchKey", "none")
    for version, status, code in (
        ("CAEQNhiBgMDJgZCA0BYiIDc4MGZj", 404, "NoSuchVersion"),
        ("v", 400, "InvalidArgument"),
    ):
        query = [*TAGGING, ("versionId", version)]
        unknown = ask(method, "none", query=query, body=body)
        assert (unknown.status, unknown.code) == (status, code)


@pytest.mark.covers("CopyObject")
def test_copies_take_the_tags_of_this_moment(ask: Ask, bucket: str) -> None:
    ask("PUT", "k", body=b"x", headers={"x-oss-tagging": "a=1"})
    ask("PUT", "k", query=TAGGING, body=document(("b", "2")))
    source = {"x-oss-copy-source": f"/{bucket}/k"}
    assert ask("PUT", "copy", headers=source).status == 200
    assert document(("b", "2")) in ask("GET", "copy", query=TAGGING).body
    replaced = {"x-oss-tagging-directive": "REPLACE", "x-oss-tagging": "c=3"}
    assert ask("PUT", "other", headers=source | replaced).status == 200
    assert document(("c", "3")) in ask("GET", "other", query=TAGGING).body


@pytest.mark.covers("PutObjectTagging")
@pytest.mark.covers("PutObjectAcl")
def test_nobody_loses_a_race(ask: Ask) -> None:
    """Tags and ACL change beside writers that never stop: nothing fails, nothing is lost."""
    ask("POST", "log", query=[("append", ""), ("position", "0")], body=b"x")
    refused: list[int] = []
    done = threading.Event()

    def write() -> None:
        position = 1
        while not done.is_set():
            query = [("append", ""), ("position", str(position))]
            position += ask("POST", "log", query=query, body=b"x").status == 200

    def say(what: str) -> None:
        for number in range(15):
            if what == "acl":
                acl = {"x-oss-object-acl": ("private", "public-read")[number % 2]}
                reply = ask("PUT", "log", query=[("acl", "")], headers=acl)
            else:
                body = document(("n", str(number)))
                reply = ask("PUT", "log", query=TAGGING, body=body)
            refused.extend([] if reply.status == 200 else [reply.status])

    writer = threading.Thread(target=write)
    sayers = [threading.Thread(target=say, args=(what,)) for what in ("acl", "tags")]
    for thread in (writer, *sayers):
        thread.start()
    for thread in sayers:
        thread.join()
    done.set()
    writer.join()
    assert refused == []
    assert document(("n", "14")) in ask("GET", "log", query=TAGGING).body
    assert ask("GET", "log", query=[("acl", "")]).element("Grant") == "private"


# --- conditions of policies ---


def allowing(condition: object, *actions: str) -> str:
    plain = ["oss:PutObject", "oss:GetObject", "oss:GetObjectTagging"]
    statements = [
        {"Effect": "Allow", "Action": plain, "Resource": "*"},
        {"Effect": "Allow", "Action": list(actions), "Resource": "*", "Condition": condition},
    ]
    return json.dumps({"Version": "1", "Statement": statements})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with access_world(tmp_path_factory.mktemp("tags")) as made:
        yield made


@pytest.fixture
def place(world: World) -> str:
    name = f"tags-{uuid.uuid4().hex[:12]}"
    world.root.request("PUT", name)
    world.root.request("PUT", name, "k", body=b"x", headers={"x-oss-tagging": "team=red"})
    return name


_RED = {"StringEquals": {"oss:RequestObjectTag/team": "red"}}


@pytest.mark.covers("PutObjectTagging")
def test_tags_of_the_document_count_in_conditions(world: World, place: str) -> None:
    client = world.session(allowed=allowing(_RED, "oss:PutObjectTagging"))

    def put(body: bytes, **headers: str) -> Reply:
        return client.request("PUT", place, "k", query=TAGGING, body=body, headers=headers)

    assert put(document(("team", "red"))).status == 200
    assert put(document(("team", "blue"))).code == "AccessDenied"
    assert put(document(("team", "red"), ("team", "blue"))).code == "AccessDenied"
    assert put(b"no document").code == "AccessDenied"
    # A header that the operation does not act on says nothing.
    assert put(document(("team", "blue")), **{"x-oss-tagging": "team=red"}).code == "AccessDenied"
    # Nor does what was too long to be read.
    stuffed = b" " * (64 * 1024) + document(("team", "red"))
    assert put(stuffed).status == 400


@pytest.mark.covers("PutObjectTagging")
def test_a_denial_by_requested_tags_is_not_got_round(world: World, place: str) -> None:
    """What is denied stays so, however the body comes."""
    denying = json.dumps(
        {
            "Version": "1",
            "Statement": [
                {"Effect": "Allow", "Action": "oss:*", "Resource": "*"},
                {"Effect": "Deny", "Action": "oss:*", "Resource": "*", "Condition": _RED},
            ],
        }
    )
    client = world.session(allowed=denying)
    red = document(("team", "red"))
    assert client.request("PUT", place, "k", query=TAGGING, body=red).code == "AccessDenied"
    world.root.request("DELETE", place, "k", query=TAGGING)
    # More than a document may have, and then one, of a length that nobody tells.
    url = urlsplit(client.url("PUT", place, "k", query=TAGGING))
    connection = HTTPConnection(url.netloc)
    pieces = iter([b" " * 1024] * 64 + [b" ", red])
    connection.request("PUT", f"{url.path}?{url.query}", pieces, encode_chunked=True)
    assert connection.getresponse().status == 400
    connection.close()
    assert document() in world.root.request("GET", place, "k", query=TAGGING).body


@pytest.mark.covers("PutObjectTagging")
@pytest.mark.covers("DeleteObjectTagging")
def test_tags_that_are_there_count_in_conditions(world: World, place: str) -> None:
    existing = {"StringEquals": {"oss:ExistingObjectTag/team": "red"}}
    tagging = ("oss:PutObjectTagging", "oss:DeleteObjectTagging")
    client = world.session(allowed=allowing(existing, *tagging))
    blue = document(("team", "blue"))
    assert client.request("PUT", place, "k", query=TAGGING, body=blue).status == 200
    assert client.request("PUT", place, "k", query=TAGGING, body=blue).code == "AccessDenied"
    assert client.request("DELETE", place, "k", query=TAGGING).code == "AccessDenied"
    world.root.request("PUT", place, "k", query=TAGGING, body=document(("team", "red")))
    assert client.request("DELETE", place, "k", query=TAGGING).status == 204
