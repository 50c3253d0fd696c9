"""ossutil, the command-line tool, against a server; see test_sdks.py.  The argument is the program."""

import time
from urllib.parse import urlsplit

import ossutil_settings  # noqa: F401 - its cases are entered by importing it
from harness import (
    AWKWARD_KEYS,
    BUCKET,
    IS_VIRTUAL,
    PART,
    ROLE_BUCKET,
    SCRATCH,
    TREE,
    assume_role,
    bare_url,
    case,
    equal,
    etag_of,
    fetch,
    file,
    host_of,
    policy_only,
    report,
    some_bytes,
)
from ossutil_runs import ROOT, content_of, copy_to, names, notes, ossutil, refused, stat


@case
def addressing() -> None:
    signed = ossutil("sign", f"{ROOT}/k", "--timeout=60").splitlines()[0]
    url = urlsplit(signed)
    equal("host", url.netloc, host_of(BUCKET))
    equal("path", url.path, "/k" if IS_VIRTUAL else f"/{BUCKET}/k")


@case
def bucket_lifecycle() -> None:
    other = f"oss://{BUCKET}-other"
    ossutil("mb", other, "--acl=public-read")
    equal("ACL", stat(other)["acl"], "public-read")
    assert f"{BUCKET}-other" in ossutil("ls", "-s")
    ossutil("rm", other, "-b", "-f")
    refused("NoSuchBucket", "stat", other)


@case
def bucket_acl() -> None:
    for acl in ("public-read-write", "private"):
        ossutil("set-acl", ROOT, acl, "-b")
        equal("ACL", stat(ROOT)["acl"], acl)


@case
def bucket_cors() -> None:
    rule = (
        "<CORSRule><AllowedOrigin>http://a.example</AllowedOrigin><AllowedMethod>PUT</AllowedMethod>"
        "<AllowedHeader>*</AllowedHeader><MaxAgeSeconds>300</MaxAgeSeconds></CORSRule>"
    )
    text = f'<?xml version="1.0" encoding="UTF-8"?><CORSConfiguration>{rule}</CORSConfiguration>'
    ossutil("cors", "--method=put", ROOT, file("cors.xml", text.encode()))
    assert "http://a.example" in ossutil("cors", "--method=get", ROOT)
    ossutil("cors", "--method=delete", ROOT)
    refused("NoSuchCORSConfiguration", "cors", "--method=get", ROOT)


@case
def bucket_tags() -> None:
    ossutil("bucket-tagging", "--method=put", ROOT, "team#red", "阶段#测试")
    told = ossutil("bucket-tagging", "--method=get", ROOT)
    assert "red" in told, told
    assert "测试" in told, told
    ossutil("bucket-tagging", "--method=delete", ROOT)
    assert "red" not in ossutil("bucket-tagging", "--method=get", ROOT)


@case
def put_get_head() -> None:
    content = some_bytes(300_000)
    metadata = "--meta=Content-Type:image/png#Cache-Control:max-age=60#x-oss-meta-note:two words"
    copy_to(f"{ROOT}/put/object.bin", content, metadata)
    assert content_of(f"{ROOT}/put/object.bin") == content
    about = stat(f"{ROOT}/put/object.bin")
    equal("ETag", about["etag"], etag_of(content).strip('"'))
    equal("length", about["content-length"], str(len(content)))
    equal("type", about["content-type"], "image/png")
    equal("metadata", about["x-oss-meta-note"], "two words")


@case
def empty_object() -> None:
    copy_to(f"{ROOT}/empty", b"")
    equal("content", content_of(f"{ROOT}/empty"), b"")


# What looks like a folder is one to it.
KEYS = [key for key in AWKWARD_KEYS if not key.endswith("/")]


@case
def awkward_keys() -> None:
    for key in KEYS:
        copy_to(f"{ROOT}/{key}", key.encode())
        equal(f"content of {key}", content_of(f"{ROOT}/{key}"), key.encode())
        ossutil("rm", f"{ROOT}/{key}", "-f")
        refused("NoSuchKey", "stat", f"{ROOT}/{key}")


def _put_tree(folder: str, keys: list[str]) -> None:
    """One upload of a folder with a file of each name."""
    source = SCRATCH / folder
    for key in keys:
        path = source / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(key.encode())
    ossutil("cp", str(source), f"{ROOT}/{folder}", "-r", "-f", *notes())


@case
def list() -> None:  # noqa: A001 - the case's name
    _put_tree("list", [*TREE])
    found = names(f"{ROOT}/list/", "-d")
    equal(
        "names", sorted(found), [f"{ROOT}/list/{name}" for name in ("a.txt", "b/", "c/", "e.txt")]
    )
    # It makes an object of each folder.
    everything = [name for name in names(f"{ROOT}/list/") if not name.endswith("/")]
    equal("everything", sorted(everything), [f"{ROOT}/list/{name}" for name in TREE])


@case
def list_awkward_keys() -> None:
    for key in KEYS:
        copy_to(f"{ROOT}/awkward/{key}", b"x")
    want = sorted(f"{ROOT}/awkward/{key}" for key in KEYS)
    equal("names", sorted(names(f"{ROOT}/awkward/")), want)


@case
def copy() -> None:
    copy_to(f"{ROOT}/copy/源 +?.txt", b"content")
    ossutil("cp", f"{ROOT}/copy/源 +?.txt", f"{ROOT}/copy/same", "-f", *notes())
    equal("content", content_of(f"{ROOT}/copy/same"), b"content")


