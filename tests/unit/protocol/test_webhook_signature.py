"""Standard Webhooks, asymmetric, checked with nothing but ed25519."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ossia.protocol.callback_signature import CallbackKey
from ossia.protocol.webhook_signature import WebhookKey

# RFC 8032, 7.1, test 1: the secret key and its public key.
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


def rfc_key() -> WebhookKey:
    key = Ed25519PrivateKey.from_private_bytes(SECRET)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return WebhookKey.load(pem)


def test_the_public_key_is_written_as_the_specification_says() -> None:
    assert rfc_key().public() == "whpk_" + base64.b64encode(PUBLIC).decode()


def test_id_time_and_body_are_signed() -> None:
    headers = rfc_key().headers("msg_1", 1_700_000_000, b'{"a":1}')
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_1", "1700000000")
    version, _, signature = headers["webhook-signature"].partition(",")
    assert version == "v1a"
    Ed25519PublicKey.from_public_bytes(PUBLIC).verify(
        base64.b64decode(signature), b'msg_1.1700000000.{"a":1}'
    )


def test_a_key_is_kept_and_not_shown() -> None:
    key = WebhookKey.generate()
    again = WebhookKey.load(key.private_pem())
    assert again.public() == key.public()
    assert "***" in repr(key)


def test_another_kind_of_key_is_refused() -> None:
    with pytest.raises(ValueError, match="ed25519"):
        WebhookKey.load(CallbackKey.generate().private_pem())
