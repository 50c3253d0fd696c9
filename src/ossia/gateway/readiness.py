"""Whether a balancer may send requests here: the engines answer, and the server is not leaving.

Anybody may ask, as often as he likes, so:

1. The engines are asked at most once a second, however many ask.
2. An engine that hangs delays no answer beyond the deadline, and is asked again only when it has
   ended the last probe: of those that hang there is never more than one.
3. The answer names what is missing; why it is missing stands in the log alone.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

log = logging.getLogger("ossia.gateway")

Probe = Callable[[], Awaitable[None]]
"""Returns if an engine answers as it should, otherwise raises."""

DEADLINE_S: Final = 1.0
TRUSTED_S: Final = 1.0
NO_ANSWER: Final = f"no answer within {DEADLINE_S:g} s"
WRONG_ANSWER: Final = "does not work; the log of this server says why"


class Readiness:
    """The state of one worker.  *probes* are the engines by name."""

    def __init__(
        self,
        probes: Mapping[str, Probe],
        *,
        deadline_s: float = DEADLINE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._probes = probes
        self._deadline_s = deadline_s
        self._monotonic = monotonic
        self._running: dict[str, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._missing: dict[str, str] = {}
        self._trusted_until = float("-inf")
        self.is_draining = False

    @property
    def engines(self) -> tuple[str, ...]:
        """The names of what is asked."""
        return tuple(self._probes)

    def drain(self) -> None:
        """Say from now on that this server is leaving."""
        self.is_draining = True

    async def missing(self) -> Mapping[str, str]:
        """Engines that do not answer, with what is known of them; empty if all do."""
        if self._monotonic() >= self._trusted_until:
            if self._looking is None:
                self._looking = asyncio.create_task(self._look())
            # Who asked first may go away; the others still want to know.
            await asyncio.shield(self._looking)
        return self._missing

    async def _look(self) -> None:
        try:
            found = await asyncio.gather(*map(self._ask, self._probes))
            self._missing = {
                name: fault for name, fault in zip(self._probes, found, strict=True) if fault
            }
            self._trusted_until = self._monotonic() + TRUSTED_S
        finally:
            self._looking = None

    async def _ask(self, name: str) -> str:
        """What is wrong with one engine; empty if nothing is."""
        probe = self._running.get(name)
        if probe is None:
            probe = self._running[name] = asyncio.ensure_future(self._probes[name]())
        # A probe that hangs is not cancelled: what waits for a dead disk cannot be.
        await asyncio.wait([probe], timeout=self._deadline_s)
        if not probe.done():
            log.warning("engine_hangs engine=%s", name)
            return NO_ANSWER
        del self._running[name]
        if (error := probe.exception()) is not None:
            log.warning("engine_fails engine=%s reason=%r", name, error)
            return WRONG_ANSWER
        return ""
