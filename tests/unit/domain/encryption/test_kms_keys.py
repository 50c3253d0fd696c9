"""The key store: what its keys open, in which state, and under which master key."""

import secrets

import pytest
from msgspec.structs import replace

from ossia.domain.encryption.kms_keys import OWN_KEY, KmsKeys, account_key_id, state_of
from ossia.domain.identity.sessions import _with_fresh_key
from ossia.domain.identity.store import SEALING_KEYS, IdentityStore
from ossia.errors import (
    AliasNotFound,
    InvalidArgument,
    KeyNotFound,
    KmsKeyDisabled,
    KmsKeyPendingDeletion,
    OssError,
    ServiceUnavailable,
)
from ossia.protocol.seal import KEY_BYTES, BrokenSealError, Seal
from ossia.records import KmsKey, SealingKeys
from sealing import MASTER
from stored import Stored, in_memory

DAY = 24 * 3600 * 1000


class SetClock:
    at = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.at


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def database(clock: SetClock) -> Stored:
    return in_memory(clock)


@pytest.fixture
def kms(database: Stored, clock: SetClock) -> KmsKeys:
    return store_of(database, clock)


def store_of(database: Stored, clock: SetClock, master: Seal = MASTER) -> KmsKeys:
    return KmsKeys(IdentityStore(database, clock), clock, master, "1234")


async def test_what_is_wrapped_is_unwrapped_by_whoever_has_the_store(
    kms: KmsKeys, database: Stored, clock: SetClock
) -> None:
    key = await kms.create("photos")
    wrapped = await kms.wrap(key.id, b"d" * 32)
    assert b"d" * 8 not in wrapped
    assert await store_of(database, clock).unwrap(key.id, wrapped) == b"d" * 32
    assert await kms.wrap(key.id, b"d" * 32) != wrapped
    other = await kms.create()
    with pytest.raises(ServiceUnavailable, match="damaged"):
        await kms.unwrap(other.id, wrapped)
    with pytest.raises(ServiceUnavailable, match="version 7"):
        await kms.unwrap(key.id, (7).to_bytes(4) + wrapped[4:])


@pytest.mark.parametrize("key_id", [OWN_KEY, account_key_id("1234")])
async def test_the_servers_own_keys_are_made_where_they_are_needed(
    kms: KmsKeys, database: Stored, clock: SetClock, key_id: str
) -> None:
    assert await kms.all() == []
    wrapped = await kms.wrap(key_id, b"data")
    assert await store_of(database, clock).unwrap(key_id, wrapped) == b"data"
    assert [(each.id, each.is_service) for each in await kms.all()] == [(key_id, True)]
    for change in (kms.disable(key_id), kms.delete(key_id, 7)):
        with pytest.raises(InvalidArgument, match="own"):
            await change
    assert len((await kms.rotate(key_id)).versions) == 2
    assert await kms.unwrap(key_id, wrapped) == b"data"


async def test_versions(kms: KmsKeys) -> None:
    key = await kms.create()
    wrapped = [await kms.wrap(key.id, b"0")]
    for number in range(1, 4):
        assert [each.number for each in (await kms.rotate(key.id)).versions][-1] == number + 1
        wrapped.append(await kms.wrap(key.id, b"%d" % number))
    assert [await kms.unwrap(key.id, each) for each in wrapped] == [b"0", b"1", b"2", b"3"]


async def refused(kms: KmsKeys, key_id: str, wrapped: bytes) -> type[OssError]:
    found = set()
    for use in (kms.wrap(key_id, b"x"), kms.unwrap(key_id, wrapped)):
        with pytest.raises(OssError) as error:
            await use
        found.add(error.type)
    (kind,) = found
    return kind


async def test_states(kms: KmsKeys, clock: SetClock) -> None:
    key = await kms.create()
    wrapped = await kms.wrap(key.id, b"data")
    assert state_of(await kms.disable(key.id)) == "Disabled"
    assert await refused(kms, key.id, wrapped) is KmsKeyDisabled
    with pytest.raises(KmsKeyDisabled):
        await kms.rotate(key.id)
    assert state_of(await kms.enable(key.id)) == "Enabled"
    assert await kms.unwrap(key.id, wrapped) == b"data"
    assert await kms.keep(key.id) == await kms.find(key.id)
    assert state_of(await kms.delete(key.id, 7)) == "PendingDeletion"
    assert await refused(kms, key.id, wrapped) is KmsKeyPendingDeletion
    for change in (kms.delete(key.id, 1), kms.enable(key.id), kms.disable(key.id)):
        with pytest.raises(KmsKeyPendingDeletion):
            await change
    clock.at += 7 * DAY - 1
    assert state_of(await kms.keep(key.id)) == "Disabled"
    await kms.enable(key.id)
    assert await kms.unwrap(key.id, wrapped) == b"data"


