"""The Python SDK v1 (oss2) against a server; see test_sdks.py."""

# mypy: disable-error-code="import-untyped"

import base64
import datetime as dt
import io
import time
from contextlib import suppress
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import oss2
import oss2_asking  # noqa: F401 - its cases are entered by importing it
import oss2_policies  # noqa: F401 - so are its
from harness import (
    AWKWARD_KEYS,
    BUCKET,
    ECHO,
    FORM,
    IS_VIRTUAL,
    JSON,
    PART,
    REGION,
    ROLE_BUCKET,
    SCRATCH,
    TREE,
    assume_role,
    bare_url,
    callback,
    callback_variables,
    case,
    crc_of,
    equal,
    equal_echo,
    etag_of,
    fetch,
    file,
    host_of,
    is_now,
    policy_only,
    report,
    some_bytes,
    sts_refuses_a_wrong_secret,
)
from oss2.models import (
    AbortMultipartUpload,
    BatchDeleteObjectVersion,
    BatchDeleteObjectVersionList,
    BucketCors,
    BucketLifecycle,
    BucketVersioningConfig,
    CorsRule,
    LifecycleExpiration,
    LifecycleRule,
    NoncurrentVersionExpiration,
    NoncurrentVersionStorageTransition,
    PartInfo,
    StorageTransition,
    Tagging,
    TaggingRule,
)
from oss2_clients import SERVICE, auth_of, bucket, bucket_of, refused, text_of


@case
def addressing() -> None:
    url = urlsplit(bucket.sign_url("GET", "k", 60))
    equal("host", url.netloc, host_of(BUCKET))
    equal("path", url.path, "/k" if IS_VIRTUAL else f"/{BUCKET}/k")


@case
def bucket_lifecycle() -> None:
    name = f"{BUCKET}-other"
    other = bucket_of(name)
    other.create_bucket(oss2.BUCKET_ACL_PUBLIC_READ)
    info = other.get_bucket_info()
    equal("name", info.name, name)
    equal("ACL", info.acl.grant, "public-read")
    equal("location", info.location, f"oss-{REGION}")
    equal("storage class", info.storage_class, "Standard")
    assert is_now(oss2.utils.iso8601_to_unixtime(info.creation_date))
    equal("location", other.get_bucket_location().location, f"oss-{REGION}")
    found = oss2.BucketIterator(SERVICE, prefix=BUCKET, max_keys=1)
    equal("buckets", [each.name for each in found], [BUCKET, name])
    other.delete_bucket()
    refused(404, "NoSuchBucket", other.get_bucket_info)


@case
def bucket_acl() -> None:
    equal("ACL", bucket.get_bucket_acl().acl, "private")
    for acl in (oss2.BUCKET_ACL_PUBLIC_READ_WRITE, oss2.BUCKET_ACL_PRIVATE):
        bucket.put_bucket_acl(acl)
        equal("ACL", bucket.get_bucket_acl().acl, acl)


@case
def bucket_cors() -> None:
    rule = CorsRule(
        allowed_origins=["http://a.example", "http://*.b.example"],
        allowed_methods=["PUT", "GET"],
        allowed_headers=["*"],
        expose_headers=["ETag", "x-oss-request-id"],
        max_age_seconds=300,
    )
    bucket.put_bucket_cors(BucketCors([rule]))
    equal("rules", [vars(each) for each in bucket.get_bucket_cors().rules], [vars(rule)])
    bucket.delete_bucket_cors()
    refused(404, "NoSuchCORSConfiguration", bucket.get_bucket_cors)


