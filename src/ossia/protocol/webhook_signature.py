"""The second signature of callbacks: Standard Webhooks, asymmetric (ed25519).

``webhook-signature: v1a,<base64>`` covers ``<webhook-id>.<webhook-timestamp>.<body>``; the public
key is written ``whpk_<base64 of its 32 bytes>``.  Source: the Standard Webhooks specification
1.0.0, "Signature scheme".
"""

import base64
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ossia.protocol.private_pem import load_private, private_pem


@dataclass(frozen=True, slots=True)
class WebhookKey:
    """A private key that signs webhooks."""

    _key: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> "WebhookKey":
        """Make a key pair."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, pem: bytes) -> "WebhookKey":
        """Read an unencrypted private key, PKCS#8.  Raises `ValueError`."""
        key = load_private(pem, "the webhook key")
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("the webhook key is not an ed25519 key")  # noqa: TRY004 - a bad value
        return cls(key)

    def private_pem(self) -> bytes:
        """The key as PKCS#8; keep it secret."""
        return private_pem(self._key)

    def public(self) -> str:
        """What receivers verify with: ``whpk_`` and the key in Base64."""
        raw = self._key.public_key().public_bytes_raw()
        return "whpk_" + base64.b64encode(raw).decode("ascii")

    def headers(self, message_id: str, at_s: int, body: bytes) -> dict[str, str]:
        """The three headers of one message; *at_s* is the time of this attempt."""
        signed = self._key.sign(f"{message_id}.{at_s}.".encode() + body)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(at_s),
            "webhook-signature": "v1a," + base64.b64encode(signed).decode("ascii"),
        }

    def __repr__(self) -> str:
        return "WebhookKey(***)"
