"""The local key store: named keys under which the data keys of objects are wrapped.

1. A key has versions.  The newest wraps; every one unwraps what it has wrapped, so a rotation
   touches no object.
2. What a version is made of is sealed under the master key, and lies nowhere else.  Another master
   key means that these few records are sealed anew (`reseal`), and again no object.
3. A key that is disabled, or about to be deleted, neither wraps nor unwraps: its objects are listed
   and described, and neither read nor written, until it is enabled.  One that is deleted is gone
   for good, and so is what was encrypted under it.
4. Two keys are made where they are first needed and stay: that of AES256 and SM4, which nobody can
   name, and the account's own, which KMS stands for where no id is given.

Keys are identities: a change holds in every process once it is acknowledged (`identity.store`).
"""

import logging
import secrets
import uuid
from collections.abc import Callable
from typing import Final

import msgspec

from ossia.domain.identity.store import SEALING_KEYS, Draft, IdentityStore
from ossia.errors import (
    AliasNotFound,
    InvalidArgument,
    KeyNotFound,
    KmsKeyDisabled,
    KmsKeyPendingDeletion,
    OssError,
    ServiceUnavailable,
)
from ossia.ports import Clock
from ossia.protocol.dates import DAY_MS
from ossia.protocol.seal import KEY_BYTES, BrokenSealError, Seal
from ossia.records import KmsKey, KmsKeyVersion, SealingKeys

log = logging.getLogger("ossia.kms")

OWN_KEY: Final = "oss-managed"
"""The key of AES256 and SM4.  No request can name it."""
ENABLED: Final = "Enabled"
DISABLED: Final = "Disabled"
PENDING: Final = "PendingDeletion"
MOST_DAYS: Final = 366
_NUMBER_BYTES: Final = 4
_WRAPPING: Final = "data key under "
_REMEMBERED: Final = 1024