@case
def bucket_tags() -> None:
    def tags() -> dict[str, str]:
        found: dict[str, str] = bucket.get_bucket_tagging().tag_set.tagging_rule
        return found

    def tagged(**asked: str) -> Any:
        params = {name.replace("_", "-"): value for name, value in asked.items()}
        return [each.name for each in SERVICE.list_buckets(prefix=BUCKET, params=params).buckets]

    equal("no tags", tags(), {})
    wanted = TaggingRule()
    for key, value in (("team", "red"), ("阶段", "测试 &<"), ("empty", "")):
        wanted.add(key, value)
    bucket.put_bucket_tagging(Tagging(wanted))
    equal("tags", tags(), wanted.tagging_rule)
    equal("by key", tagged(tag_key="team"), [BUCKET])
    equal("by value", tagged(tag_key="team", tag_value="red"), [BUCKET])
    equal("by another value", tagged(tag_key="team", tag_value="blue"), [])
    bucket.delete_bucket_tagging({"tagging": "team,none"})
    equal("fewer tags", sorted(tags()), ["empty", "阶段"])
    bucket.delete_bucket_tagging()
    equal("no tags", tags(), {})


@case
def lifecycle() -> None:
    refused(404, "NoSuchLifecycle", bucket.get_bucket_lifecycle)
    tagging = TaggingRule()
    tagging.add("k", "v")
    rules = [
        LifecycleRule(
            "expire",
            "logs/中文",
            expiration=LifecycleExpiration(days=90),
            storage_transitions=[
                StorageTransition(days=30, storage_class=oss2.BUCKET_STORAGE_CLASS_IA),
                StorageTransition(days=60, storage_class=oss2.BUCKET_STORAGE_CLASS_ARCHIVE),
            ],
            tagging=Tagging(tagging),
        ),
        LifecycleRule(
            "parts",
            "b",
            status=LifecycleRule.DISABLED,
            abort_multipart_upload=AbortMultipartUpload(created_before_date=dt.date(2020, 12, 12)),
        ),
        LifecycleRule(
            "versions",
            "c",
            expiration=LifecycleExpiration(expired_detete_marker=True),
            noncurrent_version_expiration=NoncurrentVersionExpiration(30),
            noncurrent_version_sotrage_transitions=[
                NoncurrentVersionStorageTransition(12, oss2.BUCKET_STORAGE_CLASS_IA)
            ],
        ),
    ]
    bucket.put_bucket_lifecycle(BucketLifecycle(rules))
    found = bucket.get_bucket_lifecycle().rules
    equal("ids", [each.id for each in found], ["expire", "parts", "versions"])
    first, parts, versioned = found
    equal("prefix", first.prefix, "logs/中文")
    equal("status", [each.status for each in found], ["Enabled", "Disabled", "Enabled"])
    equal("days", first.expiration.days, 90)
    changes = [(each.days, each.storage_class) for each in first.storage_transitions]
    equal("transitions", changes, [(30, "IA"), (60, "Archive")])
    equal("tags", first.tagging.tag_set.tagging_rule, {"k": "v"})
    date = parts.abort_multipart_upload.created_before_date
    equal("date", date, dt.date(2020, 12, 12))
    equal("markers", versioned.expiration.expired_detete_marker, want=True)
    equal("noncurrent", versioned.noncurrent_version_expiration.noncurrent_days, 30)
    bucket.put_object("logs/中文1", b"x", headers={"x-oss-tagging": "k=v"})
    told = bucket.head_object("logs/中文1").headers["x-oss-expiration"]
    equal("what is told of it", 'rule-id="expire"' in told, want=True)
    wrong = LifecycleRule(
        "order",
        "",
        noncurrent_version_sotrage_transitions=[
            NoncurrentVersionStorageTransition(20, oss2.BUCKET_STORAGE_CLASS_IA),
            NoncurrentVersionStorageTransition(12, oss2.BUCKET_STORAGE_CLASS_ARCHIVE),
        ],
    )
    refused(400, "InvalidArgument", bucket.put_bucket_lifecycle, BucketLifecycle([wrong]))
    overlapping = BucketLifecycle(
        [
            LifecycleRule(name, prefix, expiration=LifecycleExpiration(days=days))
            for name, prefix, days in (("1", "dir1/", 180), ("2", "dir1/dir2/", 30))
        ]
    )
    refused(400, "InvalidRequest", bucket.put_bucket_lifecycle, overlapping)
    bucket.put_bucket_lifecycle(overlapping, {"x-oss-allow-same-action-overlap": "true"})
    equal("rules", len(bucket.get_bucket_lifecycle().rules), 2)
    bucket.delete_bucket_lifecycle()
    refused(404, "NoSuchLifecycle", bucket.get_bucket_lifecycle)


