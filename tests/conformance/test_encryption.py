"""Server-side encryption as clients see it: rules of buckets, headers of writes, keys and their states.

What lies on the disk: `tests/journeys/test_encryption_at_rest.py`.  Sources: the PutBucketEncryption,
PutObject and CopyObject documentation, the pages of the causes 0005-…, and the tests of oss2
(``test_server_side_encryotion.py``, ``test_bucket.py``) and Java (``ObjectEncryptionTest``).
"""

import json
from itertools import product

import pytest
from access_world import Place, send_form, signed_form
from asking import Ask
from callback_asking import Uploader, config

from ossia.client.signing_client import Reply, SigningClient
from ossia.testing.inbox import Inbox

ALGORITHM = "x-oss-server-side-encryption"
KEY_ID = "x-oss-server-side-encryption-key-id"
DATA = "x-oss-server-side-data-encryption"
KMS_SM4 = {ALGORITHM: "KMS", DATA: "SM4"}
EVERY = [{}, {ALGORITHM: "AES256"}, {ALGORITHM: "SM4"}, {ALGORITHM: "KMS"}, KMS_SM4]
SMALL = bytes(range(256)) * 4
LARGE = bytes(range(251)) * 5000
SIZES = [pytest.param(SMALL, id="inline"), pytest.param(LARGE, id="blob")]


def told(reply: Reply) -> dict[str, str]:
    """What an answer says of encryption; nothing else of it is ever shown."""
    assert not [name for name in reply.headers if "wrapped" in name]
    return {name: reply.headers[name] for name in (ALGORITHM, KEY_ID, DATA)
             if name in reply.headers}  # fmt: skip


def as_told(asked: dict[str, str], key_id: str = "") -> dict[str, str]:
    """What is answered to whoever asks for that, of a key of the account where there is no other."""
    if asked.get(ALGORITHM) != "KMS":
        return {name: said for name, said in asked.items() if name == ALGORITHM}
    return {KEY_ID: key_id, **asked}


def rule(algorithm: str, key_id: str | None = None, data: str | None = None) -> bytes:
    key = "" if key_id is None else f"<KMSMasterKeyID>{key_id}</KMSMasterKeyID>"
    sm4 = "" if data is None else f"<KMSDataEncryption>{data}</KMSDataEncryption>"
    inner = f"<SSEAlgorithm>{algorithm}</SSEAlgorithm>{key}{sm4}"
    by_default = f"<ApplyServerSideEncryptionByDefault>{inner}</ApplyServerSideEncryptionByDefault>"
    return f"<ServerSideEncryptionRule>{by_default}</ServerSideEncryptionRule>".encode()


@pytest.fixture(scope="session")
def account_key(client: SigningClient) -> str:
    """The id of the key that KMS stands for."""
    assert client.request("PUT", "account-key-bucket").status == 200
    return client.request("PUT", "account-key-bucket", "k", headers={ALGORITHM: "KMS"}).headers[
        KEY_ID
    ]


class Keys:
    """The key store, by the admin API."""

    def __init__(self, client: SigningClient) -> None:
        self._client = client

    def create(self) -> str:
        key_id: str = self.ask("POST", "keys")["id"]
        return key_id

    def ask(self, method: str, path: str, **query: str) -> dict[str, str]:
        reply = self._client.request(
            method, "-", f"api/kms/{path}", query=list(query.items()),
            body=b"{}" if method == "POST" else b"",
        )  # fmt: skip
        assert reply.status == 200, reply.body
        found: dict[str, str] = json.loads(reply.body)
        return found


@pytest.fixture
def keys(client: SigningClient) -> Keys:
    return Keys(client)


