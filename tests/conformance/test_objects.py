"""Object operations on the wire; each test names what it covers."""

import base64
import hashlib
import os
import re
import socket
import time
import urllib.request
from urllib.error import HTTPError

import pytest
from asking import Ask

from ossia.client.signing_client import SigningClient
from ossia.protocol import signature_v1
from ossia.protocol.checksums import crc64
from ossia.protocol.signed_request import SignedRequest

BIG = os.urandom(700_001)
KEYS = [
    "plain.txt",
    "dir/中文 +&=?.txt",
    "a//b",
    "a/../b",
    "./x",
    "trailing/",
    "emoji-🎉",
    "percent%41",
    "a+b c",
    "k" * 1023,
    "<&>\"'",
]


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest().upper()


def md5_header(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content).digest()).decode()


@pytest.mark.covers("PutObject")
@pytest.mark.covers("GetObject")
@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:20])
@pytest.mark.parametrize("version", [1, 4])
def test_every_key_round_trips(client: SigningClient, bucket: str, key: str, version: int) -> None:
    signer = SigningClient(
        client.endpoint, client.access_key_id, client.secret, client.region, version
    )
    assert signer.request("PUT", bucket, key, body=key.encode()).status == 200
    assert signer.request("GET", bucket, key).body == key.encode()
    with urllib.request.urlopen(signer.url("GET", bucket, key)) as answer:
        assert answer.read() == key.encode()


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize("size", [0, 1, 16 * 1024, 16 * 1024 + 1, 65_536, 65_537, 700_001])
def test_put_answers_the_digests_and_get_the_bytes(ask: Ask, size: int) -> None:
    content = BIG[:size]
    put = ask("PUT", "k", body=content, headers={"Content-Length": str(size)})
    assert put.status == 200
    assert put.headers["etag"] == f'"{md5(content)}"'
    assert put.headers["content-md5"] == md5_header(content)
    assert put.headers["x-oss-hash-crc64ecma"] == str(crc64(content))
    got = ask("GET", "k")
    assert got.body == content
    assert got.headers["x-oss-object-type"] == "Normal"
    assert got.headers["x-oss-hash-crc64ecma"] == str(crc64(content))
    head = ask("HEAD", "k")
    assert head.headers["content-length"] == str(size)
    assert head.headers["content-md5"] == md5_header(content)


@pytest.mark.covers("PutObject")
def test_headers_and_metadata_are_replayed(ask: Ask) -> None:
    headers = {
        "Content-Type": "text/x-test",
        "Cache-Control": "max-age=1",
        "Content-Disposition": 'attachment; filename="x"',
        "Content-Encoding": "identity",
        "Content-Language": "zh",
        "Expires": "Thu, 01 Jan 2037 00:00:00 GMT",
        "x-oss-meta-Name": "中 value",
        "x-oss-tagging": "a=1&b=%20",
    }
    ask("PUT", "k", body=b"x", headers=headers)
    for method in ("GET", "HEAD"):
        got = ask(method, "k").headers
        assert got["content-type"] == "text/x-test"
        assert got["cache-control"] == "max-age=1"
        assert got["content-language"] == "zh"
        assert got["x-oss-meta-name"].encode("latin-1").decode() == "中 value"
        assert got["x-oss-tagging-count"] == "2"
    assert ask("PUT", "d", body=b"x").status == 200
    assert ask("GET", "d").headers["content-type"] == "application/octet-stream"


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Content-MD5": "bad"}, 400, "InvalidDigest"),
        ({"Content-MD5": md5_header(b"other")}, 400, "InvalidDigest"),
        ({"x-oss-object-acl": "everybody"}, 400, "InvalidArgument"),
        ({"x-oss-storage-class": "Gold"}, 400, "InvalidArgument"),
        ({"x-oss-forbid-overwrite": "maybe"}, 400, "InvalidArgument"),
        ({"x-oss-server-side-encryption-key-id": "k"}, 400, "InvalidArgument"),
        ({"x-oss-server-side-encryption": "ROT13"}, 400, "InvalidEncryptionAlgorithmError"),
        ({"x-oss-meta-under_score": "x"}, 400, "InvalidArgument"),
        ({"x-oss-meta-a": "x" * 9000}, 400, "InvalidArgument"),
        ({"x-oss-tagging": "&".join(f"k{n}=v" for n in range(11))}, 400, "BadRequest"),  # W46
        ({"x-oss-tagging": "a=1&a=2"}, 400, "InvalidArgument"),  # W46
        ({"x-oss-tagging": "a%26=1"}, 400, "InvalidTag"),
        ({"x-oss-traffic-limit": "1"}, 400, "InvalidArgument"),
        ({"x-oss-callback": "%%%"}, 400, "InvalidArgument"),
        ({"x-oss-callback": base64.b64encode(b"{}").decode()}, 400, "InvalidArgument"),
    ],
)
@pytest.mark.parametrize("size", [1, 100_000])
def test_a_bad_put_stores_nothing(
    ask: Ask, headers: dict[str, str], status: int, code: str, size: int
) -> None:
    reply = ask("PUT", "k", body=b"x" * size, headers=headers)
    assert (reply.status, reply.code) == (status, code)
    assert ask("HEAD", "k").status == 404