@case
def access_monitor() -> None:
    def status() -> Any:
        equal("told", bucket.get_bucket_info().access_monitor, now := _monitor())
        return now

    def _monitor() -> Any:
        return bucket.get_bucket_access_monitor().access_monitor.status

    equal("at first", status(), "Disabled")
    rule = LifecycleRule(
        "r",
        "none/",
        storage_transitions=[
            StorageTransition(
                days=352,
                storage_class=oss2.BUCKET_STORAGE_CLASS_IA,
                is_access_time=True,
                return_to_std_when_visit=True,
                allow_small_file=True,
            )
        ],
    )
    refused(400, "InvalidRequest", bucket.put_bucket_lifecycle, BucketLifecycle([rule]))
    bucket.put_bucket_access_monitor("Enabled")
    equal("enabled", status(), "Enabled")
    bucket.put_bucket_lifecycle(BucketLifecycle([rule]))
    [found] = bucket.get_bucket_lifecycle().rules
    [change] = found.storage_transitions
    said = (change.is_access_time, change.return_to_std_when_visit, change.allow_small_file)
    equal("transition", said, (True, True, True))
    equal("base", abs(found.atime_base - time.time()) < 60, want=True)
    bucket.put_object("accessed", b"x")
    equal(
        "accessed",
        "x-oss-last-access-time" in bucket.get_object_meta("accessed").headers,
        want=True,
    )
    refused(400, "AccessMonitorDisableNotAllowed", bucket.put_bucket_access_monitor, "Disabled")
    refused(400, "MalformedXML", bucket.put_bucket_access_monitor, "aa")
    bucket.delete_bucket_lifecycle()
    bucket.put_bucket_access_monitor("Disabled")
    equal("at last", status(), "Disabled")


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


def _archive(name: str) -> oss2.Bucket:
    """A bucket whose objects have to be restored, with one of them."""
    cold = bucket_of(name)
    cold.create_bucket(input=oss2.models.BucketCreateConfig(oss2.BUCKET_STORAGE_CLASS_ARCHIVE))
    equal("class of the bucket", cold.get_bucket_info().storage_class, "Archive")
    cold.put_object("k", b"cold")
    equal("class", cold.head_object("k").headers["x-oss-storage-class"], "Archive")
    refused(403, "InvalidObjectState", cold.get_object, "k")
    return cold


def _remove(cold: oss2.Bucket) -> None:
    cold.delete_object("k")
    cold.delete_bucket()


def _wait_until_restored(cold: oss2.Bucket, key: str) -> None:
    for _ in range(100):
        if 'ongoing-request="false"' in cold.head_object(key).headers["x-oss-restore"]:
            return
        time.sleep(0.1)
    raise AssertionError(f"{key} is not restored")


