"""Whether a write may replace what its key names: the request's word, and the bucket's rules.

1. Versioning, enabled or suspended, lets both rest (objects.md, section 4; OSS documentation,
   "Prevent files from being overwritten").
2. The rules are for those who write.  What the server itself does, such as lifecycle, they are not.
3. To append to an object, and to change it by copying it onto itself, is to overwrite it.
"""

from typing import Final

from ossia.protocol.overwrite_rules import stored_overwriting
from ossia.protocol.policy_document import Asker
from ossia.records import Bucket

DOCUMENT: Final = "overwrite"
"""The name of the document that holds the rules of a bucket."""


def forbids(bucket: Bucket, forbid_overwrite: bool) -> bool:
    """Whether a write that is not to replace anything must not."""
    return forbid_overwrite and not bucket.versioning


def is_protected(bucket: Bucket, key: str, asker: Asker) -> bool:
    """Whether a rule of the bucket forbids *asker* to replace *key*."""
    content = bucket.documents.get(DOCUMENT)
    if content is None or bucket.versioning:
        return False
    return stored_overwriting(content).is_forbidden(key, asker)
