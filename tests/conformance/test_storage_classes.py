"""Storage classes on the wire: what each write takes, what is read, restoring, and what is counted.

The server takes as long as OSS to restore; the tests move its clock.
"""

import base64
import json
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ossia.client.signing_client import Reply, SigningClient
from ossia.protocol.dates import parse_http
from ossia.testing.inbox import Inbox
from running import running_server, signer

CLASSES = ("Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive")
FROZEN = CLASSES[2:]
MINUTE, HOUR, DAY = 60, 3600, 86_400
ONGOING = 'ongoing-request="true"'
PART = b"p" * 102_400
MESSAGE = "The operation is not valid for the object's state"


@dataclass
class World:
    """A bucket of a test's own, and a clock that it moves."""

    client: SigningClient
    clock: Path
    bucket: str = ""
    offset_s: int = 0

    def move(self, seconds: int) -> None:
        self.offset_s += seconds
        self.clock.write_text(str(self.offset_s))

    @property
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.offset_s * 1000

    def ask(self, method: str, key: str = "", *, bucket: str = "", **more: object) -> Reply:
        query = more.pop("query", [])
        if isinstance(query, str):
            query = [(query, "")]
        return self.client.request(
            method,
            bucket or self.bucket,
            key,
            query=query,  # type: ignore[arg-type]  # pairs by now
            now_ms=self.now_ms,
            **more,  # type: ignore[arg-type]  # passed through
        )

    def put(self, key: str, storage_class: str, body: bytes = b"abc") -> Reply:
        reply = self.ask("PUT", key, body=body, headers={"x-oss-storage-class": storage_class})
        assert reply.status == 200
        return reply

    def restore(self, key: str, days: int | None = None, tier: str = "", body: str = "") -> Reply:
        job = f"<JobParameters><Tier>{tier}</Tier></JobParameters>" if tier else ""
        if days is not None:
            body = f"<RestoreRequest><Days>{days}</Days>{job}</RestoreRequest>"
        return self.ask("POST", key, query="restore", body=body.encode())

    def state(self, key: str) -> str:
        return self.ask("HEAD", key).headers.get("x-oss-restore", "")


@pytest.fixture(scope="module")
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    scratch = tmp_path_factory.mktemp("classes")
    clock = scratch / "clock"
    clock.write_text("0")
    environment = {"OSSIA_TEST_CLOCK_FILE": str(clock)}
    flags = ("--restore-times", "as-oss", "--workers", "2")
    with running_server(scratch / "server", *flags, environment=environment) as server:
        yield World(signer(server), clock)


@pytest.fixture
def world(clocked: World) -> World:
    clocked.bucket = f"b-{uuid.uuid4().hex[:20]}"
    assert clocked.ask("PUT").status == 200
    return clocked


def configuration(storage_class: str) -> bytes:
    inner = f"<StorageClass>{storage_class}</StorageClass>"
    return f"<CreateBucketConfiguration>{inner}</CreateBucketConfiguration>".encode()


# --- buckets ---


@pytest.mark.covers("PutBucket")
@pytest.mark.parametrize("storage_class", CLASSES)
def test_a_bucket_has_a_class_that_its_objects_take(world: World, storage_class: str) -> None:
    name = f"{world.bucket}-c"
    for _ in range(2):
        reply = world.ask("PUT", bucket=name, body=configuration(storage_class))
        assert reply.status == 200
    info = world.ask("GET", bucket=name, query="bucketInfo")
    assert info.element("StorageClass") == storage_class
    listed = world.client.request("GET", query=[("prefix", name)], now_ms=world.now_ms)
    assert listed.element("StorageClass") == storage_class
    world.ask("PUT", "k", bucket=name, body=b"abc")
    assert world.ask("HEAD", "k", bucket=name).headers["x-oss-storage-class"] == storage_class
    other = "IA" if storage_class != "IA" else "Archive"
    reply = world.ask("PUT", bucket=name, body=configuration(other))
    assert (reply.status, reply.code) == (409, "BucketAlreadyExists")
    assert reply.element("Message") == "Cannot modify existing bucket's storage class."


