"""Looks up host names in threads, since the system's resolver waits.

Strangers choose the names.  One whose name server is slow waits for itself:

1. Of one bucket at most `_OF_ONE` look-ups are under way, until their threads are back: those
   whose callback has given up still hold one.  The others wait within their own time limit.
2. Requests of one bucket for one name share a look-up.  Nothing is remembered after it.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

_THREADS: Final = 64
_OF_ONE: Final = 4

LookUp = Callable[[str], list[str]]
"""Gives the addresses of a host name, however long it takes.  Raises `OSError`."""


def ask_system(host: str) -> list[str]:
    """IPv4 only (callback.md, section 2: hosts with only IPv6 are not supported)."""
    found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Resolvers:
    """Threads that wait for name servers."""

    def __init__(self, look_up: LookUp = ask_system) -> None:
        self._look_up = look_up
        self._threads: ThreadPoolExecutor | None = None
        self._is_closed = False
        self._turns: dict[str, _Turns] = {}
        self._under_way: dict[tuple[str, str], asyncio.Future[list[str]]] = {}

    def close(self) -> None:
        """Begin nothing any more, and wait for nothing."""
        self._is_closed = True
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def addresses(self, host: str, bucket: str) -> list[str]:
        """Where *host* is, for a callback of *bucket*.  Raises `OSError`."""
        found = self._under_way.get((bucket, host)) or await self._in_turn(host, bucket)
        return await asyncio.shield(found)

    async def _in_turn(self, host: str, bucket: str) -> asyncio.Future[list[str]]:
        turns = self._turns.setdefault(bucket, _Turns())
        turns.users += 1
        try:
            await turns.free.acquire()
        except asyncio.CancelledError:
            self._leave(bucket, turns)
            raise
        found = self._under_way.get((bucket, host))
        if found is not None or self._is_closed:
            self._give_back(bucket, turns)
            if found is None:
                raise OSError("the client is closed")
            return found
        return self._begin(host, bucket, turns)

    def _begin(self, host: str, bucket: str, turns: "_Turns") -> asyncio.Future[list[str]]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolve")
        loop = asyncio.get_running_loop()
        found = loop.run_in_executor(self._threads, self._look_up, host)
        self._under_way[bucket, host] = found

        def end(done: asyncio.Future[list[str]]) -> None:
            del self._under_way[bucket, host]
            self._give_back(bucket, turns)
            if not done.cancelled():
                done.exception()  # Seen, even if nobody waits any more.

        found.add_done_callback(end)
        return found

    def _give_back(self, bucket: str, turns: "_Turns") -> None:
        turns.free.release()
        self._leave(bucket, turns)

    def _leave(self, bucket: str, turns: "_Turns") -> None:
        turns.users -= 1
        if not turns.users:
            del self._turns[bucket]


class _Turns:
    """What one bucket may still begin, and how many hold or wait for that."""

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(_OF_ONE)
        self.users = 0