@case
def encryption() -> None:
    side = "x-oss-server-side-encryption"
    refused(404, "NoSuchServerSideEncryptionRule", bucket.get_bucket_encryption)
    bucket.put_bucket_encryption(oss2.models.ServerSideEncryptionRule("KMS", None, "SM4"))
    rule = bucket.get_bucket_encryption()
    told = (rule.sse_algorithm, rule.kms_master_keyid, rule.kms_data_encryption)
    equal("rule", told, ("KMS", None, "SM4"))
    rule = bucket.get_bucket_info().bucket_encryption_rule
    equal("rule in the information", (rule.sse_algorithm, rule.kms_data_encryption), told[::2])
    stored = bucket.put_object("encrypted/rule", b"0123456789")
    own_key = stored.headers[f"{side}-key-id"]
    told = (stored.headers[side], stored.headers["x-oss-server-side-data-encryption"])
    equal("by the rule", told, ("KMS", "SM4"))
    equal("ETag is of what was sent", f'"{stored.etag}"', etag_of(b"0123456789"))
    equal("range", bucket.get_object("encrypted/rule", byte_range=(3, 5)).read(), b"345")
    bucket.put_object("encrypted/header", b"by header", headers={side: "AES256"})
    about = bucket.head_object("encrypted/header").headers
    equal("a header goes before", (about[side], f"{side}-key-id" in about), ("AES256", False))
    bucket.append_object("encrypted/log", 0, b"one,", headers={side: "KMS"})
    bucket.append_object("encrypted/log", 4, b"two")
    equal("appended", text_of("encrypted/log"), "one,two")
    equal("its own key", bucket.head_object("encrypted/log").headers[f"{side}-key-id"], own_key)
    upload = bucket.init_multipart_upload("encrypted/parts", headers={side: "SM4"}).upload_id
    part = bucket.upload_part("encrypted/parts", upload, 1, b"part")
    equal("part", part.headers[side], "SM4")
    parts = [PartInfo(1, part.etag)]
    whole = bucket.complete_multipart_upload("encrypted/parts", upload, parts)
    equal("upload", (whole.headers[side], text_of("encrypted/parts")), ("SM4", "part"))
    bucket.delete_bucket_encryption()
    refused(404, "NoSuchServerSideEncryptionRule", bucket.get_bucket_encryption)
    bucket.copy_object(BUCKET, "encrypted/rule", "encrypted/not")
    assert side not in bucket.head_object("encrypted/not").headers
    equal("content", text_of("encrypted/not"), "0123456789")
    put = bucket.put_object
    refused(400, "InvalidEncryptionAlgorithmError", put, "k", b"x", {side: "aes256"})
    refused(404, "KeyNotFound", put, "k", b"x", {side: "KMS", f"{side}-key-id": "none"})


@case
def bucket_worm() -> None:
    kept = bucket_of(f"{BUCKET}-worm")
    kept.create_bucket()
    refused(404, "NoSuchWORMConfiguration", kept.get_bucket_worm)
    first = kept.init_bucket_worm(1).worm_id

    def told() -> tuple[Any, ...]:
        found = kept.get_bucket_worm()
        assert found.creation_date, found
        return found.worm_id, found.state, found.retention_period_days

    equal("policy", told(), (first, "InProgress", 1))
    refused(400, "InvalidWORMConfiguration", kept.extend_bucket_worm, first, 2)
    equal("status", kept.abort_bucket_worm().status, 204)
    kept.put_object("k", b"kept")
    worm_id = kept.init_bucket_worm(1).worm_id
    kept.complete_bucket_worm(worm_id)
    kept.extend_bucket_worm(worm_id, 2)
    equal("policy", told(), (worm_id, "Locked", 2))
    refused(403, "WORMConfigurationLocked", kept.abort_bucket_worm)
    refused(409, "FileImmutable", kept.put_object, "k", b"other")
    refused(409, "FileImmutable", kept.delete_object, "k")
    refused(409, "FileImmutable", kept.batch_delete_objects, ["k", "absent"])
    refused(409, "FileImmutable", kept.update_object_meta, "k", {"x-oss-meta-a": "b"})
    equal("content", kept.get_object("k").read(), b"kept")


@case
def restore() -> None:
    cold = _archive(f"{BUCKET}-archive")
    equal("first", cold.restore_object("k").status, 202)
    refused(409, "RestoreAlreadyInProgress", cold.restore_object, "k")
    equal("on its way", cold.head_object("k").headers["x-oss-restore"], 'ongoing-request="true"')
    _wait_until_restored(cold, "k")
    equal("content", cold.get_object("k").read(), b"cold")
    equal("again", cold.restore_object("k").status, 200)
    _remove(cold)
    refused(400, "OperationNotSupported", bucket.restore_object, _stored("restore/warm", "IA"))
    colder = _stored("restore/colder", "ColdArchive")
    wanted = oss2.models.RestoreConfiguration(
        days=2, job_parameters=oss2.models.RestoreJobParameters(oss2.models.RESTORE_TIER_BULK)
    )
    restored = bucket.restore_object(colder, input=wanted)
    told = (restored.status, restored.headers["x-oss-object-restore-priority"])
    equal("status and priority", told, (202, "Bulk"))


def _stored(key: str, storage_class: str) -> str:
    bucket.put_object(key, b"x", headers={"x-oss-storage-class": storage_class})
    return key


