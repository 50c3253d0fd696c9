"""One pass from a source to a target, and what ends the last one."""

from dataclasses import dataclass
from pathlib import Path

from ossia import tables
from ossia.adapters.sqlite import SqliteDatabase
from ossia.adapters.system import SystemClock
from ossia.domain.identity.store import SEALING_KEYS, decode, encode
from ossia.domain.objects.encryption import ObjectKeys
from ossia.node.migration import form as forms
from ossia.node.migration.blobs import copy_blobs, remove_unused
from ossia.node.migration.form import Form, Target
from ossia.node.migration.kms_keys import carry_kms_keys, kms_of
from ossia.node.migration.levelling import level
from ossia.node.migration.staging import stage
from ossia.node.migration.told import Told
from ossia.node.migration.verifying import verify
from ossia.node.migration.working import working_folder
from ossia.records import SealingKeys
from ossia.tables import every

_SEALING = ("setting", SEALING_KEYS)


@dataclass(slots=True)
class Pass:
    """What one pass has done."""

    changed: int
    put_off: int


async def hand_over(source: Form, target: Target, told: Told) -> tuple[int, int]:
    """Read everything back and let the target be served; how many objects and bytes it has.

    Raises `DamagedError`.
    """
    keys = ObjectKeys(kms_of(target, await forms.account_of(source)))
    read = await verify(source.rows, target.rows, target.blobs, keys, told.note_read)
    await target.take_keys(await source.keys())
    await forms.unmark(target)
    return read


async def carry(source: Form, target: Target, told: Told, work: Path | None) -> Pass:
    """Copy the bytes that the target lacks, and make its rows those of the source."""
    with working_folder(work) as folder:
        staging = SqliteDatabase(folder, SystemClock())
        try:
            await stage(source.rows, staging)
            gone = await copy_blobs(
                staging, target.database, source.blobs, target.blobs, told.note_blob
            )
            await remove_unused(target.database, target.blobs, staging)
            await _keep_own(staging, source, target)
            await carry_kms_keys(staging, source, target)
            levelled = await level(staging, target.database, gone, told.note_rows)
        finally:
            await staging.close()
    return Pass(levelled.rows, levelled.put_off)


async def _keep_own(staging: SqliteDatabase, source: Form, target: Target) -> None:
    """Put into the view what the target has of its own, and what is sealed as it is there."""
    for place in forms.OWN:
        own = await tables.identities.find(target.rows, *place)
        await staging.change(every.drop, every.IDENTITY, [place])
        if own is not None:
            await staging.change(tables.identities.put, *place, own)
    kept = await tables.identities.find(staging, *_SEALING)
    if kept is None:
        return
    keys = decode(SealingKeys, kept, source.seal)
    there = await tables.identities.find(target.rows, *_SEALING)
    if there is None or decode(SealingKeys, there, target.seal) != keys:
        # Sealed where gateways share a database, and nowhere else; each time otherwise.
        there = encode(keys, target.seal)
    await staging.change(tables.identities.put, *_SEALING, there)
