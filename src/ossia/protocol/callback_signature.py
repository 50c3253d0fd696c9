"""The RSA signature of upload callbacks: MD5 with PKCS#1 v1.5, as every receiver expects.

The algorithm and its age are given: receivers hard-code MD5withRSA.  OSS signs with a
512-bit key; ours has 2048 bits, and a 512-bit key can still be loaded, for the captured
vectors and for tests.  Which bytes are signed is `callback.string_to_sign`.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import MD5

from ossia.protocol.private_pem import load_private, private_pem

KEY_BITS: Final = 2048
EXPONENT: Final = 65537
MD5_BYTES: Final = 16
_MD5_INFO: Final = bytes.fromhex("3020300c06082a864886f70d020505000410")
"""DigestInfo of MD5, ahead of the digest (RFC 8017, 9.2, note 1)."""
_PADDING: Final = PKCS1v15()
_DIGEST: Final = MD5()  # noqa: S303 - the algorithm of the protocol


@dataclass(frozen=True, slots=True)
class CallbackKey:
    """A private key that signs callbacks."""

    _key: RSAPrivateKey

    @classmethod
    def generate(cls) -> "CallbackKey":
        """Make a key pair of 2048 bits.  Takes up to a second."""
        return cls(generate_private_key(EXPONENT, KEY_BITS))

    @classmethod
    def load(cls, pem: bytes) -> "CallbackKey":
        """Read an unencrypted private key, PKCS#1 or PKCS#8.  Raises `ValueError`."""
        key = load_private(pem, "the callback key")
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("the callback key is not an RSA key")  # noqa: TRY004 - a bad value
        return cls(key)

    def private_pem(self) -> bytes:
        """The key as PKCS#8; keep it secret."""
        return private_pem(self._key)

    def public_pem(self) -> bytes:
        """What ``x-oss-pub-key-url`` serves: SubjectPublicKeyInfo, as the real key."""
        return self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def bits(self) -> int:
        """The length of the modulus."""
        return self._key.key_size

    def numbers(self) -> RSAPrivateNumbers:
        """What the key is made of; keep it secret."""
        return self._key.private_numbers()

    def sign(self, message: bytes) -> str:
        """The ``authorization`` header for a string to sign: Base64, no scheme word."""
        return base64.b64encode(self._key.sign(message, _PADDING, _DIGEST)).decode("ascii")

    def __repr__(self) -> str:
        return "CallbackKey(***)"


def padded(digest: bytes, size: int) -> bytes:
    """What the private key is applied to: EMSA-PKCS1-v1_5 (RFC 8017, 9.2) of an MD5 digest."""
    info = _MD5_INFO + digest
    return b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info


def verify(public_pem: bytes, authorization: str, message: bytes) -> bool:
    """Whether *authorization* is the signature of *message*.  Raises `ValueError` on a bad key."""
    try:
        key = serialization.load_pem_public_key(public_pem)
    except UnsupportedAlgorithm as exc:
        raise ValueError("the public key is of an unknown kind") from exc
    if not isinstance(key, RSAPublicKey):
        raise ValueError("the public key is not an RSA key")  # noqa: TRY004 - a bad value
    try:
        key.verify(base64.b64decode(authorization, validate=True), message, _PADDING, _DIGEST)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
