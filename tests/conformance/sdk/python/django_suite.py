"""django-oss-storage-v2, the files of Django in OSS, against a server; see test_sdks.py."""

from typing import Any
from urllib.parse import urlsplit

import django
import oss2
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.files.base import ContentFile
from harness import (
    AWKWARD_KEYS,
    BUCKET,
    ENDPOINT,
    IS_VIRTUAL,
    KEY_ID,
    KEY_SECRET,
    TREE,
    case,
    equal,
    fetch,
    host_of,
    is_now,
    report,
    some_bytes,
)

settings.configure(
    OSS_ACCESS_KEY_ID=KEY_ID,
    OSS_ACCESS_KEY_SECRET=KEY_SECRET,
    OSS_ENDPOINT=ENDPOINT,
    OSS_BUCKET_NAME=BUCKET,
    OSS_EXPIRE_TIME=60,
    MEDIA_ROOT="media",
    USE_TZ=False,
)
django.setup()
oss2.Bucket(oss2.Auth(KEY_ID, KEY_SECRET), ENDPOINT, BUCKET).create_bucket()

from django_oss_storage.backends import OssError, OssMediaStorage  # noqa: E402 - after settings

STORAGE = OssMediaStorage()

# Django refuses the paths, the storage normalizes them, or both: such names are out of its reach.
NAMES = [
    name
    for name in AWKWARD_KEYS
    if name == name.strip() and not any(part in name for part in ("//", "/./", "\\", "?"))
    and not name.endswith("/")
]  # fmt: skip


def refused(error: type[BaseException], call: Any, *arguments: Any) -> None:
    try:
        call(*arguments)
    except error:
        return
    raise AssertionError(f"not refused; wanted {error.__name__}")


def content_of(name: str) -> bytes:
    with STORAGE.open(name) as opened:
        content: bytes = opened.read()
    return content


@case
def addressing() -> None:
    url = urlsplit(STORAGE.url("k"))
    equal("host", url.netloc, host_of(BUCKET))
    path = "media%2Fk"
    equal("path", url.path, f"/{path}" if IS_VIRTUAL else f"/{BUCKET}/{path}")


@case
def put_get_head() -> None:
    content = some_bytes(300_000)
    equal("name", STORAGE.save("put/object.bin", ContentFile(content)), "put/object.bin")
    assert content_of("put/object.bin") == content
    equal("size", STORAGE.size("put/object.bin"), len(content))
    assert is_now(STORAGE.modified_time("put/object.bin"))


@case
def empty_object() -> None:
    STORAGE.save("empty", ContentFile(b""))
    equal("content", content_of("empty"), b"")


@case
def exists() -> None:
    STORAGE.save("exists", ContentFile(b"x"))
    assert STORAGE.exists("exists")
    assert not STORAGE.exists("exists-not")


@case
def awkward_keys() -> None:
    for name in NAMES:
        STORAGE.save(name, ContentFile(name.encode()))
        equal(f"content of {name}", content_of(name), name.encode())
        STORAGE.delete(name)
        assert not STORAGE.exists(name), name


@case
def list() -> None:  # noqa: A001 - the case's name
    for name in TREE:
        STORAGE.save(f"list/{name}", ContentFile(name.encode()))
    folders, files = STORAGE.listdir("list")
    equal("folders", folders, ["media/list/b/", "media/list/c/"])
    equal("files", files, ["media/list/a.txt", "media/list/e.txt"])


@case
def presigned_get() -> None:
    for name in ("presigned", "presigned 键 +.txt"):
        STORAGE.save(name, ContentFile(name.encode()))
        equal(name, fetch("GET", STORAGE.url(name)), (200, name))


@case
def error_no_such_key() -> None:
    refused(OssError, STORAGE.open, "no/such key")


@case
def error_no_such_bucket() -> None:
    try:
        OssMediaStorage(bucket_name=f"{BUCKET}-missing")
    except SuspiciousOperation:
        return
    raise AssertionError("a bucket that is not there is taken")


def _refused(code: str, **identity: str) -> None:
    """It reads the bucket's ACL first of all."""
    try:
        OssMediaStorage(**identity)
    except oss2.exceptions.ServerError as error:
        equal("code", error.code, code)
    else:
        raise AssertionError(f"not refused; wanted {code}")


@case
def error_wrong_secret() -> None:
    _refused("SignatureDoesNotMatch", access_key_secret="wrong")


@case
def error_unknown_access_key() -> None:
    _refused("InvalidAccessKeyId", access_key_id="LTAIunknown")


report()
