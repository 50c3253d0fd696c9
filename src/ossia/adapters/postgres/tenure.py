"""For how long a server is known to be the primary.

A primary that has lost its place, while its Patroni hangs or is cut off, does not know it: it goes
on to answer questions, from the past.  (It makes no changes: they wait for a copy that has left.)

1. A Patroni keeps the place by a key that runs out ``ttl`` after it was renewed, and says that it
   is the primary only while it holds the key, which it renews every ``loop_wait``.  So what it has
   said holds for ``ttl - loop_wait`` at least: 20 s as Patroni comes.  `VALID_S` is less.
2. It counts from the moment when the question was asked, not from the answer.
3. Before an answer of the server is passed on, the time is looked at again: what took longer, or
   was frozen in between, counts only if the server is the primary still.
"""

import asyncio
from typing import Final

VALID_S: Final = 10.0
_ASK_EVERY_S: Final = 1.0
_PATRONI_S: Final = 1.0
_OK: Final = 200


class Tenure:
    """What the Patronis of the servers have said, and when.  Without any, all is believed."""

    def __init__(self, patroni: tuple[str, ...], valid_s: float = VALID_S) -> None:
        self._patroni = patroni
        self._valid_s = valid_s
        self._asked_at = [float("-inf")] * len(patroni)
        """Of each server, the question that was last answered with yes."""
        self._asking: dict[int, asyncio.Task[bool]] = {}

    def holds(self, server: int) -> bool:
        """Whether a server is the primary for sure.  Asks in time, and waits for nobody."""
        if not self._patroni:
            return True
        age_s = asyncio.get_running_loop().time() - self._asked_at[server]
        if age_s > min(_ASK_EVERY_S, self._valid_s / 2):
            self._ask(server)
        return age_s < self._valid_s

    async def confirm(self, server: int) -> bool:
        """Whether a server is the primary, asking if it is not known."""
        if self.holds(server):
            return True
        # Whoever waits for the same may leave; the others still want to know.
        return await asyncio.shield(self._ask(server))

    async def leader(self) -> int | None:
        """The server whose Patroni says that it is the primary; None if none does."""
        waiting = {self._ask(each): each for each in range(len(self._patroni))}
        while waiting:
            answered, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for each in answered:
                server = waiting.pop(each)
                if each.result():
                    return server
        return None

    def _ask(self, server: int) -> "asyncio.Task[bool]":
        if server not in self._asking:
            task = asyncio.get_running_loop().create_task(self._listen(server))
            self._asking[server] = task
            task.add_done_callback(lambda _: self._asking.pop(server, None))
        return self._asking[server]

    async def _listen(self, server: int) -> bool:
        # It takes long to load, and only who has a Patroni asks anybody.
        import aiohttp  # noqa: PLC0415 - see above

        asked_at = asyncio.get_running_loop().time()
        timeout = aiohttp.ClientTimeout(total=_PATRONI_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"{self._patroni[server]}/primary", allow_redirects=False) as answer,
            ):
                is_primary = answer.status == _OK
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
        self._asked_at[server] = asked_at if is_primary else float("-inf")
        return is_primary

    async def close(self) -> None:
        """Ask nobody any more."""
        asking = list(self._asking.values())
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