async def test_a_key_whose_time_is_over_is_gone(
    kms: KmsKeys, database: Stored, clock: SetClock
) -> None:
    key, other = await kms.create(), await kms.create()
    wrapped = await kms.wrap(key.id, b"data")
    await kms.delete(key.id, 7)
    await kms.purge()
    assert len(await database.list_identities("kms_key", "", 9)) == 2
    clock.at += 7 * DAY
    assert await refused(kms, key.id, wrapped) is KeyNotFound
    for ask in (kms.find(key.id), kms.keep(key.id), kms.rotate(key.id)):
        with pytest.raises(KeyNotFound):
            await ask
    assert await kms.all() == [other]
    await kms.purge()
    assert [name for name, _ in await database.list_identities("kms_key", "", 9)] == [other.id]
    assert await refused(kms, key.id, wrapped) is KeyNotFound
    assert await refused(kms, "alias/photos", wrapped) is AliasNotFound


async def test_of_what_keys_are_made_nothing_is_stored_in_plain(
    kms: KmsKeys, database: Stored
) -> None:
    key = await kms.create()
    opened = MASTER.open(key.versions[0].sealed, f"kms key {key.id} 1")
    assert len(opened) == KEY_BYTES
    [(_, record)] = await database.list_identities("kms_key", "", 9)
    assert opened not in record
    with pytest.raises(BrokenSealError):
        MASTER.open(key.versions[0].sealed, f"kms key {key.id} 2")


class TwoKeys(Seal):
    """A master key whose place another one takes."""

    def change_to(self, *keys: bytes) -> None:
        self._use(*keys)


async def test_another_master_key_takes_its_place(database: Stored, clock: SetClock) -> None:
    old, new = secrets.token_bytes(32), secrets.token_bytes(32)
    master = TwoKeys(old)
    store = IdentityStore(database, clock, master)
    kms = KmsKeys(store, clock, master, "1234")
    key = await kms.create()
    await kms.rotate(key.id)
    wrapped = await kms.wrap(key.id, b"data")
    sessions = await store.change(_with_fresh_key)
    master.change_to(new, old)
    assert await kms.reseal() == (1, 0)
    master.change_to(new)
    assert await kms.unwrap(key.id, wrapped) == b"data"
    assert await store.view().find(SealingKeys, SEALING_KEYS) == sessions
    assert await store_of(database, clock, Seal(new)).unwrap(key.id, wrapped) == b"data"
    with pytest.raises(ServiceUnavailable, match="another master key"):
        await store_of(database, clock, Seal(old)).unwrap(key.id, wrapped)


async def test_what_cannot_be_opened_stays_as_it_is(database: Stored, clock: SetClock) -> None:
    lost = await store_of(database, clock, Seal(secrets.token_bytes(32))).create()
    kms = store_of(database, clock)
    mine = await kms.create()
    assert await kms.reseal() == (1, 1)
    assert await kms.find(lost.id) == lost
    # It can be used again, for what is new.
    rotated = await kms.rotate(lost.id)
    assert await kms.unwrap(lost.id, await kms.wrap(lost.id, b"data")) == b"data"
    assert replace(rotated, versions=rotated.versions[:1]) == lost
    assert mine.id in {each.id for each in await kms.all()}


async def test_what_is_remembered_is_bounded(kms: KmsKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ossia.domain.encryption.kms_keys._REMEMBERED", 2)
    wrapped = []
    for _ in range(5):
        key = await kms.create()
        wrapped.append((key.id, await kms.wrap(key.id, b"data")))
        assert len(kms._seals) <= 2
    assert [await kms.unwrap(*each) for each in wrapped] == [b"data"] * 5


def test_a_key_says_what_it_is() -> None:
    assert state_of(KmsKey(id="a")) == "Enabled"
