"""Private keys as text: unencrypted PEM."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes


def load_private(pem: bytes, what: str) -> PrivateKeyTypes:
    """Read a key, PKCS#1 or PKCS#8.

    Raises `ValueError`, which says of *what*, such as ``the callback key``, if it cannot be read.
    """
    try:
        return serialization.load_pem_private_key(pem, None)
    except (TypeError, UnsupportedAlgorithm) as exc:
        raise ValueError(f"{what} is encrypted or of an unknown kind") from exc


def private_pem(key: PrivateKeyTypes) -> bytes:
    """*key* as PKCS#8; keep it secret."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
