"""Reads and multipart uploads as witnesses of the real service describe them (witnessed.md)."""

import base64
import hashlib
import xml.etree.ElementTree as ET

import oss2
import pytest
from asking import Ask

from ossia.protocol.checksums import crc64
from running import Server

PART = 100 * 1024


@pytest.fixture
def store(server: Server, bucket: str) -> oss2.Bucket:
    auth = oss2.Auth(server.access_key_id, server.access_key_secret)
    return oss2.Bucket(auth, server.endpoint, bucket)


def begin(ask: Ask, key: str = "k", *query: tuple[str, str]) -> str:
    return ask("POST", key, query=[("uploads", ""), *query]).element("UploadId")


# --- W12: encoded names ---


@pytest.mark.covers("ListObjects")
@pytest.mark.covers("ListObjectsV2")
@pytest.mark.covers("ListObjectVersions")
@pytest.mark.covers("ListMultipartUploads")
@pytest.mark.parametrize(
    ("query", "element"),
    [
        ([], "NextMarker"),
        ([("marker", "a/")], "Marker"),
        ([("list-type", "2"), ("start-after", "a/")], "StartAfter"),
        ([("versions", "")], "NextKeyMarker"),
        ([("versions", ""), ("key-marker", "a/")], "KeyMarker"),
        ([("uploads", "")], "NextKeyMarker"),
        ([("uploads", ""), ("key-marker", "a/")], "KeyMarker"),
    ],
)
def test_w12_encoded_names_have_no_slash(
    ask: Ask, query: list[tuple[str, str]], element: str
) -> None:
    for key in ("a/b/1", "a/b/2"):
        ask("PUT", key, body=b"x")
        begin(ask, key)
    limit = ("max-uploads" if ("uploads", "") in query else "max-keys", "1")
    asked = [*query, limit, ("encoding-type", "url"), ("prefix", "a/")]
    for more in ([], [("delimiter", "/")]):
        root = ET.fromstring(ask("GET", query=[*asked, *more]).body)  # noqa: S314 - our own answer
        named = [
            root.findtext("Prefix"),
            root.findtext(element),
            *(
                each.text
                for tag in ("Key", "CommonPrefixes/Prefix")
                for each in root.findall(f".//{tag}")
            ),
        ]
        assert named[0] == "a%2F"
        assert not any("/" in text for text in named if text)
        if more:
            assert root.findtext("Delimiter") == "%2F"


# --- W14: nothing to complete ---


@pytest.mark.covers("CompleteMultipartUpload")
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<CompleteMultipartUpload/>", {}),
        (b"<CompleteMultipartUpload></CompleteMultipartUpload>", {}),
        (b"", {"x-oss-complete-all": "yes"}),
    ],
)
def test_w14_completing_without_parts(ask: Ask, body: bytes, headers: dict[str, str]) -> None:
    query = [("uploadId", begin(ask))]
    done = ask("POST", "k", query=query, body=body, headers=headers)
    assert (done.status, done.headers["x-oss-hash-crc64ecma"]) == (200, "0")
    got = ask("GET", "k")
    assert (got.status, got.body, got.headers["content-length"]) == (200, b"", "0")
    assert got.headers["x-oss-object-type"] == "Multipart"
    assert ask("POST", "k", query=query, body=body, headers=headers).code == "NoSuchUpload"


@pytest.mark.covers("CompleteMultipartUpload")
@pytest.mark.parametrize("body", [b"", b"<no", b"<CompleteMultipartUpload/>"])
def test_w14_an_unknown_upload_is_404_whatever_is_sent(ask: Ask, body: bytes) -> None:
    reply = ask("POST", "k", query=[("uploadId", "0" * 32)], body=body)
    assert (reply.status, reply.code) == (404, "NoSuchUpload")


# --- W15: sequential uploads ---


@pytest.mark.covers("CompleteMultipartUpload")
@pytest.mark.parametrize("sizes", [(PART, 5), (PART, PART, 1), (3,), ()])
def test_w15_a_sequential_upload_has_the_digest_of_the_whole(
    store: oss2.Bucket, ask: Ask, sizes: tuple[int, ...]
) -> None:
    """oss2 says ``sequential`` as Python v1's suite does."""
    upload = store.init_multipart_upload("k", params={"sequential": ""}).upload_id
    pieces = [bytes([number]) * size for number, size in enumerate(sizes, 1)]
    parts = [
        oss2.models.PartInfo(number, store.upload_part("k", upload, number, piece).etag)
        for number, piece in enumerate(pieces, 1)
    ]
    store.complete_multipart_upload("k", upload, parts)
    whole = b"".join(pieces)
    expected = base64.b64encode(hashlib.md5(whole).digest()).decode()
    got = store.get_object("k")
    assert (got.read(), got.headers["Content-MD5"]) == (whole, expected)
    head = store.head_object("k")
    assert (head.headers["Content-MD5"], head.object_type) == (expected, "Multipart")
    assert head.headers["x-oss-hash-crc64ecma"] == str(crc64(whole))
    query = [("uploadId", begin(ask, "plain"))]
    ask("POST", "plain", query=query, headers={"x-oss-complete-all": "yes"})
    assert "content-md5" not in ask("HEAD", "plain").headers


# --- W20: where a listing ends ---


