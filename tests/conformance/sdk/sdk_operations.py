"""Which official SDK has which operation that not every client has, and why the others lack it.

A case is shown by each of the six, but by those that say here why they cannot, and by the clients
beside them that are named.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sdk_clients import REPLAYED, SETTERS

SIX: Final = ("python_oss2", "python_v2", "node", "java", "go_v1", "go_v2")


@dataclass(frozen=True, slots=True)
class Shown:
    """The operations that a case covers, and who shows it."""

    operations: tuple[str, ...]
    lacking: Mapping[str, str] = field(default_factory=dict)
    """Reasons, by suite."""
    also: tuple[str, ...] = ()
    """Suites beside the six."""


_OTHERS: Final = ("ossutil", *SETTERS)

_NONE: Final = "it has no such method"
_OLD: Final = "it is older than the operation"
_GET_ACL: Final = "whether a bucket exists it asks by GetBucketAcl or GetBucketInfo"


def _none(*suites: str, reason: str = _NONE) -> dict[str, str]:
    return dict.fromkeys(suites, reason)


CASES: Final[dict[str, Shown]] = {
    "restore": Shown(("PutObject", "HeadObject", "RestoreObject"), also=_OTHERS),
    "encryption": Shown(
        ("PutBucketEncryption", "GetBucketEncryption", "DeleteBucketEncryption", "PutObject"),
        also=_OTHERS,
    ),
    "archive_direct_read": Shown(
        ("PutBucketArchiveDirectRead", "GetBucketArchiveDirectRead"), _none("node", "go_v1")
    ),
    "sealing": Shown(("SealAppendObject",), _none("python_oss2", "node", "go_v1", reason=_OLD)),
    "clean_restored": Shown(
        ("CleanRestoredObject",), _none("python_oss2", "node", "java", "go_v1")
    ),
    "bucket_worm": Shown(
        (
            "InitiateBucketWorm",
            "AbortBucketWorm",
            "CompleteBucketWorm",
            "ExtendBucketWorm",
            "GetBucketWorm",
        ),
        also=_OTHERS,
    ),
    "object_worm": Shown(
        (
            "PutBucketObjectWormConfiguration",
            "GetBucketObjectWormConfiguration",
            "PutObjectRetention",
            "GetObjectRetention",
            "PutObjectLegalHold",
            "GetObjectLegalHold",
        ),
        _none("python_oss2", "node", "java", "go_v1", reason=_OLD),
    ),
    "overwrite_config": Shown(
        ("PutBucketOverwriteConfig", "GetBucketOverwriteConfig", "DeleteBucketOverwriteConfig"),
        _none("python_oss2", "node", "java", "go_v1", reason=_OLD),
    ),
    "bucket_qos": Shown(
        ("PutBucketQoSInfo", "GetBucketQoSInfo", "DeleteBucketQoSInfo"),
        _none("python_v2", "node", "go_v2"),
    ),
    "bucket_stat": Shown(("GetBucketStat",), also=("c", *SETTERS)),
    "head_bucket": Shown(
        ("HeadBucket",), _none("python_oss2", "node", reason=_GET_ACL), also=("csharp", "php")
    ),
    "bucket_policy": Shown(
        ("PutBucketPolicy", "GetBucketPolicy", "DeleteBucketPolicy"), also=_OTHERS
    ),
    "policy_status": Shown(("GetBucketPolicyStatus",), _none("python_oss2", "node", "go_v1")),
    "public_access_block": Shown(
        (
            "PutBucketPublicAccessBlock",
            "GetBucketPublicAccessBlock",
            "DeleteBucketPublicAccessBlock",
        ),
        _none("node", "go_v1", reason=_OLD),
    ),
    "account_access_block": Shown(
        ("PutPublicAccessBlock", "GetPublicAccessBlock", "DeletePublicAccessBlock"),
        _none("node", "go_v1", reason=_OLD),
    ),
    "callback_policies": Shown(
        ("PutBucketCallbackPolicy", "GetBucketCallbackPolicy", "DeleteBucketCallbackPolicy"),
        _none("node", reason="it neither has it nor sends requests of its caller's making"),
    ),
    "trigger_callback": Shown(
        ("ProcessObject",),
        _none("node", reason="its processObjectSave saves whatever it does"),
        also=SETTERS,
    ),
    "post_object": Shown(
        ("PostObject",), _none("go_v1", reason="neither it nor its samples sign forms")
    ),
    "absent_configurations": Shown(
        (
            "GetBucketLogging",
            "GetBucketReferer",
            "GetBucketRequestPayment",
            "GetBucketWebsite",
            "DeleteBucketLogging",
            "DeleteBucketWebsite",
        ),
        also=("ossutil", *REPLAYED),
    ),
    "absent_replication": Shown(
        ("GetBucketReplication", "GetBucketTransferAcceleration", "GetBucketResourceGroup"),
        _none("node"),
        also=("ossutil",),
    ),
    "live_channels": Shown(
        ("ListLiveChannel",), _none("python_v2", "go_v2"), also=("csharp", "php")
    ),
    "access_points": Shown(("ListAccessPoints",), _none("node", "go_v1", reason=_OLD)),
}


def lacks(suite: str, case: str) -> str | None:
    """Why *suite* has no *case*; None if it must have it, or if the case is not one of these."""
    shown = CASES.get(case)
    if shown is None or suite in shown.also:
        return None
    if suite not in SIX:
        return "what it would send of it is as the official SDKs send it, or it has none"
    return shown.lacking.get(suite)
