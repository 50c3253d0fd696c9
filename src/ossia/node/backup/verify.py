"""``ossia backup verify``: every file of a repository, and every object of its points, is read."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from ossia.adapters.sqlite import SqliteDatabase
from ossia.domain.encryption.kms_keys import KmsKeys
from ossia.domain.identity.store import IdentityStore
from ossia.domain.objects.contents import HAVE_BYTES, Contents
from ossia.domain.objects.encryption import ObjectKeys
from ossia.node.backup import points
from ossia.node.backup.kept_blobs import place_of
from ossia.node.backup.point_form import PointForm, open_point
from ossia.node.backup.repository import ACCOUNT, KINDS, Repository
from ossia.node.migration.blobs import DamagedError
from ossia.node.migration.staging import all_rows, ends, stage
from ossia.node.migration.together import together
from ossia.node.migration.verifying import is_read
from ossia.node.migration.working import working_folder
from ossia.node.progress import Progress
from ossia.node.stores import system_clock
from ossia.ports import Missing, Row, Unavailable
from ossia.tables import every

_AT_ONCE: Final = 500
_NO_MORE: Final = 1000
"""So many objects of a point are named at most."""


@dataclass(slots=True)
class Found:
    """What was read, and what is damaged."""

    files: int = 0
    points: int = 0
    objects: int = 0
    places: list[str] = field(default_factory=list)
    """Files that do not open."""
    faults: list[str] = field(default_factory=list)
    """What points lack because of that, or because the server had lost it."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is damaged."""
        return not self.places and not self.faults


class Verification:
    """Of one repository; tells of each damage as it is found."""

    def __init__(self, repository: Repository, progress: Progress, work: Path | None) -> None:
        self._repository = repository
        self._progress = progress
        self._work = work
        self.found = Found()

    async def run(self, names: Sequence[str]) -> Found:
        """Read every file, and what the points of these *names* hold."""
        self._progress.begin("reading files")
        for some in _some_at_once(self._places()):
            await together(self._check_file, some)
        earlier: PointForm | None = None
        async with AsyncExitStack() as held:
            for name in names:
                earlier = await self._check_point(name, earlier, held) or earlier
        return self.found

    def _places(self) -> Iterator[str]:
        yield ACCOUNT
        for kind in KINDS:
            yield from self._repository.places(kind)

    async def _check_file(self, place: str) -> None:
        try:
            size = await asyncio.to_thread(self._read, place)
        except (DamagedError, Missing, OSError):
            self.found.places.append(place)
            self._progress.say("damaged", f"damaged: {place}", place=place)
            return
        self.found.files += 1
        self._progress.note(size)

    def _read(self, place: str) -> int:
        with closing(self._repository.open(place)) as file:
            return file.check()

    def _lacks(self, name: str, what: str) -> None:
        self.found.faults.append(what)
        if len(self.found.faults) <= _NO_MORE:
            self._progress.say("lacking", f"point {name}: {what}", point=name, what=what)

    async def _check_point(
        self, name: str, earlier: PointForm | None, held: AsyncExitStack
    ) -> PointForm | None:
        """Check one; its rows stay open for the next, which need not read again what is equal."""
        self._progress.begin(f"reading objects of {name}")
        self.found.points += 1
        folder = held.enter_context(working_folder(self._work))
        try:
            point = points.get(self._repository, name)
            form = await open_point(self._repository, point, folder, held)
        except (DamagedError, OSError) as error:
            self._lacks(name, f"it cannot be restored: {error}")
            return None
        await self._check_blobs(name, form, held)
        clock = system_clock()
        store = IdentityStore(form.database, clock)
        keys = ObjectKeys(KmsKeys(store, clock, form.master, point.account_id))
        contents = Contents(form.rows, form.blobs, keys)
        for table in HAVE_BYTES:
            async for page in all_rows(form.rows, table):
                new = [row for row in page if not await _is_in(earlier, table, row)]
                await together(partial(self._check, name, contents, table), new)
        return form

    async def _check(self, name: str, contents: Contents, table: every.Table, row: Row) -> None:
        try:
            if await is_read(contents, table, row):
                self.found.objects += 1
                self._progress.note(row[table.at("size")])
        except (DamagedError, Unavailable) as error:
            self._lacks(name, str(error))

    async def _check_blobs(self, name: str, form: PointForm, held: AsyncExitStack) -> None:
        """That each is there, as long as the rows say."""
        folder = held.enter_context(working_folder(self._work))
        view = SqliteDatabase(folder, system_clock())
        try:
            await stage(form.rows, view)
            async for page in ends(view):
                for blob_id, size in page:
                    if not self._repository.has(place_of(blob_id), size):
                        self._lacks(name, f"{place_of(blob_id)} is missing or too short")
        finally:
            await view.close()


async def _is_in(earlier: PointForm | None, table: every.Table, row: Row) -> bool:
    """Whether a point that was read has this row, whose bytes are in blobs: they are the same."""
    if earlier is None or row[table.at("content_id")] is not None:
        return False
    return await every.find(earlier.rows, table, table.key_of(row)) == row


def _some_at_once(places: Iterator[str]) -> Iterator[list[str]]:
    while some := list(islice(places, _AT_ONCE)):
        yield some


async def verify(
    repository: Repository,
    wanted: str | None,
    progress: Progress,
    work: Path | None,
    *,
    remove_damaged: bool,
) -> bool:
    """Read all points, or the one that is *wanted*; whether everything is whole."""
    with repository.removing() if remove_damaged else repository.reading():
        names = points.names(repository)
        if wanted is not None or not names:
            names = [points.choose(names, wanted or points.LATEST)]
        found = await Verification(repository, progress, work).run(names)
        if remove_damaged:
            for place in found.places:
                repository.remove(place)
    progress.say("done", _verdict(found, remove_damaged=remove_damaged), whole=found.is_whole,
                 files=found.files, points=found.points, objects=found.objects,
                 damaged=len(found.places), lacking=len(found.faults))  # fmt: skip
    return found.is_whole


def _verdict(found: Found, *, remove_damaged: bool) -> str:
    read = f"{found.files} files and {found.objects} objects of {found.points} points were read"
    if found.is_whole:
        return f"{read}: all are whole."
    damage = f"{len(found.places)} files are damaged, and points lack {len(found.faults)} things"
    if remove_damaged:
        return f"{read}; {damage}. The files were removed: run a backup, which writes them anew."
    return (
        f"{read}; {damage}. To have the next backup write them anew, run this again with "
        "--remove-damaged; what the server has no more stays lost."
    )
