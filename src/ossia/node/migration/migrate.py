"""The passes of a migration."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from ossia.node.events import shown
from ossia.node.migration import form as forms
from ossia.node.migration.blobs import DamagedError
from ossia.node.migration.carrying import Pass, carry, hand_over
from ossia.node.migration.form import Form, Target
from ossia.node.migration.told import Told
from ossia.ports import Unavailable
from ossia.settings import SettingsError

_PASSES = 5


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
        done = await carry(source, target, told, work)
        if last:
            await _finish(source, target, told, work, done)
        else:
            told.say_passed(done.put_off)


async def _finish(source: Form, target: Target, told: Told, work: Path | None, done: Pass) -> None:
    """Pass until nothing changes any more, verify, hand over the keys."""
    for _ in range(_PASSES):
        if not done.changed and not done.put_off:
            break
        done = await carry(source, target, told, work)
    else:
        raise SettingsError(
            "The source still takes writes: start it with --read-only, or stop it; then run this "
            "again."
        )
    objects, size = await hand_over(source, target, told)
    told.say(
        "done",
        f"Done: {objects} objects with {shown(size)} are at the target and were read back. "
        "Start it; the source is as it was.",
        objects=objects,
        bytes=size,
    )