@pytest.mark.covers("PutObject")
def test_forbid_overwrite(ask: Ask) -> None:
    header = {"x-oss-forbid-overwrite": "true"}
    assert ask("PUT", "k", body=b"1", headers=header).status == 200
    reply = ask("PUT", "k", body=b"2", headers=header)
    assert (reply.status, reply.code) == (409, "FileAlreadyExists")
    assert ask("GET", "k").body == b"1"


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize("key", ["/lead", "\\lead", "k" * 1024])
def test_bad_object_names(ask: Ask, key: str) -> None:
    assert ask("PUT", key, body=b"x").code == "InvalidObjectName"


@pytest.mark.covers("PutObject")
def test_put_without_length_is_411(client: SigningClient, bucket: str) -> None:
    request = SignedRequest(b"PUT", bucket.encode(), b"k", [], {})
    headers = signature_v1.sign_headers(
        request,
        access_key_id=client.access_key_id,
        secret=client.secret,
        now_ms=int(time.time() * 1000),
    )
    host, _, port = client.endpoint.rpartition("/")[2].partition(":")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((host, int(port)), 5) as raw:
        raw.sendall(f"PUT /{bucket}/k HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        answer = raw.recv(65536)
    assert answer.startswith(b"HTTP/1.1 411")
    assert b"MissingContentLength" in answer


RANGES = [
    # header, standard behaviour?, status, (start, end) of 1000 bytes
    ("bytes=0-9", False, 206, (0, 10)),
    ("bytes=990-", False, 206, (990, 1000)),
    ("bytes=-5", False, 206, (995, 1000)),
    ("bytes=0-999", False, 206, (0, 1000)),
    ("bytes=500-2000", False, 200, (0, 1000)),
    ("bytes=1000-", False, 200, (0, 1000)),
    ("bytes=5-1", False, 200, (0, 1000)),
    ("bytes=-", False, 200, (0, 1000)),
    ("bytes=a-b", False, 200, (0, 1000)),
    ("bytes=0-1,5-6", False, 200, (0, 1000)),
    ("bytes=0-1, 5-", False, 200, (0, 1000)),
    # W18: what follows a comma and is no range is ignored.
    ("bytes=1-2,", False, 206, (1, 3)),
    ("bytes=1-2,abc", False, 206, (1, 3)),
    ("bytes=1-2,a-c", False, 206, (1, 3)),
    ("bytes=1-2,abc", True, 206, (1, 3)),
    ("bytes=,1-2", False, 200, (0, 1000)),
    ("bytes=,abc,1-2", False, 200, (0, 1000)),
    ("bytes=abc,1-2", False, 200, (0, 1000)),
    ("bytes=--0", False, 200, (0, 1000)),
    ("bytes=-0", False, 416, None),
    ("items=0-1", False, 200, (0, 1000)),
    ("bytes=-2000", False, 200, (0, 1000)),
    ("bytes=500-2000", True, 206, (500, 1000)),
    ("bytes=1000-", True, 416, None),
    ("bytes=-0", True, 416, None),
    ("bytes=99999999999999999999999-", True, 200, (0, 1000)),
]


@pytest.mark.covers("GetObject")
@pytest.mark.parametrize(("header", "standard", "status", "span"), RANGES)
@pytest.mark.parametrize("inline", [True, False])
def test_ranges(
    ask: Ask, header: str, standard: bool, status: int, span: tuple[int, int] | None, inline: bool
) -> None:
    """objects.md, GetObject: the default behaviour and x-oss-range-behavior: standard."""
    content = BIG[:1000]
    if inline:
        ask("PUT", "k", body=content)
    else:
        ask("POST", "k", query=[("append", ""), ("position", "0")], body=content[:400])
        ask("POST", "k", query=[("append", ""), ("position", "400")], body=content[400:])
    headers = {"Range": header} | ({"x-oss-range-behavior": "standard"} if standard else {})
    reply = ask("GET", "k", headers=headers)
    assert reply.status == status
    if span is None:
        assert reply.code == "InvalidRange"
        assert reply.headers["content-range"] == "bytes */1000"
        return
    start, end = span
    assert reply.body == content[start:end]
    assert reply.headers["content-length"] == str(end - start)
    shown = f"bytes {start}-{end - 1}/1000" if status == 206 else None
    assert reply.headers.get("content-range") == shown


@pytest.mark.covers("GetObject")
def test_ranges_of_large_objects(ask: Ask) -> None:
    ask("PUT", "k", body=BIG)
    reply = ask("GET", "k", headers={"Range": "bytes=100000-600000"})
    assert (reply.status, reply.body) == (206, BIG[100_000:600_001])


PAST, FUTURE = "Thu, 01 Jan 2015 00:00:00 GMT", "Thu, 01 Jan 2037 00:00:00 GMT"
X = f'"{md5(b"x")}"'


@pytest.mark.covers("GetObject")
@pytest.mark.covers("HeadObject")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-Match": X}, 200),
        ({"If-Match": X.strip('"').lower()}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-None-Match": X}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-Modified-Since": FUTURE}, 304),
        ({"If-Modified-Since": PAST}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Unmodified-Since": PAST}, 412),
        ({"If-Unmodified-Since": FUTURE}, 200),
        ({"If-Match": '"other"', "If-None-Match": X}, 412),
        ({"If-Match": X, "If-Modified-Since": FUTURE}, 304),
    ],
)
def test_conditions(ask: Ask, method: str, headers: dict[str, str], status: int) -> None:
    ask("PUT", "k", body=b"x")
    reply = ask(method, "k", headers=headers)
    assert reply.status == status
    if status == 304:
        assert reply.body == b""
        assert "x-oss-err" not in reply.headers
    if status == 412 and method == "GET":
        assert reply.code == "PreconditionFailed"


