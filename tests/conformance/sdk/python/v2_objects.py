"""alibabacloud-oss-v2: objects, their conditions, ACLs and tags, and lists of them."""

# mypy: disable-error-code="import-untyped"

import asyncio
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote

import alibabacloud_oss_v2 as oss
import alibabacloud_oss_v2.aio as oss_aio
from harness import (
    BUCKET,
    KEY_ID,
    KEY_SECRET,
    PART,
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
from v2_clients import AWKWARD_KEYS, client, configuration, get, head, put, refused


@case
def put_get_head() -> None:
    content, key = some_bytes(300_000), "put/object.bin"
    metadata = {"author": "me", "note": "two words"}
    stored = put(
        key, content, content_type="image/png", cache_control="max-age=60", metadata=metadata
    )
    equal("ETag", stored.etag, etag_of(content))
    equal("CRC", stored.hash_crc64, str(crc_of(content)))
    equal("content", get(key), content)
    about = head(key)
    equal("length", about.content_length, len(content))
    equal("ETag", about.etag, etag_of(content))
    equal("CRC", about.hash_crc64, str(crc_of(content)))
    equal("type", about.content_type, "image/png")
    equal("cache control", about.cache_control, "max-age=60")
    equal("metadata", dict(about.metadata), metadata)
    equal("types", (about.object_type, about.storage_class), ("Normal", "Standard"))
    assert is_now(about.last_modified)
    asyncio.run(_put_and_get_async())


async def _put_and_get_async() -> None:
    asynchronous = oss_aio.AsyncClient(configuration(KEY_ID, KEY_SECRET))
    try:
        await asynchronous.put_object(oss.PutObjectRequest(BUCKET, "put/async 键", body=b"async"))
        found = await asynchronous.get_object(oss.GetObjectRequest(BUCKET, "put/async 键"))
        equal("content of the asynchronous client", await found.body.read(), b"async")
    finally:
        await asynchronous.close()


@case
def empty_object() -> None:
    put("empty", b"")
    equal("content", get("empty"), b"")
    equal("length and CRC", (head("empty").content_length, head("empty").hash_crc64), (0, "0"))


@case
def exists() -> None:
    put("exists", b"x")
    assert client.is_object_exist(BUCKET, "exists")
    assert not client.is_object_exist(BUCKET, "exists-not")
    meta = client.get_object_meta(oss.GetObjectMetaRequest(BUCKET, "exists"))
    equal("length", meta.content_length, 1)


@case
def awkward_keys() -> None:
    for key in AWKWARD_KEYS:
        # Not the text: the SDK would count its characters instead of its bytes.
        put(key, key.encode())
        equal(f"content of {key}", get(key).decode(), key)
        equal(f"length of {key}", head(key).content_length, len(key.encode()))
        client.delete_object(oss.DeleteObjectRequest(BUCKET, key))
        assert not client.is_object_exist(BUCKET, key), key


def _put_tree(root: str) -> None:
    for name in TREE:
        put(root + name, name)


def _listed(pages: Iterable[Any]) -> tuple[Any, Any]:
    keys, prefixes = [], []
    for page in pages:
        keys += [each.key for each in page.contents or ()]
        prefixes += [each.prefix for each in page.common_prefixes or ()]
    return keys, prefixes


@case
def list() -> None:  # noqa: A001 - the case's name
    _put_tree("list/")
    ask = oss.ListObjectsRequest(BUCKET, prefix="list/", delimiter="/")
    found = _listed(client.list_objects_paginator(limit=1).iter_page(ask))
    equal("listed", found, (["list/a.txt", "list/e.txt"], ["list/b/", "list/c/"]))
    ask = oss.ListObjectsRequest(BUCKET, prefix="list/", marker="list/a.txt")
    first, *rest = client.list_objects(ask).contents
    equal("the rest", [each.key for each in rest], [f"list/{name}" for name in TREE[2:]])
    told = (first.key, first.etag, first.size, first.object_type, first.storage_class)
    equal("first", told, ("list/b/1.txt", etag_of(b"b/1.txt"), 7, "Normal", "Standard"))
    assert first.owner.id
    assert is_now(first.last_modified)


@case
def list_v2() -> None:
    _put_tree("list2/")
    ask = oss.ListObjectsV2Request(BUCKET, prefix="list2/", delimiter="/", fetch_owner=True)
    found = _listed(client.list_objects_v2_paginator(limit=1).iter_page(ask))
    equal("listed", found, (["list2/a.txt", "list2/e.txt"], ["list2/b/", "list2/c/"]))
    ask = oss.ListObjectsV2Request(BUCKET, prefix="list2/", start_after="list2/b/2.txt")
    after = client.list_objects_v2(ask)
    equal("keys", [each.key for each in after.contents], ["list2/c/d/3.txt", "list2/e.txt"])
    equal("key count", after.key_count, 2)


@case
def list_awkward_keys() -> None:
    want = sorted((f"awkward/{key}" for key in AWKWARD_KEYS), key=str.encode)
    for key in want:
        put(key, b"")
    ask = oss.ListObjectsRequest(BUCKET, prefix="awkward/")
    equal("keys", _listed(client.list_objects_paginator(limit=5).iter_page(ask))[0], want)
    ask = oss.ListObjectsV2Request(BUCKET, prefix="awkward/")
    found = _listed(client.list_objects_v2_paginator(limit=5).iter_page(ask))[0]
    equal("keys of version 2", found, want)


@case
def copy() -> None:
    source = "copy/源 +?.txt"
    put(source, b"content", metadata={"kept": "yes"})
    copied = client.copy_object(oss.CopyObjectRequest(BUCKET, "copy/same", source_key=source))
    equal("ETag", copied.etag, etag_of(b"content"))
    equal("content", get("copy/same"), b"content")
    equal("metadata", dict(head("copy/same").metadata), {"kept": "yes"})
    ask = oss.CopyObjectRequest(BUCKET, "copy/replaced", source_bucket=BUCKET, source_key=source)
    ask.metadata_directive, ask.metadata = "REPLACE", {"fresh": "1"}
    client.copy_object(ask)
    equal("metadata", dict(head("copy/replaced").metadata), {"fresh": "1"})
    big = some_bytes(5 * PART + 1)
    put("copy/big", big)
    copier = client.copier(
        part_size=PART, multipart_copy_threshold=PART, disable_shallow_copy=True, parallel_num=3
    )
    copier.copy(oss.CopyObjectRequest(BUCKET, "copy/copier", source_key="copy/big"))
    equal("content by the copier", get("copy/copier"), big)


@case
def append() -> None:
    def add(position: int, content: bytes) -> Any:
        return client.append_object(
            oss.AppendObjectRequest(BUCKET, "append.log", position=position, body=content)
        )

    equal("next position", add(0, b"one,").next_position, 4)
    again = add(4, b"two")
    told = (again.next_position, again.hash_crc64)
    equal("next position and CRC", told, (7, str(crc_of(b"one,two"))))
    equal("content", get("append.log"), b"one,two")
    equal("object type", head("append.log").object_type, "Appendable")
    error = refused(409, "PositionNotEqualToLength", add, 3, b"x")
    equal("next position", error.headers["x-oss-next-append-position"], "7")
    with client.append_file(BUCKET, "append.log") as opened:
        opened.write(b",three")
    equal("content", get("append.log"), b"one,two,three")


@case
def ranges() -> None:
    put("ranges", b"0123456789")

    def read(span: str, **more: Any) -> tuple[int, bytes]:
        ask = oss.GetObjectRequest(BUCKET, "ranges", range_header=f"bytes={span}", **more)
        found = client.get_object(ask)
        return found.status_code, found.body.content

    equal("bytes 2 to 4", read("2-4"), (206, b"234"))
    equal("bytes from 7", read("7-"), (206, b"789"))
    equal("the last 2 bytes", read("-2"), (206, b"89"))
    # A range that is not entirely inside the object is ignored, unless the client asks for the standard.
    equal("bytes 8 to 20", read("8-20"), (200, b"0123456789"))
    equal("bytes 8 to 20 by the standard", read("8-20", range_behavior="standard"), (206, b"89"))
    refused(416, "InvalidRange", lambda: read("20-30", range_behavior="standard"))
    with client.open_file(BUCKET, "ranges") as opened:
        opened.seek(-4, 2)
        equal("content of a file", opened.read(), b"6789")


@case
def conditions() -> None:
    etag = put("conditions", b"x").etag
    past = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() - 3600))

    def read(name: str, value: str) -> Any:
        return get("conditions", **{name: value})

    met = {"if_match": etag, "if_none_match": '"other"', "if_modified_since": past}
    for name, value in met.items():
        equal(name, read(name, value), b"x")
    refused(412, "PreconditionFailed", read, "if_match", '"other"')
    refused(412, "PreconditionFailed", read, "if_unmodified_since", past)
    # A 304 has no body, and therefore no code of the service.
    refused(304, "BadErrorResponse", read, "if_none_match", etag)
    refused(409, "FileAlreadyExists", lambda: put("conditions", b"y", forbid_overwrite=True))


