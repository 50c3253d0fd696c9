"""A way to a server on which connections break just when it hurts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum


class Cut(Enum):
    """What becomes of the next statement that is watched for."""

    NEVER = "it passes"
    BEFORE = "it never arrives"
    ANSWER = "it arrives, and its answer does not"
    LATE = "the client is cut off, and it arrives a moment later"


class CuttingProxy:
    """Passes bytes on to *target*; ``cut`` happens once, at the next *word* of a client."""

    def __init__(self, target: tuple[str, int], word: bytes) -> None:
        self._target = target
        self._word = word
        self.cut = Cut.NEVER
        self.cuts = 0
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on ``port``."""
        self._server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut off whoever is there, and listen no more."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client."""
        task = asyncio.create_task(self._handle(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(*self._target)
        back = asyncio.create_task(_pass(to_reader, writer))
        self._tasks.add(back)
        back.add_done_callback(self._tasks.discard)
        try:
            while data := await reader.read(65_536):
                if self._word in data and self.cut is not Cut.NEVER:
                    cut, self.cut = self.cut, Cut.NEVER
                    self.cuts += 1
                    back.cancel()
                    if cut is Cut.LATE:
                        writer.close()
                        await asyncio.sleep(0.3)
                    if cut is not Cut.BEFORE:
                        to_writer.write(data)
                        await to_writer.drain()
                        await asyncio.sleep(0.1)
                    return
                to_writer.write(data)
        except OSError:
            pass
        finally:
            for each in (writer, to_writer):
                with suppress(OSError):
                    each.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, RuntimeError):
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()


@asynccontextmanager
async def cutting_proxy(target: tuple[str, int], word: bytes) -> AsyncIterator[CuttingProxy]:
    proxy = CuttingProxy(target, word)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