@pytest.mark.covers("GetObject")
def test_response_overrides_need_a_signature(
    ask: Ask, client: SigningClient, anonymous: SigningClient, bucket: str
) -> None:
    ask("PUT", "k", body=b"x", headers={"x-oss-object-acl": "public-read", "Cache-Control": "a"})
    query = [
        ("response-content-type", "text/x"),
        ("response-content-disposition", 'attachment; filename="中.txt"'),
        ("response-cache-control", "no-cache"),
    ]
    got = ask("GET", "k", query=query).headers
    assert (got["content-type"], got["cache-control"]) == ("text/x", "no-cache")
    assert got["content-disposition"].encode("latin-1").decode() == 'attachment; filename="中.txt"'
    assert anonymous.request("GET", bucket, "k", query=query).code == "InvalidRequest"
    split = [("response-content-type", "a\r\nx-evil: 1")]
    assert ask("GET", "k", query=split).code == "InvalidArgument"


@pytest.mark.covers("GetObject")
def test_missing_things(ask: Ask, client: SigningClient) -> None:
    reply = ask("GET", "none")
    assert (reply.status, reply.code, reply.element("Key")) == (404, "NoSuchKey", "none")
    assert reply.element("EC") == "0026-00000001"
    head = ask("HEAD", "none")
    document = base64.b64decode(head.headers["x-oss-err"])
    assert b"<Code>NoSuchKey</Code>" in document
    assert head.headers["x-oss-ec"] == "0026-00000001"
    gone = client.request("GET", "no-such-bucket-1", "k")
    assert (gone.status, gone.code) == (404, "NoSuchBucket")
    assert ask("GET", "none", query=[("versionId", "abc")]).code == "InvalidArgument"


@pytest.mark.covers("GetObjectMeta")
def test_object_meta(ask: Ask) -> None:
    ask("PUT", "k", body=b"hello", headers={"x-oss-meta-a": "b"})
    got = ask("HEAD", "k", query=[("objectMeta", "")]).headers
    assert (got["content-length"], got["etag"]) == ("5", f'"{md5(b"hello")}"')
    assert got["x-oss-hash-crc64ecma"] == str(crc64(b"hello"))
    assert "x-oss-meta-a" not in got
    assert ask("HEAD", "none", query=[("objectMeta", "")]).status == 404


@pytest.mark.covers("PutObjectAcl")
@pytest.mark.covers("GetObjectAcl")
def test_object_acl(ask: Ask, anonymous: SigningClient, bucket: str) -> None:
    ask("PUT", "k", body=b"x")
    assert ask("GET", "k", query=[("acl", "")]).element("Grant") == "default"
    assert anonymous.request("GET", bucket, "k").status == 403
    acl = {"x-oss-object-acl": "public-read"}
    assert ask("PUT", "k", query=[("acl", "")], headers=acl).status == 200
    assert ask("GET", "k", query=[("acl", "")]).element("Grant") == "public-read"
    assert anonymous.request("GET", bucket, "k").body == b"x"
    assert anonymous.request("PUT", bucket, "k", body=b"y").status == 403
    assert ask("PUT", "k", query=[("acl", "")]).code == "MissingArgument"  # W48
    assert ask("PUT", "none", query=[("acl", "")], headers=acl).code == "NoSuchKey"


@pytest.mark.covers("PutBucketAcl")
def test_anonymous_rights_by_bucket_acl(ask: Ask, anonymous: SigningClient, bucket: str) -> None:
    """buckets.md, section 7: ACLs grant objects, never the listing or the configuration."""
    ask("PUT", "k", body=b"x")
    for acl, read, write in (
        ("private", 403, 403),
        ("public-read", 200, 403),
        ("public-read-write", 200, 200),
    ):
        ask("PUT", query=[("acl", "")], headers={"x-oss-acl": acl})
        assert anonymous.request("GET", bucket, "k").status == read
        assert anonymous.request("PUT", bucket, "w", body=b"y").status == write
        assert anonymous.request("GET", bucket).status == 403
        assert anonymous.request("GET", bucket, query=[("acl", "")]).status == 403
        assert anonymous.request("DELETE", bucket).status == 403
    ask("PUT", "k", query=[("acl", "")], headers={"x-oss-object-acl": "private"})
    assert anonymous.request("GET", bucket, "k").status == 403