@pytest.mark.covers("ListMultipartUploads")
def test_w20_the_last_upload_is_named_even_where_nothing_follows(ask: Ask) -> None:
    def markers(*query: tuple[str, str]) -> tuple[str, str, str]:
        page = ask("GET", query=[("uploads", ""), *query])
        return tuple(
            page.element(name) for name in ("NextKeyMarker", "NextUploadIdMarker", "IsTruncated")
        )  # type: ignore[return-value]  # three names

    assert markers() == ("", "", "false")
    first, second = begin(ask, "a"), begin(ask, "b")
    assert markers() == ("b", second, "false")
    assert markers(("max-uploads", "1")) == ("a", first, "true")
    assert markers(("key-marker", "b")) == ("", "", "false")
    assert markers(("prefix", "c")) == ("", "", "false")


@pytest.mark.covers("ListParts")
def test_w20_the_marker_of_no_parts_is_empty(ask: Ask, store: oss2.Bucket) -> None:
    upload = begin(ask)
    query = [("uploadId", upload)]
    assert b"<NextPartNumberMarker></NextPartNumberMarker>" in ask("GET", "k", query=query).body
    ask("PUT", "k", query=[("partNumber", "7"), *query], body=b"x")
    assert ask("GET", "k", query=query).element("NextPartNumberMarker") == "7"
    behind = ask("GET", "k", query=[*query, ("part-number-marker", "7")])
    assert behind.element("NextPartNumberMarker") == ""
    assert [part.part_number for part in store.list_parts("k", upload).parts] == [7]


# --- W28, W29, W50: reads ---


@pytest.mark.covers("GetObject")
@pytest.mark.covers("HeadObject")
def test_a_304_names_what_it_is_about(ask: Ask) -> None:
    """RFC 9110, 15.4.5: a cache needs the validators."""
    ask("PUT", "k", body=b"x")
    told = ask("HEAD", "k").headers
    for method in ("GET", "HEAD"):
        for condition in (
            {"If-None-Match": told["etag"]},
            {"If-Modified-Since": told["last-modified"]},
        ):
            reply = ask(method, "k", headers=condition)
            assert (reply.status, reply.body) == (304, b"")
            assert reply.headers["etag"] == told["etag"]
            assert reply.headers["last-modified"] == told["last-modified"]


@pytest.mark.covers("GetObject")
def test_w28_an_empty_object_has_a_type(ask: Ask) -> None:
    ask("PUT", "k", body=b"")
    ask("PUT", "typed", body=b"", headers={"Content-Type": "text/x"})
    for method in ("GET", "HEAD"):
        got = ask(method, "k")
        assert got.headers["content-type"] == "application/octet-stream"
        assert (got.headers["content-length"], got.body) == ("0", b"")
        assert ask(method, "typed").headers["content-type"] == "text/x"


@pytest.mark.covers("GetObjectMeta")
def test_w29_object_meta_can_be_got(ask: Ask) -> None:
    ask("PUT", "k", body=b"content", headers={"x-oss-meta-a": "1"})
    head = ask("HEAD", "k", query=[("objectMeta", "")])
    got = ask("GET", "k", query=[("objectMeta", "")])
    assert (got.status, got.body) == (200, b"")
    for name in ("etag", "last-modified", "x-oss-hash-crc64ecma"):
        assert got.headers[name] == head.headers[name]
    assert head.headers["content-length"] == "7"
    assert ask("GET", "none", query=[("objectMeta", "")]).code == "NoSuchKey"


@pytest.mark.covers("GetObject")
@pytest.mark.parametrize("key", ["/lead", "//lead", "\\lead", "/"])
def test_w50_reading_what_cannot_be_there_is_no_error_of_the_name(ask: Ask, key: str) -> None:
    assert (ask("GET", key).status, ask("GET", key).code) == (404, "NoSuchKey")
    assert ask("HEAD", key).status == 404
    assert ask("GET", key, query=[("acl", "")]).code == "NoSuchKey"
    assert ask("HEAD", key, query=[("objectMeta", "")]).status == 404
    assert ask("GET", key, query=[("uploadId", "x")]).code == "NoSuchUpload"


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize("key", ["/lead", "\\lead"])
def test_w50_writing_there_is_one(ask: Ask, bucket: str, key: str) -> None:
    ask("PUT", "k", body=b"x")
    source = {"x-oss-copy-source": f"/{bucket}/k"}
    acl = {"x-oss-object-acl": "private"}
    part = [("uploadId", "x"), ("partNumber", "1")]
    for reply in (
        ask("PUT", key, body=b"x"),
        ask("PUT", key, headers=source),
        ask("PUT", key, query=[("acl", "")], headers=acl),
        ask("POST", key, query=[("append", ""), ("position", "0")], body=b"x"),
        ask("POST", key, query=[("uploads", "")]),
        ask("PUT", key, query=part, body=b"x"),
        ask("PUT", key, query=part, headers=source),
        ask("POST", key, query=[("uploadId", "x")]),
        ask("DELETE", key, query=[("uploadId", "x")]),
        ask("DELETE", key),
    ):
        assert (reply.status, reply.code) == (400, "InvalidObjectName")
    assert [each.text for each in ET.fromstring(ask("GET").body).findall("Contents/Key")] == ["k"]  # noqa: S314 - our own answer
