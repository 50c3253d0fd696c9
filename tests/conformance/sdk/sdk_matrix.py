"""What the suites must show: every case, by every SDK, for each way of signing and addressing.

A suite that cannot do a case says so in `LACKS`, those of sdk_clients.py in the one there, those of
sdk_operations.py there, with the reason; a case that is neither reported nor listed fails.
"""

from dataclasses import dataclass
from typing import Final

import sdk_clients
import sdk_operations
from sdk_clients import DOMAIN, IP, LOCALHOST

CASES: Final[dict[str, tuple[str, ...]]] = {
    # name: the operations that it covers
    "addressing": (),
    "bucket_lifecycle": (
        "PutBucket",
        "GetBucketInfo",
        "GetBucketLocation",
        "ListBuckets",
        "DeleteBucket",
    ),
    "bucket_acl": ("PutBucketAcl", "GetBucketAcl"),
    "bucket_cors": ("PutBucketCors", "GetBucketCors", "DeleteBucketCors"),
    "bucket_tags": ("PutBucketTags", "GetBucketTags", "DeleteBucketTags", "ListBuckets"),
    "lifecycle": ("PutBucketLifecycle", "GetBucketLifecycle", "DeleteBucketLifecycle"),
    "access_monitor": ("PutBucketAccessMonitor", "GetBucketAccessMonitor", "GetObjectMeta"),
    "put_get_head": ("PutObject", "GetObject", "HeadObject"),
    "empty_object": ("PutObject", "GetObject"),
    "exists": ("GetObjectMeta", "HeadObject"),
    "awkward_keys": ("PutObject", "GetObject", "HeadObject", "DeleteObject"),
    "list": ("ListObjects",),
    "list_v2": ("ListObjectsV2",),
    "list_awkward_keys": ("ListObjects", "ListObjectsV2"),
    "copy": ("CopyObject",),
    "append": ("AppendObject",),
    "ranges": ("GetObject",),
    "conditions": ("GetObject",),
    "object_acl": ("PutObjectAcl", "GetObjectAcl"),
    "object_tags": ("PutObjectTagging", "GetObjectTagging", "DeleteObjectTagging"),
    "symlinks": ("PutSymlink", "GetSymlink"),
    "versions": ("PutBucketVersioning", "GetBucketVersioning", "ListObjectVersions"),
    "delete_many": ("DeleteMultipleObjects",),
    "multipart": (
        "InitiateMultipartUpload",
        "UploadPart",
        "ListParts",
        "CompleteMultipartUpload",
    ),
    "multipart_copy": ("UploadPartCopy",),
    "multipart_abort": ("ListMultipartUploads", "AbortMultipartUpload"),
    "uploader": ("InitiateMultipartUpload", "UploadPart", "CompleteMultipartUpload"),
    "uploader_resumes": ("ListParts", "CompleteMultipartUpload"),
    "downloader": ("GetObject",),
    "presigned_get": ("GetObject",),
    "presigned_put": ("PutObject",),
    "presigned_expired": (),
    "error_no_such_key": (),
    "error_no_such_bucket": (),
    "error_wrong_secret": (),
    "error_unknown_access_key": (),
    "error_bucket_not_empty": ("DeleteBucket",),
    "error_of_head": ("HeadObject",),
    "error_malformed_callback": ("PutObject",),
    "callback_put_json": ("PutObject",),
    "callback_put_form": ("PutObject",),
    "callback_complete": ("CompleteMultipartUpload",),
    "callback_presigned": ("PutObject",),
    "callback_fails": ("PutObject",),
    "callback_complete_fails": ("CompleteMultipartUpload",),
    "sts_upload": ("AssumeRole", "PutObject"),
    "sts_callback": ("AssumeRole", "PutObject"),
    "sts_presigned": ("AssumeRole", "PutObject"),
    "sts_denied": ("AssumeRole",),
    "sts_session_policy": ("AssumeRole",),
    **{case: covered for case, (covered, _) in sdk_clients.PECULIARITIES.items()},
    **{case: shown.operations for case, shown in sdk_operations.CASES.items()},
}


@dataclass(frozen=True, slots=True)
class Variant:
    """One run of a suite: how it signs, and the host that it is given as endpoint."""

    suite: str
    signature: str
    host: str

    @property
    def id(self) -> str:
        """Its name in test ids."""
        return f"{self.suite}-{self.signature}-{self.host}"


# Each suite's ways of signing, and the hosts that it tries each with.
_RUNS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "go_v2": {"v1": (IP, LOCALHOST), "v4": (IP, LOCALHOST)},
    "node": {"v1": (IP, LOCALHOST), "v4": (IP, LOCALHOST)},
    # Java takes localhost for an address; V2 is its own choice beside V1 and V4.
    "java": {"v1": (IP, DOMAIN), "v2": (IP,), "v4": (IP, DOMAIN)},
    "go_v1": {"v1": (IP, LOCALHOST), "v2": (IP,), "v4": (IP, LOCALHOST)},
    # So does oss2.
    "python_oss2": {"v1": (IP, DOMAIN), "v2": (IP,), "v4": (IP, DOMAIN)},
    "python_v2": {"v1": (IP, LOCALHOST), "v4": (IP, LOCALHOST)},
}

VARIANTS: Final = tuple(
    Variant(suite, signature, host)
    for suite, signatures in (_RUNS | sdk_clients.RUNS).items()
    for signature, hosts in signatures.items()
    for host in hosts
)

_NO_URL_FOR_IP: Final = "ali-oss signs no URL for an IP address"

# (suite-host, case): reason
LACKS: Final[dict[tuple[str, str], str]] = {
    **{(f"node-{host}", "access_monitor"): "ali-oss has none" for host in (IP, LOCALHOST)},
    ("node-127.0.0.1", "presigned_get"): _NO_URL_FOR_IP,
    ("node-127.0.0.1", "presigned_put"): _NO_URL_FOR_IP,
    ("node-127.0.0.1", "presigned_expired"): _NO_URL_FOR_IP,
    ("node-127.0.0.1", "callback_presigned"): _NO_URL_FOR_IP,
    ("node-127.0.0.1", "sts_presigned"): _NO_URL_FOR_IP,
}


def lacks(variant: Variant, case: str) -> str | None:
    """Why *variant* has no *case*; None if it must have it."""
    _, suites = sdk_clients.PECULIARITIES.get(case, ((), (variant.suite,)))
    if variant.suite not in suites:
        return "no client but some sends this"
    here = f"{variant.suite}-{variant.host}"
    return (
        sdk_operations.lacks(variant.suite, case)
        or sdk_clients.LACKS.get((variant.suite, case))
        or LACKS.get((here, case))
    )