@case
def archive_direct_read() -> None:
    cold = _archive(f"{BUCKET}-direct")
    cold.put_bucket_archive_direct_read(enabled=True)
    equal("enabled", str(cold.get_bucket_archive_direct_read().enabled).lower(), "true")
    equal("content", cold.get_object("k").read(), b"cold")
    cold.put_bucket_archive_direct_read(enabled=False)
    refused(403, "InvalidObjectState", cold.get_object, "k")
    _remove(cold)


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


def _versions_of(kept: oss2.Bucket) -> Any:
    """Versions, then markers; of each its key, its id and whether it is the latest."""
    page = kept.list_object_versions()
    return [
        [(each.key, each.versionid, each.is_latest) for each in found]
        for found in (page.versions, page.delete_marker)
    ]


@case
def versions() -> None:
    kept = bucket_of(f"{BUCKET}-versions")
    kept.create_bucket()
    equal("status", kept.get_bucket_versioning().status, None)
    kept.put_bucket_versioning(BucketVersioningConfig(oss2.BUCKET_VERSIONING_ENABLE))
    equal("status", kept.get_bucket_versioning().status, "Enabled")
    equal("status", kept.get_bucket_info().versioning_status, "Enabled")
    first, second = (kept.put_object("k", text).versionid for text in ("1", "two"))
    assert first != second, first
    old = {"versionId": first}
    equal("content of the first", kept.get_object("k", params=old).read(), b"1")
    equal("content", kept.get_object("k").read(), b"two")
    kept.put_object_acl("k", oss2.OBJECT_ACL_PUBLIC_READ, params=dict(old))
    equal("ACL of the first", kept.get_object_acl("k", params=dict(old)).acl, "public-read")
    equal("ACL", kept.get_object_acl("k").acl, "default")

    deleted = kept.delete_object("k")
    marker = deleted.versionid
    equal("whether there is a marker", deleted.delete_marker, True)  # noqa: FBT003 - compared
    error = refused(404, "NoSuchKey", kept.get_object, "k")
    equal("marker", error.headers["x-oss-version-id"], marker)
    pair = [("k", second, False), ("k", first, False)]
    equal("versions and markers", _versions_of(kept), [pair, [("k", marker, True)]])
    copied = kept.copy_object(kept.bucket_name, "k", "copied", params=dict(old))
    equal("source", copied.headers["x-oss-copy-source-version-id"], first)
    equal("content of the copy", kept.get_object("copied").read(), b"1")
    gone = kept.delete_object("copied", params={"versionId": copied.versionid})
    equal("version that is gone", gone.versionid, copied.versionid)

    several = BatchDeleteObjectVersionList()
    for version in (first, second, marker):
        several.append(BatchDeleteObjectVersion("k", version))
    told = [
        (each.key, each.versionid, each.delete_marker, each.delete_marker_versionid)
        for each in kept.delete_object_versions(several).delete_versions
    ]
    plain = [("k", first, False, ""), ("k", second, False, "")]
    equal("deleted", told, [*plain, ("k", marker, True, marker)])
    equal("left", _versions_of(kept), [[], []])

    kept.put_bucket_versioning(BucketVersioningConfig(oss2.BUCKET_VERSIONING_SUSPEND))
    equal("status", kept.get_bucket_versioning().status, "Suspended")
    equal("version while suspended", kept.put_object("k", b"x").versionid, "null")
    refused(409, "BucketNotEmpty", kept.delete_bucket)
    kept.delete_object("k", params={"versionId": "null"})
    kept.delete_bucket()


@case
def delete_many() -> None:
    keys = [f"many/{key}" for key in ("plain", "missing", *AWKWARD_KEYS)]
    for key in keys:
        if key != "many/missing":
            bucket.put_object(key, b"")
    equal("deleted", bucket.batch_delete_objects(keys).deleted_keys, keys)
    equal("left", bucket.list_objects(prefix="many/").object_list, [])


