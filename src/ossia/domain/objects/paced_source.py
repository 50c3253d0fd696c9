"""An upload's bytes, taken no faster than they are allowed to come.

Nothing is asked of the connection meanwhile, so the client is held back by the network itself, and
waiting costs no memory.
"""

import asyncio
from collections.abc import Callable

from ossia.domain.objects.ingest import ByteSource
from ossia.errors import OssError
from ossia.protocol.pace import Pacing


class PacedSource:
    """*source*, not faster than *pace*.  It is a `ByteSource` itself."""

    def __init__(self, source: ByteSource, pace: Pacing) -> None:
        self._source = source
        self._now_s = asyncio.get_running_loop().time
        self._pace = pace
        self.length = source.length

    @property
    def delay_ms(self) -> int:
        """How long reading has waited."""
        return round(self._pace.waited_s * 1000)

    async def read_into(self, view: memoryview) -> int:
        """Fill *view*, in turns."""
        filled = 0
        while filled < len(view):
            wanted = min(self._pace.turn, len(view) - filled)
            count = await self._source.read_into(view[filled : filled + wanted])
            filled += count
            await self._wait(count)
            if count < wanted:
                break
        return filled

    async def read_all(self, limit: int, too_large: Callable[[], OssError]) -> bytes:
        """Everything, once it was due."""
        content = await self._source.read_all(limit, too_large)
        turn = self._pace.turn
        for start in range(0, len(content), turn):
            await self._wait(min(turn, len(content) - start))
        return content

    async def _wait(self, count: int) -> None:
        delay_s = self._pace.delay_s(count, self._now_s())
        if delay_s:
            await asyncio.sleep(delay_s)
