"""``ossia restore``: a new deployment, of either form, as a point says."""

from contextlib import AsyncExitStack
from pathlib import Path

from ossia.node.backup import points
from ossia.node.backup.point_form import open_point
from ossia.node.backup.repository import Repository
from ossia.node.events import shown
from ossia.node.keys import KEYS_FILE
from ossia.node.master_key import FileSeal
from ossia.node.migration import form as forms
from ossia.node.migration.blobs import DamagedError
from ossia.node.migration.carrying import carry, hand_over
from ossia.node.migration.form import Target
from ossia.node.migration.told import Told
from ossia.node.migration.working import working_folder
from ossia.settings import SettingsError

_FOREVER_MS = 2**62
_NOT_EMPTY = "The target holds something already: give a new folder, or a new database and bucket."


async def restore(
    repository: Repository, place: Path, wanted: str, told: Told, work: Path | None
) -> None:
    """Put the point that *wanted* means to *place*.  Raises `DamagedError`, `SettingsError`."""
    async with AsyncExitStack() as held:
        held.enter_context(repository.reading())
        name = points.choose(points.names(repository), wanted)
        point = points.get(repository, name)
        target = await forms.open_target(forms.settings_of(place), held)
        await _check_is_new(target)
        await forms.mark(target, point.account_id)
        folder = held.enter_context(working_folder(work))
        source = await open_point(repository, point, folder, held)
        done = await carry(source, target, told, work)
        if done.put_off:
            raise DamagedError(f"the bytes of {done.put_off} objects or parts are not there")
        objects, size = await hand_over(source, target, told)
    told.say(
        "done",
        f"Done: {objects} objects with {shown(size)} of the point {name} are in place and were "
        f"read back.\nTheir keys are sealed under {_master_of(target)}; keep a copy of it. "
        "Start the server.",
        point=name,
        objects=objects,
        bytes=size,
        master_key_file=_master_of(target),
    )


async def _check_is_new(target: Target) -> None:
    """Raise `SettingsError` where something is that no interrupted restore has left."""
    if await forms.is_marked(target):
        return
    if target.folder is not None and (target.folder / KEYS_FILE).exists():
        raise SettingsError(_NOT_EMPTY)
    # The server that is started there removes bytes that its rows do not know.
    async for _ in target.blobs.ids(unchanged_since=_FOREVER_MS):
        raise SettingsError(_NOT_EMPTY)


def _master_of(target: Target) -> str:
    assert isinstance(target.master, FileSeal)
    return str(target.master.path)
