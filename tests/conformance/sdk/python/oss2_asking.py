"""oss2: what a bucket holds, and the settings that none has here."""

# mypy: disable-error-code="import-untyped"

import oss2
from harness import BUCKET, case, equal, is_now
from oss2_clients import bucket, bucket_of, refused


@case
def bucket_stat() -> None:
    asked = bucket_of(f"{BUCKET}-settings")
    asked.create_bucket()
    equal("objects of an empty bucket", asked.get_bucket_stat().object_count, 0)
    asked.put_object("k", b"12345")
    asked.put_object("cold", b"123", headers={"x-oss-storage-class": "IA"})
    upload = asked.init_multipart_upload("k").upload_id
    found = asked.get_bucket_stat()
    counted = (found.storage_size_in_bytes, found.object_count, found.multi_part_upload_count)
    equal("bytes, objects and uploads", counted, (8, 2, 1))
    equal("of the standard class", (found.standard_storage, found.standard_object_count), (5, 1))
    cold = (found.infrequent_access_real_storage, found.infrequent_access_object_count)
    equal("of the infrequent class", cold, (3, 1))
    equal("archived, channels", (found.archive_object_count, found.live_channel_count), (0, 0))
    assert is_now(found.last_modified_time)
    asked.abort_multipart_upload("k", upload)
    asked.batch_delete_objects(["k", "cold"])
    equal("uploads", asked.get_bucket_stat().multi_part_upload_count, 0)
    asked.delete_bucket()
    refused(404, "NoSuchBucket", asked.get_bucket_stat)


@case
def absent_configurations() -> None:
    equal("logging", bucket.get_bucket_logging().target_bucket, "")
    equal("empty referer", str(bucket.get_bucket_referer().allow_empty_referer), "True")
    equal("referers", bucket.get_bucket_referer().referers, [])
    equal("payer", bucket.get_bucket_request_payment().payer, oss2.models.PAYER_BUCKETOWNER)
    refused(404, "NoSuchWebsiteConfiguration", bucket.get_bucket_website)
    equal("logging removed", bucket.delete_bucket_logging().status, 204)
    equal("website removed", bucket.delete_bucket_website().status, 204)


@case
def absent_replication() -> None:
    refused(404, "NoSuchReplicationConfiguration", bucket.get_bucket_replication)
    accelerated = bucket.get_bucket_transfer_acceleration
    refused(404, "NoSuchTransferAccelerationConfiguration", accelerated)
    assert bucket.get_bucket_resource_group().resource_group_id.startswith("rg-")


@case
def live_channels() -> None:
    found = bucket.list_live_channel(prefix="a 键", marker="m", max_keys=7)
    equal("channels", found.channels, [])
    asked = (found.prefix, found.marker, found.max_keys)
    equal("what was asked", asked, ("a 键", "m", 7))
    equal("that is all", found.is_truncated, want=False)
    refused(404, "NoSuchBucket", bucket_of(f"{BUCKET}-missing").list_live_channel)


@case
def access_points() -> None:
    found = bucket.list_bucket_access_points(max_keys=7)
    equal("access points", found.access_points, [])
    equal("that is all", (found.is_truncated, found.max_keys), (False, 7))
    assert found.account_id