def read(ask: Ask, key: str, content: bytes, expected: dict[str, str]) -> None:
    """Whole, in ranges, and described."""
    got = ask("GET", key)
    assert (got.status, got.body == content, told(got)) == (200, True, expected)
    assert told(ask("HEAD", key)) == expected
    for start, end in ((0, 0), (1, 17), (len(content) // 3, len(content) - 2)):
        part = ask("GET", key, headers={"Range": f"bytes={start}-{end}"})
        assert (part.status, part.body == content[start : end + 1]) == (206, True)
        assert told(part) == expected


# --- what a bucket says ---


@pytest.mark.covers("PutBucketEncryption", "GetBucketEncryption", "DeleteBucketEncryption")
@pytest.mark.covers("GetBucketInfo")
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (rule("AES256"), ("AES256", "", "")),
        (rule("AES256", ""), ("AES256", "", "")),
        (rule("SM4"), ("SM4", "", "")),
        (rule("KMS"), ("KMS", "", "")),
        (rule("KMS", ""), ("KMS", "", "")),
        (rule("KMS", None, "SM4"), ("KMS", "", "SM4")),
        # Nobody looks for the key before it is used.
        (rule("KMS", "test_wrong", "SM4"), ("KMS", "test_wrong", "SM4")),
        # Beside anything else it says nothing.
        (rule("AES256", None, "SM4"), ("AES256", "", "")),
        (rule("SM4", None, "SM4"), ("SM4", "", "")),
    ],
)
def test_rules_come_back(ask: Ask, given: bytes, kept: tuple[str, str, str]) -> None:
    missing = ask("GET", query=[("encryption", "")])
    assert (missing.status, missing.code) == (404, "NoSuchServerSideEncryptionRule")
    assert "configuration was not found" in missing.element("Message")
    assert ask("GET", query=[("bucketInfo", "")]).element("SSEAlgorithm") == "None"
    assert ask("PUT", query=[("encryption", "")], body=given).status == 200
    for query in ("encryption", "bucketInfo"):
        found = ask("GET", query=[(query, "")])
        names = ("SSEAlgorithm", "KMSMasterKeyID", "KMSDataEncryption")
        assert tuple(map(found.element, names)) == kept
        # oss2 takes an empty element for a key whose id is empty.
        assert (b"KMSMasterKeyID" in found.body) == bool(kept[1])
    for _ in range(2):
        assert ask("DELETE", query=[("encryption", "")]).status == 204
        assert ask("GET", query=[("encryption", "")]).status == 404
    assert ask("GET", query=[("bucketInfo", "")]).element("SSEAlgorithm") == "None"


@pytest.mark.covers("PutBucketEncryption")
@pytest.mark.parametrize(
    ("body", "code", "ec"),
    [
        (rule("DES"), "InvalidEncryptionAlgorithmError", "0005-00000003"),
        (rule("aes256"), "InvalidEncryptionAlgorithmError", "0005-00000003"),
        (rule(""), "InvalidEncryptionAlgorithmError", "0005-00000003"),
        (rule("AES256", "a-key"), "InvalidArgument", "0005-00000204"),
        (rule("SM4", "a-key"), "InvalidArgument", "0005-00000204"),
        (rule("KMS", "", "AES256"), "InvalidArgument", "0005-00000203"),
        (rule("KMS", "k" * 257), "InvalidArgument", ""),
        (rule("KMS", "schlüssel"), "InvalidArgument", ""),
        (b"<ServerSideEncryptionRule/>", "MalformedXML", ""),
        (b"<Other/>", "MalformedXML", ""),
        (b"", "MalformedXML", ""),
    ],
)
def test_bad_rules_are_refused(ask: Ask, body: bytes, code: str, ec: str) -> None:
    reply = ask("PUT", query=[("encryption", "")], body=body)
    assert (reply.status, reply.code, reply.element("EC")) == (400, code, ec)
    assert ask("GET", query=[("encryption", "")]).status == 404


