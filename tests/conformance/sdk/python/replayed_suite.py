"""What the SDKs in no registry send, against a server; see replayed.py and test_sdks.py.

The arguments are the suite's name and the command of its client.
"""

import base64
import json
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import replayed_settings  # noqa: F401 - its cases are entered by importing it
from harness import (
    AWKWARD_KEYS,
    BUCKET,
    ECHO,
    FORM,
    IS_VIRTUAL,
    JSON,
    PART,
    ROLE_BUCKET,
    SIGNATURE,
    TREE,
    assume_role,
    callback,
    callback_fields,
    callback_variables,
    case,
    crc_of,
    equal,
    equal_echo,
    etag_of,
    fetch,
    host_of,
    policy_only,
    report,
    some_bytes,
    sts_refuses_a_wrong_secret,
)
from replayed import Answer, Client
from replayed_asked import CLIENT, SUITE, case_of, refused, text_of

# What an SDK cannot ask for, whoever serves it.
OUT_OF_REACH: dict[str, Callable[[str], bool]] = {
    # OssClient.php, generateResourceUri puts "%" where rawurlencode() wrote "%25", and "/" for "%2F":
    # then libcurl resolves dot segments.
    "php": lambda key: "%" in key or "/./" in key,
    # System.Uri resolves dot segments, as `new URL` does in ali-oss.
    "csharp": lambda key: "/./" in key,
}
KEYS = [key for key in AWKWARD_KEYS if not OUT_OF_REACH.get(SUITE, lambda _: False)(key)]


@case
def addressing() -> None:
    url = urlsplit(CLIENT.url("GET", "k", int(time.time()) + 60))
    equal("host", url.netloc, host_of(BUCKET))
    # The C SDK encodes the slash between bucket and key, too.
    equal("path", url.path.replace("%2F", "/"), "/k" if IS_VIRTUAL else f"/{BUCKET}/k")


@case
def bucket_lifecycle() -> None:
    other = CLIENT.of(f"{BUCKET}-other")
    other.do("create_bucket", acl="public-read")
    equal("ACL", other.do("get_bucket_acl").find("AccessControlList/Grant"), "public-read")
    found = CLIENT.do("list_buckets", prefix=BUCKET).all("Buckets/Bucket/Name")
    ours = {BUCKET, other.bucket}
    equal("buckets", [name for name in found if name in ours], [BUCKET, other.bucket])
    other.do("delete_bucket")
    refused(404, "NoSuchBucket", "get_bucket_acl", other)


@case
def bucket_acl() -> None:
    for acl in ("public-read-write", "private"):
        CLIENT.do("put_bucket_acl", acl=acl)
        equal("ACL", CLIENT.do("get_bucket_acl").find("AccessControlList/Grant"), acl)


@case
def put_get_head() -> None:
    content = some_bytes(300_000)
    headers = {
        "Content-Type": "image/png",
        "Cache-Control": "max-age=60",
        "x-oss-meta-author": "me",
        "x-oss-meta-note": "two words",
    }
    stored = CLIENT.do("put", key="put/object.bin", header=headers, body=content)
    equal("ETag", stored.header("etag"), etag_of(content))
    equal("CRC", stored.header("x-oss-hash-crc64ecma"), str(crc_of(content)))
    assert CLIENT.do("get", key="put/object.bin").body == content
    about = CLIENT.do("head", key="put/object.bin")
    equal("length", about.header("content-length"), str(len(content)))
    for name, value in headers.items():
        equal(name, about.header(name.lower()), value)
    equal("object type", about.header("x-oss-object-type"), "Normal")


@case
def empty_object() -> None:
    CLIENT.do("put", key="empty", body=b"")
    equal("content", text_of("empty"), "")
    equal("length", CLIENT.do("head", key="empty").header("content-length"), "0")


@case
def awkward_keys() -> None:
    for key in KEYS:
        CLIENT.do("put", key=key, body=key)
        equal(f"content of {key}", text_of(key), key)
        length = CLIENT.do("head", key=key).header("content-length")
        equal(f"length of {key}", length, str(len(key.encode())))
        CLIENT.do("delete", key=key)
        refused(404, "NoSuchKey", "head", key=key)


