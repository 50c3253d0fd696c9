"""Versions, by requests signed by hand: enabled and suspended, null versions, delete markers, and everything that names one (objects.md, section 4)."""

import base64
import re
import xml.etree.ElementTree as ET
from typing import NamedTuple

import pytest
from asking import Ask
from callback_asking import config

from ossia.client.signing_client import Reply, SigningClient
from ossia.protocol.checksums import etag_to_content_md5, md5_hex
from ossia.testing.inbox import Inbox
from running import Server

VERSION, MARKER = "x-oss-version-id", "x-oss-delete-marker"


def status(word: str) -> bytes:
    return f"<VersioningConfiguration><Status>{word}</Status></VersioningConfiguration>".encode()


def switch(ask: Ask, word: str) -> None:
    assert ask("PUT", query=[("versioning", "")], body=status(word)).status == 200


def put(ask: Ask, key: str, content: bytes, **headers: str) -> str:
    reply = ask("PUT", key, body=content, headers=headers)
    assert reply.status == 200
    return reply.headers[VERSION]


def at(ask: Ask, method: str, key: str, version: str, *more: tuple[str, str]) -> Reply:
    return ask(method, key, query=[*more, ("versionId", version)])


class Listed(NamedTuple):
    key: str
    version: str
    is_latest: bool
    is_marker: bool


def listed(reply: Reply) -> list[Listed]:
    assert reply.status == 200, reply
    return [
        Listed(
            each.findtext("Key") or "",
            each.findtext("VersionId") or "",
            each.findtext("IsLatest") == "true",
            each.tag == "DeleteMarker",
        )
        for each in ET.fromstring(reply.body)  # noqa: S314 - the server is ours
        if each.tag in {"Version", "DeleteMarker"}
    ]


def versions(ask: Ask, **query: str) -> Reply:
    given = [(name.replace("_", "-"), value) for name, value in query.items()]
    return ask("GET", query=[("versions", ""), *given])


def ids(ask: Ask) -> list[str]:
    return [each.version for each in listed(versions(ask))]


@pytest.fixture
def kept(ask: Ask) -> Ask:
    """``ask`` in a bucket whose versions are kept."""
    switch(ask, "Enabled")
    return ask


# --- the bucket ---


@pytest.mark.covers("PutBucketVersioning")
@pytest.mark.covers("GetBucketVersioning")
def test_versioning_is_enabled_and_suspended(ask: Ask) -> None:
    told = [ask("GET", query=[("versioning", "")]).element("Status")]
    assert "<Versioning>" not in ask("GET", query=[("bucketInfo", "")]).body.decode()
    for word in ("Enabled", "Suspended", "Enabled"):
        switch(ask, word)
        told.append(ask("GET", query=[("versioning", "")]).element("Status"))
        assert ask("GET", query=[("bucketInfo", "")]).element("Versioning") == word
    assert told == ["", "Enabled", "Suspended", "Enabled"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (status("enabled"), "InvalidArgument"),
        (status(""), "InvalidArgument"),
        (b"<VersioningConfiguration/>", "InvalidArgument"),
        (b"<Versioning><Status>Enabled</Status></Versioning>", "MalformedXML"),
        (b"Enabled", "MalformedXML"),
        (b"", "MalformedXML"),
    ],
)
def test_a_document_of_versioning_that_is_none(ask: Ask, body: bytes, code: str) -> None:
    reply = ask("PUT", query=[("versioning", "")], body=body)
    assert (reply.status, reply.code) == (400, code)
    assert ask("GET", query=[("versioning", "")]).element("Status") == ""


def test_a_bucket_without_versioning_tells_of_no_versions(ask: Ask) -> None:
    replies = [
        ask("PUT", "k", body=b"x"),
        ask("GET", "k"),
        at(ask, "GET", "k", "null"),
        ask("HEAD", "k", query=[("objectMeta", "")]),
        ask("PUT", "k", query=[("acl", "")], headers={"x-oss-object-acl": "private"}),
        at(ask, "DELETE", "k", "null"),
    ]
    assert [each.status for each in replies] == [200, 200, 200, 200, 200, 204]
    assert not any(VERSION in each.headers or MARKER in each.headers for each in replies)
    assert ask("HEAD", "k").status == 404


# --- writing ---


