"""Clients that do what they like to the same few objects through different gateways, and note it.

1. A team works on one object at a time, all its clients at once; then it takes the next.  What was
   done with one object is a `History`.
2. Each operation goes to another endpoint: a gateway itself, or the balancer.  Who fails is asked
   less for a while.
3. What was not answered, or with 5xx, may have happened or not, now or later.  A client that does
   not know asks before it changes anything again; and an object of which too much is unknown is
   left, because checking takes twice as long for each.  An endpoint that refuses to be connected to
   has done nothing.
4. At the end, when everything works again, each object is looked at once more.
"""

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from history import NOBODY_KNOWS, OK, Asked, History, Operation, Told
from ossia.client.signing_client import Reply, SigningClient
from pieces import LEAST, names_in, piece

CLIENTS: Final = (4, 6)
OPERATIONS: Final = (30, 80)
MOST_UNKNOWN: Final = 8
SIZES: Final = (LEAST, 700, 5_000, 20_000, 60_000)
"""Some in their row, some in the engine."""
ANSWERS_S: Final = 15.0
"""Longer than a gateway waits for its engines before it says that they do not answer."""
_PAUSE_S: Final = 0.04
_AVOIDED_S: Final = 5.0

REFUSALS: Final = {
    304: {"NotModified"},
    404: {"NoSuchKey"},
    409: {"FileAlreadyExists", "ObjectNotAppendable", "PositionNotEqualToLength"},
}
"""Outcomes that an object may have; any other is a fault."""

_SAY_NOTHING_OF_LENGTH: Final = {"NotModified", "FileAlreadyExists", "ObjectNotAppendable"}

Act = Callable[["Worked", random.Random], tuple[Asked, bytes]]


@dataclass
class Endpoint:
    """Somewhere to send requests to."""

    client: SigningClient
    avoided_until: float = 0.0

    def avoid(self) -> None:
        self.avoided_until = time.monotonic() + _AVOIDED_S


@dataclass
class Worked:
    """One object while a team works on it, and what its clients have heard of it."""

    history: History
    left: int
    unknown: int = 0
    number: int = 0
    size: int = 0
    etag: str = ""
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def take(self) -> bool:
        """Whether there is another operation to do."""
        with self.lock:
            self.left -= 1
            return self.left >= 0 and self.unknown < MOST_UNKNOWN

    def new_name(self) -> str:
        """Of a piece or a mark."""
        with self.lock:
            self.number += 1
            return f"p{self.number}"

    def keep(self, operation: Operation) -> None:
        with self.lock:
            self.history.operations.append(operation)
            if operation.answered is None:
                self.unknown += 1
            else:
                self._hear(operation.asked, operation.told)

    def _hear(self, asked: Asked, told: Told) -> None:
        self.etag = told.etag or self.etag
        if asked.kind != "mark" and told.outcome not in _SAY_NOTHING_OF_LENGTH:
            self.size = told.size or (asked.size if told.outcome == OK else 0)


# --- what may be asked


def _put(of: Worked, choose: random.Random, *, exclusive: bool = False) -> tuple[Asked, bytes]:
    name, size = of.new_name(), choose.choice((0, *SIZES))
    content = piece(name, size) if size else b""
    etag = hashlib.md5(content).hexdigest().upper()
    asked = Asked(kind="put", content=names_in(content), size=size, etag=etag, exclusive=exclusive)
    return asked, content


def _put_exclusively(of: Worked, choose: random.Random) -> tuple[Asked, bytes]:
    return _put(of, choose, exclusive=True)


def _append(of: Worked, choose: random.Random) -> tuple[Asked, bytes]:
    name, size = of.new_name(), choose.choice(SIZES)
    position = of.size if choose.random() < 0.9 else 0
    asked = Asked(kind="append", content=f"{name},", size=size, position=position)
    return asked, piece(name, size)


def _copy(of: Worked, choose: random.Random) -> tuple[Asked, bytes]:
    """Onto the object, of one that never changes."""
    size = choose.choice(SIZES)
    content = piece(source_name(size), size)
    asked = Asked(
        kind="copy",
        content=names_in(content),
        size=size,
        etag=hashlib.md5(content).hexdigest().upper(),
        exclusive=choose.random() < 0.3,
    )
    return asked, b""