def _put_all(keys: Sequence[str]) -> None:
    for key in keys:
        CLIENT.do("put", key=key, body=key.rpartition("/")[2])


@case
def list() -> None:  # noqa: A001 - the case's name
    _put_all([f"list +é/{name}" for name in TREE])
    page = CLIENT.do("list", prefix="list +é/", delimiter="/", marker="", max=2)
    equal("keys", page.all("Contents/Key"), ["list +é/a.txt"])
    equal("prefixes", page.all("CommonPrefixes/Prefix"), ["list +é/b/"])
    equal("is truncated", page.find("IsTruncated"), "true")
    marker = page.all("NextMarker")[0]
    page = CLIENT.do("list", prefix="list +é/", delimiter="/", marker=marker, max=100)
    equal("keys", page.all("Contents/Key"), ["list +é/e.txt"])
    equal("prefixes", page.all("CommonPrefixes/Prefix"), ["list +é/c/"])
    equal("size", page.find("Contents/Size"), "5")
    equal("ETag", page.find("Contents/ETag"), etag_of(b"e.txt"))


@case
def list_awkward_keys() -> None:
    want = sorted((f"awkward/{key}" for key in KEYS), key=str.encode)
    _put_all(want)
    page = CLIENT.do("list", prefix="awkward/", delimiter="", marker="", max=100)
    equal("keys", page.all("Contents/Key"), want)


@case
def copy() -> None:
    source = "copy/源 ~!&=;.txt"
    CLIENT.do("put", key=source, body="content", header={"x-oss-meta-kept": "yes"})
    copied = CLIENT.do("copy", key="copy/same", source=source)
    equal("ETag", copied.find("ETag"), etag_of(b"content"))
    equal("content", text_of("copy/same"), "content")
    equal("metadata", CLIENT.do("head", key="copy/same").header("x-oss-meta-kept"), "yes")


@case
def append() -> None:
    CLIENT.do("append", key="append.log", position=0, body="one,")
    again = CLIENT.do("append", key="append.log", position=4, body="two")
    equal("next position", again.header("x-oss-next-append-position"), "7")
    equal("content", text_of("append.log"), "one,two")
    wrong = {"key": "append.log", "position": 3, "body": "x"}
    answer = refused(409, "PositionNotEqualToLength", "append", **wrong)
    equal("next position", answer.header("x-oss-next-append-position"), "7")


@case
def ranges() -> None:
    CLIENT.do("put", key="ranges", body="0123456789")

    def read(span: str) -> tuple[int, str]:
        found = CLIENT.do("get", key="ranges", header={"Range": span})
        return found.status, found.text

    equal("bytes 2 to 4", read("bytes=2-4"), (206, "234"))
    equal("bytes from 7", read("bytes=7-"), (206, "789"))
    equal("the last 2 bytes", read("bytes=-2"), (206, "89"))


@case
def conditions() -> None:
    etag = CLIENT.do("put", key="conditions", body="x").header("etag")
    equal("content", CLIENT.do("get", key="conditions", header={"If-Match": etag}).text, "x")
    other = {"If-Match": '"other"'}
    refused(412, "PreconditionFailed", "get", key="conditions", header=other)
    refused(304, "", "get", key="conditions", header={"If-None-Match": etag})
    forbid = {"x-oss-forbid-overwrite": "true"}
    refused(409, "FileAlreadyExists", "put", key="conditions", body="y", header=forbid)


@case
def delete_many() -> None:
    # Control characters may stand in keys: W9.  The XML writers of PHP and C# refuse them.
    odd = [] if SUITE in {"php", "csharp"} else ["control \x01\x1f"]
    # DeleteObjectsRequest.cc writes no entities.
    fit = [key for key in KEYS if SUITE != "cpp" or not set(key) & {"&", "<"}]
    keys = [f"many/{key}" for key in ("plain", "missing", *odd, *fit)]
    _put_all([key for key in keys if key != "many/missing"])
    deleted = CLIENT.do("delete_many", name=keys)
    equal("deleted", sorted(deleted.all("Deleted/Key")), sorted(keys))
    left = CLIENT.do("list", prefix="many/", delimiter="", marker="", max=100)
    equal("left", left.all("Contents/Key"), [])


