"""Session tokens: temporary credentials that carry everything about themselves.

A token is sealed (encrypted and authenticated) with a key of this deployment, so checking one needs
no lookup: whoever holds the key, which is every worker, can open it.  It cannot be revoked one by
one; it ends by itself, with its role, or with the user who began it (`Identities.session_caller`).

1. The sealing keys serve nothing else and derive from nobody's secret.
2. Every day a new key seals; an old one opens as long as a token it sealed can live.
3. What tells which key sealed a token is authenticated with it.
"""

import os
from base64 import b64decode, b64encode
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ossia.domain.identity.ram.parameters import SESSION_SECONDS
from ossia.domain.identity.random_names import random_text
from ossia.domain.identity.store import SEALING_KEYS, Draft, IdentityStore
from ossia.errors import InvalidAccessKeyId, InvalidSecurityToken, SecurityTokenExpired
from ossia.ports import Clock
from ossia.records import Reticent, Role, SealingKey, SealingKeys

KEY_ID_PREFIX = "STS."
KEY_SEALS_FOR_MS: Final = 24 * 3600 * 1000
KEY_OPENS_FOR_MS: Final = KEY_SEALS_FOR_MS + (SESSION_SECONDS.most + 3600) * 1000
"""An hour more than it must, for clocks that differ."""

# Three bytes that Base64 prints as "CAIS", as tokens of the real service begin, then our format.
_HEADER: Final = b"\x08\x02\x12" + b"\x02"
_NUMBER_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_MAX_TOKEN_CHARACTERS: Final = 16_384
_REMEMBERED: Final = 4096


class Session(Reticent, frozen=True, kw_only=True, array_like=True):
    """An assumed role, as its token says.  Fields may only be added, at the end."""

    HIDDEN = frozenset({"access_key_secret"})

    access_key_id: str
    access_key_secret: str
    account_id: str
    role_id: str
    role_name: str
    name: str
    policy: str
    """JSON text of the session policy, empty for none."""
    expires_at: int
    sources: tuple[tuple[str, str], ...] = ()
    """Who began it and the roles on the way, as ``user/NAME`` and id: it ends with any of them."""


class Sessions:
    """Issues and opens session tokens."""

    def __init__(self, store: IdentityStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._ciphers: dict[int, AESGCM] = {}
        self._newest: SealingKey | None = None
        self._opened: dict[str, Session] = {}

    async def issue(
        self,
        role: Role,
        *,
        account_id: str,
        name: str,
        policy: str,
        expires_at: int,
        sources: tuple[tuple[str, str], ...] = (),
    ) -> tuple[Session, str]:
        """Temporary credentials for *role* and the token that goes with them."""
        session = Session(
            access_key_id=KEY_ID_PREFIX + random_text(25),
            access_key_secret=random_text(44),
            account_id=account_id,
            role_id=role.id,
            role_name=role.name,
            name=name,
            policy=policy,
            expires_at=expires_at,
            sources=sources,
        )
        newest = await self._sealing_key()
        head = _HEADER + newest.number.to_bytes(_NUMBER_BYTES)
        nonce = os.urandom(_NONCE_BYTES)
        plain = msgspec.msgpack.encode(session)
        sealed = self._ciphers[newest.number].encrypt(nonce, plain, head)
        return session, b64encode(head + nonce + sealed).decode()

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
        try:
            if len(token) > _MAX_TOKEN_CHARACTERS:
                raise InvalidSecurityToken
            raw = b64decode(token, validate=True)
            head, rest = raw[: len(_HEADER) + _NUMBER_BYTES], raw[len(_HEADER) + _NUMBER_BYTES :]
            if not head.startswith(_HEADER):
                raise InvalidSecurityToken
            cipher = await self._cipher(int.from_bytes(head[len(_HEADER) :]))
            plain = cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], head)
            session = msgspec.msgpack.decode(plain, type=Session)
        except (ValueError, InvalidTag, msgspec.DecodeError) as exc:
            raise InvalidSecurityToken from exc
        if len(self._opened) >= _REMEMBERED:
            del self._opened[next(iter(self._opened))]
        self._opened[token] = session
        return session

    # --- keys

    async def _cipher(self, number: int) -> AESGCM:
        """The cipher of a key that is still kept.  Raises `InvalidSecurityToken`."""
        if number not in self._ciphers:
            # Another worker may have made it.
            self._keep(await self._store.find(SealingKeys, SEALING_KEYS) or SealingKeys())
        if number not in self._ciphers:
            raise InvalidSecurityToken
        return self._ciphers[number]

    async def _sealing_key(self) -> SealingKey:
        """The key that seals now; whoever first finds it too old makes another."""
        if self._newest is None or _is_old(self._newest, self._clock.now_ms()):
            self._keep(await self._store.change(_with_fresh_key))
        assert self._newest is not None
        return self._newest

    def _keep(self, stored: SealingKeys) -> None:
        known = self._ciphers
        self._ciphers = {
            each.number: known.get(each.number) or AESGCM(each.key) for each in stored.keys
        }
        self._newest = stored.keys[-1] if stored.keys else None


def _is_old(key: SealingKey, now_ms: int) -> bool:
    return now_ms - key.made_at >= KEY_SEALS_FOR_MS


async def _with_fresh_key(draft: Draft) -> SealingKeys:
    stored = await draft.find(SealingKeys, SEALING_KEYS) or SealingKeys()
    keys = stored.keys
    if keys and not _is_old(keys[-1], draft.now_ms):
        return stored
    kept = [each for each in keys if draft.now_ms - each.made_at < KEY_OPENS_FOR_MS]
    made = SealingKey(
        number=keys[-1].number + 1 if keys else 1,
        key=AESGCM.generate_key(256),
        made_at=draft.now_ms,
    )
    return draft.put(SealingKeys(keys=(*kept, made)))
