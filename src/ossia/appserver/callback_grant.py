"""What a signed form grants, told by its callback.

The object storage signs whatever callback somebody has it send, so its signature says nothing
about who may record what.  Every form of this server therefore has a text in its callback that only
this server can have made: user, prefix or key, end and a nonce, under a HMAC that covers the bucket
as well.  The form's policy binds the whole callback; the client sees the text, and can use it for
nothing but what it was granted.
"""

import base64
import hmac
import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from ossia.appserver.config import AppConfig, AppKeys
from ossia.appserver.grant import Bounds

FIELD: Final = "grant"
"""The name of the text in the callback's body."""

GRACE_S: Final = 3600
"""How long an upload that began in time may take; later ones are looked up in the storage."""

_PURPOSE: Final = b"ossia appserver, grant in callbacks, 1\n"
_MAC_BYTES: Final = 24
_NONCE_BYTES: Final = 12
_MAX_USER: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackGrant:
    """Who may have uploaded what, until when (seconds since 1970)."""

    user: str
    prefix: str
    key: str | None
    ends_at: int
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(_NONCE_BYTES))

    def covers(self, key: str) -> bool:
        """Whether an object of that key may come of it."""
        return key == self.key if self.key is not None else key.startswith(self.prefix)


class GrantForgedError(ValueError):
    """The text is not one that this server made for its bucket."""


def grant_of(bounds: Bounds, ends_at: int) -> CallbackGrant:
    """A fresh one for a form."""
    user = bounds.user
    if len(user) > _MAX_USER:
        user = sha256(user.encode()).hexdigest()
    return CallbackGrant(user=user, prefix=bounds.prefix, key=bounds.key, ends_at=ends_at)


def write_grant(config: AppConfig, grant: CallbackGrant) -> str:
    """The text: what it says, a dot, the HMAC, both in URL-safe Base64."""
    said = json.dumps(
        [grant.user, grant.prefix, grant.key, grant.ends_at, grant.nonce], separators=(",", ":")
    )
    text = _encode(said.encode())
    return f"{text}.{_encode(_mac(config, text))}"


def read_grant(config: AppConfig, text: str) -> CallbackGrant:
    """What the text says, if this server wrote it.  Raises `GrantForgedError`."""
    said, _, mac = text.partition(".")
    if not hmac.compare_digest(_encode(_mac(config, said)).encode(), mac.encode()):
        raise GrantForgedError("the grant is not one of this server")
    user, prefix, key, ends_at, nonce = _decoded(said)
    return CallbackGrant(user=user, prefix=prefix, key=key, ends_at=ends_at, nonce=nonce)


def _mac(config: AppConfig, text: str) -> bytes:
    said = f"{config.bucket}\n{text}".encode()
    return hmac.digest(_secret(config.keys), said, "sha256")[:_MAC_BYTES]


def _secret(keys: AppKeys) -> bytes:
    """The operator's own, or one that follows from the access key: all instances have the same."""
    return hmac.digest((keys.grant_secret or keys.access_key_secret).encode(), _PURPOSE, "sha256")


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
