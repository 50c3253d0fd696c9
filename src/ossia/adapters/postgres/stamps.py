"""The stamps of what gateways keep in memory, one for each topic.

A gateway believes the stamps it has read for a quarter of a second, counted from before it asked;
whoever renews one answers no earlier than that after his COMMIT.  So once a change of a key, policy
or bucket is acknowledged, it holds at every gateway, and no request has to ask: no message must
arrive for that, and no two clocks agree.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from ossia.adapters.unasked import forget_failure
from ossia.ports import Unavailable

TRUSTED_S: Final = 0.25
_REFRESHED: Final = 0.5
"""After this part of it somebody asks anew while the stamps are used, so that nobody waits."""
_WAIT: Final = 1.1
"""Clocks that run at different speeds differ by far less."""


class Stamps:
    """The stamps as *ask* tells them."""

    def __init__(
        self, ask: Callable[[], Awaitable[dict[str, bytes]]], trusted_s: float = TRUSTED_S
    ) -> None:
        self._ask = ask
        self._trusted_s = trusted_s
        self.wait_s = trusted_s * _WAIT
        """How long whoever has renewed one waits before he says so."""
        self._stamps: dict[str, bytes] = {}
        self._read_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def get(self, topic: str) -> bytes:
        """The stamp of *topic*.  Raises `Unavailable`."""
        age = time.monotonic() - self._read_at
        if age >= self._trusted_s * _REFRESHED:
            asking = self._begin()
            while time.monotonic() - self._read_at >= self._trusted_s:
                await asyncio.shield(asking)
                asking = self._begin()
        return self._stamps[topic]

    def forget(self) -> None:
        """Believe nothing that was read so far."""
        self._read_at = float("-inf")

    def _begin(self) -> "asyncio.Task[None]":
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._read())
            self._asking.add_done_callback(forget_failure)
        return self._asking

    async def _read(self) -> None:
        asked_at = time.monotonic()
        self._stamps = await self._ask()
        self._read_at = asked_at

    async def close(self) -> None:
        """Wait for who is asking."""
        if self._asking is not None:
            with suppress(Unavailable):
                await self._asking