def _mark(of: Worked, choose: random.Random) -> tuple[Asked, bytes]:
    return Asked(kind="mark", mark=of.new_name()), b""


def _look(of: Worked, choose: random.Random) -> tuple[Asked, bytes]:
    return Asked(kind="get"), b""


def _head(of: Worked, choose: random.Random) -> tuple[Asked, bytes]:
    return Asked(kind="head"), b""


def _delete(of: Worked, choose: random.Random) -> tuple[Asked, bytes]:
    return Asked(kind="delete"), b""


def _revalidate(of: Worked, choose: random.Random) -> tuple[Asked, bytes]:
    return Asked(kind="get", etag=of.etag), b""


TASTES: Final[Sequence[dict[Act, int]]] = (
    {
        _put: 22,
        _put_exclusively: 14,
        _append: 4,
        _copy: 6,
        _mark: 4,
        _delete: 12,
        _look: 24,
        _head: 8,
        _revalidate: 6,
    },
    {
        _put_exclusively: 2,
        _append: 40,
        _mark: 6,
        _delete: 8,
        _look: 22,
        _head: 8,
        _revalidate: 8,
    },
)
"""How often each is done to an object that is overwritten, and to one that grows."""


def source_name(size: int) -> str:
    """Of the object of that size, and of its piece, which are only copied."""
    return f"source-{size}"


# --- how it is sent, and what the answer says


def send(client: SigningClient, bucket: str, key: str, asked: Asked, body: bytes) -> Reply:
    """Raises `OSError`."""
    headers: dict[str, str] = {}
    if asked.exclusive:
        headers["x-oss-forbid-overwrite"] = "true"
    if asked.kind == "append":
        query = [("append", ""), ("position", str(asked.position))]
        return client.request("POST", bucket, key, query=query, body=body)
    if asked.kind == "copy":
        headers["x-oss-copy-source"] = f"/{bucket}/{source_name(asked.size)}"
    if asked.kind == "mark":
        headers["x-oss-copy-source"] = f"/{bucket}/{key}"
        headers["x-oss-metadata-directive"] = "REPLACE"
        headers["x-oss-meta-mark"] = asked.mark
    if asked.kind == "get" and asked.etag:
        headers["If-None-Match"] = f'"{asked.etag}"'
    method = "PUT" if asked.kind in {"put", "copy", "mark"} else asked.kind.upper()
    return client.request(method, bucket, key, headers=headers, body=body)


def told_by(reply: Reply, asked: Asked) -> Told:
    """What an answer says.  Raises `ValueError` if it is none that an object can give."""
    said = reply.headers
    next_position = int(said.get("x-oss-next-append-position", 0))
    if reply.status in REFUSALS:
        alike = REFUSALS[reply.status]
        # HEAD and 304 have no document that names it.
        outcome = reply.code or (next(iter(alike)) if len(alike) == 1 else "")
        if outcome not in alike:
            raise ValueError(f"{asked.kind}: {reply.status} {reply.code}")
        return Told(outcome=outcome, size=next_position, etag=_etag(said))
    if reply.status not in {200, 204}:
        raise ValueError(f"{asked.kind}: {reply.status} {reply.code}")
    if asked.kind == "delete":
        return Told(outcome=OK)
    if asked.kind not in {"get", "head"}:
        return Told(outcome=OK, size=next_position, etag=_etag(said) or "none")
    return Told(
        outcome=OK,
        content=names_in(reply.body),
        size=int(said["content-length"]),
        etag=_etag(said) or "none",
        mark=said.get("x-oss-meta-mark", ""),
        appendable=said["x-oss-object-type"] == "Appendable",
    )


def _etag(headers: dict[str, str]) -> str:
    return headers.get("etag", "").strip('"')


# --- who does it


