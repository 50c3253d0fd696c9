"""oss2: buckets, their ACLs, CORS, tags and lifecycle."""

# mypy: disable-error-code="import-untyped"

import datetime as dt
import time
from typing import Any
from urllib.parse import urlsplit

import oss2
from harness import (
    BUCKET,
    IS_VIRTUAL,
    REGION,
    case,
    equal,
    host_of,
    is_now,
)
from oss2.models import (
    AbortMultipartUpload,
    BucketCors,
    BucketLifecycle,
    CorsRule,
    LifecycleExpiration,
    LifecycleRule,
    NoncurrentVersionExpiration,
    NoncurrentVersionStorageTransition,
    StorageTransition,
    Tagging,
    TaggingRule,
)
from oss2_clients import SERVICE, bucket, bucket_of, refused


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
