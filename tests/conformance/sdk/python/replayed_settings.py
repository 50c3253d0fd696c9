"""Settings of buckets and objects as the SDKs in no registry send them; see replayed_suite.py.

Each client has one question for them, as its SDK has one way of asking: method, sub-resource, body.
"""

import json
import time
from typing import Final
from urllib.parse import quote

from harness import (
    BUCKET,
    PART,
    PROCESSED,
    REGION,
    TREE,
    bare_url,
    equal,
    fetch,
    is_now,
    open_policy,
    some_bytes,
    strangers_read,
    trigger,
)
from replayed import Answer, Client
from replayed_asked import CLIENT, SUITE, case_of, refused, text_of

THEY: Final = ("cpp", "csharp", "php")
EVERYBODY: Final = ("c", "ruby", *THEY)
XML: Final = {"type": "application/xml"}


def get(sub: str, by: Client = CLIENT, **more: object) -> Answer:
    return by.do("setting", method="GET", sub=sub, **more)  # type: ignore[arg-type]  # passed through


def put(sub: str, body: str, by: Client = CLIENT, **more: object) -> Answer:
    given = {**XML, **more}
    return by.do("setting", method="PUT", sub=sub, body=body, **given)  # type: ignore[arg-type]  # passed through


def delete(sub: str, by: Client = CLIENT, **more: object) -> None:
    gone = by.do("setting", method="DELETE", sub=sub, **more)  # type: ignore[arg-type]  # passed through
    equal("status", gone.status, 204)


def missing(code: str, sub: str, by: Client = CLIENT, **more: object) -> None:
    refused(404, code, "setting", by, method="GET", sub=sub, **more)


@case_of(*EVERYBODY)
def bucket_cors() -> None:
    rule = (
        "<CORSRule><AllowedOrigin>http://a.example</AllowedOrigin><AllowedMethod>PUT</AllowedMethod>"
        "<MaxAgeSeconds>300</MaxAgeSeconds></CORSRule>"
    )
    put("cors", f"<CORSConfiguration>{rule}</CORSConfiguration>")
    found = get("cors")
    told = (found.find("CORSRule/AllowedOrigin"), found.find("CORSRule/MaxAgeSeconds"))
    equal("rule", told, ("http://a.example", "300"))
    delete("cors")
    missing("NoSuchCORSConfiguration", "cors")


_TAGS: Final = (
    "<Tagging><TagSet><Tag><Key>team</Key><Value>red</Value></Tag>"
    "<Tag><Key>阶段</Key><Value>测试</Value></Tag></TagSet></Tagging>"
)


def _has_tags(**of: str) -> None:
    equal("no tags", get("tagging", **of).all("TagSet/Tag/Key"), [])
    put("tagging", _TAGS, **of)
    equal("keys", get("tagging", **of).all("TagSet/Tag/Key"), ["team", "阶段"])
    equal("values", get("tagging", **of).all("TagSet/Tag/Value"), ["red", "测试"])
    delete("tagging", **of)
    equal("no tags", get("tagging", **of).all("TagSet/Tag/Key"), [])


@case_of(*THEY)
def bucket_tags() -> None:
    _has_tags()


@case_of(*THEY)
def object_tags() -> None:
    CLIENT.do("put", key="tags 键", body="x")
    _has_tags(key="tags 键")
    missing("NoSuchKey", "tagging", key="tags-missing")


@case_of(*EVERYBODY)
def object_acl() -> None:
    CLIENT.do("put", key="acl", body="x")
    equal("ACL", get("acl", key="acl").find("AccessControlList/Grant"), "default")
    equal("status of a stranger", fetch("GET", bare_url(BUCKET, "acl"))[0], 403)
    header = {"x-oss-object-acl": "public-read"}
    CLIENT.do("setting", method="PUT", sub="acl", key="acl", header=header)
    equal("ACL", get("acl", key="acl").find("AccessControlList/Grant"), "public-read")
    equal("what a stranger reads", fetch("GET", bare_url(BUCKET, "acl")), (200, "x"))