def _upload_parts(key: str, content: bytes, by: Client = CLIENT) -> tuple[str, Sequence[str]]:
    header = {"Content-Type": "text/plain"}
    upload = by.do("init", key=key, header=header).find("UploadId")
    parts = []
    for number, start in enumerate(range(0, len(content), PART), 1):
        piece = content[start : start + PART]
        stored = by.do("part", key=key, upload=upload, number=number, body=piece)
        parts.append(f"{number}:{stored.header('etag')}")
    return upload, parts


@case
def multipart() -> None:
    key, content = "multipart/键 (1).bin", some_bytes(2 * PART + 5)
    upload, parts = _upload_parts(key, content)
    listed = CLIENT.do("list_parts", key=key, upload=upload)
    told = zip(listed.all("Part/PartNumber"), listed.all("Part/ETag"), strict=True)
    equal("listed", [f"{number}:{etag}" for number, etag in told], parts)
    completed = CLIENT.do("complete", key=key, upload=upload, part=parts)
    equal("key", completed.all("Key"), [key])
    equal("end of the ETag", completed.find("ETag")[-3:], '-3"')
    assert CLIENT.do("get", key=key).body == content
    about = CLIENT.do("head", key=key)
    equal("type", about.header("content-type"), "text/plain")
    equal("object type", about.header("x-oss-object-type"), "Multipart")


@case
def multipart_abort() -> None:
    key = "abort/1"
    upload, _ = _upload_parts(key, b"x")
    asked = {"method": "GET", "sub": "uploads"}
    equal("uploads", CLIENT.do("setting", **asked).all("Upload/UploadId"), [upload])
    CLIENT.do("abort", key=key, upload=upload)
    equal("uploads", CLIENT.do("setting", **asked).all("Upload/UploadId"), [])
    refused(404, "NoSuchUpload", "list_parts", key=key, upload=upload)


@case
def presigned_get() -> None:
    for key in KEYS:
        CLIENT.do("put", key=key, body=key)
        url = CLIENT.url("GET", key, int(time.time()) + 60)
        equal(f"{key} by {url}", fetch("GET", url), (200, key))


@case
def presigned_put() -> None:
    headers = {"Content-Type": "text/x-own", "x-oss-meta-by": "url"}
    for key in KEYS:
        url = CLIENT.url("PUT", key, int(time.time()) + 60, header=headers)
        equal(key, fetch("PUT", url, headers, key.encode()), (200, ""))
        equal(f"content of {key}", text_of(key), key)
    about = CLIENT.do("head", key=key)
    equal("metadata", about.header("x-oss-meta-by"), "url")
    other = {"Content-Type": "text/x", "x-oss-meta-by": "url"}
    equal("status with another type", fetch("PUT", url, other, b"x")[0], 403)


@case
def presigned_expired() -> None:
    # V4 cannot say that a URL has expired before it is made.
    seconds = -1 if SIGNATURE == "v1" else 1
    url = CLIENT.url("GET", "presigned", int(time.time()) + seconds)
    time.sleep(seconds + 1.1)
    equal("status", fetch("GET", url)[0], 403)


@case
def error_no_such_key() -> None:
    answer = refused(404, "NoSuchKey", "get", key="no/such key")
    assert answer.find("EC")


@case
def error_no_such_bucket() -> None:
    missing = CLIENT.of(f"{BUCKET}-missing")
    nothing = {"prefix": "", "delimiter": "", "marker": "", "max": 10}
    refused(404, "NoSuchBucket", "list", missing, **nothing)
    refused(404, "NoSuchBucket", "put", missing, key="k", body=b"x")


@case
def error_wrong_secret() -> None:
    stranger = CLIENT.of(BUCKET, {"secret": "wrong"})
    refused(403, "SignatureDoesNotMatch", "get", stranger, key="k")


