"""oss2: objects, their conditions, ACLs and tags, and lists of them."""

# mypy: disable-error-code="import-untyped"

import time

import oss2
from harness import (
    AWKWARD_KEYS,
    BUCKET,
    TREE,
    bare_url,
    case,
    crc_of,
    equal,
    etag_of,
    fetch,
    is_now,
    some_bytes,
)
from oss2_clients import bucket, refused, text_of


@case
def put_get_head() -> None:
    content = some_bytes(300_000)
    headers = {
        "Content-Type": "image/png",
        "Cache-Control": "max-age=60",
        "x-oss-meta-author": "me",
        "x-oss-meta-note": "two words",
    }
    stored = bucket.put_object("put/object.bin", content, headers=headers)
    equal("ETag", stored.etag, etag_of(content).strip('"'))
    equal("CRC", stored.crc, crc_of(content))
    found = bucket.get_object("put/object.bin")
    assert found.read() == content
    equal("CRC of what was read", found.client_crc, found.server_crc)
    about = bucket.head_object("put/object.bin")
    equal("length", about.content_length, len(content))
    equal("object type", about.object_type, "Normal")
    assert is_now(about.last_modified)
    for name, value in headers.items():
        equal(name, about.headers[name], value)
    equal("storage class", about.headers["x-oss-storage-class"], "Standard")
    # A stream of unknown length travels in chunks.
    bucket.put_object("put/chunked", iter([b"a", b"bc"]))
    equal("content in chunks", text_of("put/chunked"), "abc")


@case
def empty_object() -> None:
    bucket.put_object("empty", b"")
    equal("content", text_of("empty"), "")
    equal("length", bucket.head_object("empty").content_length, 0)


@case
def exists() -> None:
    bucket.put_object("exists", b"x")
    assert bucket.object_exists("exists")
    assert not bucket.object_exists("exists-not")
    equal("length", bucket.get_object_meta("exists").content_length, 1)


@case
def awkward_keys() -> None:
    for key in AWKWARD_KEYS:
        bucket.put_object(key, key)
        equal(f"content of {key}", text_of(key), key)
        equal(f"length of {key}", bucket.head_object(key).content_length, len(key.encode()))
        bucket.delete_object(key)
        assert not bucket.object_exists(key), key


def _put_tree(root: str) -> None:
    for name in TREE:
        bucket.put_object(root + name, name)


@case
def list() -> None:  # noqa: A001 - the case's name
    _put_tree("list/")
    found = [*oss2.ObjectIterator(bucket, prefix="list/", delimiter="/", max_keys=1)]
    keys = [each.key for each in found]
    equal("keys", keys, ["list/a.txt", "list/b/", "list/c/", "list/e.txt"])
    equal("prefixes", [each.is_prefix() for each in found], [False, True, True, False])
    first, *rest = bucket.list_objects(prefix="list/", marker="list/a.txt").object_list
    equal("key", first.key, "list/b/1.txt")
    equal("the rest", [each.key for each in rest], [f"list/{name}" for name in TREE[2:]])
    equal("ETag", first.etag, etag_of(b"b/1.txt").strip('"'))
    equal("type and size", (first.type, first.size), ("Normal", 7))
    equal("storage class", first.storage_class, "Standard")
    assert first.owner.id
    assert is_now(first.last_modified)


@case
def list_v2() -> None:
    _put_tree("list2/")
    options = {"prefix": "list2/", "delimiter": "/", "max_keys": 1, "fetch_owner": True}
    found = [each.key for each in oss2.ObjectIteratorV2(bucket, **options)]
    equal("keys", found, ["list2/a.txt", "list2/b/", "list2/c/", "list2/e.txt"])
    after = bucket.list_objects_v2(prefix="list2/", start_after="list2/b/2.txt").object_list
    equal("keys", [each.key for each in after], ["list2/c/d/3.txt", "list2/e.txt"])


@case
def list_awkward_keys() -> None:
    want = sorted((f"awkward/{key}" for key in AWKWARD_KEYS), key=str.encode)
    for key in want:
        bucket.put_object(key, b"")
    for iterator in (oss2.ObjectIterator, oss2.ObjectIteratorV2):
        found = iterator(bucket, prefix="awkward/", max_keys=5)
        equal(f"keys by {iterator.__name__}", [each.key for each in found], want)


@case
def copy() -> None:
    source = "copy/源 +?.txt"
    bucket.put_object(source, b"content", headers={"x-oss-meta-kept": "yes"})
    copied = bucket.copy_object(BUCKET, source, "copy/same")
    equal("ETag", copied.etag, etag_of(b"content").strip('"'))
    equal("content", text_of("copy/same"), "content")
    equal("metadata", bucket.head_object("copy/same").headers["x-oss-meta-kept"], "yes")
    bucket.update_object_meta("copy/same", {"x-oss-meta-fresh": "1"})
    about = bucket.head_object("copy/same").headers
    equal("metadata", (about.get("x-oss-meta-kept"), about["x-oss-meta-fresh"]), (None, "1"))