@pytest.mark.covers("PutBucketEncryption", "GetBucketEncryption", "DeleteBucketEncryption")
@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_rules_of_buckets_that_are_not_there_or_not_ours(
    client: SigningClient, anonymous: SigningClient, bucket: str, method: str
) -> None:
    query, body = [("encryption", "")], rule("SM4") if method == "PUT" else b""
    assert client.request(method, f"{bucket}-no", query=query, body=body).code == "NoSuchBucket"
    refused = anonymous.request(method, bucket, query=query, body=body)
    assert (refused.status, refused.code) == (403, "AccessDenied")


@pytest.mark.covers("PutBucket", "PutBucketEncryption")
def test_w40_a_bucket_is_made_with_a_rule(client: SigningClient, bucket: str) -> None:
    """Python v1 asserts it; and repeating the request changes the rule, as it does the ACL."""
    name = f"{bucket}-r"
    for headers in (KMS_SM4, {ALGORITHM: "AES256"}):
        assert client.request("PUT", name, headers=headers).status == 200
        found = client.request("GET", name, query=[("encryption", "")])
        assert found.element("SSEAlgorithm") == headers[ALGORITHM]
        assert found.element("KMSDataEncryption") == headers.get(DATA, "")
    assert client.request("PUT", name).status == 200
    found = client.request("GET", name, query=[("encryption", "")])
    assert found.element("SSEAlgorithm") == "AES256", "who says nothing changes nothing"


# --- what a write says ---


@pytest.mark.covers("PutObject", "GetObject", "HeadObject")
@pytest.mark.parametrize("content", [*SIZES, pytest.param(b"", id="empty")])
@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        *((asked, asked) for asked in EVERY),
        # oss2's tests: a data algorithm is heeded beside KMS alone.
        ({ALGORITHM: "AES256", DATA: "SM4"}, {ALGORITHM: "AES256"}),
        ({ALGORITHM: "SM4", DATA: "SM4"}, {ALGORITHM: "SM4"}),
        ({DATA: "SM4"}, {}),
        ({ALGORITHM: ""}, {}),
    ],
)
def test_a_write_is_encrypted_as_it_asks(
    ask: Ask, account_key: str, content: bytes, asked: dict[str, str], answered: dict[str, str]
) -> None:
    expected = as_told(answered, account_key)
    plain = ask("PUT", "plain", body=content)
    reply = ask("PUT", "k", body=content, headers={"Content-Type": "text/x", **asked})
    assert (reply.status, told(reply)) == (200, expected)
    # Digests are those of the bytes in plain.
    for name in ("etag", "content-md5", "x-oss-hash-crc64ecma"):
        assert reply.headers[name] == plain.headers[name]
    if content:
        read(ask, "k", content, expected)
    else:
        assert (ask("GET", "k").body, told(ask("GET", "k"))) == (b"", expected)
    assert ask("HEAD", "k").headers["content-type"] == "text/x"


@pytest.mark.covers("PutObject", "AppendObject", "InitiateMultipartUpload", "CopyObject")
@pytest.mark.parametrize(
    ("asked", "status", "code", "ec"),
    [
        ({ALGORITHM: "ROT13"}, 400, "InvalidEncryptionAlgorithmError", "0005-00000003"),
        ({ALGORITHM: "KMS", DATA: "AES128"}, 400, "InvalidArgument", "0005-00000203"),
        ({ALGORITHM: "KMS", KEY_ID: ""}, 400, "InvalidArgument", "0005-00000205"),
        ({ALGORITHM: "AES256", KEY_ID: "a-key"}, 400, "InvalidArgument", "0005-00000204"),
        ({KEY_ID: "a-key"}, 400, "InvalidArgument", ""),
        ({ALGORITHM: "KMS", KEY_ID: "a-key"}, 404, "KeyNotFound", "0005-00000208"),
        ({ALGORITHM: "KMS", KEY_ID: "oss-managed"}, 404, "KeyNotFound", "0005-00000208"),
        ({ALGORITHM: "KMS", KEY_ID: "alias/photos"}, 404, "AliasNotFound", ""),
    ],
)
def test_what_cannot_be_done_is_refused_and_stores_nothing(
    ask: Ask, bucket: str, asked: dict[str, str], status: int, code: str, ec: str
) -> None:
    assert ask("PUT", "source", body=b"x").status == 200
    source = {"x-oss-copy-source": f"/{bucket}/source"}
    for reply in (
        ask("PUT", "k", body=SMALL, headers=asked),
        ask("PUT", "k", body=LARGE, headers=asked),
        ask("PUT", "k", headers={**source, **asked}),
        ask("POST", "k", query=[("uploads", "")], headers=asked),
        ask("POST", "k", query=[("append", ""), ("position", "0")], body=b"x", headers=asked),
    ):
        assert (reply.status, reply.code, reply.element("EC")) == (status, code, ec)
    assert ask("HEAD", "k").status == 404
    assert b"<Upload>" not in ask("GET", query=[("uploads", "")]).body