def _upload_parts(key: str, content: bytes) -> tuple[str, Any]:
    upload: str = bucket.init_multipart_upload(key, {"Content-Type": "text/plain"}).upload_id
    parts = []
    for number, start in enumerate(range(0, len(content), PART), 1):
        piece = content[start : start + PART]
        stored = bucket.upload_part(key, upload, number, piece)
        parts.append(PartInfo(number, stored.etag, size=len(piece), part_crc=stored.crc))
    return upload, parts


@case
def multipart() -> None:
    key, content = "multipart/键 +.bin", some_bytes(2 * PART + 5)
    upload, parts = _upload_parts(key, content)
    listed = [*oss2.PartIterator(bucket, key, upload, max_parts=2)]
    told = [(each.part_number, each.etag, each.size) for each in listed]
    equal("listed", told, [(each.part_number, each.etag, each.size) for each in parts])
    completed = bucket.complete_multipart_upload(key, upload, parts)
    equal("CRC", completed.crc, crc_of(content))
    equal("end of the ETag", completed.etag[32:], "-3")
    assert bucket.get_object(key).read() == content
    about = bucket.head_object(key)
    equal("types", (about.object_type, about.content_type), ("Multipart", "text/plain"))


@case
def multipart_copy() -> None:
    content = some_bytes(PART + 10)
    bucket.put_object("multipart/source ä", content)
    upload = bucket.init_multipart_upload("multipart/copied").upload_id
    parts = []
    for number, span in enumerate(((0, PART - 1), (PART, PART + 9)), 1):
        stored = bucket.upload_part_copy(
            BUCKET, "multipart/source ä", span, "multipart/copied", upload, number
        )
        parts.append(PartInfo(number, stored.etag))
    bucket.complete_multipart_upload("multipart/copied", upload, parts)
    assert bucket.get_object("multipart/copied").read() == content


def _uploads(prefix: str) -> Any:
    found = oss2.MultipartUploadIterator(bucket, prefix=prefix, max_uploads=1)
    return [(each.key, each.upload_id) for each in found]


@case
def multipart_abort() -> None:
    one = bucket.init_multipart_upload("abort/1 +").upload_id
    two, _ = _upload_parts("abort/2", b"x")
    equal("uploads", _uploads("abort/"), [("abort/1 +", one), ("abort/2", two)])
    for key, upload in _uploads("abort/"):
        bucket.abort_multipart_upload(key, upload)
    equal("uploads", _uploads("abort/"), [])
    refused(404, "NoSuchUpload", bucket.list_parts, "abort/2", two)


def _resumable(key: str, path: str, **options: Any) -> Any:
    store = oss2.ResumableStore(root=str(SCRATCH))
    return oss2.resumable_upload(
        bucket, key, path, store=store, multipart_threshold=PART, part_size=PART, **options
    )


@case
def uploader() -> None:
    content = some_bytes(5 * PART + 1)
    stored = _resumable("uploader/file", file("uploader.bin", content), num_threads=3)
    equal("CRC", stored.crc, crc_of(content))
    assert bucket.get_object("uploader/file").read() == content
    _resumable("uploader/small", file("small.bin", b"small"))
    equal("a small one", text_of("uploader/small"), "small")


@case
def uploader_resumes() -> None:
    content = some_bytes(6 * PART)
    path = file("resumed.bin", content)

    def interrupt(sent: int, total: int) -> None:
        if sent >= 3 * PART:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        _resumable("uploader/resumed", path, num_threads=1, progress_callback=interrupt)
        raise AssertionError("the upload is not interrupted")
    equal("open uploads", len(_uploads("uploader/resumed")), 1)
    seen: dict[int, int] = {}
    _resumable(
        "uploader/resumed",
        path,
        num_threads=1,
        progress_callback=seen.__setitem__,
    )
    assert min(seen) >= 3 * PART, seen
    assert bucket.get_object("uploader/resumed").read() == content
    equal("open uploads", _uploads("uploader/resumed"), [])


@case
def downloader() -> None:
    content = some_bytes(5 * PART + 7)
    bucket.put_object("downloader", content)
    path = SCRATCH / "downloaded.bin"
    store = oss2.ResumableDownloadStore(root=str(SCRATCH))
    oss2.resumable_download(
        bucket, "downloader", str(path), multiget_threshold=PART, part_size=PART, store=store
    )
    assert path.read_bytes() == content


