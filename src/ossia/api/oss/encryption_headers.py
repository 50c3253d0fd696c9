"""Server-side encryption in headers: what a write asks for, and what an answer tells."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from ossia.api.bind import FromCall
from ossia.api.call import Call
from ossia.api.operation import Answer
from ossia.errors import (
    AliasNotFound,
    InvalidArgument,
    InvalidEncryptionAlgorithmError,
    KeyNotFound,
    KmsKeyDisabled,
    KmsKeyPendingDeletion,
)
from ossia.protocol.encryption_rule import IN_HEADERS, EncryptionRule, make_rule
from ossia.protocol.header_text import decode_header
from ossia.records import ENCRYPTION_TOLD

ENCRYPTION_HEADERS = tuple(name.encode() for name in ENCRYPTION_TOLD)
_ALGORITHM, _KEY_ID, _DATA_ALGORITHM = ENCRYPTION_HEADERS
DECRYPTING = (KeyNotFound, KmsKeyDisabled, KmsKeyPendingDeletion)
"""What reading an encrypted object may be refused with."""
ENCRYPTING = (InvalidEncryptionAlgorithmError, AliasNotFound, *DECRYPTING)
"""And writing one."""


def asked_encryption(headers: Mapping[bytes, bytes]) -> EncryptionRule | None:
    """How a write asks to be encrypted; None: as its bucket says.

    A data algorithm beside anything but KMS says nothing (oss2's tests).  A key that is named in
    vain is refused: whoever named it would believe that it was used.
    """
    algorithm, key_id = headers.get(_ALGORITHM), headers.get(_KEY_ID)
    if not algorithm:
        if key_id:
            raise InvalidArgument(
                "A key can only be named beside the algorithm KMS.",
                ArgumentName=IN_HEADERS.key_id,
                ArgumentValue=decode_header(key_id),
            )
        return None
    if algorithm == b"KMS" and key_id == b"":
        raise InvalidArgument(
            "The id of the key is empty.", ec="0005-00000205", ArgumentName=IN_HEADERS.key_id
        )
    return make_rule(
        decode_header(algorithm),
        decode_header(key_id or b""),
        decode_header(headers.get(_DATA_ALGORITHM, b"")),
        IN_HEADERS,
    )


def _asking_in_vain(call: Call) -> None:
    """Raise where only operations that make an object may ask (the page 0005-00000002)."""
    asked = call.http.headers.get(_ALGORITHM)
    if asked:
        raise InvalidArgument(
            "This operation does not take x-oss-server-side-encryption.",
            ec="0005-00000002",
            ArgumentName=_ALGORITHM.decode(),
            ArgumentValue=decode_header(asked),
        )


EncryptsNothing = Annotated[None, FromCall(_asking_in_vain)]


@dataclass(slots=True, kw_only=True)
class TellingEncryption(Answer):
    """An answer that tells how what it is about is encrypted, if it is."""

    encryption: Mapping[str, str] = field(default_factory=dict)
    """The headers of the object or upload, among which it says so."""

    def more_headers(self) -> list[tuple[str, str]]:
        """Algorithm, key and data algorithm."""
        headers = self.encryption
        if ENCRYPTION_TOLD[0] not in headers:
            return []
        return [(name, headers[name]) for name in ENCRYPTION_TOLD if name in headers]