@pytest.mark.covers("UploadPart", "CompleteMultipartUpload", "PutSymlink", "DeleteObject")
def test_who_cannot_encrypt_is_not_asked_to(ask: Ask) -> None:
    """The page 0005-00000002; of parts and completing, oss2's tests."""
    upload = ask("POST", "k", query=[("uploads", "")]).element("UploadId")
    part = [("partNumber", "1"), ("uploadId", upload)]
    asked = {ALGORITHM: "KMS"}
    for reply in (
        ask("PUT", "k", query=part, body=b"x", headers=asked),
        ask("POST", "k", query=part[1:], headers={"x-oss-complete-all": "yes", **asked}),
        ask("PUT", "k", query=[("symlink", "")], headers={"x-oss-symlink-target": "t", **asked}),
        ask("DELETE", "k", headers=asked),
    ):
        assert (reply.status, reply.code) == (400, "InvalidArgument")
        assert reply.element("EC") == "0005-00000002"


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize("content", SIZES)
def test_a_bucket_encrypts_what_says_nothing(ask: Ask, account_key: str, content: bytes) -> None:
    before = ask("PUT", "before", body=content)
    assert ask("PUT", query=[("encryption", "")], body=rule("KMS", None, "SM4")).status == 200
    reply = ask("PUT", "default", body=content)
    assert told(reply) == as_told(KMS_SM4, account_key)
    assert told(ask("PUT", "own", body=content, headers={ALGORITHM: "AES256"})) == {
        ALGORITHM: "AES256"
    }
    read(ask, "before", content, {})
    read(ask, "default", content, as_told(KMS_SM4, account_key))
    read(ask, "own", content, {ALGORITHM: "AES256"})
    assert ask("DELETE", query=[("encryption", "")]).status == 204
    assert told(ask("PUT", "after", body=content)) == {}
    read(ask, "default", content, as_told(KMS_SM4, account_key))
    assert reply.headers["etag"] == before.headers["etag"]


@pytest.mark.covers("PostObject")
@pytest.mark.parametrize("asked", EVERY)
def test_forms_encrypt(
    ask: Ask, client: SigningClient, bucket: str, account_key: str, asked: dict[str, str]
) -> None:
    place = Place(client, bucket, "", "", "")
    reply = send_form(client, place, {**signed_form(client, place), **asked})
    assert (reply.status, told(reply)) == (204, as_told(asked, account_key))
    got = ask("GET", "posted")
    assert (got.status, told(got)) == (200, as_told(asked, account_key))
    assert ask("PUT", query=[("encryption", "")], body=rule("SM4")).status == 200
    reply = send_form(client, place, signed_form(client, place))
    assert told(reply) == {ALGORITHM: "SM4"}
    assert ask("GET", "posted").body == got.body


# --- appends, parts, copies ---