@case
def presigned_get() -> None:
    for key, is_slash_safe in zip(["presigned", *AWKWARD_KEYS], count(), strict=False):
        bucket.put_object(key, key)
        url = bucket.sign_url("GET", key, 60, slash_safe=bool(is_slash_safe % 2))
        equal(key, fetch("GET", url), (200, key))
        equal(f"{key} by the SDK", bucket.get_object_with_url(url).read().decode(), key)
    url = bucket.sign_url("GET", "presigned", 60)
    equal("a range", fetch("GET", url, {"Range": "bytes=0-2"}), (206, "pre"))


@case
def presigned_put() -> None:
    headers = {"Content-Type": "text/x-own", "x-oss-meta-by": "url"}
    for key in ["presigned", *AWKWARD_KEYS]:
        url = bucket.sign_url("PUT", key, 60, headers=headers)
        equal(key, fetch("PUT", url, headers, key.encode()), (200, ""))
        equal(f"content of {key}", text_of(key), key)
        about = bucket.head_object(key)
        equal("type", about.content_type, "text/x-own")
        equal("metadata", about.headers["x-oss-meta-by"], "url")
    bucket.put_object_with_url(url, b"by the SDK", headers=headers)
    equal("status with another type", fetch("PUT", url, {"Content-Type": "text/x"}, b"x")[0], 403)


@case
def presigned_expired() -> None:
    url = bucket.sign_url("GET", "presigned", 1)
    time.sleep(2.1)
    equal("status", fetch("GET", url)[0], 403)


@case
def error_no_such_key() -> None:
    error = refused(404, "NoSuchKey", bucket.get_object, "no/such key")
    assert isinstance(error, oss2.exceptions.NoSuchKey)
    assert error.ec


@case
def error_no_such_bucket() -> None:
    missing = bucket_of(f"{BUCKET}-missing")
    refused(404, "NoSuchBucket", missing.list_objects)
    refused(404, "NoSuchBucket", missing.put_object, "k", b"x")


@case
def error_wrong_secret() -> None:
    stranger = bucket_of(auth=auth_of(secret="wrong"))
    refused(403, "SignatureDoesNotMatch", stranger.get_object, "k")


@case
def error_unknown_access_key() -> None:
    stranger = bucket_of(auth=auth_of("LTAIunknown"))
    refused(403, "InvalidAccessKeyId", stranger.list_objects_v2)


@case
def error_bucket_not_empty() -> None:
    bucket.put_object("something", b"x")
    error = refused(409, "BucketNotEmpty", bucket.delete_bucket)
    assert isinstance(error, oss2.exceptions.BucketNotEmpty)


@case
def error_of_head() -> None:
    refused(404, "NoSuchKey", bucket.head_object, "no-such-key")


@case
def error_malformed_callback() -> None:
    for malformed in ("{not base64}", base64.b64encode(b"not JSON").decode()):
        headers = {"x-oss-callback": malformed}
        put = bucket.put_object
        refused(400, "InvalidArgument", put, "callback/refused", b"x", headers=headers)
    assert not bucket.object_exists("callback/refused")


def _callback_headers(path: str, content_type: str = JSON) -> dict[str, str]:
    return {
        "x-oss-callback": callback(path, content_type),
        "x-oss-callback-var": callback_variables(),
    }


def _put_with_callback(key: str, path: str, content_type: str = JSON, to: Any = bucket) -> Any:
    headers = {"Content-Type": "text/plain", **_callback_headers(path, content_type)}
    return to.put_object(key, b"hello", headers=headers)


def _callback_put(content_type: str) -> None:
    key = "callback/键 &=+.txt"
    stored = _put_with_callback(key, ECHO, content_type)
    about = bucket.head_object(key).headers
    equal_echo(stored.resp.read(), BUCKET, key, about, content_type)


@case
def callback_put_json() -> None:
    _callback_put(JSON)


@case
def callback_put_form() -> None:
    _callback_put(FORM)