@case
def object_acl() -> None:
    put("acl", b"x")
    url = bare_url(BUCKET, "acl")

    def acl() -> Any:
        return client.get_object_acl(oss.GetObjectAclRequest(BUCKET, "acl")).acl

    equal("ACL", acl(), "default")
    equal("status of a stranger", fetch("GET", url)[0], 403)
    client.put_object_acl(oss.PutObjectAclRequest(BUCKET, "acl", acl="public-read"))
    equal("ACL", acl(), "public-read")
    equal("what a stranger reads", fetch("GET", url), (200, "x"))


@case
def object_tags() -> None:
    put("tags", b"x", tagging="old=1")

    def tags() -> dict[str, str]:
        found = client.get_object_tagging(oss.GetObjectTaggingRequest(BUCKET, "tags"))
        return {each.key: each.value or "" for each in found.tag_set.tags or ()}

    equal("tags", tags(), {"old": "1"})
    wanted = {"key1=": "value 1+", "key2-": "value2.", "key3:/": ""}
    tag_set = oss.TagSet([oss.Tag(key, value) for key, value in wanted.items()])
    ask = oss.PutObjectTaggingRequest(BUCKET, "tags", tagging=oss.Tagging(tag_set))
    client.put_object_tagging(ask)
    equal("tags", tags(), wanted)
    head = client.head_object(oss.HeadObjectRequest(BUCKET, "tags"))
    equal("their number", head.tagging_count, 3)
    client.delete_object_tagging(oss.DeleteObjectTaggingRequest(BUCKET, "tags"))
    equal("tags", tags(), {})
    missing = oss.GetObjectTaggingRequest(BUCKET, "tags-missing")
    refused(404, "NoSuchKey", client.get_object_tagging, missing)