@pytest.mark.covers("PutObject", "PostObject", "CompleteMultipartUpload")
@pytest.mark.parametrize("content", SIZES)
def test_callbacks_tell_of_the_bytes_in_plain(
    client: SigningClient, bucket: str, content: bytes
) -> None:
    uploader = Uploader(client, bucket, content=content)
    told_of = {}
    with Inbox() as inbox:
        callback = config(inbox.url, "${operation} ${size} ${etag} ${crc64} ${contentMd5}")
        for by_default in (b"", rule("AES256"), rule("KMS", None, "SM4")):
            if by_default:
                put = client.request("PUT", bucket, query=[("encryption", "")], body=by_default)
                assert put.status == 200
            inbox.clear()
            for reply in (
                uploader.put({"x-oss-callback": callback}),
                uploader.post({"callback": callback}),
                uploader.complete({"x-oss-callback": callback}),
            ):
                assert (reply.status, reply.body) == (200, b'{"Status":"OK"}')
                assert (ALGORITHM in reply.headers) == bool(by_default)
                assert uploader.stored() == content
            told_of[by_default] = [each.body for each in inbox.wait(3)]
    plain, *encrypted = told_of.values()
    assert str(len(content)).encode() in plain[0]
    assert encrypted == [plain, plain]


@pytest.mark.covers("AppendObject")
@pytest.mark.parametrize("first", EVERY)
def test_appends_go_on_as_they_began(ask: Ask, account_key: str, first: dict[str, str]) -> None:
    """Java's and oss2's tests: what a later append asks for is not heeded."""
    expected, whole = as_told(first, account_key), b""
    pieces = [SMALL, LARGE, b"x", SMALL[:77]]
    for piece, asked in zip(pieces, [first, KMS_SM4, {}, {ALGORITHM: "AES256"}], strict=True):
        query = [("append", ""), ("position", str(len(whole)))]
        reply = ask("POST", "log", query=query, body=piece, headers=asked)
        assert (reply.status, told(reply)) == (200, expected)
        whole += piece
    read(ask, "log", whole, expected)
    across = ask("GET", "log", headers={"Range": f"bytes=1000-{len(whole) - 70}"})
    assert across.body == whole[1000 : len(whole) - 69]


@pytest.mark.covers("AppendObject")
def test_an_append_begins_as_the_bucket_says(ask: Ask) -> None:
    assert ask("PUT", query=[("encryption", "")], body=rule("AES256")).status == 200
    for position in (0, 4):
        query = [("append", ""), ("position", str(position))]
        assert told(ask("POST", "log", query=query, body=b"four")) == {ALGORITHM: "AES256"}
        assert ask("DELETE", query=[("encryption", "")]).status == 204
    assert ask("GET", "log").body == b"fourfour"


@pytest.mark.covers("InitiateMultipartUpload", "UploadPart", "UploadPartCopy")
@pytest.mark.covers("CompleteMultipartUpload")
@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize(("asked", "of_source"), list(product(EVERY, [{}, KMS_SM4])))
def test_parts(
    ask: Ask, bucket: str, account_key: str, asked: dict[str, str], of_source: dict[str, str],
    sequential: bool,
) -> None:  # fmt: skip
    expected = as_told(asked, account_key)
    source = LARGE[:1000] + LARGE * 2
    assert ask("PUT", "source", body=source, headers=of_source).status == 200
    assert ask("PUT", "small", body=SMALL, headers=of_source).status == 200
    begin = [("uploads", ""), *([("sequential", "")] if sequential else [])]
    begun = ask("POST", "k", query=begin, headers=asked)
    assert told(begun) == expected
    upload = ("uploadId", begun.element("UploadId"))

    def put(number: int, body: bytes = b"", **headers: str) -> None:
        named = {f"x-oss-{name.replace('_', '-')}": value for name, value in headers.items()}
        part = ask(
            "PUT", "k", query=[("partNumber", str(number)), upload], body=body, headers=named
        )
        assert (part.status, told(part)) == (200, expected)

    put(1, LARGE)
    put(2, copy_source=f"/{bucket}/source")
    put(3, copy_source=f"/{bucket}/source", copy_source_range="bytes=17-1200016")
    put(4, copy_source=f"/{bucket}/small", copy_source_range="bytes=3-700")
    whole = LARGE + source + source[17:1200017] + SMALL[3:701]
    done = ask("POST", "k", query=[upload], headers={"x-oss-complete-all": "yes"})
    assert (done.status, told(done)) == (200, expected)
    plain = ask("PUT", "plain", body=whole)
    assert done.headers["x-oss-hash-crc64ecma"] == plain.headers["x-oss-hash-crc64ecma"]
    if sequential:
        assert ask("HEAD", "k").headers["content-md5"] == plain.headers["content-md5"]
    read(ask, "k", whole, expected)