# --- writes ---


@pytest.mark.covers("PutObject", "CopyObject", "AppendObject", "CompleteMultipartUpload")
@pytest.mark.parametrize("storage_class", CLASSES)
def test_every_write_takes_a_class(world: World, storage_class: str) -> None:
    said = {"x-oss-storage-class": storage_class}

    def shown(key: str) -> None:
        assert world.ask("HEAD", key).headers["x-oss-storage-class"] == storage_class
        listed = world.ask("GET", query=[("prefix", key), ("list-type", "2")])
        assert listed.element("StorageClass") == storage_class

    world.put("put", storage_class)
    shown("put")
    world.put("source", "Standard")
    for key in ("copied", "source"):
        source = {"x-oss-copy-source": f"/{world.bucket}/source"}
        assert world.ask("PUT", key, headers={**said, **source}).status == 200
        shown(key)
    reply = world.ask("POST", "parts", query="uploads", headers=said)
    upload_id = reply.element("UploadId")
    part = [("partNumber", "1"), ("uploadId", upload_id)]
    etag = world.ask("PUT", "parts", query=part, body=b"abc").headers["etag"]
    listed = world.ask("GET", "parts", query=[("uploadId", upload_id)])
    assert listed.element("StorageClass") == storage_class
    uploads = world.ask("GET", query="uploads")
    assert uploads.element("StorageClass") == storage_class
    document = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
    document = f"<CompleteMultipartUpload>{document}</CompleteMultipartUpload>"
    query = [("uploadId", upload_id)]
    assert world.ask("POST", "parts", query=query, body=document.encode()).status == 200
    shown("parts")


@pytest.mark.covers("PostObject")
@pytest.mark.parametrize("storage_class", CLASSES)
def test_a_form_takes_a_class(world: World, storage_class: str) -> None:
    assert world.ask("PUT", query="acl", headers={"x-oss-acl": "public-read-write"}).status == 200
    parts = "".join(
        f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("key", "k"), ("x-oss-storage-class", storage_class), ("file", "abc"))
    )
    reply = SigningClient(world.client.endpoint, version=0).request(
        "POST",
        world.bucket,
        headers={"Content-Type": "multipart/form-data; boundary=B"},
        body=f"{parts}--B--\r\n".encode(),
    )
    assert reply.status == 204
    assert world.ask("HEAD", "k").headers["x-oss-storage-class"] == storage_class


@pytest.mark.covers("AppendObject")
@pytest.mark.parametrize("storage_class", CLASSES)
def test_what_is_appended_to_is_not_that_cold(world: World, storage_class: str) -> None:
    said = {"x-oss-storage-class": storage_class}
    query = [("append", ""), ("position", "0")]
    reply = world.ask("POST", "k", query=query, headers=said, body=b"abc")
    if storage_class in {"ColdArchive", "DeepColdArchive"}:
        assert (reply.status, reply.code) == (400, "InvalidArgument")
        assert reply.headers["x-oss-ec"] == "0016-00000503"
        assert reply.element("ArgumentName") == "x-oss-storage-class"
        assert world.ask("HEAD", "k").status == 404
        return
    assert reply.status == 200
    assert world.ask("HEAD", "k").headers["x-oss-storage-class"] == storage_class
    query = [("append", ""), ("position", "3")]
    assert world.ask("POST", "k", query=query, body=b"def").status == 200


# --- reading ---