@pytest.mark.covers("DeleteObject")
def test_delete_object(ask: Ask) -> None:
    ask("PUT", "k", body=b"x")
    reply = ask("DELETE", "k")
    assert (reply.status, reply.body) == (204, b"")
    assert "content-length" not in reply.headers
    assert ask("DELETE", "k").status == 204
    assert ask("HEAD", "k").status == 404


def delete_body(*keys: str, quiet: str = "false") -> bytes:
    objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    return f"<Delete><Quiet>{quiet}</Quiet>{objects}</Delete>".encode()


@pytest.mark.covers("DeleteMultipleObjects")
def test_delete_multiple_objects(ask: Ask) -> None:
    for key in ("a", "b c", "d"):
        ask("PUT", key, body=b"x")
    body = delete_body("a", "b c", "none")
    digest = {"Content-MD5": md5_header(body)}
    reply = ask("POST", query=[("delete", ""), ("encoding-type", "url")], body=body, headers=digest)
    assert re.findall(r"<Key>(.*?)</Key>", reply.body.decode()) == ["a", "b%20c", "none"]
    assert [ask("HEAD", key).status for key in ("a", "b c", "d")] == [404, 404, 200]
    quiet = delete_body("d", quiet="true")
    reply = ask(
        "POST", query=[("delete", "")], body=quiet, headers={"Content-MD5": md5_header(quiet)}
    )
    assert (reply.status, reply.body) == (200, b"")


@pytest.mark.covers("DeleteMultipleObjects")
@pytest.mark.parametrize(
    ("body", "digest", "code"),
    [
        (delete_body("a"), None, "MissingArgument"),
        (delete_body("a"), md5_header(b"other"), "InvalidDigest"),
        (b"<Delete></Delete>", "", "MalformedXML"),
        (b"<Delete><Object/></Delete>", "", "MalformedXML"),
        (b"<Remove/>", "", "MalformedXML"),
        (b"", "", "MalformedXML"),
        (delete_body(*(f"k{n}" for n in range(1001))), "", "MalformedXML"),
        (delete_body("/a"), "", "InvalidObjectName"),
    ],
)
def test_bad_deletes_delete_nothing(ask: Ask, body: bytes, digest: str | None, code: str) -> None:
    ask("PUT", "a", body=b"x")
    ask("PUT", "k1", body=b"x")
    headers = {} if digest is None else {"Content-MD5": digest or md5_header(body)}
    assert ask("POST", query=[("delete", "")], body=body, headers=headers).code == code
    assert ask("HEAD", "a").status == ask("HEAD", "k1").status == 200


# --- listing ---


def keys_of(page: bytes) -> list[str]:
    return re.findall(r"<Contents><Key>(.*?)</Key>", page.decode())


def prefixes_of(page: bytes) -> list[str]:
    return re.findall(r"<CommonPrefixes><Prefix>(.*?)</Prefix>", page.decode())


@pytest.mark.covers("ListObjects")
@pytest.mark.covers("ListObjectsV2")
@pytest.mark.covers("ListObjectVersions")
def test_listings_page_through_everything_in_byte_order(ask: Ask) -> None:
    keys = ["a", "a/1", "a/2", "a0", "b", "b/x/1", "b/x/2", "c~", "z", "é", "中", "🎉"]
    for key in keys:
        ask("PUT", key, body=b"x")
    for delimiter, names in (
        ("", sorted(keys, key=str.encode)),
        ("/", ["a", "a/", "a0", "b", "b/", "c~", "z", "é", "中", "🎉"]),
    ):
        for size in (1, 2, 3, 100):
            found_v1, marker = [], ""
            while True:
                query = [("marker", marker), ("max-keys", str(size)), ("delimiter", delimiter)]
                page = ask("GET", query=query)
                found_v1 += sorted(keys_of(page.body) + prefixes_of(page.body), key=str.encode)
                if page.element("IsTruncated") == "false":
                    break
                marker = page.element("NextMarker")
            assert found_v1 == names
            found_v2, token = [], ""
            while True:
                query = [
                    ("list-type", "2"),
                    ("continuation-token", token),
                    ("max-keys", str(size)),
                    ("delimiter", delimiter),
                ]
                page = ask("GET", query=query)
                names_here = keys_of(page.body) + prefixes_of(page.body)
                assert page.element("KeyCount") == str(len(names_here))
                found_v2 += sorted(names_here, key=str.encode)
                if page.element("IsTruncated") == "false":
                    break
                token = page.element("NextContinuationToken")
            assert found_v2 == names


