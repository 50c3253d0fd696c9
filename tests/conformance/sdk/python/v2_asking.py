"""alibabacloud-oss-v2: what a bucket holds, and the settings that none has here."""

# mypy: disable-error-code="import-untyped"

from typing import Any

import alibabacloud_oss_v2 as oss
from harness import BUCKET, REGION, case, equal, is_now
from v2_clients import client, refused


@case
def bucket_stat() -> None:
    asked = f"{BUCKET}-settings"

    def stat() -> Any:
        return client.get_bucket_stat(oss.GetBucketStatRequest(asked))

    client.put_bucket(oss.PutBucketRequest(asked))
    equal("objects of an empty bucket", stat().object_count, 0)
    client.put_object(oss.PutObjectRequest(asked, "k", body=b"12345"))
    client.put_object(oss.PutObjectRequest(asked, "cold", body=b"123", storage_class="IA"))
    begin = oss.InitiateMultipartUploadRequest(asked, "k")
    upload = client.initiate_multipart_upload(begin).upload_id
    found = stat()
    counted = (found.storage, found.object_count, found.multi_part_upload_count)
    equal("bytes, objects and uploads", counted, (8, 2, 1))
    equal("of the standard class", (found.standard_storage, found.standard_object_count), (5, 1))
    cold = (found.infrequent_access_real_storage, found.infrequent_access_object_count)
    equal("of the infrequent class", cold, (3, 1))
    equal("archived, channels", (found.archive_object_count, found.live_channel_count), (0, 0))
    equal("delete markers", found.delete_marker_count, 0)
    assert is_now(found.last_modified_time)
    client.abort_multipart_upload(oss.AbortMultipartUploadRequest(asked, "k", upload))
    for key in ("k", "cold"):
        client.delete_object(oss.DeleteObjectRequest(asked, key))
    equal("uploads", stat().multi_part_upload_count, 0)
    client.delete_bucket(oss.DeleteBucketRequest(asked))
    refused(404, "NoSuchBucket", stat)


@case
def head_bucket() -> None:
    """The SDK itself does not ask so: it has a method for any request."""

    def ask(name: str) -> Any:
        asked = oss.OperationInput(op_name="HeadBucket", method="HEAD", bucket=name)
        return client.invoke_operation(asked)

    found = ask(BUCKET)
    equal("status", found.status_code, 200)
    equal("region", found.headers["x-oss-bucket-region"], f"oss-{REGION}")
    refused(404, "NoSuchBucket", ask, f"{BUCKET}-missing")


@case
def absent_configurations() -> None:
    logging = client.get_bucket_logging(oss.GetBucketLoggingRequest(BUCKET))
    equal("logging", logging.bucket_logging_status.logging_enabled, None)
    found = client.get_bucket_referer(oss.GetBucketRefererRequest(BUCKET)).referer_configuration
    equal("empty referer", found.allow_empty_referer, want=True)
    equal("referers", found.referer_list.referers or [], [])
    payer = client.get_bucket_request_payment(oss.GetBucketRequestPaymentRequest(BUCKET))
    equal("payer", payer.request_payment_configuration.payer, "BucketOwner")
    website = oss.GetBucketWebsiteRequest(BUCKET)
    refused(404, "NoSuchWebsiteConfiguration", client.get_bucket_website, website)
    gone = client.delete_bucket_logging(oss.DeleteBucketLoggingRequest(BUCKET))
    equal("logging removed", gone.status_code, 204)
    gone = client.delete_bucket_website(oss.DeleteBucketWebsiteRequest(BUCKET))
    equal("website removed", gone.status_code, 204)


@case
def absent_replication() -> None:
    ask = oss.GetBucketReplicationRequest(BUCKET)
    refused(404, "NoSuchReplicationConfiguration", client.get_bucket_replication, ask)
    accelerated = client.get_bucket_transfer_acceleration
    ask = oss.GetBucketTransferAccelerationRequest(BUCKET)
    refused(404, "NoSuchTransferAccelerationConfiguration", accelerated, ask)
    found = client.get_bucket_resource_group(oss.GetBucketResourceGroupRequest(BUCKET))
    assert found.bucket_resource_group_configuration.resource_group_id.startswith("rg-")


@case
def access_points() -> None:
    found = client.list_access_points(oss.ListAccessPointsRequest(BUCKET, max_keys=7))
    equal("access points", found.access_points or [], [])
    equal("that is all", (found.is_truncated, found.max_keys), (False, 7))
    assert found.account_id