@pytest.mark.covers("GetObject", "HeadObject", "GetObjectMeta", "CopyObject", "UploadPartCopy")
@pytest.mark.parametrize("storage_class", FROZEN)
def test_a_frozen_object_is_described_and_not_read(world: World, storage_class: str) -> None:
    world.put("k", storage_class)
    upload = world.ask("POST", "parts", query="uploads").element("UploadId")
    source = {"x-oss-copy-source": f"/{world.bucket}/k"}
    part = [("partNumber", "1"), ("uploadId", upload)]
    refused = [
        world.ask("GET", "k"),
        world.ask("GET", "k", headers={"Range": "bytes=0-1"}),
        # errors.md, section 9: the state comes before conditions and ranges.
        world.ask("GET", "k", headers={"If-Match": '"other"'}),
        world.ask("PUT", "copy", headers=source),
        world.ask("PUT", "k", headers={**source, "x-oss-storage-class": "Standard"}),
        world.ask("PUT", "parts", query=part, headers=source),
        world.ask("POST", "k", query="x-oss-process", body=b"x-oss-process=trigger/callback,"
                  b"callback_" + callback("http://127.0.0.1:9/") + b",callback-var_"),
    ]  # fmt: skip
    for reply in refused:
        assert (reply.status, reply.code) == (403, "InvalidObjectState")
        assert reply.element("Message") == MESSAGE
        assert reply.element("ObjectName") == "k"
    assert world.ask("HEAD", "copy").status == 404
    head = world.ask("HEAD", "k")
    assert (head.status, head.headers["content-length"]) == (200, "3")
    assert head.headers["x-oss-storage-class"] == storage_class
    assert "x-oss-restore" not in head.headers
    assert world.ask("HEAD", "k", query="objectMeta").status == 200
    assert world.ask("GET", "k", query="acl").status == 200
    assert world.ask("PUT", "k", query="acl", headers={"x-oss-object-acl": "private"}).status == 200
    assert "<RestoreInfo>" not in world.ask("GET").body.decode()
    assert world.ask("DELETE", "k").status == 204


def callback(url: str) -> bytes:
    return base64.b64encode(
        json.dumps({"callbackUrl": url, "callbackBody": "w=${imageInfo.width}"}).encode()
    )


@pytest.mark.covers("PutObject")
def test_what_is_stored_frozen_may_have_a_callback(world: World) -> None:
    """Its image is measured for the application; nobody has to restore it for that."""
    with Inbox() as inbox:
        said = {
            "x-oss-storage-class": "Archive",
            "x-oss-callback": callback(inbox.url).decode(),
        }
        assert world.ask("PUT", "k", body=b"abc", headers=said).status == 200
    assert world.ask("GET", "k").code == "InvalidObjectState"


# --- restoring ---


@pytest.mark.covers("RestoreObject")
@pytest.mark.parametrize(
    ("storage_class", "tier", "lasts_s"),
    [
        ("Archive", "", MINUTE),
        ("ColdArchive", "", 5 * HOUR),
        ("ColdArchive", "Expedited", HOUR),
        ("ColdArchive", "Bulk", 12 * HOUR),
        ("DeepColdArchive", "", 48 * HOUR),
        ("DeepColdArchive", "Expedited", 12 * HOUR),
    ],
)
def test_restoring(world: World, storage_class: str, tier: str, lasts_s: int) -> None:
    priority = None if storage_class == "Archive" else tier or "Standard"
    world.put("k", storage_class)
    first = world.restore("k", 2, tier)
    assert (first.status, first.body) == (202, b"")
    assert first.headers.get("x-oss-object-restore-priority") == priority
    assert world.state("k") == ONGOING
    assert world.ask("GET", "k").code == "InvalidObjectState"
    again = world.restore("k", 2, tier)
    assert (again.status, again.code) == (409, "RestoreAlreadyInProgress")
    assert again.element("Message") == "The restore operation is in progress."
    world.move(lasts_s - 10)
    assert world.restore("k", 2, tier).status == 409
    world.move(11)
    got = world.ask("GET", "k")
    assert (got.status, got.body) == (200, b"abc")
    assert got.headers["x-oss-storage-class"] == storage_class
    state = world.state("k")
    assert got.headers["x-oss-restore"] == state
    expiry = re.fullmatch(r'ongoing-request="false", expiry-date="(.* GMT)"', state)
    assert expiry is not None
    assert 0 < parse_http(expiry[1]) - world.now_ms <= 2 * DAY * 1000
    assert world.ask("GET", "k", headers={"Range": "bytes=1-1"}).body == b"b"
    longer = world.restore("k", 1, tier)
    assert (longer.status, longer.body) == (200, b"")
    assert longer.headers.get("x-oss-object-restore-priority") == priority
    world.move(3 * DAY - 60)
    assert world.ask("GET", "k").status == 200
    world.move(60)
    assert world.ask("GET", "k").code == "InvalidObjectState"
    assert world.state("k") == ""
    assert world.restore("k").status == 202


