"""The keys of encrypted objects, which each form seals under its own master key."""

import msgspec

from ossia import tables
from ossia.adapters.system import SystemClock
from ossia.domain.encryption.kms_keys import KmsKeys, material, resealed
from ossia.domain.identity.store import IdentityStore, decode, encode
from ossia.node.migration.form import Form, Target
from ossia.ports import Database, Rows
from ossia.protocol.seal import BrokenSealError
from ossia.records import KmsKey
from ossia.settings import SettingsError

_KIND = "kms_key"
_AT_ONCE = 500


def kms_of(target: Target, account_id: str) -> KmsKeys:
    """The key store of a target."""
    clock = SystemClock()
    return KmsKeys(IdentityStore(target.database, clock), clock, target.master, account_id)


async def carry_kms_keys(staging: Database, source: Form, target: Target) -> None:
    """Put into the view every key as the target seals it.

    One that is there as it was stays as it is: sealed anew it would be another row each time.
    Raises `SettingsError` where the source cannot open its own.
    """
    for name, record in await _all(staging):
        there = await tables.identities.find(target.rows, _KIND, name)
        try:
            carried = _carried(decode(KmsKey, record), there, source, target)
        except BrokenSealError as error:
            raise SettingsError(
                f"The key {name} of the source is sealed under another master key than the "
                "source has: restore its master key, or delete the key (ossia kms key delete)."
            ) from error
        await staging.change(tables.identities.put, _KIND, name, carried)


async def _all(rows: Rows) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    while page := await tables.identities.page(
        rows, _KIND, found[-1][0] if found else "", _AT_ONCE
    ):
        found += page
    return found


def _carried(key: KmsKey, there: bytes | None, source: Form, target: Target) -> bytes:
    if there is not None:
        kept = decode(KmsKey, there)
        same = msgspec.structs.replace(kept, versions=key.versions) == key
        if same and _opens_as(kept, target) == material(key, source.master):
            return there
    versions = tuple(resealed(key.id, each, source.master, target.master) for each in key.versions)
    return encode(msgspec.structs.replace(key, versions=versions))


def _opens_as(kept: KmsKey, target: Target) -> list[bytes] | None:
    """What a key of the target is made of; None where it has lost the master key of before."""
    try:
        return material(kept, target.master)
    except BrokenSealError:
        return None