@pytest.mark.covers("CopyObject")
@pytest.mark.parametrize("content", SIZES)
@pytest.mark.parametrize(("source", "target"), list(product(EVERY, EVERY)))
def test_a_copy_is_encrypted_as_it_asks(
    ask: Ask, bucket: str, account_key: str, content: bytes, source: dict[str, str],
    target: dict[str, str],
) -> None:  # fmt: skip
    """Whatever its source is; without a header it is not, says the CopyObject documentation."""
    put = ask("PUT", "s", body=content, headers={"x-oss-meta-a": "1", **source})
    expected = as_told(target, account_key)
    of_source = {"x-oss-copy-source": f"/{bucket}/s"}
    for key in ("t", "s"):
        reply = ask("PUT", key, headers={**of_source, **target})
        assert (reply.status, told(reply)) == (200, expected)
        assert reply.headers["x-oss-hash-crc64ecma"] == put.headers["x-oss-hash-crc64ecma"]
        assert reply.headers["etag"] == put.headers["etag"]
    assert ask("HEAD", "t").headers["x-oss-meta-a"] == "1"
    read(ask, "s", content, expected)
    assert ask("DELETE", "s").status == 204
    read(ask, "t", content, expected)
    again = {"x-oss-copy-source": f"/{bucket}/t", "x-oss-metadata-directive": "REPLACE"}
    assert ask("PUT", "u", headers={**again, **target, "x-oss-meta-b": "2"}).status == 200
    read(ask, "u", content, expected)
    assert "x-oss-meta-a" not in ask("HEAD", "u").headers


@pytest.mark.covers("CopyObject")
def test_a_copy_is_encrypted_as_its_bucket_says(ask: Ask, bucket: str) -> None:
    assert ask("PUT", "s", body=LARGE).status == 200
    assert ask("PUT", query=[("encryption", "")], body=rule("AES256")).status == 200
    copied = ask("PUT", "t", headers={"x-oss-copy-source": f"/{bucket}/s"})
    assert told(copied) == {ALGORITHM: "AES256"}
    read(ask, "t", LARGE, {ALGORITHM: "AES256"})
    read(ask, "s", LARGE, {})


@pytest.mark.covers("CopyObject", "AppendObject")
def test_an_appendable_object_goes_on_behind_its_copy(ask: Ask, bucket: str) -> None:
    def append(position: int) -> Reply:
        query = [("append", ""), ("position", str(position))]
        return ask("POST", "log", query=query, body=SMALL, headers={ALGORITHM: "KMS"})

    size = len(SMALL)
    assert append(0).status == 200
    itself = {"x-oss-copy-source": f"/{bucket}/log", ALGORITHM: "AES256"}
    assert told(ask("PUT", "log", headers=itself)) == {ALGORITHM: "AES256"}
    assert told(append(size)) == {ALGORITHM: "AES256"}
    assert ask("PUT", "log", headers={"x-oss-copy-source": f"/{bucket}/log"}).status == 200
    assert told(append(2 * size)) == {}
    read(ask, "log", SMALL * 3, {})
    assert ask("HEAD", "log").headers["x-oss-object-type"] == "Appendable"


