"""oss2: what is encrypted, retained, archived or kept as versions."""

# mypy: disable-error-code="import-untyped"

import time
from typing import Any

import oss2
from harness import (
    BUCKET,
    case,
    equal,
    etag_of,
)
from oss2.models import (
    BatchDeleteObjectVersion,
    BatchDeleteObjectVersionList,
    BucketVersioningConfig,
    PartInfo,
)
from oss2_clients import bucket, bucket_of, refused, text_of


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
