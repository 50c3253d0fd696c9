"""The OSS data API: one module per topic of the OSS documentation.

Importing a topic registers its operations; every topic is listed here.
"""

from ossia.api.oss import (
    access_points,
    bucket_acl,
    bucket_archive,
    bucket_basic,
    bucket_callback_policy,
    bucket_cors,
    bucket_policy,
    bucket_tags,
    bucket_unchanged,
    bucket_versioning,
    declined,
    live_channel,
    object_acl,
    object_append,
    object_basic,
    object_copy,
    object_multipart,
    object_post,
    object_process,
    object_restore,
    public_access_block,
    service_basic,
)
from ossia.api.oss.registry import oss

__all__ = [
    "access_points",
    "bucket_acl",
    "bucket_archive",
    "bucket_basic",
    "bucket_callback_policy",
    "bucket_cors",
    "bucket_policy",
    "bucket_tags",
    "bucket_unchanged",
    "bucket_versioning",
    "declined",
    "live_channel",
    "object_acl",
    "object_append",
    "object_basic",
    "object_copy",
    "object_multipart",
    "object_post",
    "object_process",
    "object_restore",
    "oss",
    "public_access_block",
    "service_basic",
]
