import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ossia.protocol.callback_signature import CallbackKey
from ossia.protocol.webhook_signature import WebhookKey

LOCKED = Ed25519PrivateKey.generate().private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.BestAvailableEncryption(b"secret"),
)


@pytest.mark.parametrize(("kind", "name"), [(CallbackKey, "callback"), (WebhookKey, "webhook")])
def test_encrypted_keys_are_refused_in_words(
    kind: type[CallbackKey] | type[WebhookKey], name: str
) -> None:
    with pytest.raises(ValueError, match=f"the {name} key is encrypted or of an unknown kind"):
        kind.load(LOCKED)


@pytest.mark.parametrize("kind", [CallbackKey, WebhookKey])
def test_a_key_of_another_algorithm_is_refused(kind: type[CallbackKey] | type[WebhookKey]) -> None:
    other = WebhookKey if kind is CallbackKey else CallbackKey
    with pytest.raises(ValueError, match="is not an"):
        kind.load(other.generate().private_pem())


@pytest.mark.parametrize("kind", [CallbackKey, WebhookKey])
def test_what_is_no_key_is_refused(kind: type[CallbackKey] | type[WebhookKey]) -> None:
    with pytest.raises(ValueError, match=r"(?i)pem|key"):
        kind.load(b"-----BEGIN NOTHING-----")
