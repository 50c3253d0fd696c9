"""OpenDAL, its service oss, against a server; see test_sdks.py."""

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

import opendal
import oss2
from harness import (
    AWKWARD_KEYS,
    BUCKET,
    ENDPOINT,
    KEY_ID,
    KEY_SECRET,
    PART,
    ROLE_BUCKET,
    TREE,
    assume_role,
    case,
    equal,
    etag_of,
    fetch,
    host_of,
    policy_only,
    report,
    some_bytes,
)
from opendal.exceptions import NotFound, PermissionDenied


def operator_of(bucket: str = BUCKET, **options: str) -> opendal.Operator:
    given = {"access_key_id": KEY_ID, "access_key_secret": KEY_SECRET, **options}
    style = {"addressing_style": "path", "presign_addressing_style": "path"}
    return opendal.Operator("oss", bucket=bucket, endpoint=ENDPOINT, root="/", **style, **given)


OPERATOR = operator_of()

# It joins slashes and takes blanks off both ends of a path, which for it is no key.
KEYS = [key for key in AWKWARD_KEYS if key == key.strip() and "//" not in key and "/./" not in key]


def refused(error: type[BaseException], call: Any, *arguments: Any, **options: Any) -> None:
    try:
        call(*arguments, **options)
    except error:
        return
    raise AssertionError(f"not refused; wanted {error.__name__}")


def presigned(how: str, path: str, seconds: int = 60, by: opendal.Operator = OPERATOR) -> Any:
    """A request that anybody may make; only the asynchronous operator signs one."""

    async def main() -> Any:
        return await getattr(by.to_async_operator(), f"presign_{how}")(path, seconds)

    return asyncio.run(main())


@case
def addressing() -> None:
    url = urlsplit(presigned("read", "k").url)
    equal("host", url.netloc, host_of(BUCKET))
    equal("path", url.path, f"/{BUCKET}/k")


@case
def put_get_head() -> None:
    content = some_bytes(300_000)
    metadata = {"content_type": "image/png", "cache_control": "max-age=60"}
    OPERATOR.write("put/object.bin", content, **metadata, user_metadata={"note": "two words"})
    assert bytes(OPERATOR.read("put/object.bin")) == content
    about = OPERATOR.stat("put/object.bin")
    equal("length", about.content_length, len(content))
    equal("type", about.content_type, "image/png")
    equal("ETag", about.etag, etag_of(content))
    equal("metadata", about.user_metadata, {"note": "two words"})


@case
def empty_object() -> None:
    OPERATOR.write("empty", b"")
    equal("content", bytes(OPERATOR.read("empty")), b"")


@case
def exists() -> None:
    OPERATOR.write("exists", b"x")
    assert OPERATOR.exists("exists")
    assert not OPERATOR.exists("exists-not")


@case
def awkward_keys() -> None:
    for key in KEYS:
        if key.endswith("/"):
            OPERATOR.create_dir(key)
        else:
            OPERATOR.write(key, key.encode())
            equal(f"content of {key}", bytes(OPERATOR.read(key)).decode(), key)
        OPERATOR.delete(key)
        assert not OPERATOR.exists(key), key


@case
def list() -> None:  # noqa: A001 - the case's name
    for name in TREE:
        OPERATOR.write(f"list/{name}", name.encode())
    found = [each.path for each in OPERATOR.list("list/")]
    equal("paths", sorted(found), ["list/a.txt", "list/b/", "list/c/", "list/e.txt"])
    everything = [each.path for each in OPERATOR.list("list/", recursive=True)]
    equal("everything", sorted(everything), [f"list/{name}" for name in TREE])


@case
def list_awkward_keys() -> None:
    want = sorted(f"awkward/{key}" for key in KEYS if not key.endswith("/"))
    for key in want:
        OPERATOR.write(key, b"x")
    found = [each.path for each in OPERATOR.list("awkward/", recursive=True)]
    equal("paths", sorted(found), want)


@case
def copy() -> None:
    OPERATOR.write("copy/源 +?.txt", b"content")
    OPERATOR.copy("copy/源 +?.txt", "copy/same")
    equal("content", bytes(OPERATOR.read("copy/same")), b"content")


