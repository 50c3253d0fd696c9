"""The scrub: reads everything that is stored, little by little, and tells what is damaged.

Rules:

1. One process of a deployment does it (`node.duties`); where it is, is stored, so that another one
   goes on there.  Reading a page again changes nothing.
2. A pass takes half of its period, or less where little is stored: what comes meanwhile is read in
   time, too.  Between two reads it waits, so that others hardly notice.
3. What was damaged at the end of a pass stays told until it was replaced, removed, or found whole.
4. It changes nothing: what is left of damaged objects, and a backup to restore them from, are the
   operator's to judge (``ossia check``).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from ossia import tables
from ossia.domain.objects.contents import FLAWED, HAVE_BYTES, Contents, Flaw, Verdict
from ossia.domain.objects.encryption import ObjectKeys
from ossia.ports import BlobStore, Clock, Database, Row, Rows
from ossia.protocol.pace import Pace
from ossia.tables import every
from ossia.tables.every import Table

log = logging.getLogger(__name__)

PLACE: Final = ("scrub", "progress")
"""Kind and name of the row of identities that holds it."""
_PAGE: Final = 50
_SAVE_EVERY_S: Final = 30.0
_MOST_KEPT: Final = 1000
"""Flaws that are named; of more there is the number."""
_LEAST_BYTES_PER_S: Final = 8 * 1024 * 1024
_LEAST_ROWS_PER_S: Final = 50


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One pass: it goes on behind the row ``after`` of the table of that number."""

    begun_at: int
    ended_at: int = 0
    done_at: int = 0
    """When the pass before ended."""
    table: int = 0
    after: tuple[int | str, ...] = ()
    rows: int = 0
    bytes: int = 0
    locked: int = 0
    flaws: tuple[Flaw, ...] = ()
    engine: tuple[str, ...] = ()
    """What the engine of the metadata finds damaged, in words."""
    more: int = 0
    """Flaws that are not named."""

    @property
    def since(self) -> int:
        """Since when nothing was read to its end: what is under way does not count."""
        return self.ended_at or self.done_at or self.begun_at

    @property
    def damaged(self) -> int:
        """How much is damaged."""
        return len(self.flaws) + len(self.engine) + self.more


_pack: Final = msgspec.json.Encoder().encode
_unpack: Final = msgspec.json.Decoder(Progress).decode


async def progress_of(rows: Rows) -> Progress | None:
    """The pass that is under way, or the last one."""
    stored = await tables.identities.find(rows, *PLACE)
    return None if stored is None else _unpack(stored)


Note = Callable[[int, int], None]
"""Hears of rows and bytes that were read."""
HasDuty = Callable[[], Awaitable[bool]]


