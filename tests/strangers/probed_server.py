"""A worker as `ossia.node.supervisor` runs it, which also tells what strangers have cost it.

``GET /-/probe`` answers the resident memory, the loop's processor time, and the longest stretch of
it between two beats of the heart; ``/-/probe?reset`` begins anew.  Stretches are measured in processor
time of the loop's thread: what else runs on the machine does not count.
"""

import asyncio
import json
import socket
import sys
import time
from pathlib import Path

import uvloop

from ossia.http.message import Request, Response
from ossia.node.bootstrap import Node
from ossia.node.keys import load_keys
from ossia.node.memory_watch import resident_bytes, spare_the_collector, watch_memory
from ossia.settings import load

BEAT_S = 0.002


class Heart:
    """Beats all the time, and notes how long it could not."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.longest_s = 0.0
        self._last = self._begun = time.thread_time()

    def beat(self) -> None:
        now = time.thread_time()
        self.longest_s = max(self.longest_s, now - self._last)
        self._last = now
        asyncio.get_running_loop().call_later(BEAT_S, self.beat)

    async def answer(self, request: Request, path: bytes, query: object) -> Response | None:
        if path != b"/-/probe":
            return None
        if query:
            self.reset()
        found = {
            "resident": resident_bytes(),
            "spent_s": time.thread_time() - self._begun,
            "longest_s": self.longest_s,
        }
        return Response(200, [("Content-Type", "application/json")], json.dumps(found).encode())


async def main(folder: Path, key_id: str, secret: str) -> None:
    given = {"root_access_key_id": key_id, "root_access_key_secret": secret}
    settings = load({"data": folder, "listen": "127.0.0.1:0", "workers": 1, **given}, {})
    node = Node(settings, load_keys(settings, folder), folder)
    heart = Heart()
    node.gateway._sides = (heart.answer, *node.gateway._sides)
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    listening.setblocking(False)  # noqa: FBT003 - the name of the call says it
    spare_the_collector()
    await node.server.listen(listening)
    watching = asyncio.get_running_loop().create_task(watch_memory())
    heart.beat()
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
    await watching


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), *sys.argv[2:]))
