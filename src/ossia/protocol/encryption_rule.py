"""How objects are to be encrypted: as a bucket says by default, and as a write says itself.

Sources: PutBucketEncryption and PutObject documentation, the pages of the causes 0005-…, and the
tests of oss2 (``test_server_side_encryotion.py``): a data algorithm is heeded beside KMS alone, and
whether there is a key of that id is found out by whoever uses it.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from ossia.errors import InvalidArgument, InvalidEncryptionAlgorithmError, MalformedXML
from ossia.protocol.object_cipher import AES256, SM4
from ossia.protocol.xml import parse, tag

KMS: Final = "KMS"
_ALGORITHMS: Final = (AES256, KMS, SM4)
_LONGEST_KEY_ID: Final = 256


class EncryptionRule(NamedTuple):
    """An algorithm; with KMS the id of a key, empty for the account's own, and SM4 or nothing."""

    algorithm: str
    key_id: str = ""
    data_algorithm: str = ""

    @property
    def cipher(self) -> str:
        """What encrypts the bytes."""
        return SM4 if SM4 in (self.algorithm, self.data_algorithm) else AES256


class Named(NamedTuple):
    """What the fields of a rule are called where it comes from."""

    key_id: str
    data_algorithm: str


IN_DOCUMENT: Final = Named("KMSMasterKeyID", "KMSDataEncryption")
IN_HEADERS: Final = Named(
    "x-oss-server-side-encryption-key-id", "x-oss-server-side-data-encryption"
)


def make_rule(algorithm: str, key_id: str, data_algorithm: str, named: Named) -> EncryptionRule:
    """The rule that says so.  Raises `InvalidEncryptionAlgorithmError`, `InvalidArgument`."""
    if algorithm not in _ALGORITHMS:
        raise InvalidEncryptionAlgorithmError(ec="0005-00000003")
    if algorithm != KMS:
        if key_id:
            raise InvalidArgument(
                "KMSMasterKeyID is not applicable if the default sse algorithm is not KMS",
                ec="0005-00000204",
                ArgumentName=named.key_id,
                ArgumentValue=key_id,
            )
        return EncryptionRule(algorithm)
    if data_algorithm not in {"", SM4}:
        raise InvalidArgument(
            "The algorithm beside KMS can only be SM4.",
            ec="0005-00000203",
            ArgumentName=named.data_algorithm,
            ArgumentValue=data_algorithm,
        )
    if len(key_id) > _LONGEST_KEY_ID or not key_id.isascii() or not key_id.isprintable():
        raise InvalidArgument(ArgumentName=named.key_id, ArgumentValue=key_id)
    return EncryptionRule(KMS, key_id, data_algorithm)


def parse_rule(content: bytes) -> EncryptionRule:
    """Read ``<ServerSideEncryptionRule>``.  Raises `MalformedXML`, and what `make_rule` does."""
    rule = parse(content, "ServerSideEncryptionRule").find("ApplyServerSideEncryptionByDefault")
    if rule is None:
        raise MalformedXML(ErrorDetail="There is no ApplyServerSideEncryptionByDefault.")
    fields = ("SSEAlgorithm", *IN_DOCUMENT)
    algorithm, key_id, data_algorithm = (rule.get(name).strip() for name in fields)
    return make_rule(algorithm, key_id, data_algorithm, IN_DOCUMENT)


def rule_xml(rule: EncryptionRule) -> str:
    """The elements of a rule; what it does not say is left out, as oss2's tests want it."""
    return (
        tag("SSEAlgorithm", rule.algorithm)
        + (tag(IN_DOCUMENT.key_id, rule.key_id) if rule.key_id else "")
        + (tag(IN_DOCUMENT.data_algorithm, rule.data_algorithm) if rule.data_algorithm else "")
    )


def pack_rule(rule: EncryptionRule) -> bytes:
    """The stored form of a rule."""
    return msgspec.json.encode(rule)


@lru_cache(maxsize=1024)
def stored_rule(content: bytes) -> EncryptionRule:
    """Undo `pack_rule`."""
    return msgspec.json.decode(content, type=EncryptionRule)