@case_of("c", *THEY)
def symlinks() -> None:
    CLIENT.do("put", key="target +键", body="hello")
    target = quote("target +键")
    header = {"x-oss-symlink-target": target}
    CLIENT.do("setting", method="PUT", sub="symlink", key="link", header=header)
    told = get("symlink", key="link").header("x-oss-symlink-target")
    equal("target", told, target)
    equal("what is read", text_of("link"), "hello")
    missing("NoSuchKey", "symlink", key="link-missing")


@case_of(*EVERYBODY)
def lifecycle() -> None:
    missing("NoSuchLifecycle", "lifecycle")
    rule = (
        "<Rule><ID>expire</ID><Prefix>logs/中文</Prefix><Status>Enabled</Status>"
        "<Expiration><Days>90</Days></Expiration></Rule>"
    )
    put("lifecycle", f"<LifecycleConfiguration>{rule}</LifecycleConfiguration>")
    found = get("lifecycle")
    told = [found.find(f"Rule/{name}") for name in ("ID", "Prefix", "Expiration/Days")]
    equal("rule", told, ["expire", "logs/中文", "90"])
    delete("lifecycle")
    missing("NoSuchLifecycle", "lifecycle")


@case_of(*THEY)
def encryption() -> None:
    none = "NoSuchServerSideEncryptionRule"
    missing(none, "encryption")
    rule = "<SSEAlgorithm>KMS</SSEAlgorithm><KMSDataEncryption>SM4</KMSDataEncryption>"
    tag = "ApplyServerSideEncryptionByDefault"
    root = "ServerSideEncryptionRule"
    put("encryption", f"<{root}><{tag}>{rule}</{tag}></{root}>")
    found = get("encryption")
    equal("rule", found.find(f"{tag}/SSEAlgorithm"), "KMS")
    equal("data", found.find(f"{tag}/KMSDataEncryption"), "SM4")
    CLIENT.do("put", key="encrypted", body="by the rule")
    side = CLIENT.do("head", key="encrypted").header("x-oss-server-side-encryption")
    equal("side and content", (side, text_of("encrypted")), ("KMS", "by the rule"))
    delete("encryption")
    missing(none, "encryption")


@case_of(*THEY)
def bucket_policy() -> None:
    for key in ("open/k", "closed/k"):
        CLIENT.do("put", key=key, body="x")
    missing("NoSuchBucketPolicy", "policy")
    wrong = {"method": "PUT", "sub": "policy", "body": '{"Version":"1"}'}
    refused(400, "InvalidPolicyDocument", "setting", type="application/json", **wrong)
    put("policy", json.dumps(open_policy()), type="application/json")
    equal("policy", json.loads(get("policy").text), open_policy())
    equal("what strangers get", strangers_read("open/k", "closed/k"), [200, 403])
    delete("policy")
    missing("NoSuchBucketPolicy", "policy")


@case_of(*THEY)
def versions() -> None:
    kept = CLIENT.of(f"{BUCKET}-versions")
    kept.do("create_bucket", acl="private")

    def switch(word: str) -> None:
        text = f"<VersioningConfiguration><Status>{word}</Status></VersioningConfiguration>"
        put("versioning", text, kept)
        equal("status", get("versioning", kept).find("Status"), word)

    def listed() -> tuple[list[str], list[str]]:
        query = {"encoding-type": "url", "prefix": "", "max-keys": "100"}
        page = get("versions", kept, query=query)
        return page.all("Version/Key"), page.all("DeleteMarker/VersionId")

    equal("status", get("versioning", kept).find("Status"), "")
    switch("Enabled")
    for body in ("1", "two"):
        kept.do("put", key="键", body=body)
    marker = kept.do("delete", key="键").header("x-oss-version-id")
    equal("versions and markers", listed(), (["键", "键"], [marker]))
    refused(404, "NoSuchKey", "get", kept, key="键")
    refused(409, "BucketNotEmpty", "delete_bucket", kept)
    switch("Suspended")


