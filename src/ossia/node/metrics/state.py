"""What is asked for when somebody wants to see it: engines, the outbox, the disk, certificates."""

import asyncio
import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509

from ossia import tables
from ossia.domain.objects.scrub import Progress, progress_of
from ossia.gateway.readiness import Readiness
from ossia.ports import Clock, Database, Unavailable
from ossia.settings import Settings
from ossia.tables.callbacks import Owed

log = logging.getLogger("ossia")

_PATIENCE_S: Final = 2.0
_LEAST_PAUSE_S: Final = 5.0
_SHARE: Final = 0.001
"""Of the time, at most, that counting what is owed may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What was found.  Who cannot be asked is left out."""

    engines: dict[str, bool] = field(default_factory=dict)
    is_draining: bool = False
    owed: Owed | None = None
    oldest_owed_s: float | None = None
    scrub: Progress | None = None
    scrub_period_s: float = 0
    backed_up_at: int | None = None
    disk_size: int | None = None
    disk_free: int | None = None
    certificates: dict[str, float] = field(default_factory=dict)
    """Until when each is valid, since 1970."""


class _Stored(NamedTuple):
    """What the database is asked for."""

    owed: Owed
    scrub: Progress | None
    backed_up_at: int | None


class StateWatch:
    """Looks when it is asked."""

    def __init__(
        self,
        settings: Settings,
        folder: Path | None,
        database: Database,
        readiness: Readiness,
        clock: Clock,
    ) -> None:
        self._folder = folder
        self._database = database
        self._readiness = readiness
        self._clock = clock
        # What is in use, whatever lies in the files meanwhile.
        self._certificates = _expiries(settings)
        self._scrub_period_s = settings.scrub_period_s
        self._stored: _Stored | None = None
        self._look_again_at = 0.0
        self._asking: asyncio.Task[_Stored] | None = None

    async def look(self) -> State:
        """The state now."""
        missing, stored = await asyncio.gather(self._readiness.missing(), self._find_stored())
        size, free = self._space()
        owed = stored.owed if stored else None
        age = None
        if owed is not None and owed.oldest_at is not None:
            age = max(0.0, (self._clock.now_ms() - owed.oldest_at) / 1000)
        return State(
            engines={name: name not in missing for name in self._readiness.engines},
            is_draining=self._readiness.is_draining,
            owed=owed,
            oldest_owed_s=age,
            scrub=stored.scrub if stored else None,
            scrub_period_s=self._scrub_period_s,
            backed_up_at=stored.backed_up_at if stored else None,
            disk_size=size,
            disk_free=free,
            certificates=self._certificates,
        )

    async def _find_stored(self) -> _Stored | None:
        """What was stored a moment ago; None if the database does not tell in time."""
        if time.monotonic() < self._look_again_at:
            return self._stored
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        # Who hangs is not asked twice.
        done, _ = await asyncio.wait((self._asking,), timeout=_PATIENCE_S)
        if not done:
            return None
        asking, self._asking = self._asking, None
        if asking is None:
            return self._stored
        try:
            self._stored = asking.result()
        except Unavailable:
            self._stored = None
        return self._stored

    async def _ask(self) -> _Stored:
        begun_s = time.monotonic()
        owed = await self._database.together(tables.callbacks.count_pending)
        scrub = await progress_of(self._database)
        backed_up_at = await tables.backups.last(self._database)
        now_s = time.monotonic()
        self._look_again_at = now_s + max(_LEAST_PAUSE_S, (now_s - begun_s) / _SHARE)
        return _Stored(owed, scrub, backed_up_at)

    def _space(self) -> tuple[int | None, int | None]:
        if self._folder is None:
            return None, None
        try:
            found = os.statvfs(self._folder)
        except OSError as error:
            log.warning("disk_not_seen reason=%s", error)
            return None, None
        return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize


def _expiries(settings: Settings) -> dict[str, float]:
    """When the first certificate of each file ends that the settings name."""
    found: dict[str, float] = {}
    for use, path in (("server", settings.tls_certificate), ("blobs_ca", settings.blobs_ca)):
        if path:
            try:
                certificates = x509.load_pem_x509_certificates(Path(path).read_bytes())
            except (OSError, ValueError) as error:
                # Whoever uses it may read more; nobody is kept from his work for this.
                log.warning("certificate_not_read file=%s reason=%s", path, error)
            else:
                found[use] = min(each.not_valid_after_utc.timestamp() for each in certificates)
    return found