@pytest.mark.covers("ListObjects")
def test_listing_fields(ask: Ask, bucket: str) -> None:
    ask("PUT", "p/a b+c", body=b"xyz")
    page = ask("GET", query=[("prefix", "p/a "), ("encoding-type", "url")])
    assert page.element("Prefix") == "p%2Fa%20"  # W12
    assert keys_of(page.body) == ["p%2Fa%20b%2Bc"]
    assert page.element("EncodingType") == "url"
    assert page.element("Type") == "Normal"
    assert page.element("Size") == "3"
    assert page.element("ETag") == f"&quot;{md5(b'xyz')}&quot;" or page.element("ETag") == (
        f'"{md5(b"xyz")}"'
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", page.element("LastModified"))
    assert page.element("Name") == bucket
    assert b"<Owner>" in page.body
    second = [("list-type", "2")]
    assert b"<Owner>" not in ask("GET", query=second).body
    assert b"<Owner>" in ask("GET", query=[*second, ("fetch-owner", "true")]).body
    after = ask("GET", query=[*second, ("start-after", "p/a b+c")])
    assert keys_of(after.body) == []
    assert after.element("StartAfter") == "p/a b+c"


@pytest.mark.covers("ListObjectsV2")
@pytest.mark.parametrize(
    "query",
    [
        [("list-type", "2"), ("continuation-token", "!!")],
        [("list-type", "2"), ("continuation-token", "AAAA")],
        [("max-keys", "0")],
        [("max-keys", "1001")],
        [("encoding-type", "base64")],
        [("list-type", "2"), ("fetch-owner", "perhaps")],
        [("versions", ""), ("version-id-marker", "x")],
    ],
)
def test_bad_listings(ask: Ask, query: list[tuple[str, str]]) -> None:
    reply = ask("GET", query=query)
    assert (reply.status, reply.code) == (400, "InvalidArgument")


@pytest.mark.covers("ListObjectVersions")
def test_versions_of_an_unversioned_bucket(ask: Ask) -> None:
    for key in ("a", "b", "c"):
        ask("PUT", key, body=b"x")
    page = ask("GET", query=[("versions", ""), ("max-keys", "2")])
    assert re.findall(r"<Version><Key>(.*?)</Key><VersionId>(.*?)</", page.body.decode()) == [
        ("a", "null"),
        ("b", "null"),
    ]
    assert page.element("NextKeyMarker") == "b"
    rest = ask("GET", query=[("versions", ""), ("key-marker", "b"), ("version-id-marker", "null")])
    assert re.findall(r"<Version><Key>(.*?)</Key>", rest.body.decode()) == ["c"]


# --- append ---


@pytest.mark.covers("AppendObject")
def test_append(ask: Ask) -> None:
    at = lambda position: [("append", ""), ("position", str(position))]  # noqa: E731 - a table
    first = ask("POST", "k", query=at(0), body=b"abc", headers={"x-oss-meta-a": "1"})
    assert (first.status, first.headers["x-oss-next-append-position"]) == (200, "3")
    second = ask("POST", "k", query=at(3), body=BIG)
    assert second.headers["x-oss-hash-crc64ecma"] == str(crc64(b"abc" + BIG))
    assert second.headers["etag"] != first.headers["etag"]
    got = ask("GET", "k")
    assert got.body == b"abc" + BIG
    assert got.headers["x-oss-object-type"] == "Appendable"
    assert got.headers["x-oss-next-append-position"] == str(3 + len(BIG))
    assert got.headers["x-oss-meta-a"] == "1"
    assert "content-md5" not in got.headers
    wrong = ask("POST", "k", query=at(1), body=b"x")
    assert (wrong.status, wrong.code) == (409, "PositionNotEqualToLength")
    assert wrong.headers["x-oss-next-append-position"] == str(3 + len(BIG))
    nothing = ask("POST", "k", query=at(3 + len(BIG)), body=b"")
    assert nothing.headers["etag"] == second.headers["etag"]
    ask("PUT", "n", body=b"x")
    assert ask("POST", "n", query=at(1), body=b"x").code == "ObjectNotAppendable"
    assert ask("POST", "new", query=at(5), body=b"x").code == "PositionNotEqualToLength"
    assert ask("PUT", "k", body=b"normal").status == 200
    assert ask("GET", "k").headers["x-oss-object-type"] == "Normal"


@pytest.mark.covers("AppendObject")
@pytest.mark.parametrize(
    "query",
    [[("append", "")], [("append", ""), ("position", "x")], [("append", ""), ("position", "-1")]],
)
def test_bad_positions(ask: Ask, query: list[tuple[str, str]]) -> None:
    reply = ask("POST", "k", query=query, body=b"x")
    assert (reply.status, reply.code) == (400, "MissingArgument")


# --- copy ---


@pytest.mark.covers("CopyObject")
def test_copy(ask: Ask, client: SigningClient, bucket: str) -> None:
    ask("PUT", "dir/源 a", body=BIG, headers={"x-oss-meta-a": "1", "Content-Type": "text/x"})
    source = {"x-oss-copy-source": f"/{bucket}/dir/%E6%BA%90%20a"}
    reply = ask("PUT", "copy", headers=source)
    assert reply.status == 200
    assert reply.element("ETag").strip("&quot;") or reply.element("ETag")
    got = ask("GET", "copy")
    assert (got.body, got.headers["x-oss-meta-a"]) == (BIG, "1")
    ask("DELETE", "dir/源 a")
    assert ask("GET", "copy").body == BIG
    replaced = {
        "x-oss-copy-source": f"{bucket}/copy",
        "x-oss-metadata-directive": "replace",
        "x-oss-meta-b": "2",
    }
    assert ask("PUT", "second", headers=replaced).status == 200
    got = ask("GET", "second")
    assert got.headers["x-oss-meta-b"] == "2"
    assert "x-oss-meta-a" not in got.headers
    assert got.headers["content-type"] == "text/x"  # W23


@pytest.mark.covers("CopyObject")
@pytest.mark.parametrize("content", [b"small", BIG])
def test_copy_onto_itself_changes_what_is_said(ask: Ask, bucket: str, content: bytes) -> None:
    ask("PUT", "k", body=content, headers={"x-oss-meta-a": "1"})
    headers = {"x-oss-copy-source": f"/{bucket}/k", "x-oss-meta-b": "2"}
    assert ask("PUT", "k", headers=headers).status == 200
    got = ask("GET", "k")
    assert (got.body, got.headers.get("x-oss-meta-a"), got.headers["x-oss-meta-b"]) == (
        content,
        None,
        "2",
    )
    assert ask("PUT", "k", body=b"new").status == 200
    assert ask("GET", "k").body == b"new"


@pytest.mark.covers("CopyObject")
@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"x-oss-copy-source-if-match": '"x"'}, 412, "PreconditionFailed"),
        ({"x-oss-copy-source-if-none-match": X}, 304, ""),
        ({"x-oss-copy-source-if-modified-since": FUTURE}, 304, ""),
        ({"x-oss-copy-source-if-unmodified-since": PAST}, 412, "PreconditionFailed"),
        ({"x-oss-metadata-directive": "KEEP"}, 400, "InvalidArgument"),
        ({"x-oss-copy-source": "/BUCKET/none"}, 404, "NoSuchKey"),
        ({"x-oss-copy-source": "/no-such-bucket-1/k"}, 404, "NoSuchBucket"),
        ({"x-oss-copy-source": "/BUCKET"}, 400, "InvalidArgument"),
        ({"x-oss-copy-source": "/BUCKET/s?versionId=1"}, 400, "InvalidArgument"),
        ({"x-oss-forbid-overwrite": "true"}, 409, "FileAlreadyExists"),
    ],
)
def test_bad_copies(ask: Ask, bucket: str, headers: dict[str, str], status: int, code: str) -> None:
    ask("PUT", "s", body=b"x")
    ask("PUT", "t", body=b"stays")
    given = {"x-oss-copy-source": f"/{bucket}/s"} | {
        name: value.replace("BUCKET", bucket) for name, value in headers.items()
    }
    reply = ask("PUT", "t", headers=given)
    assert (reply.status, reply.code) == (status, code)
    assert ask("GET", "t").body == b"stays"


