"""Symlinks on the wire: what they are, and what is read through them."""

import base64
import gzip
import json
import uuid
from collections.abc import Iterator
from urllib.parse import quote, unquote

import pytest
from access_world import World, access_world, code_of
from asking import Ask

from ossia.client.signing_client import Reply, SigningClient
from ossia.protocol.checksums import crc64

LINK = [("symlink", "")]
ACL = [("acl", "")]


def make(ask: Ask, key: str, target: str, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask("PUT", key, query=LINK, headers={"x-oss-symlink-target": quote(target), **named})


@pytest.mark.covers("PutSymlink")
@pytest.mark.covers("GetSymlink")
@pytest.mark.parametrize("target", ["plain", "oss/+< >[]/世界/中国.txt", "a%41b", "k" * 1023])
def test_a_link_tells_its_target(ask: Ask, target: str) -> None:
    put = make(ask, "link", target, x_oss_meta_a="b", content_type="text/x-link")
    assert (put.status, put.body) == (200, b"")
    got = ask("GET", "link", query=LINK)
    assert (got.status, got.body, got.headers["content-length"]) == (200, b"", "0")
    assert unquote(got.headers["x-oss-symlink-target"]) == target
    assert got.headers["etag"] == put.headers["etag"]
    assert len(put.headers["etag"]) == 34
    assert got.headers["x-oss-meta-a"] == "b"
    assert got.headers["last-modified"]


@pytest.mark.covers("PutSymlink")
def test_a_target_as_go_v1_encodes_it(ask: Ask) -> None:
    headers = {"x-oss-symlink-target": "a+b%2Bc"}
    assert ask("PUT", "link", query=LINK, headers=headers).status == 200
    assert ask("GET", "link", query=LINK).headers["x-oss-symlink-target"] == "a%20b%2Bc"


@pytest.mark.covers("GetObject")
@pytest.mark.covers("HeadObject")
@pytest.mark.parametrize("size", [5, 200_000])
def test_what_is_read_through_a_link(ask: Ask, size: int) -> None:
    """HeadObject documentation: length and digests of the target, the later time, the rest its own."""
    content = b"hello" * (size // 5)
    target = {"x-oss-meta-of": "target", "Content-Type": "text/x-target", "x-oss-tagging": "a=1"}
    put = ask("PUT", "target", body=content, headers=target)
    make(ask, "link", "target", x_oss_meta_mine="link", x_oss_tagging="a=1&b=2")
    got, head = ask("GET", "link"), ask("HEAD", "link")
    assert (got.status, got.body) == (200, content)
    for reply in (got, head):
        said = reply.headers
        assert said["content-length"] == str(size)
        assert said["etag"] == put.headers["etag"]
        assert said["content-md5"] == put.headers["content-md5"]
        assert said["x-oss-hash-crc64ecma"] == str(crc64(content))
        assert said["x-oss-object-type"] == "Symlink"
        assert said["x-oss-meta-mine"] == "link"
        assert said["content-type"] == "application/octet-stream"
        assert said["x-oss-tagging-count"] == "2"
        assert "x-oss-meta-of" not in said
        assert "x-oss-symlink-target" not in said
    part = ask("GET", "link", headers={"Range": "bytes=1-3"})
    assert (part.status, part.body) == (206, b"ell")
    assert part.headers["content-range"] == f"bytes 1-3/{size}"
    etag = put.headers["etag"]
    assert ask("GET", "link", headers={"If-None-Match": etag}).status == 304
    assert ask("GET", "link", headers={"If-Match": '"other"'}).status == 412


@pytest.mark.covers("GetObject")
def test_the_later_time_counts(ask: Ask) -> None:
    make(ask, "link", "target")
    ask("PUT", "target", body=b"x")
    meta = ask("HEAD", "link", query=[("objectMeta", "")]).headers["last-modified"]
    assert ask("HEAD", "link").headers["last-modified"] >= meta


@pytest.mark.covers("GetObject")
def test_text_through_a_link_goes_with_gzip(ask: Ask) -> None:
    ask("PUT", "target", body=b"text " * 1000)
    make(ask, "link", "target", content_type="text/plain")
    got = ask("GET", "link", headers={"Accept-Encoding": "gzip"})
    assert got.headers["content-encoding"] == "gzip"
    assert gzip.decompress(got.body) == b"text " * 1000


@pytest.mark.covers("GetObjectMeta")
def test_the_meta_of_a_link_is_its_own(ask: Ask) -> None:
    """GetObjectMeta documentation: "the information about the symbolic link is returned"."""
    ask("PUT", "target", body=b"hello")
    put = make(ask, "link", "target")
    got = ask("HEAD", "link", query=[("objectMeta", "")]).headers
    assert (got["etag"], got["content-length"]) == (put.headers["etag"], "0")
    make(ask, "nowhere", "none")
    assert ask("HEAD", "nowhere", query=[("objectMeta", "")]).status == 200


@pytest.mark.covers("GetObject")
@pytest.mark.covers("HeadObject")
def test_links_that_lead_nowhere(ask: Ask) -> None:
    make(ask, "nowhere", "none")
    make(ask, "itself", "itself")
    make(ask, "link-to-link", "nowhere")
    for key, status, code, ec in (
        ("nowhere", 404, "SymlinkTargetNotExist", "0026-00000012"),
        ("itself", 400, "InvalidTargetType", None),
        ("link-to-link", 400, "InvalidTargetType", None),
    ):
        for method in ("GET", "HEAD"):
            reply = ask(method, key)
            assert (reply.status, code_of(reply), reply.headers.get("x-oss-ec")) == (
                status,
                code,
                ec,
            )
        assert ask("GET", key, query=LINK).status == 200
    ask("PUT", "none", body=b"come")
    assert ask("GET", "nowhere").body == b"come"


@pytest.mark.covers("PutSymlink")
@pytest.mark.covers("GetSymlink")
def test_what_is_refused(ask: Ask) -> None:
    ask("PUT", "k", body=b"x")
    missing = ask("PUT", "link", query=LINK)
    assert (missing.status, missing.code) == (400, "MissingArgument")
    assert missing.headers["x-oss-ec"] == "0043-00000001"
    assert make(ask, "link", "/k").code == "InvalidObjectName"
    assert make(ask, "link", "k" * 1024).code == "InvalidObjectName"
    broken = {"x-oss-symlink-target": "%FF"}
    assert ask("PUT", "link", query=LINK, headers=broken).code == "InvalidArgument"
    assert make(ask, "link", "k", x_oss_object_acl="nobody").code == "InvalidArgument"
    assert ask("GET", "link", query=LINK).code == "NoSuchKey"
    plain = ask("GET", "k", query=LINK)
    assert (plain.status, plain.code) == (400, "NotSymlink")
    assert plain.headers["x-oss-ec"] == "0043-00000101"
    kept = make(ask, "k", "other", x_oss_forbid_overwrite="true")
    assert (kept.status, kept.code) == (409, "FileAlreadyExists")
    assert ask("GET", "k").body == b"x"


@pytest.mark.covers("PutSymlink")
@pytest.mark.covers("ListObjectsV2")
@pytest.mark.covers("DeleteObject")
def test_a_link_is_an_object_like_others(ask: Ask) -> None:
    ask("PUT", "target", body=b"hello")
    ask("PUT", "link", body=b"before")
    put = make(ask, "link", "target")
    for query in ([("prefix", "link")], [("list-type", "2"), ("prefix", "link")]):
        listed = ask("GET", query=query)
        assert (listed.element("Type"), listed.element("Size")) == ("Symlink", "0")
        assert put.headers["etag"].encode() in listed.body.replace(b"&quot;", b'"')
    stat = ask("GET", query=[("stat", "")])
    assert (stat.element("Storage"), stat.element("ObjectCount")) == ("5", "2")
    append = ask("POST", "link", query=[("append", ""), ("position", "0")], body=b"x")
    assert (append.status, append.code) == (409, "ObjectNotAppendable")
    assert ask("DELETE", "link").status == 204
    assert ask("GET", "target").body == b"hello"
    make(ask, "link", "target")
    ask("PUT", "link", body=b"after")
    assert ask("HEAD", "link").headers["x-oss-object-type"] == "Normal"
    assert ask("GET", "target").body == b"hello"


@pytest.mark.covers("CopyObject")
@pytest.mark.parametrize("directive", ["COPY", "REPLACE"])
def test_the_copy_of_a_link_is_a_link(ask: Ask, bucket: str, directive: str) -> None:
    ask("PUT", "target", body=b"hello")
    make(ask, "link", "target", x_oss_meta_a="b")
    headers = {"x-oss-copy-source": f"/{bucket}/link", "x-oss-metadata-directive": directive}
    for key in ("copy", "link"):
        assert ask("PUT", key, headers=headers).status == 200
        assert ask("GET", key, query=LINK).headers["x-oss-symlink-target"] == "target"
        assert ask("GET", key).body == b"hello"


@pytest.mark.covers("UploadPartCopy")
def test_a_part_of_a_link_is_of_its_target(ask: Ask, bucket: str) -> None:
    ask("PUT", "target", body=b"hello")
    make(ask, "link", "target")
    upload = ask("POST", "up", query=[("uploads", "")]).element("UploadId")
    headers = {"x-oss-copy-source": f"/{bucket}/link", "x-oss-copy-source-range": "bytes=1-3"}
    part = [("uploadId", upload), ("partNumber", "1")]
    assert ask("PUT", "up", query=part, headers=headers).status == 200
    done = ask("POST", "up", query=[("uploadId", upload)], headers={"x-oss-complete-all": "yes"})
    assert done.status == 200
    assert ask("GET", "up").body == b"ell"


@pytest.mark.covers("PutSymlink")
def test_no_client_can_name_a_target_otherwise(ask: Ask) -> None:
    """The header means nothing where no link is made, and what is stored of it is told nowhere."""
    ask("PUT", "k", body=b"x", headers={"x-oss-symlink-target": "secret"})
    assert ask("GET", "k", query=LINK).code == "NotSymlink"
    assert "x-oss-symlink-target" not in ask("HEAD", "k").headers


# --- who may ---


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with access_world(tmp_path_factory.mktemp("links")) as made:
        yield made


@pytest.fixture
def place(world: World) -> str:
    name = f"links-{uuid.uuid4().hex[:12]}"
    world.root.request("PUT", name)
    world.root.request("PUT", name, "open/target", body=b"secret")
    world.root.request("PUT", name, "closed/target", body=b"secret")
    for kind in ("open", "closed"):
        headers = {"x-oss-symlink-target": f"{kind}/target"}
        world.root.request("PUT", name, f"open/to-{kind}", query=LINK, headers=headers)
    return name


@pytest.mark.covers("GetObject")
@pytest.mark.covers("HeadObject")
@pytest.mark.covers("UploadPartCopy")
def test_a_link_is_no_way_round_a_policy(world: World, place: str) -> None:
    """PutSymlink documentation: who reads through a link must be allowed to read both."""
    resource = f"acs:oss:*:*:{place}/open/*"
    allowed = {"Effect": "Allow", "Action": "oss:*", "Resource": resource}
    client = world.session(allowed=json.dumps({"Version": "1", "Statement": [allowed]}))
    assert client.request("GET", place, "open/to-open").body == b"secret"
    for method in ("GET", "HEAD"):
        assert code_of(client.request(method, place, "open/to-closed")) == "AccessDenied"
    # Not even whether the target is there.
    world.root.request("DELETE", place, "closed/target")
    assert client.request("GET", place, "open/to-closed").code == "AccessDenied"
    # Whoever may write, may make such a link; it does not help him.
    made = {"x-oss-symlink-target": "closed/other"}
    world.root.request("PUT", place, "closed/other", body=b"secret")
    assert client.request("PUT", place, "open/mine", query=LINK, headers=made).status == 200
    assert client.request("GET", place, "open/mine").code == "AccessDenied"
    upload = client.request("POST", place, "open/up", query=[("uploads", "")]).element("UploadId")
    part = [("uploadId", upload), ("partNumber", "1")]
    copy = {"x-oss-copy-source": f"/{place}/open/mine"}
    reply = client.request("PUT", place, "open/up", query=part, headers=copy)
    assert reply.code == "AccessDenied"


@pytest.mark.covers("GetObject")
@pytest.mark.covers("GetSymlink")
def test_both_acls_count(world: World, place: str) -> None:
    stranger = SigningClient(world.server.endpoint, version=0)
    public, private = ({"x-oss-object-acl": acl} for acl in ("public-read", "private"))
    root = world.root
    for link, target, allowed in (
        (public, public, True),
        (public, private, False),
        (private, public, False),
        (private, private, False),
    ):
        root.request("PUT", place, "open/to-open", query=ACL, headers=link)
        root.request("PUT", place, "open/target", query=ACL, headers=target)
        reply = stranger.request("GET", place, "open/to-open")
        assert reply.status == (200 if allowed else 403)
        told = stranger.request("GET", place, "open/to-open", query=LINK)
        assert told.status == (200 if link is public else 403)


def test_errors_of_head_name_the_target(ask: Ask) -> None:
    make(ask, "nowhere", "none")
    hidden = ask("HEAD", "nowhere").headers["x-oss-err"]
    assert b"<Key>none</Key>" in base64.b64decode(hidden)