@case
def callback_complete() -> None:
    key, content = "callback/complete 键.bin", some_bytes(PART + 3)
    upload, parts = _upload_parts(key, content)
    headers = _callback_headers(ECHO)
    completed = bucket.complete_multipart_upload(key, upload, parts, headers=headers)
    equal_echo(completed.resp.read(), BUCKET, key, bucket.head_object(key).headers)


@case
def callback_presigned() -> None:
    key = "callback/presigned 键.txt"
    headers = {"Content-Type": "text/plain"}
    parameters = {"callback": callback(ECHO), "callback-var": callback_variables()}
    url = bucket.sign_url("PUT", key, 60, headers=headers, params=parameters)
    status, text = fetch("PUT", url, headers, b"hello")
    equal(f"status of {text}", status, 200)
    equal_echo(text, BUCKET, key, bucket.head_object(key).headers)
    # The other way: signed headers, which the sender must repeat.
    headers |= _callback_headers(ECHO)
    url = bucket.sign_url("PUT", key, 60, headers=headers)
    answer = bucket.put_object_with_url(url, b"hello", headers=headers)
    equal_echo(answer.resp.read(), BUCKET, key, bucket.head_object(key).headers)


def _is_failure(result: Any, message: str) -> None:
    """203 is no error to this SDK: status and body tell."""
    equal("status", result.status, 203)
    text = result.resp.read().decode()
    assert "<Code>CallbackFailed</Code>" in text, text
    assert f"<Message>{message}</Message>" in text, text
    assert "<EC>0007-" in text, text


@case
def callback_fails() -> None:
    _is_failure(_put_with_callback("callback/failed", "/fail"), "Error status : 500.")
    equal("what is stored", text_of("callback/failed"), "hello")
    _is_failure(
        _put_with_callback("callback/failed", "/text"), "Response body is not valid json format."
    )


@case
def callback_complete_fails() -> None:
    key, content = "callback/complete-failed", some_bytes(PART + 3)
    upload, parts = _upload_parts(key, content)
    headers = _callback_headers("/fail")
    _is_failure(
        bucket.complete_multipart_upload(key, upload, parts, headers=headers),
        "Error status : 500.",
    )
    assert bucket.get_object(key).read() == content


def _session(policy: str | None = None, name: str = ROLE_BUCKET) -> oss2.Bucket:
    given = assume_role(policy)
    auth = auth_of(given.access_key_id, given.access_key_secret, given.security_token)
    return bucket_of(name, auth)


@case
def sts_upload() -> None:
    session = _session()
    root = bucket_of(ROLE_BUCKET)
    session.put_object("sts/oss2 键.txt", b"hello")
    equal("content", root.get_object("sts/oss2 键.txt").read(), b"hello")
    content = some_bytes(2 * PART + 1)
    path = file("sts.bin", content)
    oss2.resumable_upload(
        session,
        "sts/oss2.bin",
        path,
        store=oss2.ResumableStore(root=str(SCRATCH)),
        multipart_threshold=PART,
        part_size=PART,
    )
    assert root.get_object("sts/oss2.bin").read() == content


@case
def sts_callback() -> None:
    key = "sts/oss2-callback.txt"
    stored = _put_with_callback(key, ECHO, to=_session())
    about = bucket_of(ROLE_BUCKET).head_object(key).headers
    equal_echo(stored.resp.read(), ROLE_BUCKET, key, about)


@case
def sts_presigned() -> None:
    url = _session().sign_url("PUT", "sts/oss2-presigned.txt", 60)
    equal("answer", fetch("PUT", url, body=b"hello"), (200, ""))


@case
def sts_denied() -> None:
    refused(403, "AccessDenied", _session().get_object, "k")
    refused(403, "AccessDenied", _session(name=BUCKET).put_object, "k", b"x")
    sts_refuses_a_wrong_secret()


@case
def sts_session_policy() -> None:
    session = _session(policy_only("only/"))
    session.put_object("only/here", io.BytesIO(b"x"))
    refused(403, "AccessDenied", session.put_object, "elsewhere", b"x")
    refused(403, "AccessDenied", session.get_object, "only/here")


bucket.create_bucket()
report()