# --- multipart ---

PART = 102_400


def uploaded(ask: Ask, upload: str, number: int, content: bytes, key: str = "k") -> str:
    query = [("partNumber", str(number)), ("uploadId", upload)]
    reply = ask("PUT", key, query=query, body=content)
    assert reply.status == 200
    return reply.headers["etag"]


def completion(*parts: tuple[int, str]) -> bytes:
    items = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        for number, etag in parts
    )
    return f"<CompleteMultipartUpload>{items}</CompleteMultipartUpload>".encode()


def begin(ask: Ask, key: str = "k", **more: object) -> str:
    upload = ask("POST", key, query=[("uploads", "")], **more).element("UploadId")
    assert re.fullmatch(r"[0-9A-F]{32}", upload)
    return upload


@pytest.mark.covers("InitiateMultipartUpload")
@pytest.mark.covers("UploadPart")
@pytest.mark.covers("CompleteMultipartUpload")
def test_multipart(ask: Ask, bucket: str) -> None:
    """The second ETag vector of objects.md: 102400 times ``a``, then ``b``."""
    upload = begin(ask, headers={"Content-Type": "text/x", "x-oss-meta-a": "1"})
    one = uploaded(ask, upload, 1, b"a" * PART)
    uploaded(ask, upload, 7, b"not chosen")
    two = uploaded(ask, upload, 9, b"b")
    body = completion((1, one.strip('"').lower()), (9, two))
    reply = ask("POST", "k", query=[("uploadId", upload)], body=body)
    assert reply.status == 200
    assert reply.headers["etag"] == '"8CB0E9C485EDDD0078747AB04DE049E9-2"'
    assert reply.headers["x-oss-hash-crc64ecma"] == str(crc64(b"a" * PART + b"b"))
    assert reply.element("Location").endswith(f"/{bucket}/k")
    got = ask("GET", "k")
    assert got.body == b"a" * PART + b"b"
    assert got.headers["x-oss-object-type"] == "Multipart"
    assert (got.headers["content-type"], got.headers["x-oss-meta-a"]) == ("text/x", "1")
    assert ask("POST", "k", query=[("uploadId", upload)], body=body).code == "NoSuchUpload"