def test_every_write_makes_a_version(kept: Ask, bucket: str) -> None:
    first = put(kept, "k", b"1")
    second = put(kept, "k", b"2" * 300_000)
    copied = kept("PUT", "k", headers={"x-oss-copy-source": f"/{bucket}/k?versionId={first}"})
    assert copied.headers["x-oss-copy-source-version-id"] == first
    link = kept("PUT", "k", query=[("symlink", "")], headers={"x-oss-symlink-target": "t"})
    upload = kept("POST", "k", query=[("uploads", "")]).element("UploadId")
    part = kept("PUT", "k", query=[("uploadId", upload), ("partNumber", "1")], body=b"5")
    document = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
    whole = kept(
        "POST",
        "k",
        query=[("uploadId", upload)],
        body=f"<CompleteMultipartUpload>{document}</CompleteMultipartUpload>".encode(),
    )
    made = [first, second, *(each.headers[VERSION] for each in (copied, link, whole))]
    assert len(set(made)) == len(made)
    assert ids(kept) == made[::-1]
    assert [at(kept, "GET", "k", each).body for each in made[:3]] == [b"1", b"2" * 300_000, b"1"]
    assert at(kept, "GET", "k", made[4]).body == kept("GET", "k").body == b"5"
    assert [each.is_latest for each in listed(versions(kept))] == [True, *[False] * 4]


def test_what_was_there_before_is_the_null_version(ask: Ask) -> None:
    ask("PUT", "k", body=b"before")
    switch(ask, "Enabled")
    assert ask("GET", "k").headers[VERSION] == "null"
    after = put(ask, "k", b"after")
    assert ids(ask) == [after, "null"]
    assert at(ask, "GET", "k", "null").body == b"before"


def test_suspended_writes_replace_the_null_version_alone(kept: Ask, bucket: str) -> None:
    version = put(kept, "k", b"kept")
    switch(kept, "Suspended")
    assert put(kept, "k", b"null 1") == "null"
    assert put(kept, "k", b"null 2" * 100_000) == "null"
    assert ids(kept) == ["null", version]
    switch(kept, "Enabled")
    last = put(kept, "k", b"last")
    switch(kept, "Suspended")
    # The null version lies behind another one; a copy of itself takes its place.
    source = {"x-oss-copy-source": f"/{bucket}/k?versionId=null"}
    assert kept("PUT", "k", headers=source).headers[VERSION] == "null"
    assert ids(kept) == ["null", last, version]
    assert kept("GET", "k").body == b"null 2" * 100_000


def test_forbidding_to_overwrite_means_nothing_where_versions_are_kept(kept: Ask) -> None:
    forbid = {"x-oss-forbid-overwrite": "true"}
    for word in ("Enabled", "Suspended"):
        switch(kept, word)
        assert [kept("PUT", "k", body=b"x", headers=forbid).status for _ in range(2)] == [200, 200]


def test_appending_makes_and_extends_null_versions_only(kept: Ask) -> None:
    def append(key: str, position: int) -> Reply:
        return kept("POST", key, query=[("append", ""), ("position", str(position))], body=b"abc")

    for position in (0, 3):
        reply = append("log", position)
        assert (reply.status, reply.headers[VERSION]) == (200, "null")
    assert ids(kept) == ["null"]
    version = put(kept, "log", b"x")
    assert append("log", 1).code == "ObjectNotAppendable"
    assert ids(kept) == [version, "null"]
    kept("DELETE", "log")
    assert append("log", 0).code == "ObjectNotAppendable"


def test_a_change_of_metadata_is_one_more_version(kept: Ask, bucket: str) -> None:
    first = put(kept, "k", b"x", **{"x-oss-meta-a": "1", "x-oss-object-acl": "private"})
    source = {"x-oss-copy-source": f"/{bucket}/k", "x-oss-meta-a": "2"}
    second = kept("PUT", "k", headers=source).headers[VERSION]
    told = [at(kept, "HEAD", "k", each).headers["x-oss-meta-a"] for each in (first, second)]
    assert told == ["1", "2"]


def test_a_callback_names_the_version(kept: Ask, bucket: str, client: SigningClient) -> None:
    with Inbox() as inbox:
        callback = {"x-oss-callback": config(inbox.url, "v=${versionId}")}
        version = put(kept, "k", b"x", **callback)
        assert inbox.wait(1)[0].body == f"v={version}".encode()
        assert client.request("PUT", f"{bucket}-plain").status == 200
        client.request("PUT", f"{bucket}-plain", "k", body=b"x", headers=callback)
        assert inbox.wait(2)[1].body == b"v="


# --- deleting ---


