"""What the headers of writes mean: conditions, empty values, bytes, tags (witnessed.md)."""

import http.client
import re
from collections.abc import Callable
from urllib.parse import urlsplit

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from access_world import BOUNDARY
from asking import Ask

from ossia.client.signing_client import Reply, SigningClient
from running import Server

CONDITIONS = {
    "If-Match": '"x"',
    "If-None-Match": "*",
    "If-Modified-Since": "Fri, 27 Nov 2026 00:00:00 GMT",
    "If-Unmodified-Since": "Fri, 27 Nov 2026 00:00:00 GMT",
}


@pytest.fixture
def store(server: Server, bucket: str) -> oss2.Bucket:
    auth = oss2.Auth(server.access_key_id, server.access_key_secret)
    return oss2.Bucket(auth, server.endpoint, bucket)


def begin(ask: Ask, key: str = "k", **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask("POST", key, query=[("uploads", "")], headers=named).element("UploadId")


# --- W13: conditions ---


def _put(ask: Ask, headers: dict[str, str]) -> Reply:
    return ask("PUT", "k", body=b"new", headers=headers)


def _copy(ask: Ask, headers: dict[str, str]) -> Reply:
    ask("PUT", "source", body=b"new")
    bucket = ask("GET", query=[("bucketInfo", "")]).element("Name")
    return ask("PUT", "k", headers={"x-oss-copy-source": f"/{bucket}/source", **headers})


def _append(ask: Ask, headers: dict[str, str]) -> Reply:
    query = [("append", ""), ("position", "0")]
    return ask("POST", "log", query=query, body=b"new", headers=headers)


def _later_append(ask: Ask, headers: dict[str, str]) -> Reply:
    ask("POST", "log", query=[("append", ""), ("position", "0")], body=b"old")
    query = [("append", ""), ("position", "3")]
    return ask("POST", "log", query=query, body=b"new", headers=headers)


def _initiate(ask: Ask, headers: dict[str, str]) -> Reply:
    return ask("POST", "k", query=[("uploads", "")], headers=headers)


def _complete(ask: Ask, headers: dict[str, str]) -> Reply:
    upload = begin(ask)
    query = [("uploadId", upload)]
    ask("PUT", "k", query=[("partNumber", "1"), *query], body=b"new")
    every = {"x-oss-complete-all": "yes"}
    return ask("POST", "k", query=query, headers={**every, **headers})


Write = Callable[[Ask, dict[str, str]], Reply]
WRITES: list[Write] = [_put, _copy, _append, _later_append, _complete]


@pytest.mark.covers("PutObject")
@pytest.mark.covers("AppendObject")
@pytest.mark.covers("CopyObject")
@pytest.mark.covers("CompleteMultipartUpload")
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("write", WRITES, ids=["put", "copy", "append", "later-append", "complete"])
def test_w13_a_write_under_a_condition_is_refused(ask: Ask, write: Write, condition: str) -> None:
    ask("PUT", "k", body=b"old")
    reply = write(ask, {condition: CONDITIONS[condition]})
    assert (reply.status, reply.code) == (400, "NotImplemented")
    assert reply.element("Header") == condition
    assert reply.element("EC") == "0017-00000245"
    assert ask("GET", "k").body == b"old"
    log = ask("GET", "log")
    assert (log.status, log.body) == (200, b"old") if write is _later_append else log.status == 404


@pytest.mark.covers("InitiateMultipartUpload")
@pytest.mark.parametrize("condition", CONDITIONS)
def test_w13_beginning_an_upload_writes_nothing(ask: Ask, condition: str) -> None:
    """The Go SDK v1's TestMultipartNegative begins one If-Modified-Since."""
    assert _initiate(ask, {condition: CONDITIONS[condition]}).status == 200


@pytest.mark.covers("PostObject")
def test_w13_a_form_under_a_condition_is_refused(
    ask: Ask, server: Server, client: SigningClient, bucket: str
) -> None:
    assert ask("PUT", query=[("acl", "")], headers={"x-oss-acl": "public-read-write"}).status == 200
    parts = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("key", "posted"), ("file", "content"))
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "If-None-Match": "*"}
    anonymous = SigningClient(server.endpoint, version=0)
    reply = anonymous.send("POST", f"/{bucket}/", headers, f"{parts}--{BOUNDARY}--\r\n".encode())
    assert (reply.status, reply.code, reply.element("Header")) == (
        400,
        "NotImplemented",
        "If-None-Match",
    )
    assert ask("HEAD", "posted").status == 404