@pytest.mark.covers("CompleteMultipartUpload")
def test_complete_all(ask: Ask) -> None:
    upload = begin(ask)
    uploaded(ask, upload, 2, b"a" * PART)
    uploaded(ask, upload, 3, b"b")
    everything = {"x-oss-complete-all": "yes"}
    query = [("uploadId", upload)]
    both = ask("POST", "k", query=query, headers=everything, body=completion((2, "x")))
    assert (both.code, both.element("ArgumentName")) == ("InvalidArgument", "x-oss-complete-all")
    assert ask("POST", "k", query=query).code == "MalformedXML"
    assert ask("POST", "k", query=query, headers=everything).status == 200
    assert ask("GET", "k").body == b"a" * PART + b"b"


@pytest.mark.covers("CompleteMultipartUpload")
def test_bad_completions_leave_the_upload(ask: Ask) -> None:
    upload = begin(ask)
    small = uploaded(ask, upload, 1, b"small")
    large = uploaded(ask, upload, 2, b"x" * PART)
    query = [("uploadId", upload)]
    cases = [
        (completion((2, large), (1, small)), "InvalidPartOrder"),
        (completion((2, large), (2, large)), "InvalidPartOrder"),
        (completion((1, small), (2, large)), "EntityTooSmall"),
        (completion((2, small)), "InvalidPart"),
        (completion((3, large)), "InvalidPart"),
        (b"", "MalformedXML"),
        (b"<x", "MalformedXML"),
        (b"<CompleteMultipartUpload><Part/></CompleteMultipartUpload>", "MalformedXML"),
    ]
    for body, code in cases:
        assert ask("POST", "k", query=query, body=body).code == code
        assert ask("HEAD", "k").status == 404
    digest = {"Content-MD5": md5_header(b"other")}
    body = completion((2, large))
    assert ask("POST", "k", query=query, body=body, headers=digest).code == "InvalidDigest"
    assert ask("POST", "k", query=query, body=body).status == 200


@pytest.mark.covers("UploadPart")
@pytest.mark.parametrize(
    ("number", "code", "ec"),
    [
        ("0", "InvalidArgument", "0017-00000220"),
        ("10001", "InvalidArgument", "0017-00000220"),
        ("x", "InvalidArgument", "0017-00000220"),
    ],
)
def test_bad_part_numbers(ask: Ask, number: str, code: str, ec: str) -> None:
    upload = begin(ask)
    reply = ask("PUT", "k", query=[("partNumber", number), ("uploadId", upload)], body=b"x")
    assert (reply.code, reply.element("EC")) == (code, ec)


@pytest.mark.covers("UploadPart")
def test_parts_of_unknown_uploads(ask: Ask) -> None:
    upload = begin(ask)
    query = [("partNumber", "1"), ("uploadId", "0" * 32)]
    reply = ask("PUT", "k", query=query, body=b"x")
    assert (reply.status, reply.code, reply.element("EC")) == (
        404,
        "NoSuchUpload",
        "0042-00000104",
    )
    other_key = ask("PUT", "other", query=[("partNumber", "1"), ("uploadId", upload)], body=b"x")
    assert other_key.code == "NoSuchUpload"
    missing = ask("PUT", "k", query=[("uploadId", upload)], body=b"x")
    assert (missing.code, missing.element("EC")) == ("InvalidArgument", "0017-00000219")
    bad = ask(
        "PUT",
        "k",
        query=[("partNumber", "1"), ("uploadId", upload)],
        body=b"x",
        headers={"Content-MD5": md5_header(b"y")},
    )
    assert bad.code == "InvalidDigest"
    assert b"<Part>" not in ask("GET", "k", query=[("uploadId", upload)]).body


@pytest.mark.covers("UploadPart")
def test_a_part_sent_again_replaces_the_first(ask: Ask) -> None:
    upload = begin(ask)
    uploaded(ask, upload, 1, b"first")
    etag = uploaded(ask, upload, 1, b"second")
    ask("POST", "k", query=[("uploadId", upload)], body=completion((1, etag)))
    assert ask("GET", "k").body == b"second"


@pytest.mark.covers("UploadPart")
def test_sequential_uploads(ask: Ask) -> None:
    query = [("uploads", ""), ("sequential", "")]
    upload = ask("POST", "k", query=query).element("UploadId")
    uploaded(ask, upload, 1, b"x")
    skip = ask("PUT", "k", query=[("partNumber", "3"), ("uploadId", upload)], body=b"x")
    assert (skip.status, skip.code) == (400, "PartNotSequential")
    uploaded(ask, upload, 2, b"x")


@pytest.mark.covers("UploadPartCopy")
@pytest.mark.parametrize("size", [5_000, 700_001])
def test_upload_part_copy(ask: Ask, bucket: str, size: int) -> None:
    content = BIG[:size]
    ask("PUT", "s", body=content)
    upload = begin(ask)
    source = {"x-oss-copy-source": f"/{bucket}/s"}
    query = [("partNumber", "1"), ("uploadId", upload)]
    whole = ask("PUT", "k", query=query, headers=source)
    assert whole.element("ETag").replace("&quot;", "").strip('"') == md5(content)
    ranged = ask(
        "PUT", "k", query=query, headers={**source, "x-oss-copy-source-range": "bytes=10-4009"}
    )
    assert ranged.headers["content-range"] == f"bytes 10-4009/{size}"
    etag = ranged.element("ETag").replace("&quot;", "")
    ask("DELETE", "s")
    assert ask("POST", "k", query=[("uploadId", upload)], body=completion((1, etag))).status == 200
    got = ask("GET", "k")
    assert got.body == content[10:4010]
    assert got.headers["x-oss-hash-crc64ecma"] == str(crc64(content[10:4010]))
    gone = ask(
        "PUT", "k", query=[("partNumber", "1"), ("uploadId", upload)],
        headers={"x-oss-copy-source": f"/{bucket}/k"},
    )  # fmt: skip
    assert (gone.code, gone.element("EC")) == ("NoSuchUpload", "0042-00000311")