@pytest.mark.covers("DeleteObject")
def test_deleting_puts_a_marker_before_the_versions(kept: Ask) -> None:
    version = put(kept, "k", b"x")
    markers = [kept("DELETE", key) for key in ("k", "k", "never")]
    assert [(each.status, each.headers[MARKER]) for each in markers] == [(204, "true")] * 3
    made = [each.headers[VERSION] for each in markers]
    assert listed(versions(kept)) == [
        ("k", made[1], True, True),
        ("k", made[0], False, True),
        ("k", version, False, False),
        ("never", made[2], True, True),
    ]
    assert kept("GET").body.count(b"<Contents>") == 0
    gone = kept("GET", "k")
    assert (gone.status, gone.code) == (404, "NoSuchKey")
    assert (gone.headers[MARKER], gone.headers[VERSION]) == ("true", made[1])
    assert kept("HEAD", "k").headers[VERSION] == made[1]
    assert at(kept, "GET", "k", version).body == b"x"
    # Without its markers the key names the version again.
    for marker in made[:2]:
        removed = at(kept, "DELETE", "k", marker)
        assert (removed.headers[VERSION], removed.headers[MARKER]) == (marker, "true")
    assert kept("GET", "k").body == b"x"


def test_deleting_a_version_names_the_one_before(kept: Ask) -> None:
    made = [put(kept, "k", content) for content in (b"1", b"2", b"3")]
    for version, left in ((made[2], b"2"), (made[0], b"2")):
        reply = at(kept, "DELETE", "k", version)
        assert (reply.status, reply.headers[VERSION], MARKER in reply.headers) == (
            204,
            version,
            False,
        )
        assert kept("GET", "k").body == left
    assert at(kept, "DELETE", "k", made[0]).status == 204
    assert at(kept, "DELETE", "k", made[1]).status == 204
    assert (kept("GET", "k").status, ids(kept)) == (404, [])


def test_deleting_while_suspended_leaves_a_null_marker(kept: Ask) -> None:
    version = put(kept, "k", b"kept")
    switch(kept, "Suspended")
    put(kept, "k", b"null")
    for _ in range(2):
        reply = kept("DELETE", "k")
        assert (reply.headers[VERSION], reply.headers[MARKER]) == ("null", "true")
        assert ids(kept) == ["null", version]
    assert at(kept, "GET", "k", "null").code == "MethodNotAllowed"
    assert put(kept, "k", b"again") == "null"
    assert [each.is_marker for each in listed(versions(kept))] == [False, False]


@pytest.mark.covers("DeleteMultipleObjects")
def test_many_versions_at_once(kept: Ask) -> None:
    made = [put(kept, "a", b"1"), put(kept, "a", b"2"), put(kept, "b", b"1")]

    def delete(*objects: tuple[str, str], quiet: str = "false") -> Reply:
        named = "".join(
            f"<Object><Key>{key}</Key>{f'<VersionId>{version}</VersionId>' if version else ''}"
            "</Object>"
            for key, version in objects
        )
        body = f"<Delete><Quiet>{quiet}</Quiet>{named}</Delete>".encode()
        headers = {"Content-MD5": etag_to_content_md5(md5_hex(body))}
        return kept("POST", query=[("delete", "")], body=body, headers=headers)

    reply = delete(("a", made[0]), ("b", ""), ("c", "null"))
    assert reply.status == 200
    marker = listed(versions(kept))[-2].version
    removed_or_made = (
        f"<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>{marker}</DeleteMarkerVersionId>"
    )
    assert re.findall(r"<Deleted>(.*?)</Deleted>", reply.body.decode()) == [
        f"<Key>a</Key><VersionId>{made[0]}</VersionId>",
        f"<Key>b</Key>{removed_or_made}",
        "<Key>c</Key><VersionId>null</VersionId>",
    ]
    reply = delete(("b", marker))
    assert re.findall(r"<Deleted>(.*?)</Deleted>", reply.body.decode()) == [
        f"<Key>b</Key><VersionId>{marker}</VersionId>{removed_or_made}"
    ]
    assert delete(("a", made[1]), ("b", made[2]), quiet="true").body == b""
    assert ids(kept) == []
    assert delete(("a", "no version")).code == "InvalidArgument"


def test_a_bucket_with_versions_or_markers_is_not_empty(kept: Ask) -> None:
    version = put(kept, "k", b"x")
    marker = kept("DELETE", "k").headers[VERSION]
    for gone in (version, marker):
        assert kept("DELETE").code == "BucketNotEmpty"
        at(kept, "DELETE", "k", gone)
    assert kept("DELETE").status == 204