@dataclass
class Teams:
    """All teams.  What they have done is in ``done``, what no object may answer in ``wrong``."""

    endpoints: Sequence[Endpoint]
    bucket: str
    count: int = 8
    done: list[Worked] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _stopped: threading.Event = field(default_factory=threading.Event, repr=False)

    def prepare(self) -> None:
        """Store what is copied."""
        client = self.endpoints[0].client
        for size in SIZES:
            name = source_name(size)
            assert client.request("PUT", self.bucket, name, body=piece(name, size)).status == 200

    @contextmanager
    def running(self) -> Iterator["Teams"]:
        """At work for as long as the context lasts; what was begun is finished."""
        teams = [threading.Thread(target=self._work) for _ in range(self.count)]
        for each in teams:
            each.start()
        try:
            yield self
        finally:
            self._stopped.set()
            for each in teams:
                each.join()

    def _work(self) -> None:
        while not self._stopped.is_set():
            with self._lock:
                self._number += 1
                number = self._number
            self._work_on_one(f"{self.bucket}-{number:05}", random.Random(number))

    def _work_on_one(self, key: str, choose: random.Random) -> None:
        worked = Worked(History(name=key), left=choose.randint(*OPERATIONS))
        taste = choose.choice(TASTES)
        clients = [
            Client(number, self, worked, taste, random.Random(choose.random()))
            for number in range(choose.randint(*CLIENTS))
        ]
        threads = [threading.Thread(target=each.work) for each in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        worked.ended = time.monotonic()
        with self._lock:
            self.done.append(worked)

    def choose_endpoint(self, choose: random.Random) -> Endpoint:
        """Any one; mostly one that has not failed lately."""
        now = time.monotonic()
        good = [each for each in self.endpoints if each.avoided_until < now]
        return choose.choice(good if good and choose.random() < 0.95 else self.endpoints)

    def fail(self, name: str) -> None:
        """Count what nobody knows."""
        with self._lock:
            self.failures[name] += 1

    def look_again(self) -> None:
        """At every object, through any gateway."""
        choose = random.Random(0)
        for each in self.done:
            Client(0, self, each, {_look: 1}, choose).once()


class Client:
    """Does one thing at a time to the object of its team."""

    def __init__(
        self,
        number: int,
        teams: Teams,
        worked: Worked,
        taste: dict[Act, int],
        choose: random.Random,
    ) -> None:
        self._number = number
        self._teams = teams
        self._worked = worked
        self._taste = taste
        self._choose = choose
        self._must_look = False

    def work(self) -> None:
        """Until the team has done enough."""
        while self._worked.take():
            self.once()
            time.sleep(self._choose.uniform(0, 2 * _PAUSE_S))

    def once(self) -> None:
        """One operation, and what came of it."""
        acts, weights = list(self._taste), list(self._taste.values())
        act = _look if self._must_look else self._choose.choices(acts, weights)[0]
        asked, body = act(self._worked, self._choose)
        endpoint = self._teams.choose_endpoint(self._choose)
        called = time.monotonic_ns()
        reply = self._ask(endpoint, asked, body)
        answered = time.monotonic_ns()
        if isinstance(reply, Reply):
            self._must_look = False
            self._keep(called, answered, asked, reply)
            return
        endpoint.avoid()
        self._teams.fail(reply)
        self._must_look = True
        if asked.kind not in {"get", "head"} and reply != ConnectionRefusedError.__name__:
            self._note(called, None, asked, NOBODY_KNOWS)
            # That one is under way for ever; who goes on is somebody else.
            self._number += 100

    def _ask(self, endpoint: Endpoint, asked: Asked, body: bytes) -> Reply | str:
        """The answer, or why there is none."""
        key = self._worked.history.name
        try:
            reply = send(endpoint.client, self._teams.bucket, key, asked, body)
        except OSError as error:
            return type(error).__name__
        return reply if reply.status < 500 else f"{reply.status} {reply.code or 'of the balancer'}"

    def _keep(self, called: int, answered: int, asked: Asked, reply: Reply) -> None:
        try:
            self._note(called, answered, asked, told_by(reply, asked))
        except (ValueError, KeyError) as error:
            self._teams.wrong.append(f"{self._worked.history.name}: {error!r}")

    def _note(self, called: int, answered: int | None, asked: Asked, told: Told) -> None:
        self._worked.keep(
            Operation(client=self._number, called=called, answered=answered, asked=asked, told=told)
        )