@pytest.mark.covers("RestoreObject")
def test_what_is_restored_is_read_in_every_way(world: World) -> None:
    world.put("k", "ColdArchive", PART)
    world.restore("k", 1, "Expedited")
    world.move(HOUR + 1)
    source = {"x-oss-copy-source": f"/{world.bucket}/k"}
    upload = world.ask("POST", "parts", query="uploads").element("UploadId")
    part = [("partNumber", "1"), ("uploadId", upload)]
    assert world.ask("PUT", "parts", query=part, headers=source).status == 200
    assert world.ask("PUT", "copy", headers=source).status == 200
    assert world.ask("GET", "copy").body == PART, "it has the class of its bucket"
    thawed = {**source, "x-oss-storage-class": "Standard"}
    assert world.ask("PUT", "k", headers=thawed).status == 200
    head = world.ask("HEAD", "k")
    assert head.headers["x-oss-storage-class"] == "Standard"
    assert "x-oss-restore" not in head.headers
    world.move(2 * DAY)
    assert world.ask("GET", "k").body == PART


@pytest.mark.covers("RestoreObject")
@pytest.mark.parametrize("write", ["put", "copy"])
def test_a_write_freezes_again(world: World, write: str) -> None:
    world.put("k", "Archive")
    world.restore("k")
    world.move(MINUTE + 1)
    if write == "put":
        world.put("k", "Archive", b"new")
    else:
        source = {"x-oss-copy-source": f"/{world.bucket}/k", "x-oss-metadata-directive": "REPLACE"}
        assert world.ask("PUT", "k", headers={**source, "x-oss-meta-a": "1"}).status == 200
    assert world.state("k") == ""
    assert world.ask("GET", "k").code == "InvalidObjectState"


@pytest.mark.covers("RestoreObject")
def test_a_restoring_is_hastened_and_not_slowed_down(world: World) -> None:
    world.put("k", "ColdArchive")
    assert world.restore("k", 1, "Standard").status == 202
    slower = world.restore("k", 1, "Bulk")
    assert (slower.status, slower.code) == (409, "RestoreAlreadyInProgress")
    assert slower.headers["x-oss-ec"] == "0016-00000715"
    faster = world.restore("k", 1, "Expedited")
    assert faster.status == 202
    assert faster.headers["x-oss-object-restore-priority"] == "Expedited"
    world.move(HOUR + 1)
    assert world.ask("GET", "k").status == 200


@pytest.mark.covers("RestoreObject")
@pytest.mark.parametrize(
    ("storage_class", "body", "ec"),
    [
        pytest.param("Archive", "<RestoreRequest><Days>8</Days></RestoreRequest>",
                     "0016-00000708", id="archive-8-days"),
        pytest.param("Archive", "<RestoreRequest><Days>a</Days></RestoreRequest>",
                     "0016-00000708", id="archive-no-number"),
        pytest.param("ColdArchive", "<RestoreRequest><Days>366</Days></RestoreRequest>",
                     "0016-00000704", id="cold-366-days"),
        pytest.param("DeepColdArchive", "<RestoreRequest><Days>0</Days></RestoreRequest>",
                     "0016-00000704", id="deep-0-days"),
        pytest.param("Archive", "<RestoreRequest><Days>1</Days><JobParameters><Tier>Standard</Tier>"
                     "</JobParameters></RestoreRequest>", "0016-00000714", id="archive-tier"),
        pytest.param("ColdArchive", "<RestoreRequest><Days>1</Days><JobParameters><Tier>Fast</Tier>"
                     "</JobParameters></RestoreRequest>", "0016-00000703", id="cold-tier"),
        pytest.param("DeepColdArchive", "<RestoreRequest><Days>1</Days><JobParameters><Tier>Bulk"
                     "</Tier></JobParameters></RestoreRequest>", "0016-00000703", id="deep-bulk"),
        pytest.param("ColdArchive", "<RestoreRequest><Days>2</Days><Unknown/></RestoreRequest>",
                     "0016-00000714", id="unknown"),
        pytest.param("Archive", "<RestoreRequest/>", "", id="no-days"),
        pytest.param("Archive", "<Restore><Days>1</Days></Restore>", "", id="root"),
        pytest.param("Archive", "days=1", "", id="no-xml"),
    ],
)  # fmt: skip
def test_a_bad_request_restores_nothing(
    world: World, storage_class: str, body: str, ec: str
) -> None:
    world.put("k", storage_class)
    reply = world.restore("k", body=body)
    assert (reply.status, reply.code) == (400, "MalformedXML")
    assert reply.headers.get("x-oss-ec", "") == ec
    assert world.state("k") == ""


