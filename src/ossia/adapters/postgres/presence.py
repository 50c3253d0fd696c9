"""Which gateways serve, and which of them does what must be done once.

A gateway counts its beats in a row of its own.  Others watch the count by their own time: whose
count has not changed for `LASTS_S` is gone, whatever any clock shows.  A duty names the gateway
that has it; when that one is gone, whoever asks next takes it over.  One that stood still for so
long knows it by its own time, and has no duty until it has asked again.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

from ossia.adapters.postgres.schema import KNOWN_VERSION
from ossia.ports import Database, Rows, Transaction, Unavailable

log = logging.getLogger(__name__)

IsGone = Callable[[str, int], bool]

BEAT_S: Final = 5.0
LASTS_S: Final = 30.0

_BEAT = (
    "insert into gateway (id, name, knows, beats) values ($1, $2, $3, $4)"
    " on conflict (id) do update set beats = excluded.beats"
)


@dataclass(slots=True)
class Watch:
    """What this process has seen of the beats of others."""

    lasts_s: float = LASTS_S
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)
    """The count, and since when it has been that."""

    def is_gone(self, gateway: str, beats: int) -> bool:
        """Whether it has been *beats* for so long that nobody beats any more."""
        known = self._seen.get(gateway)
        if known is None or known[0] != beats:
            self._seen[gateway] = (beats, time.monotonic())
            return False
        return time.monotonic() - known[1] > self.lasts_s


class Presence:
    """One of the gateways of *database*; *name* is what people call it.

    *lasts_s* must be the same at every gateway, and many times *beat_s*.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        *,
        beat_s: float = BEAT_S,
        lasts_s: float = LASTS_S,
        knows: int = KNOWN_VERSION,
    ) -> None:
        self.id = uuid4().hex
        self._database = database
        self._name = name
        self._knows = knows
        self._beat_s = beat_s
        self._lasts_s = lasts_s
        self._watch = Watch(lasts_s)
        self._beats = 0
        self._beaten_at = float("-inf")
        self._is_known = asyncio.Event()
        self._duties: set[str] = set()

    @asynccontextmanager
    async def attending(self) -> AsyncIterator[None]:
        """Be there for as long as the context lasts; then leave, so that nobody has to wait."""
        # Not cancelled: a beat under way would come after the leaving.
        leaving = asyncio.Event()
        beating = asyncio.create_task(self._beat_until(leaving))
        try:
            yield
        finally:
            leaving.set()
            await beating
            with _told_if_unavailable("leaving_failed"):
                await self._database.change(_leave, self.id)

    async def _beat_until(self, leaving: asyncio.Event) -> None:
        while not leaving.is_set():
            with _told_if_unavailable("beat_failed"):
                await self.beat()
            with suppress(TimeoutError):
                await asyncio.wait_for(leaving.wait(), self._beat_s)

    async def beat(self) -> None:
        """Show once that this gateway is there.  Raises `Unavailable`."""
        begun = time.monotonic()
        self._beats += 1
        beat = (self.id, self._name, self._knows, self._beats)
        await self._database.change(_beat, beat, self._watch.is_gone if self._duties else None)
        if self._may_be_missed():
            self._duties.clear()
        # Others count from when they see it, which is later.
        self._beaten_at = begun
        self._is_known.set()

    def _may_be_missed(self) -> bool:
        return time.monotonic() - self._beaten_at > self._lasts_s / 2

    async def has(self, duty: str) -> bool:
        """Whether it is this gateway that does *duty* for now; raises `Unavailable`.

        Ask before each piece of work: it costs nothing where it is known.  Waits for the first
        beat.
        """
        await self._is_known.wait()
        if self._may_be_missed():
            return False
        if duty not in self._duties and await self._database.change(
            _take, duty, self.id, self._watch.is_gone
        ):
            self._duties.add(duty)
        return duty in self._duties


@contextmanager
def _told_if_unavailable(event: str) -> Iterator[None]:
    try:
        yield
    except Unavailable as error:
        log.warning("%s reason=%s", event, error)


async def older(rows: Rows, version: int) -> list[tuple[str, str, int]]:
    """(id, name, beats) of each that serves, or did not long ago, and does not know *version*."""
    found = await rows.all(
        "select id, name, beats from gateway where knows < $1 order by name, id", version
    )
    return [(gateway, name, beats) for gateway, name, beats in found]


async def _beat(tx: Transaction, beat: tuple[str, str, int, int], is_gone: IsGone | None) -> None:
    """Count; who has a duty also removes who did not leave and is gone.

    One that only stood still beats again.
    """
    await tx.run(_BEAT, *beat)
    if is_gone is not None:
        for gateway, beats in await tx.all("select id, beats from gateway order by id"):
            if is_gone(gateway, beats):
                await _leave(tx, gateway)


async def _leave(tx: Transaction, gateway: str) -> None:
    await tx.run("delete from gateway where id = $1", gateway)


async def _take(tx: Transaction, duty: str, gateway: str, is_gone: IsGone) -> bool:
    held = await tx.hold("select gateway from duty where name = $1", duty)
    if not held:
        await tx.run("insert into duty (name, gateway) values ($1, $2)", duty, gateway)
        return True
    (holder,) = held[0]
    if holder == gateway:
        return True
    found = await tx.one("select beats from gateway where id = $1", holder)
    if found is not None and not is_gone(holder, found[0]):
        return False
    await tx.run("update duty set gateway = $1 where name = $2", gateway, duty)
    return True
