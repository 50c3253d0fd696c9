"""The passes of a migration, and what is told of them."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ossia import tables
from ossia.adapters.sqlite import SqliteDatabase
from ossia.adapters.system import SystemClock
from ossia.domain.identity.store import SEALING_KEYS, decode, encode
from ossia.domain.objects.encryption import ObjectKeys
from ossia.node.events import say
from ossia.node.migration import form as forms
from ossia.node.migration.blobs import DamagedError, copy_blobs, remove_unused
from ossia.node.migration.form import Form, Target
from ossia.node.migration.kms_keys import carry_kms_keys, kms_of
from ossia.node.migration.levelling import level
from ossia.node.migration.staging import stage
from ossia.node.migration.verifying import verify
from ossia.node.migration.working import working_folder
from ossia.ports import Unavailable
from ossia.records import SealingKeys
from ossia.settings import SettingsError
from ossia.tables import every

_TELL_EVERY_S = 1.0
_PASSES = 5
_SEALING = ("setting", SEALING_KEYS)


@dataclass(slots=True)
class Pass:
    """What one pass has done."""

    changed: int
    put_off: int


class Told:
    """What is told of the work: lines for people, or events as JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._next = time.monotonic() + _TELL_EVERY_S
        self.blobs = 0
        self.bytes = 0
        self.rows = 0
        self.read = 0

    def note_blob(self, blobs: int, size: int) -> None:
        """Blobs were copied."""
        self.blobs += blobs
        self.bytes += size
        self._now_and_then()

    def note_rows(self, rows: int) -> None:
        """Rows were written or removed."""
        self.rows += rows
        self._now_and_then()

    def note_read(self, size: int) -> None:
        """An object was read back."""
        self.read += size
        self._now_and_then()

    def _now_and_then(self) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _TELL_EVERY_S
            back = f", {_shown(self.read)} read back" if self.read else ""
            self.say(
                "progress",
                f"  {self.blobs} blobs, {_shown(self.bytes)}, {self.rows} rows so far{back}",
                blobs=self.blobs,
                bytes=self.bytes,
                rows=self.rows,
                read=self.read,
            )

    def say_passed(self, done: Pass) -> None:
        """Tell what a pass has done, and what comes next."""
        left = f"; {done.put_off} objects are left for the next pass" if done.put_off else ""
        self.say(
            "pass",
            f"{self.blobs} blobs ({_shown(self.bytes)}) and {self.rows} rows carried over{left}.\n"
            "Run this again as often as you like; then start the source with --read-only, and run "
            "it with --last.",
            blobs=self.blobs,
            bytes=self.bytes,
            rows=self.rows,
            left=done.put_off,
        )

    def say(self, event: str, text: str, **facts: Any) -> None:
        """Tell *text*, or the event with its facts."""
        say(event, text, as_json=self._as_json, **facts)


def _shown(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 10**8 else f"{size / 1e6:.2f} MB"


def migrate(source: Path, target: Path, *, last: bool, as_json: bool, work: Path | None) -> int:
    """Run ``ossia migrate``; the result is the exit code.  Raises `SettingsError`."""
    told = Told(as_json=as_json)
    try:
        asyncio.run(_migrate(source, target, told, last=last, work=work))
    except (Unavailable, DamagedError) as error:
        raise SettingsError(
            f"The migration stopped ({error}): run it again, it goes on where it was."
        ) from error
    return 0


async def _migrate(
    source_place: Path, target_place: Path, told: Told, *, last: bool, work: Path | None
) -> None:
    async with AsyncExitStack() as held:
        source = await forms.open_source(forms.settings_of(source_place), held)
        target = await forms.open_target(forms.settings_of(target_place), held)
        await forms.mark(target, await forms.account_of(source))
        done = await _pass(source, target, told, work)
        if last:
            await _finish(source, target, told, work, done)
        else:
            told.say_passed(done)


async def _finish(source: Form, target: Target, told: Told, work: Path | None, done: Pass) -> None:
    """Pass until nothing changes any more, verify, hand over the keys."""
    for _ in range(_PASSES):
        if not done.changed and not done.put_off:
            break
        done = await _pass(source, target, told, work)
    else:
        raise SettingsError(
            "The source still takes writes: start it with --read-only, or stop it; then run this "
            "again."
        )
    keys = ObjectKeys(kms_of(target, await forms.account_of(source)))
    objects, size = await verify(source.rows, target.rows, target.blobs, keys, told.note_read)
    await target.take_keys(await source.keys())
    await forms.unmark(target)
    told.say(
        "done",
        f"Done: {objects} objects with {_shown(size)} are at the target and were read back. "
        "Start it; the source is as it was.",
        objects=objects,
        bytes=size,
    )


async def _pass(source: Form, target: Target, told: Told, work: Path | None) -> Pass:
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
