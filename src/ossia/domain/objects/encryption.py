"""Encrypted objects: which are, under which key, and what reads and writes their bytes.

1. Every encrypted object has a data key of its own, which lies among its headers, wrapped under the
   key that its rule names, with what is told of it.  So it goes wherever the row goes: copies,
   versions, uploads, backups, migrations; and rows of other objects have no place for it.
2. No client can give a header of these names, and only the three that OSS answers are shown.
3. What a write says counts; where it says nothing, what its bucket says by default.
4. A copy shares the bytes of its source if it is encrypted by the same rule, under the same data
   key wrapped anew.  Otherwise the bytes move: a data key is wrapped under one key only, or
   disabling that would not keep anybody out.
5. Digests, ETags and sizes are those of the bytes in plain.
"""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Final

from ossia.domain.encryption.kms_keys import OWN_KEY, KmsKeys
from ossia.errors import KeyNotFound
from ossia.protocol.encryption_rule import KMS, EncryptionRule, stored_rule
from ossia.protocol.object_cipher import DATA_KEY_BYTES, ObjectCipher
from ossia.records import DATA_KEY, ENCRYPTION_TOLD, Bucket

DOCUMENT: Final = "encryption"
"""The name of the document that holds a bucket's rule."""
CLIENT_ENCRYPTION: Final = "x-oss-meta-client-side-encryption-"
"""How the headers begin in which a client says how it encrypts what it uploads."""
_ALGORITHM, _KEY_ID, _DATA_ALGORITHM = ENCRYPTION_TOLD
_OF_ENCRYPTION: Final = frozenset({DATA_KEY, *ENCRYPTION_TOLD})


def is_encrypted(headers: Mapping[str, str]) -> bool:
    """Whether the bytes of what has these headers are encrypted."""
    return DATA_KEY in headers


def default_rule(bucket: Bucket) -> EncryptionRule | None:
    """What a bucket says."""
    content = bucket.documents.get(DOCUMENT)
    return None if content is None else stored_rule(content)


def without_encryption(headers: dict[str, str]) -> dict[str, str]:
    """What *headers* say besides."""
    if DATA_KEY not in headers:
        return headers
    return {name: said for name, said in headers.items() if name not in _OF_ENCRYPTION}


def encryption_of(headers: Mapping[str, str]) -> dict[str, str]:
    """What *headers* say of encryption."""
    return {name: said for name, said in headers.items() if name in _OF_ENCRYPTION}


class ObjectKeys:
    """The data keys of objects."""

    def __init__(self, kms: KmsKeys) -> None:
        self._kms = kms

    async def begin(
        self, rule: EncryptionRule, headers: dict[str, str]
    ) -> tuple[ObjectCipher, dict[str, str]]:
        """A data key for what is about to be written: what encrypts it, and *headers* with it.

        Raises `KeyNotFound` and what the state of the key says.
        """
        data_key = secrets.token_bytes(DATA_KEY_BYTES)
        told = await self._wrapped(rule, data_key)
        return ObjectCipher(data_key, rule.cipher), {**headers, **told}

    async def again(
        self, rule: EncryptionRule, source: Mapping[str, str], headers: dict[str, str]
    ) -> dict[str, str]:
        """*headers* of a copy that shares the bytes of *source*."""
        data_key = await self._data_key(source)
        return {**headers, **await self._wrapped(rule, data_key)}

    async def cipher_of(self, headers: Mapping[str, str]) -> ObjectCipher | None:
        """What decrypts the bytes of what has these headers; None where they are in plain.

        Raises what the state of the key says.
        """
        if DATA_KEY not in headers:
            return None
        return ObjectCipher(await self._data_key(headers), _rule_of(headers).cipher)

    def may_share(self, rule: EncryptionRule, headers: Mapping[str, str]) -> bool:
        """Whether what is written by *rule* may share the bytes of what has *headers*."""
        return DATA_KEY in headers and self._named(rule) == _rule_of(headers)

    def _named(self, rule: EncryptionRule) -> EncryptionRule:
        """*rule* with the id of its key."""
        if rule.algorithm != KMS:
            return rule
        return rule._replace(key_id=rule.key_id or self._kms.account_key)

    async def _wrapped(self, rule: EncryptionRule, data_key: bytes) -> dict[str, str]:
        rule = self._named(rule)
        if rule.key_id == OWN_KEY:
            raise KeyNotFound(ec="0005-00000208", KeyId=rule.key_id)
        told = {name: said for name, said in zip(ENCRYPTION_TOLD, rule, strict=True) if said}
        wrapped = await self._kms.wrap(rule.key_id or OWN_KEY, data_key)
        return {**told, DATA_KEY: b64encode(wrapped).decode()}

    async def _data_key(self, headers: Mapping[str, str]) -> bytes:
        key_id = headers.get(_KEY_ID, OWN_KEY)
        return await self._kms.unwrap(key_id, b64decode(headers[DATA_KEY]))


def _rule_of(headers: Mapping[str, str]) -> EncryptionRule:
    return EncryptionRule(
        headers[_ALGORITHM], headers.get(_KEY_ID, ""), headers.get(_DATA_ALGORITHM, "")
    )