# --- whatever else reads ---


@pytest.mark.covers("GetObject", "PutSymlink", "HeadObject")
@pytest.mark.parametrize("content", SIZES)
def test_through_symlinks_and_by_everybody(
    ask: Ask, bucket: str, anonymous: SigningClient, content: bytes
) -> None:
    asked = {ALGORITHM: "AES256", "x-oss-object-acl": "public-read", "Content-Type": "text/plain"}
    assert ask("PUT", "k", body=content, headers=asked).status == 200
    link = {"x-oss-symlink-target": "k", "x-oss-meta-a": "1"}
    assert ask("PUT", "link", query=[("symlink", "")], headers=link).status == 200
    read(ask, "link", content, {ALGORITHM: "AES256"})
    assert ask("GET", "link").headers["x-oss-meta-a"] == "1"
    assert anonymous.request("GET", bucket, "k").body == content
    coded = ask("GET", "k", headers={"Accept-Encoding": "gzip"})
    assert (coded.headers["content-encoding"], told(coded)) == ("gzip", {ALGORITHM: "AES256"})
    # A copy of the link is a link, and nothing of it is encrypted.
    copied = ask("PUT", "l2", headers={"x-oss-copy-source": f"/{bucket}/link", ALGORITHM: "SM4"})
    assert (copied.status, told(copied)) == (200, {})
    assert ask("GET", "l2").body == content


@pytest.mark.covers("GetObject", "PutBucketVersioning")
def test_each_version_has_its_own(ask: Ask, bucket: str, account_key: str) -> None:
    on = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    assert ask("PUT", query=[("versioning", "")], body=on).status == 200
    versions = {}
    for number, asked in enumerate(EVERY):
        content = LARGE[number:]
        reply = ask("PUT", "k", body=content, headers=asked)
        versions[reply.headers["x-oss-version-id"]] = (content, as_told(asked, account_key))
    assert ask("DELETE", "k").status == 204
    for version, (content, expected) in versions.items():
        got = ask("GET", "k", query=[("versionId", version)])
        assert (got.body == content, told(got)) == (True, expected)
    last, (content, expected) = list(versions.items())[-1]
    source = f"/{bucket}/k?versionId={last}"
    assert ask("PUT", "back", headers={"x-oss-copy-source": source, **KMS_SM4}).status == 200
    read(ask, "back", content, expected)


@pytest.mark.covers("GetObject", "RestoreObject", "PutBucketArchiveDirectRead")
def test_frozen_objects_are_encrypted_as_well(ask: Ask) -> None:
    asked = {ALGORITHM: "KMS", "x-oss-storage-class": "Archive"}
    assert ask("PUT", "k", body=SMALL, headers=asked).status == 200
    assert ask("GET", "k").code == "InvalidObjectState"
    name = "ArchiveDirectReadConfiguration"
    body = f"<{name}><Enabled>true</Enabled></{name}>".encode()
    assert ask("PUT", query=[("bucketArchiveDirectRead", "")], body=body).status == 200
    assert ask("GET", "k").body == SMALL
    assert ask("POST", "k", query=[("restore", "")]).status == 202
    assert ask("GET", "k").body == SMALL


# --- keys and their states ---