@case
def error_unknown_access_key() -> None:
    refused(403, "InvalidAccessKeyId", "get", CLIENT.of(BUCKET, {"id": "LTAIunknown"}), key="k")


@case
def error_bucket_not_empty() -> None:
    CLIENT.do("put", key="something", body="x")
    refused(409, "BucketNotEmpty", "delete_bucket")


@case
def error_of_head() -> None:
    # The reason is in a header: there is no body.
    answer = refused(404, "NoSuchKey", "head", key="no-such-key")
    reason = base64.b64decode(answer.header("x-oss-err")).decode()
    assert "<Code>NoSuchKey</Code>" in reason, reason


@case
def error_malformed_callback() -> None:
    for malformed in ("{not base64}", base64.b64encode(b"not JSON").decode()):
        headers = {"x-oss-callback": malformed}
        key = "callback/refused"
        refused(400, "InvalidArgument", "put", key=key, body="x", header=headers)
    refused(404, "NoSuchKey", "head", key="callback/refused")


def _put_with_callback(
    key: str, path: str, content_type: str = JSON, by: Client = CLIENT
) -> Answer:
    return by.ask(
        "put",
        key=key,
        body="hello",
        header={"Content-Type": "text/plain"},
        **callback_fields(path, content_type),
    )


def _equal_echo(answer: Answer, key: str, by: Client = CLIENT, content_type: str = JSON) -> None:
    equal(f"status of {answer.body!r:.300}", answer.status, 200)
    about = CLIENT.of(by.bucket).do("head", key=key).headers
    stored = {name: value.decode() for name, value in about.items()}
    equal_echo(answer.body, by.bucket, key, stored, content_type)


@case
def callback_put_json() -> None:
    key = "callback/键 &=(1).txt"
    _equal_echo(_put_with_callback(key, ECHO), key)


@case
def callback_put_form() -> None:
    key = "callback/键 &=(2).txt"
    _equal_echo(_put_with_callback(key, ECHO, FORM), key, content_type=FORM)


def _complete_with_callback(key: str, content: bytes, path: str) -> Answer:
    upload, parts = _upload_parts(key, content)
    return CLIENT.ask("complete", key=key, upload=upload, part=parts, **callback_fields(path, JSON))


@case
def callback_complete() -> None:
    key = "callback/complete 键.bin"
    _equal_echo(_complete_with_callback(key, some_bytes(PART + 3), ECHO), key)


def _is_failure(answer: Answer, message: str) -> None:
    equal("status", answer.status, 203)
    equal("code", answer.find("Code"), "CallbackFailed")
    equal("message", answer.find("Message"), message)
    assert answer.find("EC").startswith("0007-"), answer.text


@case
def callback_fails() -> None:
    key = "callback/failed"
    _is_failure(_put_with_callback(key, "/fail"), "Error status : 500.")
    equal("what is stored", text_of(key), "hello")
    _is_failure(_put_with_callback(key, "/text"), "Response body is not valid json format.")


@case
def callback_complete_fails() -> None:
    key, content = "callback/complete-failed", some_bytes(PART + 3)
    _is_failure(_complete_with_callback(key, content, "/fail"), "Error status : 500.")
    assert CLIENT.do("get", key=key).body == content


@case
def callback_private_address() -> None:
    # The C++ suite compares the whole text (ObjectCallbackTest.cc): W49.
    told = {"callbackUrl": "http://192.168.1.1", "callbackBody": "size=${size}"}
    callback = json.dumps(told)
    put = CLIENT.ask("put", key="callback/private", body="hello", callback=callback)
    key = "callback/private-parts"
    upload, parts = _upload_parts(key, b"hello")
    completed = CLIENT.ask("complete", key=key, upload=upload, part=parts, callback=callback)
    for answer in (put, completed):
        assert answer.status in {203, 400}, answer
        equal("message", answer.find("Message"), "Private address is forbidden to callback.")
        equal("code", answer.find("Code"), "InvalidArgument")


