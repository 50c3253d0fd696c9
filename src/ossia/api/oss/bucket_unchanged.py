"""Settings of a bucket that cannot be made here yet: what OSS answers where they were never made.

Terraform and the SDKs' clean-ups read them of every bucket, and give up on any other answer
(witnessed.md, W35; buckets.md, sections 4 and 5).
"""

from dataclasses import dataclass

from ossia.api.bind import BucketInPath
from ossia.api.operation import Answer, Call, Scope
from ossia.api.oss.registry import oss
from ossia.domain.buckets import resource_group_of
from ossia.errors import (
    NoSuchBucket,
    NoSuchLifecycle,
    NoSuchReplicationConfiguration,
    NoSuchServerSideEncryptionRule,
    NoSuchTransferAccelerationConfiguration,
    NoSuchWebsiteConfiguration,
    NoSuchWORMConfiguration,
)
from ossia.protocol.xml import document, tag


@dataclass(slots=True, kw_only=True)
class UnchangedSetting(Answer):
    """The document of a setting as it is in a fresh bucket."""

    content: bytes

    def body(self, call: Call) -> bytes:
        del call
        return self.content


@dataclass(slots=True, kw_only=True)
class RemovedSetting(Answer):
    """A setting that was never made is gone."""

    status = 204


# --- settings with a document of their own ---


@dataclass(slots=True, kw_only=True)
class GetBucketLogging:
    bucket: BucketInPath


@oss.operation("GET", Scope.BUCKET, query=["logging"], errors=(NoSuchBucket,))
async def get_bucket_logging(call: Call, request: GetBucketLogging) -> UnchangedSetting:
    """Tell that access to a bucket is not logged."""
    del call, request
    content = document("BucketLoggingStatus")
    return UnchangedSetting(content=content)


@dataclass(slots=True, kw_only=True)
class GetBucketReferer:
    bucket: BucketInPath


@oss.operation("GET", Scope.BUCKET, query=["referer"], errors=(NoSuchBucket,))
async def get_bucket_referer(call: Call, request: GetBucketReferer) -> UnchangedSetting:
    """Tell that a bucket is read from any page."""
    del call, request
    content = document(
        "RefererConfiguration", tag("AllowEmptyReferer", value=True), "<RefererList></RefererList>"
    )
    return UnchangedSetting(content=content)


@dataclass(slots=True, kw_only=True)
class GetBucketRequestPayment:
    bucket: BucketInPath


@oss.operation("GET", Scope.BUCKET, query=["requestPayment"], errors=(NoSuchBucket,))
async def get_bucket_request_payment(
    call: Call, request: GetBucketRequestPayment
) -> UnchangedSetting:
    """Tell that the owner pays for a bucket."""
    del call, request
    content = document("RequestPaymentConfiguration", tag("Payer", "BucketOwner"))
    return UnchangedSetting(content=content)


@dataclass(slots=True, kw_only=True)
class GetBucketAccessMonitor:
    bucket: BucketInPath


@oss.operation("GET", Scope.BUCKET, query=["accessmonitor"], errors=(NoSuchBucket,))
async def get_bucket_access_monitor(
    call: Call, request: GetBucketAccessMonitor
) -> UnchangedSetting:
    """Tell that times of access are not kept."""
    del call, request
    content = document("AccessMonitorConfiguration", tag("Status", "Disabled"))
    return UnchangedSetting(content=content)


@dataclass(slots=True, kw_only=True)
class GetBucketResourceGroup:
    bucket: BucketInPath


@oss.operation("GET", Scope.BUCKET, query=["resourceGroup"], errors=(NoSuchBucket,))
async def get_bucket_resource_group(
    call: Call, request: GetBucketResourceGroup
) -> UnchangedSetting:
    """Tell the resource group of a bucket, which is that of the account."""
    del request
    content = document(
        "BucketResourceGroupConfiguration",
        tag("ResourceGroupId", resource_group_of(call.bucket.owner)),
    )
    return UnchangedSetting(content=content)


# --- settings that are missing until they are made ---


@dataclass(slots=True, kw_only=True)
class GetBucketLifecycle:
    bucket: BucketInPath


@oss.operation("GET", Scope.BUCKET, query=["lifecycle"], errors=(NoSuchBucket, NoSuchLifecycle))
async def get_bucket_lifecycle(call: Call, request: GetBucketLifecycle) -> UnchangedSetting:
    """Tell that a bucket has no lifecycle rules."""
    del call
    raise NoSuchLifecycle(BucketName=request.bucket)