@pytest.mark.covers("RestoreObject", "CleanRestoredObject")
@pytest.mark.parametrize("operation", ["restore", "cleanRestoredObject"])
def test_there_is_nothing_to_restore(world: World, operation: str) -> None:
    for storage_class in ("Standard", "IA"):
        world.put("k", storage_class)
        reply = world.ask("POST", "k", query=operation)
        assert (reply.status, reply.code) == (400, "OperationNotSupported")
        assert reply.element("Message") == "The operation is not supported for this resource"
        assert "does not support this object storage class" in reply.element("Detail")
        if operation == "restore":
            assert reply.headers["x-oss-ec"] == "0016-00000702"
    reply = world.ask("POST", "absent", query=operation)
    assert (reply.status, reply.code) == (404, "NoSuchKey")
    reply = world.ask("POST", "k", query=operation, bucket=f"{world.bucket}-absent")
    assert (reply.status, reply.code) == (404, "NoSuchBucket")
    query = [(operation, ""), ("versionId", "CAEQNRiBgMClj7qD0BYiIDQ5")]
    assert world.ask("POST", "k", query=query).code == "NoSuchVersion"
    anonymous = SigningClient(world.client.endpoint, version=0)
    reply = anonymous.request("POST", world.bucket, "k", query=[(operation, "")])
    assert (reply.status, reply.code) == (403, "AccessDenied")


@pytest.mark.covers("RestoreObject")
def test_a_reader_of_everything_restores_nothing(world: World) -> None:
    """oss:RestoreObject is an action of its own, which no ACL grants."""
    world.put("k", "Archive")
    assert world.ask("PUT", query="acl", headers={"x-oss-acl": "public-read-write"}).status == 200
    anonymous = SigningClient(world.client.endpoint, version=0)
    assert anonymous.request("GET", world.bucket, "k").code == "InvalidObjectState"
    for operation in ("restore", "cleanRestoredObject"):
        reply = anonymous.request("POST", world.bucket, "k", query=[(operation, "")])
        assert (reply.status, reply.code) == (403, "AccessDenied")


@pytest.mark.covers("CleanRestoredObject")
def test_cleaning(world: World) -> None:
    def refusal() -> tuple[int, str, str]:
        reply = world.ask("POST", "k", query="cleanRestoredObject")
        return reply.status, reply.code, reply.element("Message")

    stale = 409, "ArchiveRestoreFileStale", "The archive file or restore info stale"
    world.put("k", "ColdArchive")
    assert refusal() == stale
    world.restore("k", 1, "Expedited")
    text = "The archive file's restore is not finished."
    assert refusal() == (409, "ArchiveRestoreNotFinished", text)
    reply = world.ask("POST", "k", query="cleanRestoredObject")
    assert reply.headers["x-oss-ec"] == "0016-00000719"
    world.move(HOUR + 1)
    assert world.ask("GET", "k").status == 200
    cleaned = world.ask("POST", "k", query="cleanRestoredObject")
    assert (cleaned.status, cleaned.body) == (200, b"")
    assert world.ask("GET", "k").code == "InvalidObjectState"
    assert world.state("k") == ""
    assert refusal() == stale


