"""The clients beside the official SDKs that registries have: how each runs, and what each cannot show.

Five of them send what an official SDK sends that no registry has; see python/replayed.py.
"""

from typing import Final

IP: Final = "127.0.0.1"
LOCALHOST: Final = "localhost"
DOMAIN: Final = "oss.test"
"""A domain of our own.  The suites resolve it, and every bucket under it, to loopback."""
OFFICIAL: Final = "oss-cn-hangzhou.aliyuncs.com"
"""The service's own name, for a client that goes there wherever it is told to go."""

REPLAYED: Final = ("c", "cpp", "csharp", "php", "ruby")
"""The SDKs that no registry has."""

_ALL_WAYS: Final = {"v1": (IP, LOCALHOST), "v4": (IP, LOCALHOST)}

# Each suite's ways of signing, and the hosts that it tries each with.
RUNS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "c": _ALL_WAYS,
    "cpp": _ALL_WAYS,
    "csharp": _ALL_WAYS,
    "php": _ALL_WAYS,
    "ruby": {"v1": (IP, LOCALHOST)},
    # These sign with V1 alone.
    "python_aiooss2": {"v1": (IP, DOMAIN)},
    "python_ossfs": {"v1": (IP, DOMAIN)},
    "python_opendal": {"v1": (IP,)},
    "python_django": {"v1": (IP, DOMAIN)},
    "go_aliyungo": {"v1": (LOCALHOST,)},
    "ruby_fog": {"v1": (OFFICIAL,)},
    "node_multer": {"v1": (IP, LOCALHOST), "v4": (IP, LOCALHOST)},
    "ossutil": {"v1": (IP,), "v4": (IP,)},
}

# A case that only some clients have: the operations that it covers, and their suites.
PECULIARITIES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "callback_private_address": (("PutObject", "CompleteMultipartUpload"), REPLAYED),
    "md5_of_twenty_bytes": (("PutObject",), ("c",)),
    # HttpWebRequest sends no such value, and C# knows no such text.
    "values_that_are_not_utf8": (("PutObject", "HeadObject"), ("c", "cpp", "php", "ruby")),
    "keys_that_are_not_utf8": (("PutObject",), ("c", "cpp", "php", "ruby")),
    "sts_of_its_own": (("AssumeRole",), ("ruby",)),
    # Others ask in bucket_lifecycle.
    "bucket_info": (("GetBucketInfo", "GetBucketLocation"), ("c", "cpp", "csharp", "php")),
}

_BUCKET_SETTINGS: Final = ("bucket_acl", "bucket_cors", "bucket_tags")
_BUCKETS: Final = ("bucket_lifecycle", *_BUCKET_SETTINGS, "error_bucket_not_empty")
_CALLBACKS: Final = (
    "callback_put_json",
    "callback_put_form",
    "callback_complete",
    "callback_presigned",
    "callback_fails",
    "callback_complete_fails",
    "sts_callback",
    "error_malformed_callback",
)
_PARTS: Final = ("multipart", "multipart_copy", "multipart_abort")
_TRANSFERS: Final = ("uploader", "uploader_resumes", "downloader")
_PRESIGNED: Final = ("presigned_get", "presigned_put", "presigned_expired", "sts_presigned")
_STS: Final = ("sts_upload", "sts_presigned", "sts_denied", "sts_session_policy")
_OF_A_FILE_SYSTEM: Final = ("object_acl", "conditions")

SETTERS: Final = ("cpp", "csharp", "php")
"""Those of them that show every setting that they have: python/replayed_settings.py."""

_OF_SETTINGS: Final = (
    "bucket_cors",
    "bucket_tags",
    "object_acl",
    "exists",
    "list_v2",
    "multipart_copy",
)
_OF_THE_SDKS: Final = ("object_tags", "symlinks", "versions", "lifecycle", "access_monitor")

# suite: what others have, too, and it does not show
_NOT_SHOWN: Final[dict[str, tuple[str, ...]]] = {
    "c": ("bucket_tags", "list_v2", "multipart_copy", "object_tags", "versions"),
    "cpp": (),
    "csharp": ("list_v2",),
    "php": (),
    "ruby": (
        *("bucket_tags", "exists", "list_v2", "multipart_copy"),
        *("object_tags", "symlinks", "versions"),
    ),
}

_SHOWN_BY_OTHERS: Final = (
    "nothing of it is peculiar to this SDK: those that registries have show it"
)

_NO_CALLBACK_IN_URLS: Final = "the URLs that it signs by V1 do not cover a callback"