class Scrub:
    """Passes through what is stored, one each *period_ms*."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        keys: ObjectKeys,
        clock: Clock,
        *,
        period_ms: int,
        note: Note,
    ) -> None:
        self._database = database
        self._contents = Contents(database, blobs, keys)
        self._clock = clock
        self._period_ms = period_ms
        self._note = note
        self._bytes_pace, self._rows_pace = _paces(_LEAST_BYTES_PER_S, _LEAST_ROWS_PER_S)
        self._saved_at = time.monotonic()

    async def run(self, has_duty: HasDuty) -> None:
        """Go on with the pass that is due, to its end or until the duty is another's.

        Raises `Unavailable`.
        """
        progress = await progress_of(self._database)
        if progress is not None and progress.ended_at:
            if not await has_duty():
                return
            progress = await self._looked_again(progress)
            if self._clock.now_ms() < progress.begun_at + self._period_ms:
                return
        await self._find_paces()
        if progress is None or progress.ended_at:
            progress = await self._begin(progress)
        while not progress.ended_at and await has_duty():
            progress = await self._step(progress)

    async def _find_paces(self) -> None:
        size, rows = await tables.buckets.total_usage(self._database)
        within_s = self._period_ms / 2000
        self._bytes_pace, self._rows_pace = _paces(
            max(_LEAST_BYTES_PER_S, round(size / within_s)),
            max(_LEAST_ROWS_PER_S, round(rows / within_s)),
        )

    async def _wait(self, size: int, rows: int = 0) -> None:
        """Wait until what was read has had its time."""
        now_s = time.monotonic()
        delay_s = self._bytes_pace.delay_s(size, now_s)
        await asyncio.sleep(max(delay_s, self._rows_pace.delay_s(rows, now_s)))

    async def _begin(self, last: Progress | None) -> Progress:
        """A new pass; the engine's own checksums come first."""
        now = self._clock.now_ms()
        progress = Progress(begun_at=now)
        if last is not None:
            progress = Progress(begun_at=now, done_at=last.ended_at, flaws=last.flaws)
        found = []
        async for flaw in self._database.flaws(self._wait):
            log.error("damage_found what=%s", flaw)
            found.append(flaw)
        kept, more = found[:_MOST_KEPT], max(0, len(found) - _MOST_KEPT)
        progress = msgspec.structs.replace(progress, engine=tuple(kept), more=more)
        await self._save(progress)
        return progress

    async def _step(self, progress: Progress) -> Progress:
        """Read what the next page of rows stands for."""
        table = HAVE_BYTES[progress.table]
        page = await every.page(self._database, table, progress.after or None, _PAGE)
        known = {(each.table, each.place): each for each in progress.flaws}
        size = locked = 0
        is_new = False
        for row in page:
            verdict = await self._judged(table, row)
            place = (table.name, table.key_of(row))
            if verdict in FLAWED and place not in known:
                known[place] = await self._contents.flaw(table, row, verdict)
                is_new = True
                log.error("damage_found what=%s", known[place])
            elif verdict is Verdict.WHOLE:
                known.pop(place, None)
            locked += verdict is Verdict.LOCKED
            length = row[table.at("size")]
            size += length
            await self._wait(length, 1)
        progress = _further(progress, page, table, size, locked)
        progress = _with_flaws(progress, tuple(known.values()))
        self._note(len(page), size)
        if len(page) < _PAGE:
            return await self._past(progress)
        if is_new or time.monotonic() - self._saved_at > _SAVE_EVERY_S:
            await self._save(progress)
        return progress

    async def _judged(self, table: Table, row: Row) -> Verdict:
        verdict = await self._contents.judge(table, row)
        if verdict in FLAWED and not await self._contents.stays(table, row):
            return Verdict.WHOLE
        return verdict

    async def _past(self, progress: Progress) -> Progress:
        """*progress* behind a table."""
        progress = msgspec.structs.replace(progress, table=progress.table + 1, after=())
        if progress.table == len(HAVE_BYTES):
            progress = await self._looked_again(progress)
            progress = msgspec.structs.replace(progress, ended_at=self._clock.now_ms())
            log.info("scrub_done rows=%d damaged=%d", progress.rows, progress.damaged)
        await self._save(progress)
        return progress

    async def _looked_again(self, progress: Progress) -> Progress:
        """*progress* without what was replaced, removed or mended since."""
        kept = []
        for flaw in progress.flaws:
            table = next(each for each in HAVE_BYTES if each.name == flaw.table)
            row = await every.find(self._database, table, flaw.place)
            if row is not None and await self._contents.judge(table, row) in FLAWED:
                kept.append(flaw)
        if len(kept) != len(progress.flaws):
            progress = msgspec.structs.replace(progress, flaws=tuple(kept))
            await self._save(progress)
        return progress

    async def _save(self, progress: Progress) -> None:
        self._saved_at = time.monotonic()
        await self._database.change(tables.identities.put, *PLACE, _pack(progress))


def _further(progress: Progress, page: list[Row], table: Table, size: int, locked: int) -> Progress:
    if not page:
        return progress
    return msgspec.structs.replace(
        progress,
        after=table.key_of(page[-1]),
        rows=progress.rows + len(page),
        bytes=progress.bytes + size,
        locked=progress.locked + locked,
    )


def _with_flaws(progress: Progress, flaws: tuple[Flaw, ...]) -> Progress:
    more = progress.more + max(0, len(flaws) - _MOST_KEPT)
    return msgspec.structs.replace(progress, flaws=flaws[:_MOST_KEPT], more=more)


def _paces(bytes_per_s: int, rows_per_s: int) -> tuple[Pace, Pace]:
    now_s = time.monotonic()
    return Pace(bytes_per_s, now_s), Pace(rows_per_s, now_s)