@case_of(*THEY)
def bucket_worm() -> None:
    kept = CLIENT.of(f"{BUCKET}-worm")
    kept.do("create_bucket", acl="private")

    def days(tag: str, count: int) -> dict[str, object]:
        period = f"<RetentionPeriodInDays>{count}</RetentionPeriodInDays>"
        return {"method": "POST", "body": f"<{tag}>{period}</{tag}>", **XML}

    def initiate() -> str:
        begin = days("InitiateWormConfiguration", 1)
        made = kept.do("setting", sub="worm", **begin)  # type: ignore[arg-type]  # passed through
        return made.header("x-oss-worm-id")

    def extend(worm: str) -> Answer:
        more = days("ExtendWormConfiguration", 2)
        return kept.ask("setting", sub="wormExtend", signed={"wormId": worm}, **more)  # type: ignore[arg-type]  # passed through

    def told() -> list[str]:
        found = get("worm", kept)
        return [found.find(name) for name in ("WormId", "State", "RetentionPeriodInDays")]

    missing("NoSuchWORMConfiguration", "worm", kept)
    first = initiate()
    equal("policy", told(), [first, "InProgress", "1"])
    equal("code", extend(first).find("Code"), "InvalidWORMConfiguration")
    delete("worm", kept)
    kept.do("put", key="k", body="kept")
    worm = initiate()
    kept.do("setting", method="POST", signed={"wormId": worm}, body="")
    equal("status", extend(worm).status, 200)
    equal("policy", told(), [worm, "Locked", "2"])
    refused(403, "WORMConfigurationLocked", "setting", kept, method="DELETE", sub="worm")
    refused(409, "FileImmutable", "put", kept, key="k", body="other")


@case_of(*THEY)
def restore() -> None:
    header = {"x-oss-storage-class": "Archive"}
    CLIENT.do("put", key="cold", body="cold", header=header)
    refused(403, "InvalidObjectState", "get", key="cold")
    CLIENT.do("setting", method="POST", sub="restore", key="cold", body="")
    until = time.monotonic() + 20
    while 'ongoing-request="false"' not in (told := _restored("cold")):
        assert 'ongoing-request="true"' in told, told
        assert time.monotonic() < until, told
        time.sleep(0.2)
    equal("content", text_of("cold"), "cold")


def _restored(key: str) -> str:
    return CLIENT.do("head", key=key).header("x-oss-restore")


@case_of("c", *THEY)
def bucket_stat() -> None:
    asked = CLIENT.of(f"{BUCKET}-settings")
    asked.do("create_bucket", acl="private")
    asked.do("put", key="k", body="12345")
    found = get("stat", asked)
    counted = [found.find(name) for name in ("Storage", "ObjectCount", "MultipartUploadCount")]
    equal("bytes, objects and uploads", counted, ["5", "1", "0"])
    assert is_now(int(found.find("LastModifiedTime")))
    asked.do("delete", key="k")
    asked.do("delete_bucket")
    missing("NoSuchBucket", "stat", asked)


@case_of("csharp", "php")
def head_bucket() -> None:
    found = CLIENT.do("setting", method="HEAD")
    equal("region", found.header("x-oss-bucket-region"), f"oss-{REGION}")
    refused(404, "NoSuchBucket", "setting", CLIENT.of(f"{BUCKET}-missing"), method="HEAD")


@case_of(*EVERYBODY)
def absent_configurations() -> None:
    equal("where it is logged", get("logging").find("LoggingEnabled/TargetBucket"), "")
    referer = get("referer")
    equal("empty referer", referer.find("AllowEmptyReferer"), "true")
    equal("referers", referer.all("RefererList/Referer"), [])
    if SUITE in THEY:
        equal("payer", get("requestPayment").find("Payer"), "BucketOwner")
    missing("NoSuchWebsiteConfiguration", "website")
    for sub in ("logging", "website"):
        delete(sub)