@case
def append() -> None:
    for piece in (b"one,", b"two"):
        ossutil("appendfromfile", file("piece", piece), f"{ROOT}/append.log")
    equal("content", content_of(f"{ROOT}/append.log"), b"one,two")
    equal("type", stat(f"{ROOT}/append.log")["x-oss-object-type"], "Appendable")


@case
def ranges() -> None:
    copy_to(f"{ROOT}/ranges", b"0123456789")
    for span, wanted in (("2-4", b"234"), ("7-", b"789"), ("-2", b"89")):
        equal(span, content_of(f"{ROOT}/ranges", f"--range={span}"), wanted)


@case
def object_acl() -> None:
    copy_to(f"{ROOT}/acl", b"x")
    url = bare_url(BUCKET, "acl")
    equal("status of a stranger", fetch("GET", url)[0], 403)
    ossutil("set-acl", f"{ROOT}/acl", "public-read")
    equal("what a stranger reads", fetch("GET", url), (200, "x"))


@case
def object_tags() -> None:
    copy_to(f"{ROOT}/tags", b"x")
    ossutil("object-tagging", "--method=put", f"{ROOT}/tags", "team#red", "stage#test")
    told = ossutil("object-tagging", "--method=get", f"{ROOT}/tags")
    assert '"team"' in told, told
    assert '"test"' in told, told
    ossutil("object-tagging", "--method=delete", f"{ROOT}/tags")
    assert '"team"' not in ossutil("object-tagging", "--method=get", f"{ROOT}/tags")


@case
def symlinks() -> None:
    copy_to(f"{ROOT}/target 键", b"hello")
    ossutil("create-symlink", f"{ROOT}/link", "target 键")
    told = ossutil("read-symlink", f"{ROOT}/link")
    assert "target 键" in told, told
    equal("type", stat(f"{ROOT}/link")["x-oss-object-type"], "Symlink")
    equal("what is read", content_of(f"{ROOT}/link"), b"hello")
    refused("NoSuchKey", "read-symlink", f"{ROOT}/link-missing")


@case
def delete_many() -> None:
    _put_tree("many", [*TREE, "键 &+.txt"])
    ossutil("rm", f"{ROOT}/many/", "-r", "-f")
    equal("left", names(f"{ROOT}/many/"), [])


@case
def uploader() -> None:
    content = some_bytes(5 * PART + 1)
    big = (f"--bigfile-threshold={PART}", f"--part-size={PART}", "--parallel=3")
    copy_to(f"{ROOT}/uploader/file", content, *big)
    equal("type", stat(f"{ROOT}/uploader/file")["x-oss-object-type"], "Multipart")
    assert content_of(f"{ROOT}/uploader/file") == content


@case
def multipart_copy() -> None:
    content = some_bytes(2 * PART + 1)
    copy_to(f"{ROOT}/multipart/source", content)
    big = (f"--bigfile-threshold={PART}", f"--part-size={PART}")
    source, target = f"{ROOT}/multipart/source", f"{ROOT}/multipart/copied"
    ossutil("cp", source, target, "-f", *big, *notes())
    equal("type", stat(target)["x-oss-object-type"], "Multipart")
    assert content_of(target) == content


@case
def downloader() -> None:
    content = some_bytes(5 * PART + 7)
    copy_to(f"{ROOT}/downloader", content)
    big = (f"--bigfile-threshold={PART}", f"--part-size={PART}", "--parallel=3")
    assert content_of(f"{ROOT}/downloader", *big) == content


@case
def presigned_get() -> None:
    for key in ("presigned", "presigned 键 +?.txt"):
        copy_to(f"{ROOT}/{key}", key.encode())
        signed = ossutil("sign", f"{ROOT}/{key}", "--timeout=60").splitlines()[0]
        equal(key, fetch("GET", signed), (200, key))


@case
def presigned_expired() -> None:
    signed = ossutil("sign", f"{ROOT}/presigned", "--timeout=1").splitlines()[0]
    time.sleep(2.1)
    equal("status", fetch("GET", signed)[0], 403)


@case
def error_no_such_key() -> None:
    refused("NoSuchKey", "stat", f"{ROOT}/no/such key")


@case
def error_no_such_bucket() -> None:
    refused("NoSuchBucket", "ls", f"oss://{BUCKET}-missing")


@case
def error_wrong_secret() -> None:
    refused("SignatureDoesNotMatch", "stat", f"{ROOT}/k", **{"access-key-secret": "wrong"})


@case
def error_unknown_access_key() -> None:
    refused("InvalidAccessKeyId", "ls", ROOT, **{"access-key-id": "LTAIunknown"})


@case
def error_bucket_not_empty() -> None:
    copy_to(f"{ROOT}/something", b"x")
    refused("BucketNotEmpty", "rm", ROOT, "-b", "-f")


def _session(policy: str | None = None) -> dict[str, str]:
    given = assume_role(policy)
    return {
        "access-key-id": str(given.access_key_id),
        "access-key-secret": str(given.access_key_secret),
        "sts-token": str(given.security_token),
    }


@case
def sts_upload() -> None:
    url = f"oss://{ROLE_BUCKET}/sts/ossutil 键.txt"
    copy_to(url, b"hello", **_session())
    equal("content", content_of(url), b"hello")


@case
def sts_denied() -> None:
    refused("AccessDenied", "cat", f"oss://{ROLE_BUCKET}/k", **_session())


@case
def sts_session_policy() -> None:
    session = _session(policy_only("only/"))
    copy_to(f"oss://{ROLE_BUCKET}/only/here", b"x", **session)
    source = file("elsewhere", b"x")
    target = f"oss://{ROLE_BUCKET}/elsewhere"
    refused("AccessDenied", "cp", source, target, "-f", *notes(), **session)


ossutil("mb", ROOT)
report()
