"""What the reference model is compared with: a bucket of a real server, over one connection that is kept.

The server's clock is moved.  Each bucket begins at seven minutes past noon of a day of its own, and
the clock goes on by steps of forty minutes: so no limit of the rules, which are at full hours and at
midnight, is ever nearer than some minutes, and that the server is a little later than the model
makes no difference.
"""

import http.client
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reference_records import DAY, Told

from clock_file import set_clock
from ossia.client.signing_client import Reply, path_of
from running import Server, signer

STEP_S = 40 * 60
_BEGIN_S = (12 * 60 + 7) * 60

Pairs = Sequence[tuple[str, str]]


class ModelWorld:
    """One server; `fresh` begins with an empty bucket on another day."""

    def __init__(self, server: Server, clock: Path) -> None:
        self._client = signer(server)
        self._client.version = 1
        self._address = server.address
        self._clock = clock
        self._connection = http.client.HTTPConnection(self._address, timeout=60)
        self._offset_s = 0.0
        self.bucket = ""

    def close(self) -> None:
        self._connection.close()

    def now(self) -> float:
        """The time of the server's clock in seconds."""
        return time.time() + self._offset_s

    def fresh(self) -> None:
        """An empty bucket, a day later than everything before, at seven past noon."""
        day = int(self.now() // DAY) + 1
        self._move_to(day * DAY + _BEGIN_S)
        self.bucket = f"m-{uuid.uuid4().hex[:20]}"
        assert self.ask("PUT").status == 200

    def pass_time(self, steps: int) -> None:
        """Let so many times forty minutes go by."""
        self._offset_s += steps * STEP_S
        set_clock(self._clock, self._offset_s)

    def run_lifecycle(self) -> None:
        """Let the worker go through the bucket until there is nothing left for it to do."""
        counts: object = ["something"]
        while counts:
            self._admin("POST", "/run")
            while (found := self._admin("GET", ""))["stage"] != "done":
                time.sleep(0.002)
            counts = {name: n for name, n in found["counts"].items() if name != "kept"}

    def _admin(self, method: str, path: str) -> dict[str, Any]:
        bucket, self.bucket = self.bucket, "-"
        try:
            reply = self.ask(method, f"api/buckets/{bucket}/lifecycle{path}")
        finally:
            self.bucket = bucket
        assert reply.status == 200, reply
        found: dict[str, Any] = json.loads(reply.body)
        return found

    def _move_to(self, at: float) -> None:
        self._offset_s += at - self.now()
        set_clock(self._clock, self._offset_s)

    def ask(
        self,
        method: str,
        key: str = "",
        *,
        query: Pairs = (),
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Reply:
        """One signed request."""
        given = headers or {}
        now_ms = int(self.now() * 1000)
        signed = self._client._signature(method, self.bucket, key, query, given, now_ms)
        target = path_of(self.bucket, key, query)
        encoded = {name: value.encode() for name, value in {**given, **signed}.items()}
        try:
            self._connection.request(method, target, body or None, encoded)
            answer = self._connection.getresponse()
            received = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, received, answer.read())
        except BaseException:
            # What comes next must not read the rest of this answer.
            self._connection.close()
            raise


def check(reply: Reply, told: Told) -> None:
    """Fail unless *reply* says what the model does."""
    code = reply.code or reply.headers.get("x-oss-ec", "")
    assert reply.status == told.status, (reply, told)
    if told.code and reply.body:
        assert code == told.code, (reply, told)
    for name, value in told.headers.items():
        assert reply.headers.get(name) == value, (name, reply, told)
    if told.body is not None:
        assert reply.body == told.body, (reply, told)