@pytest.mark.covers("AbortMultipartUpload")
def test_abort(ask: Ask) -> None:
    upload = begin(ask)
    uploaded(ask, upload, 1, BIG)
    assert ask("DELETE", "k", query=[("uploadId", upload)]).status == 204
    again = ask("DELETE", "k", query=[("uploadId", upload)])
    assert (again.status, again.code, again.element("EC")) == (
        404,
        "NoSuchUpload",
        "0042-00000002",
    )


@pytest.mark.covers("ListParts")
def test_list_parts(ask: Ask) -> None:
    upload = begin(ask)
    for number in (1, 2, 5):
        uploaded(ask, upload, number, b"x" * number)
    page = ask("GET", "k", query=[("uploadId", upload), ("max-parts", "2")])
    numbers = re.findall(r"<PartNumber>(\d+)</PartNumber>", page.body.decode())
    assert (numbers, page.element("NextPartNumberMarker"), page.element("IsTruncated")) == (
        ["1", "2"],
        "2",
        "true",
    )
    assert page.element("HashCrc64ecma") == str(crc64(b"x"))
    rest = ask("GET", "k", query=[("uploadId", upload), ("part-number-marker", "2")])
    assert re.findall(r"<PartNumber>(\d+)</PartNumber>", rest.body.decode()) == ["5"]
    assert ask("GET", "k", query=[("uploadId", "0" * 32)]).element("EC") == "0042-00000002"
    assert ask("GET", "k", query=[("uploadId", upload), ("max-parts", "0")]).code == (
        "InvalidArgument"
    )


@pytest.mark.covers("ListMultipartUploads")
def test_list_uploads(ask: Ask) -> None:
    ids = {key: [begin(ask, key), begin(ask, key)] for key in ("a", "d/1", "d/2", "z")}
    found, key_marker, id_marker = [], "", ""
    while True:
        query = [
            ("uploads", ""),
            ("max-uploads", "3"),
            ("key-marker", key_marker),
            ("upload-id-marker", id_marker),
        ]
        page = ask("GET", query=query)
        found += re.findall(r"<Key>(.*?)</Key><UploadId>(.*?)</UploadId>", page.body.decode())
        if page.element("IsTruncated") == "false":
            break
        key_marker, id_marker = page.element("NextKeyMarker"), page.element("NextUploadIdMarker")
    assert found == [(key, upload) for key in sorted(ids) for upload in sorted(ids[key])]
    grouped = ask("GET", query=[("uploads", ""), ("delimiter", "/")])
    assert prefixes_of(grouped.body) == ["d/"]


@pytest.mark.covers("InitiateMultipartUpload")
def test_forbidden_overwrite_of_multipart(ask: Ask) -> None:
    forbid = {"x-oss-forbid-overwrite": "true"}
    upload = begin(ask)
    etag = uploaded(ask, upload, 1, b"x")
    ask("PUT", "k", body=b"stays")
    body = completion((1, etag))
    reply = ask("POST", "k", query=[("uploadId", upload)], body=body, headers=forbid)
    assert (reply.code, reply.element("EC")) == ("FileAlreadyExists", "0042-00000214")
    assert ask("POST", "k", query=[("uploads", "")], headers=forbid).code == "FileAlreadyExists"
    assert ask("GET", "k").body == b"stays"


def test_signature_mismatch_shows_what_was_signed(client: SigningClient, bucket: str) -> None:
    for version in (1, 4):
        wrong = SigningClient(client.endpoint, client.access_key_id, "wrong", version=version)
        reply = wrong.request("GET", bucket, "k")
        assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch")
        assert reply.element("StringToSign")
        assert reply.element("SignatureProvided")
        assert bool(reply.element("CanonicalRequest")) == (version == 4)
    unknown = SigningClient(client.endpoint, "nobody", "x")
    assert unknown.request("GET", bucket).code == "InvalidAccessKeyId"


def test_expired_and_skewed_requests(client: SigningClient, bucket: str) -> None:
    reply = client.request("GET", bucket, "k", now_ms=1_700_000_000_000)
    assert (reply.status, reply.code) == (403, "RequestTimeTooSkewed")
    assert reply.element("MaxAllowedSkewMilliseconds") == "900000"
    signer = SigningClient(client.endpoint, client.access_key_id, client.secret, version=1)
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(signer.url("GET", bucket, "k", lifetime_s=-5))
    assert refused.value.code == 403
    assert b"Request has expired." in refused.value.read()
