"""alibabacloud-oss-v2: buckets, their ACLs, CORS, tags and lifecycle."""

# mypy: disable-error-code="import-untyped"

import time
from typing import Any
from urllib.parse import urlsplit

import alibabacloud_oss_v2 as oss
from harness import (
    BUCKET,
    IS_VIRTUAL,
    REGION,
    case,
    equal,
    host_of,
    is_now,
)
from v2_clients import client, put, refused


@case
def addressing() -> None:
    url = urlsplit(client.presign(oss.GetObjectRequest(BUCKET, "k")).url)
    equal("host", url.netloc, host_of(BUCKET))
    equal("path", url.path, "/k" if IS_VIRTUAL else f"/{BUCKET}/k")


@case
def bucket_lifecycle() -> None:
    other = f"{BUCKET}-other"
    client.put_bucket(oss.PutBucketRequest(other, acl="public-read"))
    assert client.is_bucket_exist(other)
    info = client.get_bucket_info(oss.GetBucketInfoRequest(other)).bucket_info
    equal("name", info.name, other)
    equal("ACL", info.acl, "public-read")
    equal("location", info.location, f"oss-{REGION}")
    equal("storage class", info.storage_class, "Standard")
    assert is_now(info.creation_date)
    location = client.get_bucket_location(oss.GetBucketLocationRequest(other)).location
    equal("location", location, f"oss-{REGION}")
    pages = client.list_buckets_paginator(limit=1).iter_page(oss.ListBucketsRequest(prefix=BUCKET))
    equal("buckets", [each.name for page in pages for each in page.buckets], [BUCKET, other])
    client.delete_bucket(oss.DeleteBucketRequest(other))
    assert not client.is_bucket_exist(other)


@case
def bucket_acl() -> None:
    def acl() -> Any:
        return client.get_bucket_acl(oss.GetBucketAclRequest(BUCKET)).acl

    equal("ACL", acl(), "private")
    for each in ("public-read-write", "private"):
        client.put_bucket_acl(oss.PutBucketAclRequest(BUCKET, acl=each))
        equal("ACL", acl(), each)


@case
def bucket_cors() -> None:
    rule = {
        "allowed_origins": ["http://a.example", "http://*.b.example"],
        "allowed_methods": ["PUT", "GET"],
        "allowed_headers": ["*"],
        "expose_headers": ["ETag", "x-oss-request-id"],
        "max_age_seconds": 300,
    }
    rules = oss.CORSConfiguration(cors_rules=[oss.CORSRule(**rule)])
    client.put_bucket_cors(oss.PutBucketCorsRequest(BUCKET, cors_configuration=rules))
    found = client.get_bucket_cors(oss.GetBucketCorsRequest(BUCKET)).cors_configuration.cors_rules
    equal("rules", [{name: getattr(each, name) for name in rule} for each in found], [rule])
    client.delete_bucket_cors(oss.DeleteBucketCorsRequest(BUCKET))
    ask = oss.GetBucketCorsRequest(BUCKET)
    refused(404, "NoSuchCORSConfiguration", client.get_bucket_cors, ask)


@case
def bucket_tags() -> None:
    def tags() -> dict[str, str]:
        found = client.get_bucket_tags(oss.GetBucketTagsRequest(BUCKET)).tagging.tag_set
        return {each.key: each.value or "" for each in found.tags or []}

    def tagged(**asked: str) -> Any:
        found = client.list_buckets(oss.ListBucketsRequest(prefix=BUCKET, **asked)).buckets
        return [each.name for each in found or []]

    equal("no tags", tags(), {})
    wanted = {"team": "red", "阶段": "测试 &<", "empty": ""}
    tag_set = oss.TagSet(tags=[oss.Tag(key=key, value=value) for key, value in wanted.items()])
    client.put_bucket_tags(oss.PutBucketTagsRequest(BUCKET, tagging=oss.Tagging(tag_set=tag_set)))
    equal("tags", tags(), wanted)
    equal("by key", tagged(tag_key="team"), [BUCKET])
    equal("by value", tagged(tag_key="team", tag_value="red"), [BUCKET])
    equal("by another value", tagged(tag_key="team", tag_value="blue"), [])
    equal("by several", tagged(tagging='"team":"red","empty":""'), [BUCKET])
    # This client cannot name those that are to go.
    client.delete_bucket_tags(oss.DeleteBucketTagsRequest(BUCKET))
    equal("no tags", tags(), {})


def _put_lifecycle(*rules: oss.LifecycleRule, **more: Any) -> None:
    client.put_bucket_lifecycle(
        oss.PutBucketLifecycleRequest(
            BUCKET, lifecycle_configuration=oss.LifecycleConfiguration(rules=[*rules]), **more
        )
    )


def _lifecycle() -> Any:
    ask = oss.GetBucketLifecycleRequest(BUCKET)
    return client.get_bucket_lifecycle(ask).lifecycle_configuration.rules