@pytest.mark.covers("PutObject", "GetObject", "CopyObject")
@pytest.mark.parametrize("content", SIZES)
def test_an_object_is_read_and_written_while_its_key_may_be_used(
    ask: Ask, bucket: str, keys: Keys, content: bytes
) -> None:
    key = keys.create()
    asked = {ALGORITHM: "KMS", KEY_ID: key}
    assert told(ask("PUT", "k", body=content, headers=asked)) == asked
    read(ask, "k", content, asked)
    upload = ("uploadId", ask("POST", "up", query=[("uploads", "")], headers=asked)
              .element("UploadId"))  # fmt: skip
    part = [("partNumber", "1"), upload]
    log = [("append", ""), ("position", "0")]
    assert ask("POST", "log", query=log, body=b"x", headers=asked).status == 200
    source = {"x-oss-copy-source": f"/{bucket}/k"}

    def needing_the_key() -> list[Reply]:
        end = ask("HEAD", "log").headers["content-length"]
        return [
            ask("GET", "k"),
            ask("GET", "k", headers={"Range": "bytes=0-1"}),
            ask("PUT", "other", body=content, headers=asked),
            ask("PUT", "other", headers=source),
            ask("PUT", "other", headers={**source, **asked}),
            ask("PUT", "up", query=part, body=b"x"),
            ask("POST", "log", query=[("append", ""), ("position", end)], body=b"y"),
        ]

    def refused(status: int, code: str, ec: str) -> None:
        for reply in needing_the_key():
            assert (reply.status, reply.code, reply.element("EC")) == (status, code, ec)
        assert ask("HEAD", "other").status == 404
        # It is there, and it is told what it is.
        assert told(ask("HEAD", "k")) == asked
        assert b"<Key>k</Key>" in ask("GET").body

    assert keys.ask("POST", f"keys/{key}/disable")["state"] == "Disabled"
    refused(409, "Rejected.Disabled", "0005-00000214")
    assert keys.ask("POST", f"keys/{key}/enable")["state"] == "Enabled"
    assert ask("GET", "k").body == content
    assert keys.ask("DELETE", f"keys/{key}", days="7")["state"] == "PendingDeletion"
    refused(409, "Rejected.PendingDeletion", "0005-00000215")
    assert keys.ask("POST", f"keys/{key}/keep")["state"] == "Disabled"
    refused(409, "Rejected.Disabled", "0005-00000214")
    keys.ask("POST", f"keys/{key}/enable")
    assert {reply.status for reply in needing_the_key()} <= {200, 206}
    assert ask("GET", "k").body == content
    assert ask("DELETE", "other").status == 204
    keys.ask("DELETE", f"keys/{key}", days="0")
    refused(404, "KeyNotFound", "0005-00000208")
    assert ask("DELETE", "k").status == 204


@pytest.mark.covers("PutObject", "GetObject")
def test_a_rotated_key_opens_what_it_has_wrapped(ask: Ask, keys: Keys) -> None:
    key = keys.create()
    asked = {ALGORITHM: "KMS", KEY_ID: key}
    for number in range(3):
        assert ask("PUT", f"k{number}", body=LARGE[number:], headers=asked).status == 200
        assert len(keys.ask("POST", f"keys/{key}/rotate")["versions"]) == number + 2
    for number in range(3):
        read(ask, f"k{number}", LARGE[number:], asked)
    assert ask("PUT", query=[("encryption", "")], body=rule("KMS", key)).status == 200
    assert told(ask("PUT", "d", body=b"x")) == asked


@pytest.mark.covers("CopyObject", "GetObject")
def test_a_copy_under_another_key_does_not_hang_on_the_first(
    ask: Ask, bucket: str, keys: Keys
) -> None:
    first, second = keys.create(), keys.create()
    assert ask("PUT", "k", body=LARGE, headers={ALGORITHM: "KMS", KEY_ID: first}).status == 200
    under = {"x-oss-copy-source": f"/{bucket}/k", ALGORITHM: "KMS", KEY_ID: second}
    assert ask("PUT", "copy", headers=under).status == 200
    keys.ask("POST", f"keys/{first}/disable")
    assert ask("GET", "k").code == "Rejected.Disabled"
    assert ask("GET", "copy").body == LARGE
    keys.ask("POST", f"keys/{first}/enable")
    keys.ask("POST", f"keys/{second}/disable")
    assert ask("GET", "copy").code == "Rejected.Disabled"
    assert ask("GET", "k").body == LARGE