def _session(policy: str | None = None) -> Client:
    given = assume_role(policy)
    names = {
        "id": given.access_key_id,
        "secret": given.access_key_secret,
        "token": given.security_token,
    }
    return CLIENT.of(ROLE_BUCKET, {name: str(value) for name, value in names.items()})


@case
def sts_upload() -> None:
    session, root = _session(), CLIENT.of(ROLE_BUCKET)
    key = f"sts/{SUITE} 键.txt"
    session.do("put", key=key, body="hello")
    equal("content", root.do("get", key=key).text, "hello")
    key, content = f"sts/{SUITE}.bin", some_bytes(PART + 1)
    upload, parts = _upload_parts(key, content, session)
    session.do("complete", key=key, upload=upload, part=parts)
    assert root.do("get", key=key).body == content


@case
def sts_callback() -> None:
    key, session = f"sts/{SUITE}-callback.txt", _session()
    _equal_echo(_put_with_callback(key, ECHO, by=session), key, session)


@case
def sts_presigned() -> None:
    url = _session().url("PUT", f"sts/{SUITE}-presigned.txt", int(time.time()) + 60)
    equal("answer", fetch("PUT", url, body=b"hello"), (200, ""))


@case
def sts_denied() -> None:
    session = _session()
    refused(403, "AccessDenied", "get", session, key="k")
    refused(403, "AccessDenied", "put", CLIENT.of(BUCKET, session.identity), key="k", body="x")
    sts_refuses_a_wrong_secret()


@case
def sts_session_policy() -> None:
    session = _session(policy_only("only/"))
    session.do("put", key="only/here", body="x")
    refused(403, "AccessDenied", "put", session, key="elsewhere", body="x")
    refused(403, "AccessDenied", "get", session, key="only/here")


# --- what only some of these SDKs do


@case_of("cpp")
def callback_presigned() -> None:
    key, expires = "callback/presigned 键.txt", int(time.time()) + 60
    headers = {"Content-Type": "text/plain"}
    parameters = {"callback": callback(ECHO), "callback-var": callback_variables()}
    url = CLIENT.url("PUT", key, expires, header=headers, param=parameters)
    status, text = fetch("PUT", url, headers, b"hello")
    _equal_echo(Answer(status, {}, text.encode()), key)


@case_of("c")
def md5_of_twenty_bytes() -> None:
    # aos_base64_encode(md5, 20, …) in oss_bucket.c and the SDK's samples: W44.
    CLIENT.do("put", key="md5/20", body="test oss c sdk", md5="20")
    equal("content", text_of("md5/20"), "test oss c sdk")
    refused(400, "InvalidDigest", "put", key="md5/wrong", body="x", md5="wrong")


@case_of("c", "cpp", "php", "ruby")
def values_that_are_not_utf8() -> None:
    # The C++ suite stores metadata in GBK and wants its bytes back: W43.
    name = "汉字".encode("gbk")
    headers = {"x-oss-meta-name": name, "Content-Disposition": b"attachment; filename=" + name}
    CLIENT.do("put", key="gbk/metadata", body="x", header=headers)
    about = CLIENT.do("head", key="gbk/metadata")
    for each, value in headers.items():
        equal(each, about.headers.get(each.lower()), value)


@case_of("c", "cpp", "php", "ruby")
def keys_that_are_not_utf8() -> None:
    # The PHP suite does that: W32.
    answer = refused(400, "InvalidArgument", "put", key="汉字.txt".encode("gbk"), body="x")
    equal("message", answer.find("Message"), "The characters encoding must be utf-8.")


@case_of("ruby")
def sts_of_its_own() -> None:
    # lib/aliyun/sts: form parameters in the body of a POST, a float for a nonce, XML back.
    given = CLIENT.do("assume_role", session="own", seconds=900)
    names = {"id": "AccessKeyId", "secret": "AccessKeySecret", "token": "SecurityToken"}
    identity = {name: given.find(f"Credentials/{each}") for name, each in names.items()}
    CLIENT.of(ROLE_BUCKET, identity).do("put", key="sts/own.txt", body="x")


CLIENT.do("create_bucket", acl="private")
report()
