"""What buckets and objects may be called (objects.md, section 1, "Names")."""

import re

from ossia.errors import InvalidArgument, InvalidBucketName, InvalidObjectName

_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]\Z")
MAX_KEY_BYTES = 1023
_FORBIDDEN_FIRST = frozenset("/\\")


def is_bucket_name(name: str) -> bool:
    """Whether *name* has 3-63 lower-case letters, digits and inner hyphens."""
    return _BUCKET.match(name) is not None


def check_bucket_name(name: str) -> None:
    """Raise `InvalidBucketName` unless *name* may be a bucket."""
    if not is_bucket_name(name):
        raise InvalidBucketName(BucketName=name)


def decode_key(raw: bytes) -> str:
    """The key that *raw* (percent-decoded bytes of the path) stands for.

    Raises `InvalidArgument` for text that is not UTF-8 (witnessed.md, W32), `InvalidObjectName`
    for keys of more than 1023 bytes.
    """
    if len(raw) > MAX_KEY_BYTES:
        # Message asserted by the SDKs' tests against the real service.
        raise InvalidObjectName("The Length of Object name must be less than 1024.")
    try:
        key = raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument("The characters encoding must be utf-8.") from error
    if "\0" in key:
        raise InvalidObjectName(ObjectName=key)
    return key


def check_written_key(key: str) -> str:
    """*key*, if something may be written there; otherwise raise `InvalidObjectName`.

    No object's name begins with a slash or backslash.  Reading such a key is no error of its own:
    there is no such object (witnessed.md, W50).
    """
    if key[:1] in _FORBIDDEN_FIRST:
        raise InvalidObjectName(ObjectName=key)
    return key