# suite: reason: cases
_LACKS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    **{
        suite: {
            _SHOWN_BY_OTHERS: (
                *_TRANSFERS,
                *(case for case in _OF_SETTINGS if case in _NOT_SHOWN[suite]),
            ),
            **({} if suite == "cpp" else {_NO_CALLBACK_IN_URLS: ("callback_presigned",)}),
        }
        for suite in REPLAYED
    },
    "python_aiooss2": {
        "it asks about buckets, and changes nothing of them": (
            *_BUCKET_SETTINGS,
            "error_bucket_not_empty",
        ),
        "it lists by the first version only": ("list_v2",),
        "it has no ACLs of objects": ("object_acl",),
        "it signs no URLs": (*_PRESIGNED, "callback_presigned"),
        "it resumes an upload by a coroutine that it does not await": ("uploader_resumes",),
    },
    "python_ossfs": {
        "a file system: buckets are folders that are there": _BUCKETS,
        "it lists by the first version only": ("list_v2",),
        "it has neither conditions nor ACLs": _OF_A_FILE_SYSTEM,
        "below 100 MB it uploads in one request, above as the uploader of oss2 does": (
            *_PARTS,
            "uploader_resumes",
            "downloader",
        ),
        "sign() is not implemented": ("addressing", *_PRESIGNED),
        "it asks by listing, not by HEAD": ("error_of_head",),
        "it sends no headers of its caller's": _CALLBACKS,
    },
    "python_opendal": {
        "an operator is of a bucket that is there": _BUCKETS,
        "it chooses the version of listings itself": ("list_v2",),
        "it has no ACLs": ("object_acl",),
        "it copies in one request": ("multipart_copy",),
        "it shows no uploads in progress": ("multipart_abort",),
        "a writer with chunks is its uploader: multipart": _TRANSFERS,
        "it sends no headers of its caller's": _CALLBACKS,
    },
    "python_django": {
        "a storage is of a bucket that is there": _BUCKETS,
        "Django lists folders": ("list_v2", "list_awkward_keys"),
        "Django saves, opens, names and deletes, one file at a time": (
            "copy",
            "append",
            "ranges",
            "delete_many",
            "error_of_head",
            *_OF_A_FILE_SYSTEM,
            *_PARTS,
            *_TRANSFERS,
        ),
        "its URLs are for reading, for as long as a setting says": (
            "presigned_put",
            "presigned_expired",
        ),
        "it sends no headers of its caller's": _CALLBACKS,
        "it takes no token": _STS,
    },
    "go_aliyungo": {
        "it has no CORS and no tags": ("bucket_cors", "bucket_tags"),
        "it lists by the first version only": ("list_v2",),
        "it has no appending": ("append",),
        "ACLs of objects are set when they are stored: put_get_head": ("object_acl",),
        "PutAll sends parts one after another, and keeps no notes": _TRANSFERS,
        "its HEAD gives an error without a code": ("error_of_head",),
        "it sends none of its caller's headers that begin with x-oss- but metadata": _CALLBACKS,
    },
    "ruby_fog": {
        "it shows no address": ("addressing",),
        "it has no CORS and no tags that it sets": ("bucket_cors", "bucket_tags"),
        "it asks by reading": ("exists",),
        "it writes a key into the request line as it is, blanks included": (
            "awkward_keys",
            "list_awkward_keys",
        ),
        "it lists by the first version only": ("list_v2",),
        "its requests have no such options": ("append", "delete_many", *_OF_A_FILE_SYSTEM),
        "it copies in one request": ("multipart_copy",),
        "put_multipart_object is its uploader: multipart": _TRANSFERS,
        "it signs URLs with URI.encode, which Ruby 3 does not have": _PRESIGNED,
        "it sends no headers of its caller's": _CALLBACKS,
        "it takes no token": _STS,
    },
    "node_multer": {
        "a storage of multer stores one file of a form; the rest is ali-oss": (
            "addressing",
            "exists",
            "list",
            "list_v2",
            "list_awkward_keys",
            "copy",
            "append",
            "ranges",
            "delete_many",
            "error_no_such_key",
            "error_of_head",
            "sts_denied",
            "sts_session_policy",
            *_BUCKETS,
            *_OF_A_FILE_SYSTEM,
            *_PARTS,
            *_TRANSFERS,
            *_PRESIGNED,
        ),
        "it calls putStream without options": _CALLBACKS,
    },
    "ossutil": {
        "it asks with stat: error_no_such_key": ("exists", "error_of_head"),
        "it lists by the first version only": ("list_v2",),
        "it has no conditions": ("conditions",),
        "cp above --bigfile-threshold is its upload in parts: uploader": ("multipart",),
        "it signs URLs for reading only, which the role may not": (
            "presigned_put",
            "sts_presigned",
        ),
        "cp has no callbacks": _CALLBACKS,
    },
}

LACKS: Final = {
    (suite, case): "it has none of them, or as an SDK that registries have and that shows it"
    for suite in RUNS
    if suite != "ossutil"
    for case in _OF_THE_SDKS
    if case in _NOT_SHOWN.get(suite, _OF_THE_SDKS) or case == "access_monitor"
} | {
    (suite, case): reason
    for suite, reasons in _LACKS.items()
    for reason, cases in reasons.items()
    for case in cases
}
