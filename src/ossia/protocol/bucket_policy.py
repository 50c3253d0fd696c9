"""Bucket policies: the text that PutBucketPolicy stores, and what it says.

Source: OSS documentation, "Bucket Policy": 16 KB in all, 4095 bytes for each field.
"""

from functools import lru_cache
from typing import Final

import msgspec

from ossia.protocol.policy_document import Grammar, PolicyDocument, PolicyError

MAX_BYTES: Final = 16 * 1024
MAX_FIELD_BYTES: Final = 4095


def parse_bucket_policy(content: bytes) -> PolicyDocument:
    """Read a policy that is to be stored.  Raises `PolicyError` with the reason."""
    if len(content) > MAX_BYTES:
        raise PolicyError(f"the policy is longer than {MAX_BYTES} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise PolicyError("the policy is not UTF-8") from error
    policy = PolicyDocument.parse(text, Grammar.BUCKET)
    _check_fields(msgspec.json.decode(content))
    return policy


def _check_fields(value: object) -> None:
    if isinstance(value, dict):
        for name, each in value.items():
            _check_fields(name)
            _check_fields(each)
    elif isinstance(value, list):
        for each in value:
            _check_fields(each)
    elif isinstance(value, str) and len(value.encode()) > MAX_FIELD_BYTES:
        raise PolicyError(f"a field is longer than {MAX_FIELD_BYTES} bytes")


@lru_cache(maxsize=1024)
def stored_bucket_policy(content: bytes) -> PolicyDocument:
    """The policy that a bucket has."""
    return PolicyDocument.in_force(content.decode(), Grammar.BUCKET)


@lru_cache(maxsize=1024)
def closed_bucket_policy(content: bytes) -> PolicyDocument:
    """What remains of it where public access is blocked."""
    return stored_bucket_policy(content).without_public()
