"""ossfs, the file system of fsspec for OSS, against a server; see test_sdks.py."""

from typing import Any

import fsspec
import oss2
from harness import (
    AWKWARD_KEYS,
    BUCKET,
    ENDPOINT,
    KEY_ID,
    KEY_SECRET,
    PART,
    ROLE_BUCKET,
    SCRATCH,
    TREE,
    assume_role,
    case,
    equal,
    file,
    policy_only,
    report,
    some_bytes,
)


def files_of(key: str = KEY_ID, secret: str = KEY_SECRET, token: str | None = None) -> Any:
    given = {"endpoint": ENDPOINT, "key": key, "secret": secret, "token": token}
    return fsspec.filesystem("oss", skip_instance_cache=True, **given)


FILES = files_of()
ROOT = f"/{BUCKET}"

# Of a path, it takes the ends off and joins what slashes part: such keys are out of its reach.
KEYS = [
    key
    for key in AWKWARD_KEYS
    if key == key.strip() and "//" not in key and "/./" not in key and not key.endswith("/")
]


def refused(code: str, call: Any, *arguments: Any) -> None:
    """It turns some answers into errors of the system, and tells the others as they are."""
    try:
        call(*arguments)
    except (FileNotFoundError, PermissionError):
        return
    except (OSError, oss2.exceptions.ServerError) as error:
        told = repr(error)
    else:
        told = "no error"
    assert code in told, f"{told}, wanted {code}"


@case
def put_get_head() -> None:
    content = some_bytes(300_000)
    FILES.pipe_file(f"{ROOT}/put/object.bin", content)
    assert FILES.cat_file(f"{ROOT}/put/object.bin") == content
    about = FILES.info(f"{ROOT}/put/object.bin")
    equal("type and size", (about["type"], about["size"]), ("file", len(content)))
    with FILES.open(f"{ROOT}/put/written.txt", "wb") as opened:
        opened.write(b"by hand")
    equal("content", FILES.cat_file(f"{ROOT}/put/written.txt"), b"by hand")


@case
def empty_object() -> None:
    FILES.pipe_file(f"{ROOT}/empty", b"")
    equal("content", FILES.cat_file(f"{ROOT}/empty"), b"")


@case
def exists() -> None:
    FILES.pipe_file(f"{ROOT}/exists", b"x")
    assert FILES.exists(f"{ROOT}/exists")
    assert not FILES.exists(f"{ROOT}/exists-not")


@case
def awkward_keys() -> None:
    for key in KEYS:
        FILES.pipe_file(f"{ROOT}/{key}", key.encode())
        equal(f"content of {key}", FILES.cat_file(f"{ROOT}/{key}"), key.encode())
        FILES.rm(f"{ROOT}/{key}")
        assert not FILES.exists(f"{ROOT}/{key}"), key


@case
def list() -> None:  # noqa: A001 - the case's name
    for name in TREE:
        FILES.pipe_file(f"{ROOT}/list/{name}", name.encode())
    found = sorted(each["name"] for each in FILES.ls(f"{ROOT}/list"))
    equal("names", found, [f"{ROOT}/list/{name}" for name in ("a.txt", "b/", "c/", "e.txt")])
    everything = sorted(FILES.find(f"{ROOT}/list"))
    equal(
        "everything",
        [each.strip("/") for each in everything],
        [f"{BUCKET}/list/{name}" for name in TREE],
    )
    assert BUCKET in {each["name"].strip("/") for each in FILES.ls("/")}


@case
def list_awkward_keys() -> None:
    want = sorted(f"{BUCKET}/awkward/{key}" for key in KEYS)
    for path in want:
        FILES.pipe_file(f"/{path}", b"x")
    found = FILES.find(f"{ROOT}/awkward")
    equal("paths", sorted(each.strip("/") for each in found), want)


@case
def copy() -> None:
    FILES.pipe_file(f"{ROOT}/copy/源 +.txt", b"content")
    FILES.cp_file(f"{ROOT}/copy/源 +.txt", f"{ROOT}/copy/same")
    equal("content", FILES.cat_file(f"{ROOT}/copy/same"), b"content")


@case
def append() -> None:
    position = FILES.append_object(f"{ROOT}/append.log", 0, b"one,")
    position = FILES.append_object(f"{ROOT}/append.log", position, b"two")
    equal("position", position, 7)
    equal("content", FILES.cat_file(f"{ROOT}/append.log"), b"one,two")


@case
def ranges() -> None:
    FILES.pipe_file(f"{ROOT}/ranges", b"0123456789")
    equal("2 to 4", FILES.cat_file(f"{ROOT}/ranges", start=2, end=4), b"234")
    with FILES.open(f"{ROOT}/ranges", block_size=3) as opened:
        opened.seek(7)
        equal("from 7", opened.read(2), b"78")


@case
def delete_many() -> None:
    for key in KEYS:
        FILES.pipe_file(f"{ROOT}/many/{key}", b"x")
    FILES.rm(f"{ROOT}/many", recursive=True)
    assert not FILES.find(f"{ROOT}/many")


@case
def uploader() -> None:
    content = some_bytes(PART + 7)
    FILES.put_file(file("put.bin", content), f"{ROOT}/uploader/put.bin")
    target = SCRATCH / "got.bin"
    FILES.get_file(f"{ROOT}/uploader/put.bin", str(target))
    assert target.read_bytes() == content


@case
def error_no_such_key() -> None:
    refused("NoSuchKey", FILES.info, f"{ROOT}/no/such key")
    refused("NoSuchKey", FILES.cat_file, f"{ROOT}/no/such key")


@case
def error_no_such_bucket() -> None:
    refused("NoSuchBucket", FILES.ls, f"/{BUCKET}-missing/x")


@case
def error_wrong_secret() -> None:
    refused("SignatureDoesNotMatch", files_of(secret="wrong").cat_file, f"{ROOT}/k")


@case
def error_unknown_access_key() -> None:
    refused("InvalidAccessKeyId", files_of(key="LTAIunknown").cat_file, f"{ROOT}/k")


def _session(policy: str | None = None) -> Any:
    given = assume_role(policy)
    return files_of(given.access_key_id, given.access_key_secret, given.security_token)


@case
def sts_upload() -> None:
    _session().pipe_file(f"/{ROLE_BUCKET}/sts/ossfs 键.txt", b"hello")
    equal("content", FILES.cat_file(f"/{ROLE_BUCKET}/sts/ossfs 键.txt"), b"hello")


@case
def sts_denied() -> None:
    refused("AccessDenied", _session().cat_file, f"/{ROLE_BUCKET}/k")


@case
def sts_session_policy() -> None:
    session = _session(policy_only("only/"))
    session.pipe_file(f"/{ROLE_BUCKET}/only/here", b"x")
    refused("AccessDenied", session.pipe_file, f"/{ROLE_BUCKET}/elsewhere", b"x")


oss2.Bucket(oss2.Auth(KEY_ID, KEY_SECRET), ENDPOINT, BUCKET).create_bucket()
report()