@pytest.mark.covers("ListObjects", "ListObjectsV2", "ListObjectVersions")
@pytest.mark.parametrize("query", [[], [("list-type", "2")], [("versions", "")]])
def test_listings_tell_what_is_restored(world: World, query: list[tuple[str, str]]) -> None:
    for key in ("a", "b", "c", "d"):
        world.put(key, "Standard" if key == "d" else "Archive")
    world.restore("b")
    world.move(MINUTE + 1)
    world.restore("a")
    listed = world.ask("GET", query=query).body.decode()
    found = {
        re.search("<Key>(.)</Key>", each)[1]: re.search("<RestoreInfo>(.*)</RestoreInfo>", each)  # type: ignore[index]  # each has one
        for each in re.findall("<(?:Contents|Version)>.*?</(?:Contents|Version)>", listed)
    }
    assert found["c"] is found["d"] is None
    assert found["a"]
    assert found["a"][1].replace("&quot;", '"') == ONGOING
    assert found["b"]
    assert found["b"][1].replace("&quot;", '"') == world.state("b")
    world.move(2 * DAY)
    assert "RestoreInfo" not in world.ask("GET", query=query).body.decode()


@pytest.mark.covers("RestoreObject", "CleanRestoredObject", "GetObject", "ListObjectVersions")
def test_each_version_is_restored_by_itself(world: World) -> None:
    enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    assert world.ask("PUT", query="versioning", body=enabled).status == 200
    old = world.put("k", "Archive", b"old").headers["x-oss-version-id"]
    new = world.put("k", "Archive", b"new").headers["x-oss-version-id"]
    of_old = [("restore", ""), ("versionId", old)]
    reply = world.ask("POST", "k", query=of_old)
    assert (reply.status, reply.headers["x-oss-version-id"]) == (202, old)
    assert world.ask("POST", "k", query=of_old).code == "RestoreAlreadyInProgress"
    world.move(MINUTE + 1)

    def read(version: str) -> tuple[int, bytes]:
        reply = world.ask("GET", "k", query=[("versionId", version)])
        return reply.status, reply.body if reply.status == 200 else b""

    assert (read(old), read(new)) == ((200, b"old"), (403, b""))
    listed = world.ask("GET", query="versions").body.decode()
    assert listed.count("<RestoreInfo>") == 1
    source = f"/{world.bucket}/k?versionId={old}"
    assert world.ask("PUT", "copy", headers={"x-oss-copy-source": source}).status == 200
    assert world.ask("GET", query="stat").element("ArchiveObjectCount") == "2"
    # Deleted, and what was there before is named again: as restored as it was.
    assert world.ask("DELETE", "k", query=[("versionId", new)]).status == 204
    assert world.ask("GET", "k").body == b"old"
    assert world.ask("DELETE", "k").status == 204
    assert world.ask("GET", query="stat").element("ArchiveObjectCount") == "1"
    reply = world.ask("POST", "k", query=[("cleanRestoredObject", ""), ("versionId", old)])
    assert (reply.status, reply.headers["x-oss-version-id"]) == (200, old)
    assert read(old) == (403, b"")
    assert world.restore("k").code == "NoSuchKey", "what it names is a marker"


# --- direct read ---


def direct_read(enabled: str) -> bytes:
    inner = f"<Enabled>{enabled}</Enabled>"
    return f"<ArchiveDirectReadConfiguration>{inner}</ArchiveDirectReadConfiguration>".encode()