def test_w13_oss2_knows_the_refusal(store: oss2.Bucket) -> None:
    with pytest.raises(oss2.exceptions.NotImplemented) as refused:
        store.put_object("k", b"x", headers={"If-None-Match": "*"})
    assert refused.value.status == 400
    assert not store.object_exists("k")


# --- W21, W47: empty headers ---

EMPTY = [
    "x-oss-object-acl",
    "x-oss-storage-class",
    "x-oss-tagging",
    "x-oss-forbid-overwrite",
    "x-oss-server-side-encryption",
    "x-oss-traffic-limit",
    "If-None-Match",
    "If-Unmodified-Since",
    "Content-MD5",
    "Content-Type",
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Expires",
]


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize("name", EMPTY)
def test_w21_w47_an_empty_header_counts_as_not_given(ask: Ask, name: str) -> None:
    assert ask("PUT", "k", body=b"x", headers={name: ""}).status == 200
    got = ask("GET", "k")
    assert got.headers["content-type"] == "application/octet-stream"
    told_anyhow = {"content-md5", "content-type", "x-oss-storage-class"}
    assert name.lower() in told_anyhow or name.lower() not in got.headers
    assert got.headers["x-oss-storage-class"] == "Standard"
    assert ask("GET", "k", query=[("acl", "")]).element("Grant") == "default"


@pytest.mark.covers("GetObject")
@pytest.mark.parametrize(
    "name", ["Range", "x-oss-range-behavior", "If-Match", "If-None-Match", "If-Modified-Since"]
)
def test_empty_headers_of_reads_count_as_not_given(ask: Ask, name: str) -> None:
    ask("PUT", "k", body=b"x")
    assert (ask("GET", "k", headers={name: ""}).status, ask("GET", "k").body) == (200, b"x")


@pytest.mark.covers("CopyObject")
def test_empty_headers_of_copies_count_as_not_given(ask: Ask, bucket: str) -> None:
    ask("PUT", "k", body=b"x", headers={"x-oss-meta-a": "1"})
    directives = ("x-oss-metadata-directive", "x-oss-tagging-directive", "x-oss-object-acl")
    conditions = ("x-oss-copy-source-if-match", "x-oss-copy-source-if-none-match")
    empty = dict.fromkeys((*directives, *conditions), "")
    source = {"x-oss-copy-source": f"/{bucket}/k"}
    assert ask("PUT", "c", headers={**source, **empty}).status == 200
    assert ask("GET", "c").headers["x-oss-meta-a"] == "1"


@pytest.mark.covers("UploadPartCopy")
@pytest.mark.covers("CompleteMultipartUpload")
def test_empty_headers_of_parts_count_as_not_given(ask: Ask, bucket: str) -> None:
    ask("PUT", "source", body=b"content")
    query = [("uploadId", begin(ask))]
    names = ("x-oss-copy-source-range", "x-oss-copy-source-if-match", "Content-MD5")
    source = {"x-oss-copy-source": f"/{bucket}/source", **dict.fromkeys(names, "")}
    assert ask("PUT", "k", query=[("partNumber", "1"), *query], headers=source).status == 200
    names = (
        "x-oss-object-acl",
        "x-oss-forbid-overwrite",
        "If-Match",
        "Content-MD5",
    )
    every = {"x-oss-complete-all": "yes", **dict.fromkeys(names, "")}
    assert ask("POST", "k", query=query, headers=every).status == 200
    assert ask("GET", "k").body == b"content"


@pytest.mark.covers("PutBucket")
def test_empty_headers_of_buckets_count_as_not_given(ask: Ask) -> None:
    names = ("x-oss-acl", "x-oss-resource-group-id", "x-oss-bucket-tagging", "x-oss-hns-status")
    assert ask("PUT", headers={"x-oss-acl": "public-read"}).status == 200
    assert ask("PUT", headers=dict.fromkeys(names, "")).status == 200
    assert ask("GET", query=[("acl", "")]).element("Grant") == "public-read"


# --- W43: bytes ---