@case
def lifecycle() -> None:
    ask = oss.GetBucketLifecycleRequest(BUCKET)
    refused(404, "NoSuchLifecycle", client.get_bucket_lifecycle, ask)
    first = oss.LifecycleRule(
        id="expire",
        prefix="logs/中文",
        status="Enabled",
        expiration=oss.LifecycleRuleExpiration(days=90),
        transitions=[
            oss.LifecycleRuleTransition(days=30, storage_class="IA"),
            oss.LifecycleRuleTransition(days=60, storage_class="ColdArchive"),
        ],
        filter=oss.LifecycleRuleFilter(
            object_size_greater_than=1,
            nots=[oss.LifecycleRuleNot(prefix="logs/中文/not", tag=oss.Tag(key="n", value="1"))],
        ),
        tags=[oss.Tag(key="k", value="v")],
    )
    second = oss.LifecycleRule(
        id="versions",
        prefix="c",
        status="Disabled",
        expiration=oss.LifecycleRuleExpiration(expired_object_delete_marker=True),
        abort_multipart_upload=oss.LifecycleRuleAbortMultipartUpload(days=3),
        noncurrent_version_expiration=oss.NoncurrentVersionExpiration(noncurrent_days=30),
        noncurrent_version_transitions=[
            oss.NoncurrentVersionTransition(noncurrent_days=10, storage_class="IA")
        ],
    )
    _put_lifecycle(first, second)
    found = _lifecycle()
    equal("rules", [(each.id, each.status) for each in found], [
        ("expire", "Enabled"), ("versions", "Disabled"),
    ])  # fmt: skip
    equal("days", found[0].expiration.days, 90)
    changes = [(each.days, each.storage_class) for each in found[0].transitions]
    equal("transitions", changes, [(30, "IA"), (60, "ColdArchive")])
    equal("not", found[0].filter.nots[0].prefix, "logs/中文/not")
    equal("markers", found[1].expiration.expired_object_delete_marker, want=True)
    equal("parts", found[1].abort_multipart_upload.days, 3)
    equal("noncurrent", found[1].noncurrent_version_transitions[0].noncurrent_days, 10)
    # What is told can be put again.
    _put_lifecycle(*found)
    put("logs/中文1", b"xx", tagging="k=v")
    told = client.head_object(oss.HeadObjectRequest(BUCKET, "logs/中文1")).expiration
    equal("what is told of it", 'rule-id="expire"' in told, want=True)
    rules = [
        oss.LifecycleRule(
            id=name,
            prefix=prefix,
            status="Enabled",
            expiration=oss.LifecycleRuleExpiration(days=days),
        )
        for name, prefix, days in (("1", "dir1/", 180), ("2", "dir1/dir2/", 30))
    ]
    refused(400, "InvalidRequest", _put_lifecycle, *rules)
    _put_lifecycle(*rules, allow_same_action_overlap="true")
    equal("rules", len(_lifecycle()), 2)
    client.delete_bucket_lifecycle(oss.DeleteBucketLifecycleRequest(BUCKET))
    refused(404, "NoSuchLifecycle", client.get_bucket_lifecycle, ask)


@case
def access_monitor() -> None:
    def status() -> Any:
        found = client.get_bucket_access_monitor(oss.GetBucketAccessMonitorRequest(BUCKET))
        return found.access_monitor_configuration.status

    def change(word: str) -> None:
        configuration = oss.AccessMonitorConfiguration(status=word)
        client.put_bucket_access_monitor(
            oss.PutBucketAccessMonitorRequest(BUCKET, access_monitor_configuration=configuration)
        )

    equal("at first", status(), "Disabled")
    rule = oss.LifecycleRule(
        id="r",
        prefix="none/",
        status="Enabled",
        transitions=[
            oss.LifecycleRuleTransition(
                days=30, storage_class="IA", is_access_time=True, return_to_std_when_visit=False
            )
        ],
    )
    refused(400, "InvalidRequest", _put_lifecycle, rule)
    change("Enabled")
    equal("enabled", status(), "Enabled")
    info = client.get_bucket_info(oss.GetBucketInfoRequest(BUCKET)).bucket_info
    equal("told", info.access_monitor, "Enabled")
    _put_lifecycle(rule)
    [found] = _lifecycle()
    equal("base", abs(found.atime_base - time.time()) < 60, want=True)
    put("accessed", b"x")
    meta = client.get_object_meta(oss.GetObjectMetaRequest(BUCKET, "accessed"))
    equal("accessed", bool(meta.headers.get("x-oss-last-access-time")), want=True)
    refused(400, "AccessMonitorDisableNotAllowed", change, "Disabled")
    client.delete_bucket_lifecycle(oss.DeleteBucketLifecycleRequest(BUCKET))
    change("Disabled")
    equal("at last", status(), "Disabled")