@pytest.mark.covers("PutBucketArchiveDirectRead", "GetBucketArchiveDirectRead")
def test_archive_may_be_read_directly(world: World) -> None:
    query = "bucketArchiveDirectRead"
    for storage_class in FROZEN:
        world.put(storage_class, storage_class)
    missing = world.ask("GET", query=query)
    assert (missing.status, missing.code) == (404, "NoSuchArchiveDirectReadConfiguration")
    for enabled in ("true", "false", "true"):
        assert world.ask("PUT", query=query, body=direct_read(enabled)).status == 200
        told = world.ask("GET", query=query)
        assert (told.status, told.element("Enabled")) == (200, enabled)
        assert told.body.decode().count("<ArchiveDirectReadConfiguration>") == 1
        assert world.ask("GET", "Archive").status == (200 if enabled == "true" else 403)
        for colder in FROZEN[1:]:
            assert world.ask("GET", colder).code == "InvalidObjectState"
    source = {"x-oss-copy-source": f"/{world.bucket}/Archive"}
    assert world.ask("PUT", "copy", headers=source).status == 200
    # It is that of the source's bucket that counts.
    other = f"{world.bucket}-o"
    assert world.ask("PUT", bucket=other).status == 200
    assert world.ask("PUT", "copy", bucket=other, headers=source).status == 200
    assert world.restore("Archive").status == 202, "it may be restored all the same"


@pytest.mark.covers("PutBucketArchiveDirectRead", "GetBucketArchiveDirectRead")
def test_bad_direct_reads(world: World) -> None:
    query = "bucketArchiveDirectRead"
    for body in (b"", b"<x/>", direct_read("yes"), b"<ArchiveDirectReadConfiguration/>"):
        reply = world.ask("PUT", query=query, body=body)
        assert (reply.status, reply.code) == (400, "MalformedXML")
    assert world.ask("GET", query=query).status == 404
    for method in ("PUT", "GET"):
        reply = world.ask(
            method, query=query, bucket=f"{world.bucket}-no", body=direct_read("true")
        )
        assert (reply.status, reply.code) == (404, "NoSuchBucket")
        anonymous = SigningClient(world.client.endpoint, version=0)
        reply = anonymous.request(method, world.bucket, query=[(query, "")])
        assert (reply.status, reply.code) == (403, "AccessDenied")


# --- usage ---


@pytest.mark.covers("GetBucketStat")
def test_each_class_is_counted(world: World) -> None:
    sizes = {"Standard": 3, "IA": 5, "Archive": 70_000, "ColdArchive": 0, "DeepColdArchive": 65_536}
    for storage_class, size in sizes.items():
        for number in range(2):
            world.put(f"{storage_class}{number}", storage_class, b"x" * size)
    source = {"x-oss-copy-source": f"/{world.bucket}/IA1", "x-oss-storage-class": "Archive"}
    assert world.ask("PUT", "IA1", headers=source).status == 200
    assert world.ask("DELETE", "Standard1").status == 204
    upload = world.ask("POST", "u", query="uploads", headers={"x-oss-storage-class": "IA"}).element(
        "UploadId"
    )
    part = [("partNumber", "1"), ("uploadId", upload)]
    assert world.ask("PUT", "u", query=part, body=b"1234567").status == 200

    def told() -> dict[str, int]:
        stat = world.ask("GET", query="stat").body.decode()
        return {name: int(value) for name, value in re.findall(r"<(\w+)>(\d+)</", stat)}

    least = 65_536
    expected = {
        "ObjectCount": 9,
        "StandardStorage": 3,
        "StandardObjectCount": 1,
        "InfrequentAccessStorage": least + 7,
        "InfrequentAccessRealStorage": 5 + 7,
        "InfrequentAccessObjectCount": 1,
        "ArchiveStorage": 2 * 70_000 + least,
        "ArchiveRealStorage": 2 * 70_000 + 5,
        "ArchiveObjectCount": 3,
        "ColdArchiveStorage": 2 * least,
        "ColdArchiveRealStorage": 0,
        "ColdArchiveObjectCount": 2,
        "DeepColdArchiveStorage": 2 * least,
        "DeepColdArchiveRealStorage": 2 * 65_536,
        "DeepColdArchiveObjectCount": 2,
    }
    found = told()
    assert {name: found[name] for name in expected} == expected
    real = [found[name] for name in found if name.endswith("RealStorage")]
    assert found["Storage"] == found["StandardStorage"] + sum(real)
    assert world.ask("DELETE", "u", query=[("uploadId", upload)]).status == 204
    for storage_class in sizes:
        for number in range(2):
            world.ask("DELETE", f"{storage_class}{number}")
    assert not any(value for name, value in told().items() if name != "LastModifiedTime")