BYTES = [
    pytest.param("文件".encode("gbk"), id="gbk"),
    pytest.param("文件".encode(), id="utf-8"),
    pytest.param(b"caf\xe9", id="latin-1"),
    pytest.param(b"\xff\xfe\x80", id="nothing"),
    pytest.param("\uffff\u00e9".encode(), id="begins-with-the-mark"),
    pytest.param(b"plain", id="ascii"),
]
BYTE_HEADERS = [
    "Content-Disposition",
    "Content-Language",
    "Content-Type",
    "Cache-Control",
    "x-oss-meta-name",
]


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize("value", BYTES)
@pytest.mark.parametrize("name", BYTE_HEADERS)
def test_w43_header_values_come_back_as_the_bytes_that_were_sent(
    client: SigningClient, bucket: str, ask: Ask, name: str, value: bytes
) -> None:
    """Sent by a stranger: signing is not the point."""
    acl = {"x-oss-acl": "public-read-write"}
    assert ask("PUT", query=[("acl", "")], headers=acl).status == 200
    connection = http.client.HTTPConnection(urlsplit(client.endpoint).netloc)
    connection.request("PUT", f"/{bucket}/k", b"x", {name: value})
    assert connection.getresponse().status == 200
    connection.close()
    assert ask("PUT", "copy", headers={"x-oss-copy-source": f"/{bucket}/k"}).status == 200
    for method, key in (("GET", "k"), ("HEAD", "k"), ("GET", "copy")):
        assert ask(method, key).headers[name.lower()].encode("latin-1") == value


def test_w43_a_given_type_is_sent_as_it_was_asked_for(ask: Ask) -> None:
    ask("PUT", "k", body=b"x")
    query = [("response-content-type", "\uffff文")]
    assert (
        ask("GET", "k", query=query).headers["content-type"].encode("latin-1").decode()
        == "\uffff文"
    )


# --- W46: tags ---


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize(
    ("tagging", "code", "text"),
    [
        (
            "&".join(f"k{n}=v" for n in range(11)),
            "BadRequest",
            "Object tags cannot be greater than 10",
        ),
        ("a=1&a=2", "InvalidArgument", "query parameters without tag name duplicates"),
        ("key1%26=value1&key2=value2", "InvalidTag", "The TagKey you have provided is invalid"),
        ("=v", "InvalidTag", "The TagKey you have provided is invalid"),
        ("k" * 129 + "=v", "InvalidTag", "The TagKey you have provided is invalid"),
        ("k=%3C", "InvalidTag", "The TagValue you have provided is invalid"),
        ("k=" + "v" * 257, "InvalidTag", "The TagValue you have provided is invalid"),
    ],
)
def test_w46_what_is_wrong_with_tags(ask: Ask, tagging: str, code: str, text: str) -> None:
    headers = {"x-oss-tagging": tagging}
    for write in (_put, _append, _initiate):
        reply = write(ask, headers)
        assert (reply.status, reply.code) == (400, code)
        assert reply.element("Message").endswith(text)
    assert ask("HEAD", "k").status == 404


# --- W22: later appends ---