def test_versions_and_markers_are_counted(kept: Ask) -> None:
    put(kept, "k", b"abc")
    put(kept, "k", b"defgh")
    put(kept, "k", b"ia", **{"x-oss-storage-class": "IA"})
    kept("DELETE", "k")
    kept("DELETE", "other")

    def stat() -> list[str]:
        told = kept("GET", query=[("stat", "")])
        names = ("Storage", "ObjectCount", "StandardObjectCount", "InfrequentAccessObjectCount")
        return [told.element(name) for name in (*names, "DeleteMarkerCount")]

    assert stat() == ["10", "3", "2", "1", "2"]
    for each in listed(versions(kept)):
        at(kept, "DELETE", each.key, each.version)
    assert stat() == ["0", "0", "0", "0", "0"]


# --- naming versions ---


def test_a_marker_can_only_be_deleted(kept: Ask, bucket: str) -> None:
    put(kept, "k", b"x")
    marker = kept("DELETE", "k").headers[VERSION]
    for method, more in (("GET", ()), ("HEAD", ()), ("HEAD", (("objectMeta", ""),))):
        reply = at(kept, method, "k", marker, *more)
        told = reply.headers
        assert (reply.status, told["allow"], told[MARKER]) == (405, "DELETE", "true")
        assert told[VERSION] == marker
        document = reply.body or base64.b64decode(told["x-oss-err"])
        for text in (b"MethodNotAllowed", b"DeleteMarker", f"<Method>{method}<".encode()):
            assert text in document
    for reply in (
        at(kept, "GET", "k", marker, ("acl", "")),
        at(kept, "GET", "k", marker, ("tagging", "")),
        at(kept, "GET", "k", marker, ("symlink", "")),
        at(kept, "DELETE", "k", marker, ("tagging", "")),
        kept("PUT", "c", headers={"x-oss-copy-source": f"/{bucket}/k?versionId={marker}"}),
    ):
        assert (reply.status, reply.code, reply.headers[MARKER]) == (404, "NoSuchKey", "true")


@pytest.mark.parametrize("word", ["", "Enabled"])
def test_versions_that_there_are_none_of(ask: Ask, bucket: str, word: str) -> None:
    if word:
        switch(ask, word)
    ask("PUT", "k", body=b"x")
    unknown = "CAEQNhiBgMDJgZCA0BYiIDc4MGZj"
    source = {"x-oss-copy-source": f"/{bucket}/k?versionId={unknown}"}
    for reply in (
        at(ask, "GET", "k", unknown),
        at(ask, "GET", "none", unknown),
        at(ask, "GET", "k", unknown, ("acl", "")),
        at(ask, "GET", "k", unknown, ("tagging", "")),
        ask("PUT", "c", headers=source),
    ):
        assert (reply.status, reply.code) == (404, "NoSuchVersion")
    assert at(ask, "DELETE", "k", unknown).status == 204
    assert ask("GET", "k").status == 200
    for wrong in ("IllegalVersion", "", "a b", "é" * 20, "x" * 200):
        assert at(ask, "GET", "k", wrong).code == "InvalidArgument", wrong


def test_acl_and_tags_are_those_of_a_version(kept: Ask) -> None:
    first, second = put(kept, "k", b"1"), put(kept, "k", b"2")
    acl = {"x-oss-object-acl": "public-read"}
    reply = kept("PUT", "k", query=[("acl", ""), ("versionId", first)], headers=acl)
    assert (reply.status, reply.headers[VERSION]) == (200, first)
    tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    reply = kept("PUT", "k", query=[("tagging", ""), ("versionId", first)], body=tags)
    assert (reply.status, reply.headers[VERSION]) == (200, first)
    told = [at(kept, "GET", "k", each, ("acl", "")) for each in (first, second)]
    assert [each.element("Grant") for each in told] == ["public-read", "default"]
    told = [at(kept, "HEAD", "k", each) for each in (first, second)]
    assert [each.headers.get("x-oss-tagging-count") for each in told] == ["1", None]
    assert at(kept, "DELETE", "k", first, ("tagging", "")).headers[VERSION] == first
    assert at(kept, "GET", "k", first, ("tagging", "")).body.count(b"<Tag>") == 0


