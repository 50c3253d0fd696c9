"""The refusals: one class per error code of OSS, STS and RAM.

The class name is the code, letter for letter.  ``status`` is the HTTP status,
``message`` the default text and ``ec`` the error-cause number, where one is
known.  Raise where the fact is discovered, with details as XML children:
``raise NoSuchKey(Key=key)``.  `gateway.render` is the only place that turns them
into bytes.  Sources: the OSS error pages and the assertions in the SDKs' tests.
"""

from typing import ClassVar


class OssError(Exception):
    """A refusal with a code that clients understand.

    ``details`` become children of ``<Error>`` in the order given; ``headers`` are
    response headers that belong to the refusal.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "OssError"
    message: ClassVar[str] = ""
    ec: str | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in cls.__dict__:
            cls.code = cls.__name__

    def __init__(
        self,
        message: str | None = None,
        *,
        ec: str | None = None,
        headers: dict[str, str] | None = None,
        **details: object,
    ) -> None:
        super().__init__(message or self.message)
        self.text = message or self.message
        self.details = details
        self.headers = headers or {}
        if ec is not None:
            self.ec = ec


# --- authentication ---------------------------------------------------------


class SignatureDoesNotMatch(OssError):
    status = 403
    message = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method."
    )
    ec = "0002-00000040"


class InvalidAccessKeyId(OssError):
    status = 403
    message = "The OSS Access Key Id you provided does not exist in our records."
    ec = "0002-00000902"


class RequestTimeTooSkewed(OssError):
    status = 403
    message = "The difference between the request time and the current time is too large."
    ec = "0002-00000504"


class InvalidSecurityToken(OssError):
    status = 403
    message = "The security token you provided is invalid."
    ec = "0002-00000006"


class SecurityTokenExpired(OssError):
    status = 403
    message = "The security token you provided has expired."
    ec = "0002-00000007"


# --- access control ---------------------------------------------------------


class AccessDenied(OssError):
    status = 403
    message = "You have no right to access this object because of bucket acl."
    ec = "0003-00000001"


class AccessForbidden(OssError):
    status = 403
    message = (
        "CORSResponse: This CORS request is not allowed. This is usually because the evalution "
        "of Origin, request method / Access-Control-Request-Method or "
        "Access-Control-Requet-Headers are not whitelisted by the resource's CORS spec."
    )


class InvalidObjectState(OssError):
    status = 403
    message = "The operation is not valid for the object's state"


class WORMConfigurationLocked(OssError):
    status = 403
    message = "The WORM Configuration is locked."


# --- not found --------------------------------------------------------------


class NoSuchBucket(OssError):
    status = 404
    message = "The specified bucket does not exist."
    ec = "0015-00000101"


class NoSuchKey(OssError):
    status = 404
    message = "The specified key does not exist."
    ec = "0026-00000001"


class SymlinkTargetNotExist(OssError):
    status = 404
    message = "The symlink target object does not exist."
    ec = "0026-00000012"


class NoSuchVersion(OssError):
    status = 404
    message = "The specified version does not exist."


class NoSuchUpload(OssError):
    status = 404
    message = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload "
        "may have been aborted or completed."
    )
    ec = "0042-00000002"


class NoSuchCallback(OssError):
    status = 404
    message = "The delivery log has no such row, or not any more."


class NoSuchCORSConfiguration(OssError):
    status = 404
    message = "The CORS Configuration does not exist."


class NoSuchLifecycle(OssError):
    status = 404
    message = "No Row found in Lifecycle Table."


class NoSuchWebsiteConfiguration(OssError):
    status = 404
    message = "The specified bucket does not have a website configuration."


class NoSuchServerSideEncryptionRule(OssError):
    status = 404
    message = "The server side encryption configuration was not found"


class KeyNotFound(OssError):
    status = 404
    message = "The specified parameter KMS keyId is not found"
    ec = "0005-00000208"


class AliasNotFound(OssError):
    status = 404
    message = "The specified Alias is not found"


class NoSuchTransferAccelerationConfiguration(OssError):
    status = 404
    message = "The specified bucket does not have a transfer acceleration configuration."


class NoSuchBucketOverwriteConfig(OssError):
    status = 404
    message = "The specified bucket does not have an overwrite configuration."


class NoSuchBucketQosInfo(OssError):
    status = 404
    message = "The specified bucket does not have a QoS configuration."


class NoSuchWORMConfiguration(OssError):
    status = 404
    message = "The specified bucket does not have a WORM configuration."


class NoSuchObjectRetentionConfiguration(OssError):
    status = 404
    message = "The object has no retention."


class NoSuchObjectLegalHoldConfiguration(OssError):
    status = 404
    message = "The object has no legal hold configuration."


class NoSuchReplicationConfiguration(OssError):
    status = 404
    message = "The specified bucket does not have a replication configuration."


class NoSuchBucketPolicy(OssError):
    status = 404
    message = "The bucket policy does not exist."


class BucketCallbackPolicyNotExist(OssError):
    status = 404
    message = "The bucket has no callback policy."


class NoSuchArchiveDirectReadConfiguration(OssError):
    status = 404
    message = "The archive direct read configuration does not exist."


# --- conflict, precondition, method -----------------------------------------


class BucketAlreadyExists(OssError):
    status = 409
    message = (
        "The requested bucket name is not available. The bucket namespace is shared by all "
        "users of the system. Please select a different name and try again."
    )
    ec = "0015-00000104"


class BucketNotEmpty(OssError):
    status = 409
    message = "The bucket has objects. Please delete them first."
    ec = "0015-00000301"


class PositionNotEqualToLength(OssError):
    status = 409
    message = "Position is not equal to file length"
    ec = "0026-00000016"


class ObjectNotAppendable(OssError):
    status = 409
    message = "The object is not appendable"


class FileAlreadyExists(OssError):
    status = 409
    message = "The object you specified already exists and can not be overwritten."
    ec = "0026-00000002"


class FileImmutable(OssError):
    status = 409
    message = "The object you specified is immutable."
    ec = "0026-00000005"


class PreconditionFailed(OssError):
    status = 412
    message = "At least one of the pre-conditions you specified did not hold."


class RestoreAlreadyInProgress(OssError):
    status = 409
    message = "The restore operation is in progress."


class ArchiveRestoreNotFinished(OssError):
    status = 409
    message = "The archive file's restore is not finished."
    ec = "0016-00000719"


class ArchiveRestoreFileStale(OssError):
    status = 409
    message = "The archive file or restore info stale"


class KmsKeyDisabled(OssError):
    """The code is that of KMS, to which the page of the cause refers."""

    status = 409
    code = "Rejected.Disabled"
    message = "The request was rejected because the key state is Disabled."
    ec = "0005-00000214"


class KmsKeyPendingDeletion(OssError):
    """The same."""

    status = 409
    code = "Rejected.PendingDeletion"
    message = "The request was rejected because the key state is PendingDeletion."
    ec = "0005-00000215"


class NotModified(OssError):
    """304: never has a body, nor an ``x-oss-err`` header (oss2 maps ``(304, "")``)."""

    status = 304
    message = "Not Modified"


class InvalidRange(OssError):
    status = 416
    message = "The requested range cannot be satisfied"


class MethodNotAllowed(OssError):
    status = 405
    message = "The specified method is not allowed against this resource."
    ec = "0003-00000016"


class MissingContentLength(OssError):
    status = 411
    message = "You must provide the Content-Length HTTP header."


# --- bad requests -----------------------------------------------------------


class InvalidArgument(OssError):
    message = "Invalid Argument"


class MissingArgument(OssError):
    message = "Missing Some Required Arguments."
    ec = "0016-00000502"


class InvalidRequest(OssError):
    message = "Invalid Request"


class AccessMonitorDisableNotAllowed(OssError):
    message = "The access monitor cannot be disabled: lifecycle rules need the last access time."
    ec = "0036-00000005"


class MalformedXML(OssError):
    message = (
        "The XML you provided was not well-formed or did not validate against our published schema."
    )


class InvalidBucketName(OssError):
    message = "The specified bucket is not valid."


class InvalidObjectName(OssError):
    message = "The specified object is not valid."


class TooManyBuckets(OssError):
    message = "You have attempted to create more buckets than allowed."


class InvalidLocationConstraint(OssError):
    message = "The specified location-constraint is not valid"


class InvalidDigest(OssError):
    message = "The Content-MD5 you specified was invalid."


class EntityTooSmall(OssError):
    message = "Your proposed upload smaller than the minimum allowed size."


class EntityTooLarge(OssError):
    message = "Your proposed upload exceeds the maximum allowed size."


class InvalidPart(OssError):
    message = (
        "One or more of the specified parts could not be found or the specified entity tag "
        "might not have matched the part's entity tag."
    )


class InvalidPartOrder(OssError):
    message = (
        "The list of parts was not in ascending order. Parts list must specified in order by "
        "part number."
    )
    ec = "0042-00000209"


class PartNotSequential(OssError):
    message = "The part number is not the next one of a sequential upload."


class RequestTimeout(OssError):
    message = (
        "Your socket connection to the server was not read from or written to within the "
        "timeout period."
    )


class InvalidTargetType(OssError):
    message = "The target of the symlink is a symlink itself."


class NotSymlink(OssError):
    message = "The object is not a symlink."
    ec = "0043-00000101"


class InvalidTag(OssError):
    message = "The tag provided was not a valid tag."


class InvalidWORMConfiguration(OssError):
    message = "Invalid WORM Configuration."


class OperationNotSupported(OssError):
    message = "The operation is not supported for this resource"


class ResourceGroupIdPreCheckError(OssError):
    message = "The resource group id precheck error"
    ec = "0039-00000003"


class BadRequest(OssError):
    message = "The request is not valid."


class InvalidEncryptionAlgorithmError(OssError):
    message = "The Encryption request you specified is not valid. Supported value: AES256/KMS"


class MalformedPOSTRequest(OssError):
    message = "The body of your POST request is not well-formed multipart/form-data."


class IncorrectNumberOfFilesInPOSTRequest(OssError):
    message = "POST requires exactly one file upload per request."


class FieldItemTooLong(OssError):
    message = "The length of your form field item exceeds the allowed limit."


class InvalidPolicyDocument(OssError):
    message = "Invalid Policy"
    ec = "0006-00000201"


class NotOffered(OssError):
    """``NotImplemented``: an operation or header that exists in OSS and is not offered here.

    The code is Python's own name for something else, hence the class name.
    """

    status = 501
    code = "NotImplemented"
    message = "A header you provided implies functionality that is not implemented."


class HeaderNotImplemented(OssError):
    """``NotImplemented`` with 400: a header that OSS itself refuses in this operation.

    oss2 knows the code with this status (errors.md, section 8).
    """

    code = "NotImplemented"
    message = NotOffered.message
    ec = "0017-00000245"


# --- upload callbacks -------------------------------------------------------


class CallbackFailed(OssError):
    """203: the object is stored, its application server was not reached or said no."""

    status = 203
    ec = "0007-00000203"


class CallbackNotAccepted(OssError):
    """203: nothing is stored, because the application server did not accept the object.

    Not a code of OSS: only buckets whose callbacks commit the upload answer it.
    """

    status = 203


# --- server -----------------------------------------------------------------


class InternalError(OssError):
    status = 500
    message = "We encountered an internal error. Please try again."


class ServiceUnavailable(OssError):
    status = 503
    message = "Please reduce your request rate."


class TotalQpsLimitExceeded(OssError):
    """Requests a second (HTTP 503 status code documentation; the page of the EC)."""

    status = 503
    message = "Max total qps limit is exceeded."
    ec = "0004-00000302"


class UploadTrafficRateLimitExceeded(OssError):
    """Bytes that come (HTTP 503 status code documentation)."""

    status = 503
    message = "Please reduce your upload request traffic."


class DownloadTrafficRateLimitExceeded(OssError):
    """Bytes that go (HTTP 503 status code documentation)."""

    status = 503
    message = "Please reduce your download request traffic."


class ActiveRequestLimitExceeded(OssError):
    """Requests at a time (HTTP 503 status code documentation)."""

    status = 503
    message = "Max active request limit is exceeded."


class RequestHeaderTooLarge(OssError):
    status = 431
    message = "The header block of your request exceeds the maximum allowed size."


class RpcError(Exception):
    """A refusal of STS or RAM.  Their codes contain dots, so the code is a value.

    Answered as ``{"RequestId", "HostId", "Code", "Message"}`` in JSON or XML.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.text = message
