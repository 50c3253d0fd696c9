"""Clients that write, read and delete, and know at the end what must be there.

1. A key has one writer, which does one thing at a time: what was acknowledged last is there.
2. What was not answered, or with 5xx, may have happened or not, now or later (a gateway that stood
   still goes on).  Its key is left alone from then on: either state may be found, no third.
3. Every content is unlike every other, so that a value tells which write it is.
4. Some writes owe a callback (the bucket's mode is ``outbox``): what is stored is told, under one id.
"""

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from owed import Receiver

from ossia.client.signing_client import Reply, SigningClient

SIZES: Final = (0, 700, 5_000, 40_000, 300_000)
"""Some in their row, some in the engine."""
KEYS_PER_WRITER: Final = 12
DIGEST_BYTES: Final = 32
ACKNOWLEDGED: Final = {200, 203, 204}
"""203: it is stored, and the callback is owed."""
TOLD_WITHIN_S: Final = 120
_PAUSE_S: Final = 0.2
_REST_S: Final = 0.05
"""Between two things that a writer does: one machine carries the whole cluster, and what is to be
seen are faults, not how it starves."""

State = str | None
"""The SHA-256 of a content; None: there is no object."""


def content_of(seed: str, size: int) -> bytes:
    block = hashlib.sha256(seed.encode()).digest()
    return (block * (size // DIGEST_BYTES + 1))[:size] + seed.encode()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Longest:
    """The longest time between two acknowledged writes, of whomever."""

    since: float = field(default_factory=time.monotonic)
    gap_s: float = 0.0
    count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def acknowledge(self) -> None:
        with self.lock:
            now = time.monotonic()
            self.gap_s = max(self.gap_s, now - self.since)
            self.since = now
            self.count += 1

    def begin(self) -> None:
        """Measure from here on."""
        with self.lock:
            self.since, self.gap_s, self.count = time.monotonic(), 0.0, 0


@dataclass
class Load:
    """Writers against one endpoint."""

    client: SigningClient
    bucket: str
    receiver: Receiver
    writers: int = 8
    known: dict[str, set[State]] = field(default_factory=dict)
    """What each key may hold."""
    owed: set[tuple[str, str]] = field(default_factory=set)
    """Key and MD5 of what is stored and must be told."""
    owed_if_stored: dict[tuple[str, State], str] = field(default_factory=dict)
    """The MD5 of such a write, of which nobody knows, by key and state."""
    wrong: list[str] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    longest: Longest = field(default_factory=Longest)
    _stopped: threading.Event = field(default_factory=threading.Event, repr=False)

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Load for as long as the context lasts; it has ended when this returns."""
        threads = [
            threading.Thread(target=self._write, args=(number,), name=f"writer-{number}")
            for number in range(self.writers)
        ]
        for each in threads:
            each.start()
        try:
            yield self
        finally:
            self._stopped.set()
            for each in threads:
                each.join()

    def begin_round(self) -> None:
        """Measure stalls and failures from here on."""
        self.longest.begin()
        self.slowest_s = 0.0
        self.failures = Counter()

    def _write(self, number: int) -> None:
        choose = random.Random(number)
        keys = [f"w{number}/{index}" for index in range(KEYS_PER_WRITER)]
        turn = 0
        while not self._stopped.is_set():
            turn += 1
            time.sleep(_REST_S)
            index = choose.randrange(len(keys))
            key = keys[index]
            if not self._once(key, f"{key}#{turn}", choose):
                keys[index] = f"w{number}/{index}-{turn}"
                time.sleep(_PAUSE_S)

    def _once(self, key: str, seed: str, choose: random.Random) -> bool:
        """One change and one look; whether its outcome is known."""
        before = self.known.setdefault(key, {None})
        if choose.random() < 0.2 and before != {None}:
            return self._settle(key, None, self._ask("DELETE", key)) and self._look(key)
        content = content_of(seed, choose.choice(SIZES))
        after, md5 = digest(content), hashlib.md5(content).hexdigest()
        is_owed = choose.random() < 0.3
        reply = self._ask("PUT", key, content, self.receiver.header if is_owed else None)
        if is_owed and reply is None:
            self.owed_if_stored[key, after] = md5
        if not self._settle(key, after, reply):
            return False
        if is_owed:
            self.owed.add((key, md5))
        return self._look(key)

    def _settle(self, key: str, after: State, reply: Reply | None) -> bool:
        """Keep what an answer to a change means; whether it was acknowledged."""
        if reply is None:
            self.known[key].add(after)
            return False
        if reply.status not in ACKNOWLEDGED:
            self.wrong.append(f"{key}: a change is refused: {reply.status} {reply.code}")
            return False
        self.longest.acknowledge()
        self.known[key] = {after}
        return True

    def _look(self, key: str) -> bool:
        """Whether there is an answer; if it is wrong, it is kept."""
        reply = self._ask("GET", key)
        if reply is not None and (fault := self._fault(key, reply)):
            self.wrong.append(fault)
        return reply is not None

    def _fault(self, key: str, reply: Reply) -> str:
        """What is wrong with what is found under *key*; empty if it may be there."""
        if reply.status not in {200, 404}:
            return f"{key}: {reply.status} {reply.code}"
        found = digest(reply.body) if reply.status == 200 else None
        if found in self.known[key]:
            return ""
        what = "nothing" if found is None else repr(reply.body[-40:])
        return f"{key}: found {what}, of {len(self.known[key])} states that there may be"

    def _ask(
        self, method: str, key: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Reply | None:
        """The answer; None where it is not known what happened."""
        begun = time.monotonic()
        try:
            reply = self.client.request(method, self.bucket, key, body=body, headers=headers)
        except OSError as error:
            self.failures[type(error).__name__] += 1
            return None
        finally:
            self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
        if reply.status >= 500:
            self.failures[f"{reply.status} {reply.code or 'of the balancer'}"] += 1
            return None
        return reply

    def verify(self) -> list[str]:
        """Everything that is wrong at the end, when everything works again."""
        wrong = list(self.wrong)
        for key in self.known:
            reply = self.client.request("GET", self.bucket, key)
            if fault := self._fault(key, reply):
                wrong.append(f"at the end, {fault}")
            elif reply.status == 200 and (
                md5 := self.owed_if_stored.get((key, digest(reply.body)))
            ):
                self.owed.add((key, md5))
        return wrong + self._untold()

    def _untold(self) -> list[str]:
        """Callbacks that did not arrive in time, or under more than one id."""
        until = time.monotonic() + TOLD_WITHIN_S
        while missing := [each for each in self.owed if not self.receiver.ids(self.bucket, *each)]:
            if time.monotonic() > until:
                return [f"{key}: the callback of {md5} is owed" for key, md5 in missing]
            time.sleep(_PAUSE_S)
        told = {each: self.receiver.ids(self.bucket, *each) for each in self.owed}
        return [
            f"{key}: told under {ids}"
            for (key, _), ids in told.items()
            if len(ids) > 1 or "" in ids
        ]
