"""What is asked for when somebody wants to see it: engines, the outbox, the disk, certificates."""

import asyncio
import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509

from ossia import tables
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
    disk_size: int | None = None
    disk_free: int | None = None
    certificates: dict[str, float] = field(default_factory=dict)
    """Until when each is valid, since 1970."""


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
        self._owed: Owed | None = None
        self._look_again_at = 0.0
        self._counting: asyncio.Task[Owed] | None = None

    async def look(self) -> State:
        """The state now."""
        missing, owed = await asyncio.gather(self._readiness.missing(), self._find_owed())
        size, free = self._space()
        age = None
        if owed is not None and owed.oldest_at is not None:
            age = max(0.0, (self._clock.now_ms() - owed.oldest_at) / 1000)
        return State(
            engines={name: name not in missing for name in self._readiness.engines},
            is_draining=self._readiness.is_draining,
            owed=owed,
            oldest_owed_s=age,
            disk_size=size,
            disk_free=free,
            certificates=self._certificates,
        )

    async def _find_owed(self) -> Owed | None:
        """What is owed, counted a moment ago; None if the database does not tell in time."""
        if time.monotonic() < self._look_again_at:
            return self._owed
        if self._counting is None:
            self._counting = asyncio.create_task(self._count_owed())
        # Who hangs is not asked twice.
        done, _ = await asyncio.wait((self._counting,), timeout=_PATIENCE_S)
        if not done:
            return None
        counting, self._counting = self._counting, None
        if counting is None:
            return self._owed
        try:
            self._owed = counting.result()
        except Unavailable:
            self._owed = None
        return self._owed

    async def _count_owed(self) -> Owed:
        begun_s = time.monotonic()
        owed = await self._database.together(tables.callbacks.count_pending)
        now_s = time.monotonic()
        self._look_again_at = now_s + max(_LEAST_PAUSE_S, (now_s - begun_s) / _SHARE)
        return owed

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