@case
def symlinks() -> None:
    def link(key: str, target: str) -> None:
        # It leaves the encoding to its caller.
        ask = oss.PutSymlinkRequest(BUCKET, key, target=quote(target), metadata={"a": "b"})
        client.put_symlink(ask)

    def read(key: str) -> Any:
        return client.get_object(oss.GetObjectRequest(BUCKET, key))

    for number, target in enumerate(AWKWARD_KEYS):
        key = f"symlink-{number}"
        put(target, target.encode())
        link(key, target)
        found = client.get_symlink(oss.GetSymlinkRequest(BUCKET, key))
        equal("target", unquote(found.target), target)
        equal("metadata", found.metadata, {"a": "b"})
        equal("what is read", read(key).body.content.decode(), target)
        equal("type", read(key).object_type, "Symlink")
    link("symlink-to-none", "none")
    refused(404, "SymlinkTargetNotExist", read, "symlink-to-none")
    link("symlink-to-link", "symlink-to-none")
    refused(400, "InvalidTargetType", read, "symlink-to-link")
    missing = oss.GetSymlinkRequest(BUCKET, "symlink-missing")
    refused(404, "NoSuchKey", client.get_symlink, missing)


def _delete(keys: Iterable[str], *, quiet: bool = False) -> Any:
    objects = [oss.DeleteObject(key) for key in keys]
    ask = oss.DeleteMultipleObjectsRequest(BUCKET, objects=objects, quiet=quiet)
    return [each.key for each in client.delete_multiple_objects(ask).deleted_objects or ()]


@case
def delete_many() -> None:
    keys = [f"many/{key}" for key in ("plain", "missing", *AWKWARD_KEYS)]
    for key in keys:
        if key != "many/missing":
            put(key, b"")
    equal("deleted", _delete(keys), keys)
    left = client.list_objects(oss.ListObjectsRequest(BUCKET, prefix="many/")).contents
    equal("left", left or [], [])
    put("many/quiet", b"")
    equal("deleted quietly", _delete(["many/quiet"], quiet=True), [])