@case
def append() -> None:
    OPERATOR.write("append.log", b"one,", append=True)
    OPERATOR.write("append.log", b"two", append=True)
    equal("content", bytes(OPERATOR.read("append.log")), b"one,two")


@case
def ranges() -> None:
    OPERATOR.write("ranges", b"0123456789")
    equal("2 to 4", bytes(OPERATOR.read("ranges", offset=2, size=3)), b"234")
    with OPERATOR.open("ranges", "rb") as opened:
        opened.seek(7)
        equal("from 7", bytes(opened.read(2)), b"78")


@case
def conditions() -> None:
    OPERATOR.write("conditions", b"x")
    etag = etag_of(b"x")
    equal("content", bytes(OPERATOR.read("conditions", if_match=etag)), b"x")
    mismatch = opendal.exceptions.ConditionNotMatch
    refused(mismatch, OPERATOR.read, "conditions", if_match='"other"')
    refused(mismatch, OPERATOR.read, "conditions", if_none_match=etag)


@case
def delete_many() -> None:
    for key in KEYS:
        if not key.endswith("/"):
            OPERATOR.write(f"many/{key}", b"x")
    OPERATOR.remove_all("many/")
    equal("left", [each.path for each in OPERATOR.list("many/", recursive=True)], [])


@case
def multipart() -> None:
    content = some_bytes(2 * PART + 5)
    OPERATOR.write("multipart/键 +.bin", content, chunk=PART, concurrent=2)
    assert bytes(OPERATOR.read("multipart/键 +.bin")) == content
    etag = OPERATOR.stat("multipart/键 +.bin").etag
    equal("end of the ETag", (etag or "")[-3:], '-3"')


@case
def presigned_get() -> None:
    for key in KEYS:
        if not key.endswith("/"):
            OPERATOR.write(key, key.encode())
            equal(key, fetch("GET", presigned("read", key).url), (200, key))


@case
def presigned_put() -> None:
    url = presigned("write", "presigned 键 +").url
    equal("answer", fetch("PUT", url, body=b"hello"), (200, ""))
    equal("content", bytes(OPERATOR.read("presigned 键 +")), b"hello")


@case
def presigned_expired() -> None:
    url = presigned("read", "presigned", 1).url
    time.sleep(2.1)
    equal("status", fetch("GET", url)[0], 403)


@case
def error_no_such_key() -> None:
    refused(NotFound, OPERATOR.read, "no/such key")


@case
def error_no_such_bucket() -> None:
    refused(NotFound, operator_of(f"{BUCKET}-missing").write, "k", b"x")


@case
def error_wrong_secret() -> None:
    refused(PermissionDenied, operator_of(access_key_secret="wrong").read, "k")


@case
def error_unknown_access_key() -> None:
    refused(PermissionDenied, operator_of(access_key_id="LTAIunknown").read, "k")


@case
def error_of_head() -> None:
    refused(NotFound, OPERATOR.stat, "no-such-key")


def _session(policy: str | None = None) -> opendal.Operator:
    given = assume_role(policy)
    return operator_of(
        ROLE_BUCKET,
        access_key_id=str(given.access_key_id),
        access_key_secret=str(given.access_key_secret),
        security_token=str(given.security_token),
    )


@case
def sts_upload() -> None:
    _session().write("sts/opendal 键.txt", b"hello")
    equal("content", bytes(operator_of(ROLE_BUCKET).read("sts/opendal 键.txt")), b"hello")


@case
def sts_presigned() -> None:
    url = presigned("write", "sts/opendal-presigned.txt", by=_session()).url
    equal("answer", fetch("PUT", url, body=b"hello"), (200, ""))


@case
def sts_denied() -> None:
    refused(PermissionDenied, _session().read, "k")


@case
def sts_session_policy() -> None:
    session = _session(policy_only("only/"))
    session.write("only/here", b"x")
    refused(PermissionDenied, session.write, "elsewhere", b"x")


oss2.Bucket(oss2.Auth(KEY_ID, KEY_SECRET), ENDPOINT, BUCKET).create_bucket()
report()
