"""ossutil: settings of buckets, versions, colder classes, and uploads that are interrupted."""

import json
import re
import subprocess
import time
from xml.etree import ElementTree as ET

from harness import (
    BUCKET,
    PART,
    SCRATCH,
    case,
    equal,
    file,
    open_policy,
    some_bytes,
    strangers_read,
)
from ossutil_runs import (
    ROOT,
    command,
    content_of,
    copy_to,
    names,
    notes,
    ossutil,
    refused,
    run,
    stat,
)

_UPLOAD = re.compile(r"\b[0-9A-F]{32}\b")


def get(what: str, url: str = ROOT) -> str:
    return ossutil(what, "--method=get", url)


def put(what: str, content: str) -> None:
    ossutil(what, "--method=put", ROOT, file(f"{what}.txt", content.encode()))


def document_of(what: str) -> ET.Element:
    """The document that it writes down of a setting."""
    text = get(what)
    return ET.fromstring(text[text.index("<") : text.rindex(">") + 1])  # noqa: S314 - our server's


@case
def bucket_policy() -> None:
    for key in ("open/k", "closed/k"):
        copy_to(f"{ROOT}/{key}", b"x")
    refused("NoSuchBucketPolicy", "bucket-policy", "--method=get", ROOT)
    wrong = file("wrong.json", b'{"Version":"1"}')
    refused("InvalidPolicyDocument", "bucket-policy", "--method=put", ROOT, wrong)
    put("bucket-policy", json.dumps(open_policy()))
    told = get("bucket-policy")
    equal("policy", json.loads(told[: told.rindex("}") + 1]), open_policy())
    equal("what strangers get", strangers_read("open/k", "closed/k"), [200, 403])
    ossutil("bucket-policy", "--method=delete", ROOT)
    refused("NoSuchBucketPolicy", "bucket-policy", "--method=get", ROOT)


@case
def encryption() -> None:
    missing = "NoSuchServerSideEncryptionRule"
    refused(missing, "bucket-encryption", "--method=get", ROOT)
    rule = ("--sse-algorithm=KMS", "--kms-data-encryption=SM4")
    ossutil("bucket-encryption", "--method=put", ROOT, *rule)
    told = get("bucket-encryption")
    assert "SSEAlgorithm:KMS\n" in told, told
    assert "KMSDataEncryption:SM4\n" in told, told
    equal("told of the bucket", stat(ROOT)["ssealgorithm"], "KMS")
    copy_to(f"{ROOT}/encrypted", b"by the rule")
    equal("side", stat(f"{ROOT}/encrypted")["x-oss-server-side-encryption"], "KMS")
    equal("content", content_of(f"{ROOT}/encrypted"), b"by the rule")
    ossutil("bucket-encryption", "--method=delete", ROOT)
    refused(missing, "bucket-encryption", "--method=get", ROOT)


@case
def lifecycle() -> None:
    refused("NoSuchLifecycle", "lifecycle", "--method=get", ROOT)
    rule = (
        "<Rule><ID>expire</ID><Prefix>logs/中文</Prefix><Status>Enabled</Status>"
        "<Expiration><Days>90</Days></Expiration></Rule>"
    )
    put("lifecycle", f"<LifecycleConfiguration>{rule}</LifecycleConfiguration>")
    [found] = document_of("lifecycle")
    told = (found.findtext("ID"), found.findtext("Prefix"), found.findtext("Expiration/Days"))
    equal("rule", told, ("expire", "logs/中文", "90"))
    ossutil("lifecycle", "--method=delete", ROOT)
    refused("NoSuchLifecycle", "lifecycle", "--method=get", ROOT)


@case
def access_monitor() -> None:
    def status() -> str | None:
        return document_of("access-monitor").findtext("Status")

    equal("at first", status(), "Disabled")
    for word in ("Enabled", "Disabled"):
        text = f"<AccessMonitorConfiguration><Status>{word}</Status></AccessMonitorConfiguration>"
        put("access-monitor", text)
        equal("status", status(), word)
        equal("told of the bucket", stat(ROOT)["accessmonitor"], word)


def _versions(url: str) -> list[tuple[str, str]]:
    """Of each whether it is a delete marker, and its key; the latest first."""
    lines = [line.split() for line in ossutil("ls", "--all-versions", url).splitlines()]
    objects = [line for line in lines if line and line[-1].startswith(f"{url}/")]
    return [(line[-2], line[-1].removeprefix(url)) for line in objects]