@dataclass(slots=True, kw_only=True)
class GetBucketWebsite:
    bucket: BucketInPath


@oss.operation(
    "GET", Scope.BUCKET, query=["website"], errors=(NoSuchBucket, NoSuchWebsiteConfiguration)
)
async def get_bucket_website(call: Call, request: GetBucketWebsite) -> UnchangedSetting:
    """Tell that a bucket is no website."""
    del call
    raise NoSuchWebsiteConfiguration(BucketName=request.bucket)


@dataclass(slots=True, kw_only=True)
class GetBucketEncryption:
    bucket: BucketInPath


@oss.operation(
    "GET", Scope.BUCKET, query=["encryption"], errors=(NoSuchBucket, NoSuchServerSideEncryptionRule)
)
async def get_bucket_encryption(call: Call, request: GetBucketEncryption) -> UnchangedSetting:
    """Tell that a bucket encrypts nothing by default."""
    del call
    raise NoSuchServerSideEncryptionRule(BucketName=request.bucket)


@dataclass(slots=True, kw_only=True)
class GetBucketTransferAcceleration:
    bucket: BucketInPath


@oss.operation(
    "GET",
    Scope.BUCKET,
    query=["transferAcceleration"],
    errors=(NoSuchBucket, NoSuchTransferAccelerationConfiguration),
)
async def get_bucket_transfer_acceleration(
    call: Call, request: GetBucketTransferAcceleration
) -> UnchangedSetting:
    """Tell that transfers are not accelerated."""
    del call
    raise NoSuchTransferAccelerationConfiguration(BucketName=request.bucket)


@dataclass(slots=True, kw_only=True)
class GetBucketWorm:
    bucket: BucketInPath


@oss.operation("GET", Scope.BUCKET, query=["worm"], errors=(NoSuchBucket, NoSuchWORMConfiguration))
async def get_bucket_worm(call: Call, request: GetBucketWorm) -> UnchangedSetting:
    """Tell that a bucket has no retention policy."""
    del call
    raise NoSuchWORMConfiguration(BucketName=request.bucket)


@dataclass(slots=True, kw_only=True)
class GetBucketReplication:
    bucket: BucketInPath


@oss.operation(
    "GET",
    Scope.BUCKET,
    query=["replication"],
    errors=(NoSuchBucket, NoSuchReplicationConfiguration),
)
async def get_bucket_replication(call: Call, request: GetBucketReplication) -> UnchangedSetting:
    """Tell that a bucket is not replicated."""
    del call
    raise NoSuchReplicationConfiguration(BucketName=request.bucket)


# --- removing what was never made, which is no error (buckets.md, preface) ---


@dataclass(slots=True, kw_only=True)
class DeleteBucketLogging:
    bucket: BucketInPath


@oss.operation("DELETE", Scope.BUCKET, query=["logging"], errors=(NoSuchBucket,))
async def delete_bucket_logging(call: Call, request: DeleteBucketLogging) -> RemovedSetting:
    """Log access to a bucket no longer; it never was."""
    del call, request
    return RemovedSetting()


@dataclass(slots=True, kw_only=True)
class DeleteBucketLifecycle:
    bucket: BucketInPath


@oss.operation("DELETE", Scope.BUCKET, query=["lifecycle"], errors=(NoSuchBucket,))
async def delete_bucket_lifecycle(call: Call, request: DeleteBucketLifecycle) -> RemovedSetting:
    """Remove the lifecycle rules of a bucket, of which there are none."""
    del call, request
    return RemovedSetting()


@dataclass(slots=True, kw_only=True)
class DeleteBucketWebsite:
    bucket: BucketInPath


@oss.operation("DELETE", Scope.BUCKET, query=["website"], errors=(NoSuchBucket,))
async def delete_bucket_website(call: Call, request: DeleteBucketWebsite) -> RemovedSetting:
    """Make a bucket no website, which it never was."""
    del call, request
    return RemovedSetting()


@dataclass(slots=True, kw_only=True)
class DeleteBucketEncryption:
    bucket: BucketInPath


@oss.operation("DELETE", Scope.BUCKET, query=["encryption"], errors=(NoSuchBucket,))
async def delete_bucket_encryption(call: Call, request: DeleteBucketEncryption) -> RemovedSetting:
    """Encrypt nothing by default, which never was."""
    del call, request
    return RemovedSetting()