@case
def append() -> None:
    first = bucket.append_object("append.log", 0, b"one,", init_crc=0)
    equal("next position", first.next_position, 4)
    again = bucket.append_object("append.log", 4, b"two", init_crc=first.crc)
    equal("next position and CRC", (again.next_position, again.crc), (7, crc_of(b"one,two")))
    equal("content", text_of("append.log"), "one,two")
    equal("object type", bucket.head_object("append.log").object_type, "Appendable")
    error = refused(409, "PositionNotEqualToLength", bucket.append_object, "append.log", 3, b"x")
    equal("next position", error.next_position, 7)


@case
def ranges() -> None:
    bucket.put_object("ranges", b"0123456789")

    def read(start: int | None, end: int | None, behavior: str = "") -> tuple[int, bytes]:
        headers = {"x-oss-range-behavior": behavior} if behavior else None
        found = bucket.get_object("ranges", byte_range=(start, end), headers=headers)
        return found.status, found.read()

    equal("bytes 2 to 4", read(2, 4), (206, b"234"))
    equal("bytes from 7", read(7, None), (206, b"789"))
    equal("the last 2 bytes", read(None, 2), (206, b"89"))
    # A range that is not entirely inside the object is ignored, unless the client asks for the standard.
    equal("bytes 8 to 20", read(8, 20), (200, b"0123456789"))
    equal("bytes 8 to 20 by the standard", read(8, 20, "standard"), (206, b"89"))
    refused(416, "InvalidRange", read, 20, 30, "standard")


@case
def conditions() -> None:
    etag = bucket.put_object("conditions", b"x").headers["ETag"]
    past = oss2.utils.http_date(int(time.time()) - 3600)

    def read(name: str, value: str) -> bytes:
        content: bytes = bucket.get_object("conditions", headers={name: value}).read()
        return content

    met = {"If-Match": etag, "If-None-Match": '"other"', "If-Modified-Since": past}
    for name, value in met.items():
        equal(name, read(name, value), b"x")
    refused(412, "PreconditionFailed", read, "If-Match", '"other"')
    refused(412, "PreconditionFailed", read, "If-Unmodified-Since", past)
    # A 304 has no body, and therefore no code.
    refused(304, "", read, "If-None-Match", etag)
    forbid = {"x-oss-forbid-overwrite": "true"}
    refused(409, "FileAlreadyExists", bucket.put_object, "conditions", b"y", headers=forbid)


@case
def object_acl() -> None:
    bucket.put_object("acl", b"x")
    url = bare_url(BUCKET, "acl")
    equal("ACL", bucket.get_object_acl("acl").acl, "default")
    equal("status of a stranger", fetch("GET", url)[0], 403)
    bucket.put_object_acl("acl", oss2.OBJECT_ACL_PUBLIC_READ)
    equal("ACL", bucket.get_object_acl("acl").acl, "public-read")
    equal("what a stranger reads", fetch("GET", url), (200, "x"))


@case
def object_tags() -> None:
    bucket.put_object("tags", b"x", headers={"x-oss-tagging": "old=1"})

    def tags() -> dict[str, str]:
        found: dict[str, str] = bucket.get_object_tagging("tags").tag_set.tagging_rule
        return found

    equal("tags", tags(), {"old": "1"})
    rule = oss2.models.TaggingRule()
    wanted = {"key1=": "value 1+", "key2-": "value2.", "key3:/": ""}
    for key, value in wanted.items():
        rule.add(key, value)
    bucket.put_object_tagging("tags", oss2.models.Tagging(rule))
    equal("tags", tags(), wanted)
    equal("their number", bucket.head_object("tags").headers["x-oss-tagging-count"], "3")
    bucket.delete_object_tagging("tags")
    equal("tags", tags(), {})
    refused(404, "NoSuchKey", bucket.get_object_tagging, "tags-missing")


@case
def symlinks() -> None:
    for number, target in enumerate(AWKWARD_KEYS):
        link = f"symlink-{number}"
        bucket.put_object(target, target.encode())
        bucket.put_symlink(target, link, headers={"x-oss-meta-a": "b"})
        equal("target", bucket.get_symlink(link).target_key, target)
        equal("what is read", text_of(link), target)
        head = bucket.head_object(link)
        equal("type", head.object_type, "Symlink")
        equal("length", head.content_length, len(target.encode()))
    bucket.put_symlink("none", "symlink-to-none")
    refused(404, "SymlinkTargetNotExist", bucket.get_object, "symlink-to-none")
    bucket.put_symlink("symlink-to-none", "symlink-to-link")
    refused(400, "InvalidTargetType", bucket.get_object, "symlink-to-link")
    refused(404, "NoSuchKey", bucket.get_symlink, "symlink-missing")


@case
def delete_many() -> None:
    keys = [f"many/{key}" for key in ("plain", "missing", *AWKWARD_KEYS)]
    for key in keys:
        if key != "many/missing":
            bucket.put_object(key, b"")
    equal("deleted", bucket.batch_delete_objects(keys).deleted_keys, keys)
    equal("left", bucket.list_objects(prefix="many/").object_list, [])