@pytest.mark.covers("AppendObject")
def test_w22_a_later_append_sets_the_acl_and_nothing_else(ask: Ask) -> None:
    def append(position: int, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        query = [("append", ""), ("position", str(position))]
        return ask("POST", "log", query=query, body=b"x", headers=named)

    first = {"x_oss_meta_a": "1", "x_oss_tagging": "a=b", "Content_Type": "text/x"}
    assert append(0, **first).status == 200
    assert ask("GET", "log", query=[("acl", "")]).element("Grant") == "default"
    later = {
        "x_oss_meta_a": "2",
        "x_oss_meta_b": "3",
        "x_oss_tagging": "c=d&c=d",
        "Content_Type": "text/y",
    }
    assert append(1, **later, x_oss_storage_class="Gold").status == 200
    assert ask("GET", "log", query=[("acl", "")]).element("Grant") == "default"
    # Go v2's TestAppendObject says so of a later append.
    assert (
        append(2, x_oss_object_acl="public-read", x_oss_server_side_encryption="KMS").status == 200
    )
    assert ask("GET", "log", query=[("acl", "")]).element("Grant") == "public-read"
    assert append(3).status == 200
    got = ask("GET", "log")
    assert (got.body, got.headers["x-oss-meta-a"], got.headers["content-type"]) == (
        b"xxxx",
        "1",
        "text/x",
    )
    assert (got.headers["x-oss-tagging-count"], "x-oss-meta-b" in got.headers) == ("1", False)
    assert ask("GET", "log", query=[("acl", "")]).element("Grant") == "public-read"
    assert append(4, x_oss_object_acl="odd").code == "InvalidArgument"
    assert "x-oss-server-side-encryption" not in got.headers


@pytest.mark.covers("AppendObject")
@pytest.mark.parametrize("position", ["0", "00", "000000"])
def test_w22_the_first_append_is_the_one_at_zero(ask: Ask, position: str) -> None:
    """However it is written: what is said of the object is looked at, and kept."""
    query = [("append", ""), ("position", position)]
    encrypted = {"x-oss-server-side-encryption": "odd"}
    refused = ask("POST", "log", query=query, body=b"x", headers=encrypted)
    assert refused.code == "InvalidEncryptionAlgorithmError"
    said = {"x-oss-meta-a": "1", "x-oss-tagging": "a=b"}
    assert ask("POST", "log", query=query, body=b"x", headers=said).status == 200
    got = ask("HEAD", "log").headers
    assert (got["x-oss-meta-a"], got["x-oss-tagging-count"]) == ("1", "1")


def test_w22_oss2_appends_with_an_acl(store: oss2.Bucket) -> None:
    store.append_object("log", 0, b"a")
    store.append_object("log", 1, b"b", headers={"x-oss-object-acl": "public-read"})
    assert store.get_object_acl("log").acl == "public-read"


# --- W23: copies ---


@pytest.mark.covers("CopyObject")
def test_w23_what_stays_of_a_copy(ask: Ask, bucket: str) -> None:
    envelope = {
        f"x-oss-meta-client-side-encryption-{name}": name for name in ("key", "start", "cek-alg")
    }
    said = {"Content-Type": "text/x", "x-oss-object-acl": "public-read", "x-oss-meta-a": "1"}
    source = {"x-oss-copy-source": f"/{bucket}/k"}
    replace = {"x-oss-metadata-directive": "REPLACE", "x-oss-meta-b": "2"}
    for target in ("k", "other"):
        assert ask("PUT", "k", body=b"x", headers={**said, **envelope}).status == 200
        assert ask("PUT", target, headers={**source, **replace}).status == 200
        got = ask("HEAD", target).headers
        assert got["content-type"] == "text/x"
        assert {name: got.get(name) for name in envelope} == envelope
        assert (got["x-oss-meta-b"], "x-oss-meta-a" in got) == ("2", False)
        acl = ask("GET", target, query=[("acl", "")]).element("Grant")
        assert acl == ("public-read" if target == "k" else "default")
    given = {**source, **replace, "Content-Type": "text/y", "x-oss-object-acl": "private"}
    given["x-oss-meta-client-side-encryption-key"] = "new"
    assert ask("PUT", "k", headers=given).status == 200
    got = ask("HEAD", "k").headers
    assert (got["content-type"], got["x-oss-meta-client-side-encryption-key"]) == ("text/y", "new")
    assert ask("GET", "k", query=[("acl", "")]).element("Grant") == "private"


# --- W39: clients that encrypt ---


@pytest.mark.covers("ListParts")
@pytest.mark.covers("CompleteMultipartUpload")
def test_w39_parts_of_an_encrypting_client(ask: Ask) -> None:
    envelope = {
        "key": ("ClientEncryptionKey", "a2V5"),
        "start": ("ClientEncryptionStart", "c3RhcnQ="),
        "cek-alg": ("ClientEncryptionCekAlg", "AES/CTR/NoPadding"),
        "wrap-alg": ("ClientEncryptionWrapAlg", "RSA/NONE/PKCS1Padding"),
        "data-size": ("ClientEncryptionDataSize", "3"),
        "part-size": ("ClientEncryptionPartSize", "102400"),
    }
    headers = {
        f"x-oss-meta-client-side-encryption-{name}": value for name, (_, value) in envelope.items()
    }
    upload = ask("POST", "k", query=[("uploads", "")], headers=headers).element("UploadId")
    listed = ask("GET", "k", query=[("uploadId", upload)])
    for element, value in envelope.values():
        assert listed.element(element) == value
    part = [("partNumber", "1"), ("uploadId", upload)]
    every = {"x-oss-complete-all": "yes"}
    ask("PUT", "k", query=part, body=b"four")
    reply = ask("POST", "k", query=[("uploadId", upload)], headers=every)
    assert (reply.status, reply.code, reply.element("EC")) == (
        400,
        "InvalidArgument",
        "0005-00000411",
    )
    ask("PUT", "k", query=part, body=b"thr")
    assert ask("POST", "k", query=[("uploadId", upload)], headers=every).status == 200
    plain = begin(ask)
    assert b"ClientEncryption" not in ask("GET", "k", query=[("uploadId", plain)]).body


@pytest.mark.covers("GetObject")
@pytest.mark.covers("HeadObject")
@pytest.mark.parametrize("way", ["put", "append", "parts", "copy", "replaced", "itself"])
def test_w39_the_envelope_survives_every_way_of_writing(ask: Ask, bucket: str, way: str) -> None:
    names = ("key", "start", "cek-alg", "wrap-alg", "matdesc", "unencrypted-content-length")
    envelope = {
        f"x-oss-meta-client-side-encryption-{name}": f'{{"of": "{name}=="}}' for name in names
    }
    query, source = [("append", ""), ("position", "0")], {"x-oss-copy-source": f"/{bucket}/k"}
    key = "copy" if way in {"copy", "replaced"} else "k"
    if way == "append":
        assert ask("POST", "k", query=query, headers=envelope, body=b"on").status == 200
        query = [("append", ""), ("position", "2")]
        assert ask("POST", "k", query=query, body=b"e").status == 200
    elif way == "parts":
        upload = ask("POST", "k", query=[("uploads", "")], headers=envelope).element("UploadId")
        ask("PUT", "k", query=[("partNumber", "1"), ("uploadId", upload)], body=b"one")
        every = {"x-oss-complete-all": "yes"}
        assert ask("POST", "k", query=[("uploadId", upload)], headers=every).status == 200
    else:
        assert ask("PUT", "k", headers=envelope, body=b"one").status == 200
    if way in {"copy", "replaced", "itself"}:
        directive = {} if way == "copy" else {"x-oss-metadata-directive": "REPLACE"}
        assert ask("PUT", key, headers={**source, **directive}).status == 200
    for reply in (
        ask("GET", key),
        ask("HEAD", key),
        ask("GET", key, headers={"Range": "bytes=1-1"}),
    ):
        assert {name: reply.headers.get(name) for name in envelope} == envelope
    assert ask("GET", key).body == b"one"


def test_w39_the_python_sdk_goes_on_with_an_encrypted_upload(server: Server, bucket: str) -> None:
    config = oss_v2.config.load_default()
    config.credentials_provider = oss_v2.credentials.StaticCredentialsProvider(
        server.access_key_id, server.access_key_secret
    )
    config.region, config.endpoint = server.region, server.endpoint
    client = oss_v2.Client(config)
    begun = client.initiate_multipart_upload(
        oss_v2.InitiateMultipartUploadRequest(
            bucket=bucket,
            key="k",
            metadata={"client-side-encryption-data-size": "9", "client-side-encryption-key": "a"},
        )
    )
    listed = client.list_parts(
        oss_v2.ListPartsRequest(bucket=bucket, key="k", upload_id=begun.upload_id)
    )
    assert (listed.client_encryption_key, listed.client_encryption_data_size) == ("a", 9)


# --- W19: Location ---


def _completed(reply: Reply) -> str:
    return re.sub("&amp;", "&", reply.element("Location"))


@pytest.mark.covers("CompleteMultipartUpload")
@pytest.mark.parametrize("key", ["a/b c~.txt", "中&+"])
def test_w19_location_names_what_was_asked_for(
    ask: Ask, client: SigningClient, server: Server, bucket: str, key: str
) -> None:
    encoded = {"a/b c~.txt": "a/b%20c%7E.txt", "中&+": "%E4%B8%AD%26%2B"}[key]
    every = {"x-oss-complete-all": "yes"}
    query = [("uploadId", begin(ask, key))]
    assert _completed(ask("POST", key, query=query, headers=every)) == (
        f"{server.endpoint}/{bucket}/{encoded}"
    )
    port = server.endpoint.rpartition(":")[2]
    query = [("uploadId", begin(ask, key))]
    place = urlsplit(client.url("POST", bucket, key, query=query, headers=every))
    target = f"{place.path.removeprefix(f'/{bucket}')}?{place.query}"
    hosted = {"Host": f"{bucket}.localhost:{port}", **every}
    assert _completed(client.send("POST", target, hosted, b"")) == (
        f"http://{bucket}.localhost:{port}/{encoded}"
    )
