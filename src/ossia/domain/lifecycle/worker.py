"""The worker of lifecycle rules: goes through every bucket that has some, once a day.

midnight, or other rules ──▶ objects ──▶ versions ──▶ uploads ──▶ done, until the next midnight

1. One process of a deployment does it (`node.duties`); where it is, is stored, so that another one
   goes on there.  Doing a page again changes nothing.
2. A page is some rows in the order of their keys; a change is some of what was found on one page or
   several.  Between pages it waits longer than they take, so that others hardly notice.
3. What is removed or changed must still be what was judged (`tables.versions.Seen`).
4. Removing is that of DeleteObject and AbortMultipartUpload: what may not be removed is left, and
   counted.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final

import msgspec

from ossia import tables
from ossia.domain.buckets.buckets import Buckets
from ossia.domain.lifecycle.deeds import Deeds
from ossia.domain.lifecycle.lifecycles import judge_of, rules_of
from ossia.domain.lifecycle.progress import KIND, Progress, Stage, find, keep
from ossia.domain.lifecycle.scan import Finding, Scan
from ossia.domain.objects.access_times import DOCUMENT as ACCESS_MONITOR
from ossia.ports import Clock, Database, Missing
from ossia.protocol.dates import DAY_MS
from ossia.protocol.lifecycle_rules import DOCUMENT
from ossia.records import Bucket
from ossia.tables.access_times import FIRST

log = logging.getLogger(__name__)

_BUCKETS_AT_ONCE: Final = 100
_CHANGED_AT_ONCE: Final = 20
_ROWS_AT_ONCE: Final = 200
_LOOKS: Final = 0.05
_CHANGES: Final = 0.2
"""Shares of the time.  Looking keeps other requests of its process from the processor, and most of
a pass is that; changing mostly waits for the disk."""
_LEAST_PAUSE_S: Final = 0.002
_LONGEST_PAUSE_S: Final = 1.0
_KEEP_S: Final = 2.0
"""How often it stores where it is."""


MayGoOn = Callable[[], Awaitable[bool]]
"""Whether this process still does it; raises `Unavailable`."""


class LifecycleWorker:
    """Acts by the rules of every bucket; a day of theirs lasts *day_ms*."""

    def __init__(
        self,
        database: Database,
        buckets: Buckets,
        deeds: Deeds,
        clock: Clock,
        *,
        day_ms: int = DAY_MS,
    ) -> None:
        self._database = database
        self._buckets = buckets
        self._deeds = deeds
        self._clock = clock
        self._day_ms = day_ms
        self._settled: tuple[bytes, int] | None = None
        """The buckets, and the midnight, for which nothing is left to do."""

    async def run(self, may_go_on: MayGoOn) -> None:
        """Do what is due, if anything is, as long as this process is the one that does it."""
        stamp = await self._database.stamp(tables.buckets.CHANGED)
        today = self._today()
        if self._settled == (stamp, today):
            return
        ruled: set[str] = set()
        monitored: set[int] = set()
        async for bucket in self._every_bucket():
            if ACCESS_MONITOR in bucket.documents:
                monitored.add(bucket.id)
            if DOCUMENT in bucket.documents:
                ruled.add(str(bucket.id))
                if not await self._go_through(bucket.name, may_go_on):
                    return
        await self._forget_passes(ruled)
        if await self._forget_reads(monitored, may_go_on):
            self._settled = (stamp, today)

    def _today(self) -> int:
        return self._clock.now_ms() // self._day_ms * self._day_ms

    async def _every_bucket(self) -> AsyncIterator[Bucket]:
        after = ""
        while page := await tables.buckets.page(self._database, "", after, _BUCKETS_AT_ONCE):
            for bucket in page:
                yield bucket
            after = page[-1].name
            await asyncio.sleep(0)

    # --- one bucket ---

    async def _go_through(self, name: str, may_go_on: MayGoOn) -> bool:
        """Make the pass that is due, or what is left of it; whether all of it was made."""
        made: _Pass | None = None
        while True:
            begun = time.monotonic()
            if not await may_go_on():
                return False
            # What the bucket is may have changed since the page before.
            bucket = await self._buckets.peek(name)
            if bucket is None or DOCUMENT not in bucket.documents:
                return True
            scan = Scan(self._database, bucket, judge_of(bucket, self._day_ms))
            if made is None or made.reached.rules != rules_of(bucket):
                beginning = await self._beginning(bucket)
                if beginning is None:
                    return True
                made = _Pass(beginning)
            findings, reached = await scan.page(made.reached, self._clock.now_ms())
            made.go_on(findings, reached)
            looked_s = time.monotonic() - begun
            if made.has_enough():
                await self._act(bucket, made)
            if made.reached.stage is Stage.DONE:
                await self._finish(bucket, made.reached)
                # It may have been that of a day before.
                made = None
                continue
            await _rest(looked_s, _LOOKS)

    async def _beginning(self, bucket: Bucket) -> Progress | None:
        """Where a pass is to begin, or to go on; None if what is due has been made."""
        kept = await find(self._database, bucket.id)
        today = self._today()
        if kept is not None and kept.rules == rules_of(bucket):
            if kept.stage is not Stage.DONE:
                return kept
            if kept.day >= today and not kept.is_followed:
                return None
        asked = 0 if kept is None else kept.asked
        now = self._clock.now_ms()
        return Progress(day=today, rules=rules_of(bucket), begun_at=now, answers=asked)

    async def _act(self, bucket: Bucket, made: "_Pass") -> None:
        """Do what was found, and store that it is done."""
        counts = Counter(made.reached.counts)
        for start in range(0, len(made.found), _CHANGED_AT_ONCE):
            begun = time.monotonic()
            some = made.found[start : start + _CHANGED_AT_ONCE]
            counts.update(await self._deeds.do(bucket, some, self._clock.now_ms()))
            await _rest(time.monotonic() - begun, _CHANGES)
        made.is_done(dict(counts))
        if made.reached.stage is not Stage.DONE:
            await self._keep(bucket, made.reached)

    async def _keep(self, bucket: Bucket, progress: Progress) -> None:
        await self._database.change(keep, bucket.id, progress)

    async def _finish(self, bucket: Bucket, progress: Progress) -> None:
        now = self._clock.now_ms()
        await self._keep(bucket, msgspec.structs.replace(progress, ended_at=now))
        counts = ",".join(f"{name}:{n}" for name, n in sorted(progress.counts.items()))
        log.info(
            "lifecycle bucket=%s looked_at=%d done=%s", bucket.name, progress.looked_at, counts
        )

    # --- what is left of buckets and objects ---

    async def _forget_passes(self, ruled: set[str]) -> None:
        """Remove how far it came in buckets that have no rules any more."""
        after = ""
        while page := await tables.identities.page(self._database, KIND, after, _ROWS_AT_ONCE):
            for name, _ in page:
                if name not in ruled:
                    with suppress(Missing):
                        await self._database.change(tables.identities.delete, KIND, name)
            after = page[-1][0]

    async def _forget_reads(self, monitored: set[int], may_go_on: MayGoOn) -> bool:
        """Remove times of access of what is gone; whether that was done."""
        after = FIRST
        while page := await tables.access_times.page(self._database, after, _ROWS_AT_ONCE):
            begun = time.monotonic()
            if not await may_go_on():
                return False
            gone = [place for place, there in page if not there or place[0] not in monitored]
            if gone:
                await self._database.change(tables.access_times.forget, gone)
            after = page[-1][0]
            await _rest(time.monotonic() - begun, _LOOKS)
        return True


class _Pass:
    """A pass that is being made: how far it has come, and what of it is still to be done."""

    def __init__(self, beginning: Progress) -> None:
        self.reached = beginning
        self.found: list[Finding] = []
        self._acted_in = beginning.stage
        self._acted_at = time.monotonic()

    def go_on(self, findings: list[Finding], reached: Progress) -> None:
        """One more page was looked at."""
        self.found += findings
        self.reached = reached

    def has_enough(self) -> bool:
        """Whether to act: commits are dear, and what comes after a stage may depend on it."""
        return (
            len(self.found) >= _CHANGED_AT_ONCE
            or self.reached.stage is not self._acted_in
            or time.monotonic() - self._acted_at > _KEEP_S
        )

    def is_done(self, counts: dict[str, int]) -> None:
        """What was found is done."""
        self.found = []
        self.reached = msgspec.structs.replace(self.reached, counts=counts)
        self._acted_in = self.reached.stage
        self._acted_at = time.monotonic()


async def _rest(worked_s: float, share: float) -> None:
    """Wait so long that what has been worked was that share of the time."""
    pause = worked_s * (1 - share) / share
    await asyncio.sleep(min(max(pause, _LEAST_PAUSE_S), _LONGEST_PAUSE_S))