def test_an_acl_opens_one_version(kept: Ask, bucket: str, anonymous: SigningClient) -> None:
    opened = put(kept, "k", b"1", **{"x-oss-object-acl": "public-read"})
    closed = put(kept, "k", b"2")
    answers = [
        anonymous.request("GET", bucket, "k", query=[("versionId", each)]).status
        for each in (opened, closed)
    ]
    assert answers == [200, 403]
    assert anonymous.request("GET", bucket, "k").status == 403


def test_versions_have_actions_of_their_own(
    kept: Ask, bucket: str, client: SigningClient, server: Server
) -> None:
    version = put(kept, "k", b"1")
    policy = (
        '{"Version":"1","Statement":[{"Effect":"Deny","Action":["oss:GetObjectVersion",'
        '"oss:DeleteObjectVersion","oss:PutObjectVersionAcl"],'
        f'"Principal":["{server.account_id}"],'
        f'"Resource":["acs:oss:*:{server.account_id}:{bucket}/*"]}}]}}'
    )
    assert client.request("PUT", bucket, query=[("policy", "")], body=policy.encode()).status == 200
    acl = {"x-oss-object-acl": "private"}
    source = {"x-oss-copy-source": f"/{bucket}/k?versionId={version}"}
    body = (
        f"<Delete><Object><Key>k</Key><VersionId>{version}</VersionId></Object></Delete>".encode()
    )
    digest = {"Content-MD5": etag_to_content_md5(md5_hex(body))}
    for reply in (
        at(kept, "GET", "k", version),
        at(kept, "DELETE", "k", version),
        kept("PUT", "k", query=[("acl", ""), ("versionId", version)], headers=acl),
        kept("PUT", "c", headers=source),
        kept("POST", query=[("delete", "")], body=body, headers=digest),
    ):
        assert (reply.status, reply.code) == (403, "AccessDenied"), reply
    assert kept("GET", "k").status == 200
    assert kept("PUT", "k", query=[("acl", "")], headers=acl).status == 200
    assert kept("DELETE", "k").status == 204


# --- listing ---


@pytest.mark.covers("ListObjectVersions")
def test_pages_of_versions_are_the_whole(kept: Ask) -> None:
    for number in range(3):
        for key in ("a", "d/1", "d/2", "e f"):
            put(kept, key, b"%d" % number)
    kept("DELETE", "d/1")
    kept("DELETE", "z")
    whole = listed(versions(kept))
    assert [each.key for each in whole] == [*"aaa", *["d/1"] * 4, *["d/2"] * 3, *["e f"] * 3, "z"]
    for size in (1, 2, 5, 14):
        found: list[Listed] = []
        key = version = ""
        for _ in whole:
            page = versions(kept, max_keys=str(size), key_marker=key, version_id_marker=version)
            found += listed(page)
            assert (page.element("KeyMarker"), page.element("VersionIdMarker")) == (key, version)
            if page.element("IsTruncated") == "false":
                break
            key, version = page.element("NextKeyMarker"), page.element("NextVersionIdMarker")
        assert found == whole
    rolled_up = versions(kept, delimiter="/", max_keys="4", encoding_type="url")
    assert [each.key for each in listed(rolled_up)] == ["a", "a", "a"]
    assert b"<CommonPrefixes><Prefix>d%2F</Prefix></CommonPrefixes>" in rolled_up.body
    assert rolled_up.element("NextKeyMarker") == "d%2F"
    behind = versions(kept, delimiter="/", key_marker="d/", encoding_type="url")
    assert [each.key for each in listed(behind)] == ["e%20f"] * 3 + ["z"]
    assert [each.key for each in listed(versions(kept, prefix="d/2"))] == ["d/2"] * 3


def test_who_deletes_what_he_lists_meets_everything_once(kept: Ask) -> None:
    for number in range(7):
        put(kept, "k", b"%d" % number)
    seen = []
    key = version = ""
    for _ in range(10):
        page = versions(kept, max_keys="3", key_marker=key, version_id_marker=version)
        for each in listed(page):
            seen.append(each.version)
            at(kept, "DELETE", each.key, each.version)
        if page.element("IsTruncated") == "false":
            break
        key, version = page.element("NextKeyMarker"), page.element("NextVersionIdMarker")
    assert len(seen) == len(set(seen)) == 7
    assert ids(kept) == []


def test_a_version_marker_needs_its_key(kept: Ask) -> None:
    assert versions(kept, version_id_marker="null").code == "InvalidArgument"
    assert versions(kept, key_marker="k", version_id_marker="illegal").code == "InvalidArgument"
