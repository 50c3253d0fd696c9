"""Session tokens: temporary credentials that carry everything about themselves.

A token is sealed (encrypted and authenticated) with a key of this deployment, so checking
one needs no lookup: whoever holds the key, which is every worker, can open it.  It cannot
be revoked one by one; it ends by itself, or with its role (`Identities.session_caller`).
"""

import os
import secrets
import string
from base64 import b64decode, b64encode

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ossia.errors import InvalidAccessKeyId, InvalidSecurityToken, SecurityTokenExpired
from ossia.ports import Exists, MetadataStore
from ossia.records import Role

KEY_ID_PREFIX = "STS."

# Three bytes that Base64 prints as "CAIS", as tokens of the real service begin, then our format.
_HEADER = b"\x08\x02\x12" + b"\x01"
_NONCE_BYTES = 12
_KEY_SETTING = "session-key"
_KEY_FORMAT = b"1"
_MAX_TOKEN_CHARACTERS = 16_384
_REMEMBERED = 4096
_ALPHANUMERIC = string.ascii_letters + string.digits


class Session(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An assumed role, as its token says.  Fields may only be added, at the end."""

    access_key_id: str
    access_key_secret: str
    account_id: str
    role_id: str
    role_name: str
    name: str
    policy: str
    """JSON text of the session policy, empty for none."""
    expires_at: int


class Sessions:
    """Issues and opens session tokens."""

    def __init__(self, metadata: MetadataStore) -> None:
        self._metadata = metadata
        self._cipher: AESGCM | None = None
        self._opened: dict[str, Session] = {}

    async def issue(
        self, role: Role, *, account_id: str, name: str, policy: str, expires_at: int
    ) -> tuple[Session, str]:
        """Temporary credentials for *role* and the token that goes with them."""
        session = Session(
            access_key_id=KEY_ID_PREFIX + _random_text(25),
            access_key_secret=_random_text(44),
            account_id=account_id,
            role_id=role.id,
            role_name=role.name,
            name=name,
            policy=policy,
            expires_at=expires_at,
        )
        cipher = self._cipher or await self._load_cipher()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = cipher.encrypt(nonce, msgspec.msgpack.encode(session), _HEADER)
        return session, b64encode(_HEADER + nonce + sealed).decode()

    async def open(self, token: str, access_key_id: str, now_ms: int) -> Session:
        """The session that *token* stands for.

        Raises `InvalidAccessKeyId` if the key is not a temporary one, `InvalidSecurityToken`
        if the token is not ours or belongs to another key, `SecurityTokenExpired`.
        """
        if not access_key_id.startswith(KEY_ID_PREFIX):
            # A token makes it an STS request, and STS knows no such key (EC page 0002-00000002).
            raise InvalidAccessKeyId(ec="0002-00000002", OSSAccessKeyId=access_key_id)
        session = self._opened.get(token) or await self._unseal(token)
        if session.access_key_id != access_key_id:
            raise InvalidSecurityToken(ec="0002-00000004")
        if now_ms >= session.expires_at:
            raise SecurityTokenExpired
        return session

    async def _unseal(self, token: str) -> Session:
        cipher = self._cipher or await self._load_cipher()
        try:
            if len(token) > _MAX_TOKEN_CHARACTERS:
                raise InvalidSecurityToken
            raw = b64decode(token, validate=True)
            nonce, sealed = raw[len(_HEADER) :][:_NONCE_BYTES], raw[len(_HEADER) + _NONCE_BYTES :]
            plain = cipher.decrypt(nonce, sealed, raw[: len(_HEADER)])
            session = msgspec.msgpack.decode(plain, type=Session)
        except (ValueError, InvalidTag, msgspec.DecodeError) as exc:
            raise InvalidSecurityToken from exc
        if len(self._opened) >= _REMEMBERED:
            del self._opened[next(iter(self._opened))]
        self._opened[token] = session
        return session

    async def _load_cipher(self) -> AESGCM:
        """The deployment's key; whoever needs it first makes it."""
        stored = await self._metadata.find_identity("setting", _KEY_SETTING)
        if stored is None:
            try:
                made = _KEY_FORMAT + AESGCM.generate_key(256).hex().encode()
                await self._metadata.put_identity("setting", _KEY_SETTING, made, create=True)
            except Exists:
                # Another worker was faster; its key is the one that counts.
                pass
            stored = await self._metadata.find_identity("setting", _KEY_SETTING)
        assert stored is not None
        assert stored.startswith(_KEY_FORMAT)
        self._cipher = AESGCM(bytes.fromhex(stored[len(_KEY_FORMAT) :].decode()))
        return self._cipher


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))