def account_key_id(account_id: str) -> str:
    """The id of the account's own key: always the same, and like the others."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"acs:kms:{account_id}:alias/acs/oss"))


class KmsKeys:
    """The keys of one account; *master* seals them."""

    def __init__(self, store: IdentityStore, clock: Clock, master: Seal, account_id: str) -> None:
        self._store = store
        self._clock = clock
        self._master = master
        self.account_key = account_key_id(account_id)
        self._seals: dict[tuple[str, int, bytes], Seal] = {}

    # --- using ---

    async def wrap(self, key_id: str, data_key: bytes) -> bytes:
        """*data_key*, wrapped.  Raises `KeyNotFound` and what its state says."""
        key = await self._usable(key_id)
        newest = key.versions[-1]
        sealed = self._seal(key, newest).close(data_key, _WRAPPING + key.id)
        return newest.number.to_bytes(_NUMBER_BYTES) + sealed

    async def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """Undo `wrap`.  Raises the same, and `ServiceUnavailable` where what it takes is lost."""
        key = await self._usable(key_id)
        number = int.from_bytes(wrapped[:_NUMBER_BYTES])
        for version in key.versions:
            if version.number == number:
                try:
                    return self._seal(key, version).open(
                        wrapped[_NUMBER_BYTES:], _WRAPPING + key.id
                    )
                except BrokenSealError as error:
                    raise _lost(key.id, "what was wrapped under it is damaged") from error
        raise _lost(key.id, f"it has no version {number}")

    async def _usable(self, key_id: str) -> KmsKey:
        key = await self._store.find(KmsKey, key_id)
        if key is None and key_id in {OWN_KEY, self.account_key}:
            key = await self._store.change(self._with_service_key, key_id)
        if key is None or self._is_gone(key):
            raise _not_found(key_id)
        _check_state(key)
        return key

    def _seal(self, key: KmsKey, version: KmsKeyVersion) -> Seal:
        """What a version wraps and unwraps with."""
        place = (key.id, version.number, version.sealed)
        seal = self._seals.get(place)
        if seal is None:
            try:
                seal = Seal(self._master.open(version.sealed, _purpose(key.id, version.number)))
            except BrokenSealError as error:
                raise _lost(key.id, "it is sealed under another master key") from error
            if len(self._seals) >= _REMEMBERED:
                self._seals.clear()
            self._seals[place] = seal
        return seal

    # --- looking after ---

    async def all(self) -> list[KmsKey]:
        """Every key, by id."""
        return [key for key in await self._store.view().all(KmsKey) if not self._is_gone(key)]

    async def find(self, key_id: str) -> KmsKey:
        """The key.  Raises `KeyNotFound`."""
        key = await self._store.view().find(KmsKey, key_id)
        if key is None or self._is_gone(key):
            raise _not_found(key_id)
        return key

    async def create(self, description: str = "") -> KmsKey:
        """Make a key."""
        return await self._store.change(self._with_new_key, str(uuid.uuid4()), description)

    async def enable(self, key_id: str) -> KmsKey:
        """Let a key be used again."""
        return await self._change(key_id, lambda key: _in_state(key, ENABLED))

    async def disable(self, key_id: str) -> KmsKey:
        """Let a key be used no more until it is enabled."""
        return await self._change(key_id, lambda key: _in_state(_own(key), DISABLED))

    async def rotate(self, key_id: str) -> KmsKey:
        """Let a key wrap with a new version from now on."""
        return await self._change(key_id, self._with_version)

    async def delete(self, key_id: str, days: int) -> KmsKey:
        """Let a key be gone in so many days; until then nobody can use it."""
        delete_at = self._clock.now_ms() + days * DAY_MS
        return await self._change(key_id, lambda key: _ending(_own(key), delete_at))

    async def keep(self, key_id: str) -> KmsKey:
        """Delete a key no more; it stays disabled, as KMS leaves it (CancelKeyDeletion)."""
        return await self._change(key_id, _kept)

    async def purge(self) -> None:
        """Remove what keys are made of whose time is over."""
        if any(map(self._is_gone, await self._store.view().all(KmsKey))):
            await self._store.change(self._without_gone)

    async def reseal(self) -> tuple[int, int]:
        """Seal every key under the present master key; how many, and how many cannot be opened."""
        return await self._store.change(self._resealed)

    def _is_gone(self, key: KmsKey) -> bool:
        return 0 < key.delete_at <= self._clock.now_ms()

    async def _change(self, key_id: str, change: Callable[[KmsKey], KmsKey]) -> KmsKey:
        async def changed(draft: Draft) -> KmsKey:
            key = await draft.find(KmsKey, key_id)
            if key is None or self._is_gone(key):
                raise _not_found(key_id)
            return draft.put(change(key))

        return await self._store.change(changed)

    async def _with_service_key(self, draft: Draft, key_id: str) -> KmsKey:
        what = "AES256 and SM4" if key_id == OWN_KEY else "KMS without the id of a key"
        return await draft.find(KmsKey, key_id) or await self._with_new_key(
            draft, key_id, what, is_service=True
        )

    async def _with_new_key(
        self, draft: Draft, key_id: str, description: str, *, is_service: bool = False
    ) -> KmsKey:
        key = KmsKey(
            id=key_id,
            description=description,
            created_at=draft.now_ms,
            is_service=is_service,
            versions=(self._version(key_id, 1),),
        )
        return draft.put(key)

    def _version(self, key_id: str, number: int) -> KmsKeyVersion:
        sealed = self._master.close(secrets.token_bytes(KEY_BYTES), _purpose(key_id, number))
        return KmsKeyVersion(number=number, sealed=sealed, made_at=self._clock.now_ms())

    def _with_version(self, key: KmsKey) -> KmsKey:
        _check_state(key)
        added = self._version(key.id, key.versions[-1].number + 1)
        return msgspec.structs.replace(key, versions=(*key.versions, added))

    async def _without_gone(self, draft: Draft) -> None:
        for key in await draft.all(KmsKey):
            if self._is_gone(key):
                draft.remove(key)

    async def _resealed(self, draft: Draft) -> tuple[int, int]:
        sealed = lost = 0
        for key in await draft.all(KmsKey):
            try:
                versions = tuple(self._anew(key.id, version) for version in key.versions)
            except BrokenSealError:
                lost += 1
                continue
            draft.put(msgspec.structs.replace(key, versions=versions))
            sealed += 1
        sessions = await draft.find(SealingKeys, SEALING_KEYS)
        if sessions is not None:
            draft.put(sessions)
        return sealed, lost

    def _anew(self, key_id: str, version: KmsKeyVersion) -> KmsKeyVersion:
        return resealed(key_id, version, self._master, self._master)


def resealed(key_id: str, version: KmsKeyVersion, here: Seal, there: Seal) -> KmsKeyVersion:
    """A version as *there* seals it, which *here* opens.  Raises `BrokenSealError`."""
    purpose = _purpose(key_id, version.number)
    sealed = there.close(here.open(version.sealed, purpose), purpose)
    return msgspec.structs.replace(version, sealed=sealed)


def material(key: KmsKey, seal: Seal) -> list[bytes]:
    """What the versions of a key are made of.  Raises `BrokenSealError`."""
    return [seal.open(each.sealed, _purpose(key.id, each.number)) for each in key.versions]


def state_of(key: KmsKey) -> str:
    """What KMS calls the state of a key."""
    return PENDING if key.delete_at else key.state


def _check_state(key: KmsKey) -> None:
    if key.delete_at:
        raise KmsKeyPendingDeletion(KeyId=key.id)
    if key.state == DISABLED:
        raise KmsKeyDisabled(KeyId=key.id)


def _own(key: KmsKey) -> KmsKey:
    if key.is_service:
        raise InvalidArgument(
            "This key is the server's own: it can be rotated, and neither disabled nor deleted.",
            ArgumentName="id",
            ArgumentValue=key.id,
        )
    return key


def _in_state(key: KmsKey, state: str) -> KmsKey:
    if key.delete_at:
        raise KmsKeyPendingDeletion(KeyId=key.id)
    return msgspec.structs.replace(key, state=state)


def _ending(key: KmsKey, delete_at: int) -> KmsKey:
    if key.delete_at:
        raise KmsKeyPendingDeletion(KeyId=key.id)
    return msgspec.structs.replace(key, delete_at=delete_at)


def _kept(key: KmsKey) -> KmsKey:
    return msgspec.structs.replace(key, delete_at=0, state=DISABLED) if key.delete_at else key


def _purpose(key_id: str, number: int) -> str:
    return f"kms key {key_id} {number}"


def _not_found(key_id: str) -> OssError:
    kind = AliasNotFound if key_id.startswith("alias/") else KeyNotFound
    return kind(KeyId=key_id)


def _lost(key_id: str, why: str) -> OssError:
    # The operator has to act, and nothing that a client sends helps.
    log.error("kms_key_lost key=%s reason=%s", key_id, why)
    return ServiceUnavailable(f"The key {key_id} cannot be used: {why}.", KeyId=key_id)