@case
def versions() -> None:
    kept = f"oss://{BUCKET}-versions"
    ossutil("mb", kept)
    assert "status:null" in get("bucket-versioning", kept)
    ossutil("bucket-versioning", "--method=put", kept, "enabled")
    assert "status:Enabled" in get("bucket-versioning", kept)
    for content in (b"1", b"two"):
        copy_to(f"{kept}/k", content)
    ossutil("rm", f"{kept}/k", "-f")
    refused("NoSuchKey", "cat", f"{kept}/k")
    equal("versions", _versions(kept), [("true", "/k"), ("false", "/k"), ("false", "/k")])
    # It removes the marker, and what was overwritten last is there again.
    ossutil("revert-versioning", f"{kept}/k")
    equal("content", content_of(f"{kept}/k"), b"two")
    equal("versions", _versions(kept), [("false", "/k"), ("false", "/k")])
    refused("BucketNotEmpty", "rm", kept, "-b", "-f")
    ossutil("rm", kept, "--all-versions", "-r", "-f")
    equal("versions", _versions(kept), [])
    ossutil("bucket-versioning", "--method=put", kept, "suspended")
    assert "status:Suspended" in get("bucket-versioning", kept)
    ossutil("rm", kept, "-b", "-f")


@case
def bucket_worm() -> None:
    kept = f"oss://{BUCKET}-worm"

    def told() -> list[str]:
        text = ossutil("worm", "get", kept)
        return re.findall(r"<(?:WormId|State|RetentionPeriodInDays)>(\w+)<", text)

    def initiate() -> str:
        return _UPLOAD.findall(ossutil("worm", "init", kept, "1"))[0]

    ossutil("mb", kept)
    refused("NoSuchWORMConfiguration", "worm", "get", kept)
    first = initiate()
    equal("policy", told(), [first, "InProgress", "1"])
    refused("InvalidWORMConfiguration", "worm", "extend", kept, "2", first)
    ossutil("worm", "abort", kept)
    copy_to(f"{kept}/k", b"kept")
    worm = initiate()
    ossutil("worm", "complete", kept, worm)
    ossutil("worm", "extend", kept, "2", worm)
    equal("policy", told(), [worm, "Locked", "2"])
    refused("WORMConfigurationLocked", "worm", "abort", kept)
    refused("FileImmutable", "rm", f"{kept}/k", "-f")


@case
def restore() -> None:
    cold = f"{ROOT}/cold"
    copy_to(cold, b"cold", "--meta=x-oss-storage-class:Archive")
    refused("InvalidObjectState", "cat", cold)
    ossutil("restore", cold)
    until = time.monotonic() + 20
    while 'ongoing-request="false"' not in (told := stat(cold)["x-oss-restore"]):
        assert 'ongoing-request="true"' in told, told
        assert time.monotonic() < until, told
        time.sleep(0.2)
    equal("content", content_of(cold), b"cold")
    copy_to(f"{ROOT}/warm", b"x")
    refused("OperationNotSupported", "restore", f"{ROOT}/warm")


@case
def absent_configurations() -> None:
    equal("where it is logged", document_of("logging").findtext("LoggingEnabled/TargetBucket"), "")
    referer = document_of("referer")
    equal("empty referer", referer.findtext("AllowEmptyReferer"), "true")
    equal("referers", referer.findall("RefererList/Referer"), [])
    assert "BucketOwner" in get("request-payment")
    refused("NoSuchWebsiteConfiguration", "website", "--method=get", ROOT)
    for what in ("logging", "website"):
        ossutil(what, "--method=delete", ROOT)


@case
def absent_replication() -> None:
    refused("NoSuchReplicationConfiguration", "replication", "--method=get", ROOT)
    group = document_of("resource-group").findtext("ResourceGroupId") or ""
    assert group.startswith("rg-"), group


_BIG = (f"--bigfile-threshold={PART}", f"--part-size={PART}", "--parallel=1")


def _uploads() -> list[str]:
    return _UPLOAD.findall(ossutil("ls", "-m", ROOT))


def _parts(key: str, upload: str) -> list[str]:
    listed = run("listpart", f"{ROOT}/{key}", upload).stdout
    return re.findall(r'^\d+ +\t"([0-9A-F]{32})"', listed, re.MULTILINE)


def _interrupt(key: str, content: bytes) -> str:
    """Upload until a part is there, and no further; the upload's id."""
    source = file(key, content)
    slow = ("--maxupspeed=100", "-f", *_BIG, *notes())
    sending = subprocess.Popen(
        command("cp", source, f"{ROOT}/{key}", *slow),
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            for upload in _uploads():
                if _parts(key, upload):
                    return upload
        raise AssertionError("no part of it arrives")
    finally:
        sending.kill()
        sending.wait()


@case
def uploader_resumes() -> None:
    content, key = some_bytes(8 * PART), "resumed"
    upload = _interrupt(key, content)
    sent = _parts(key, upload)
    assert len(sent) < 8, sent
    ossutil("cp", str(SCRATCH / key), f"{ROOT}/{key}", "-f", *_BIG, *notes())
    assert content_of(f"{ROOT}/{key}") == content
    # The upload that was begun is the one that is completed: none is left.
    equal("uploads", _uploads(), [])


@case
def multipart_abort() -> None:
    upload = _interrupt("aborted", some_bytes(8 * PART))
    assert upload in _uploads()
    ossutil("rm", f"{ROOT}/aborted", "-m", "-f")
    equal("uploads", _uploads(), [])
    refused("NoSuchUpload", "listpart", f"{ROOT}/aborted", upload)
    equal("objects", names(f"{ROOT}/aborted"), [])