@case_of("c", *THEY)
def bucket_info() -> None:
    found = get("bucketInfo")
    told = [found.find(f"Bucket/{name}") for name in ("Name", "StorageClass", "Location")]
    equal("bucket", told, [BUCKET, "Standard", f"oss-{REGION}"])
    assert get("location").text.endswith(f">oss-{REGION}</LocationConstraint>")
    missing("NoSuchBucket", "bucketInfo", CLIENT.of(f"{BUCKET}-missing"))


@case_of("c", *THEY)
def exists() -> None:
    CLIENT.do("put", key="exists 键", body="x")
    about = CLIENT.do("setting", method="HEAD", sub="objectMeta", key="exists 键")
    equal("length", about.header("content-length"), "1")
    absent = {"method": "HEAD", "sub": "objectMeta", "key": "exists-not"}
    refused(404, "NoSuchKey", "setting", **absent)


@case_of("cpp", "php")
def list_v2() -> None:
    for name in TREE:
        CLIENT.do("put", key=f"list2 +/{name}", body="x")
    query = {"list-type": "2", "prefix": "list2 +/", "delimiter": "/", "max-keys": "2"}
    query |= {"encoding-type": "url"}
    page = CLIENT.do("setting", method="GET", query=query)
    equal("keys", page.all("Contents/Key"), ["list2 +/a.txt"])
    equal("prefixes", page.all("CommonPrefixes/Prefix"), ["list2 +/b/"])
    token = {"continuation-token": page.find("NextContinuationToken")}
    page = CLIENT.do("setting", method="GET", query=query, signed=token)
    equal("keys", page.all("Contents/Key"), ["list2 +/e.txt"])
    equal("prefixes", page.all("CommonPrefixes/Prefix"), ["list2 +/c/"])
    equal("number", page.find("KeyCount"), "2")


@case_of(*THEY)
def multipart_copy() -> None:
    content, source, key = some_bytes(PART + 10), "multipart/source", "multipart/copied"
    CLIENT.do("put", key=source, body=content)
    upload = CLIENT.do("init", key=key).find("UploadId")
    parts = []
    for number, span in enumerate((f"0-{PART - 1}", f"{PART}-{PART + 9}"), 1):
        header = {
            "x-oss-copy-source": f"/{BUCKET}/{source}",
            "x-oss-copy-source-range": f"bytes={span}",
        }
        signed = {"partNumber": str(number), "uploadId": upload}
        stored = CLIENT.do("setting", method="PUT", key=key, header=header, signed=signed)
        parts.append(f"{number}:{stored.find('ETag')}")
    CLIENT.do("complete", key=key, upload=upload, part=parts)
    assert CLIENT.do("get", key=key).body == content


@case_of(*THEY)
def trigger_callback() -> None:
    key = "trigger/键.txt"
    CLIENT.do("put", key=key, body="hello")

    def process(key: str, how: str) -> Answer:
        body = f"x-oss-process={how}"
        return CLIENT.ask("setting", method="POST", sub="x-oss-process", key=key, body=body)

    found = json.loads(process(key, trigger("/processed")).text)
    told = [found[name] for name in ("bucket", "object", "fileSize", "status")]
    equal("what the application says", told, [BUCKET, key, len("hello"), PROCESSED])
    equal("code", process("trigger/missing", trigger("/processed")).find("Code"), "NoSuchKey")
    equal("code", process(key, "image/resize,w_100").find("Code"), "NotImplemented")


@case_of("csharp", "php")
def live_channels() -> None:
    query = {"prefix": "a 键", "marker": "m", "max-keys": "7"}
    found = get("live", query=query)
    equal("channels", found.all("LiveChannel/Name"), [])
    asked = [found.find(name) for name in ("Prefix", "Marker", "MaxKeys", "IsTruncated")]
    equal("what was asked", asked, ["a 键", "m", "7", "false"])
