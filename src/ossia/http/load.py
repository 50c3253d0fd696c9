"""How much one worker has taken on, and when that is enough.

Rules:

1. Of requests whose bodies have come there are so many in work at a time.  More would wait for each
   other, and hold memory meanwhile.  While the event loop has no rest it is as many as cost it a
   fifth of a second.
2. Who gets his turn late has waited in the kernel, where nobody sees him.  So a turn of the event
   loop takes requests on for so long, and refuses those behind them: what is told in microseconds
   needs no room, and the next turn comes in time.
3. What waits for others than us is no queue: bodies that are still to come, applications that are
   called back (`domain.callbacks` bounds them), and what has been in work for long already, such as
   a copy of gigabytes.
4. Of connections there are as many as there are descriptors for, and some more that are answered
   and closed.

A refusal is 503 with ``Retry-After``, before anything is parsed or looked up.  Rules 1 and 2 are
for objects; what lies under ``/-/`` is answered always, so that whoever looks after the server can.
"""

import asyncio
import re
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from ossia.errors import OssError, ServiceUnavailable
from ossia.http.message import Request

IN_WORK: Final = 256
"""A worker does some thousands a second: the last of so many waits a tenth of a second."""
CONNECTIONS: Final = 32 * 1024
EXTRA: Final = 256
"""So many connections beyond the bound are answered before they are closed."""
EXTRA_OF_PEER: Final = 16
"""The same of one peer, beyond a bound of its own."""
EXTRA_PATIENCE_S: Final = 2.0
_RETRY_AFTER_S: Final = 1
_TURN_S: Final = 0.1
_MARK_S: Final = _TURN_S / 8
_LONG_TURN_S: Final = _TURN_S / 2
_FEW: Final = 64
"""So many requests in a turn are no crowd: what made them late was something else."""
_BUSY_S: Final = 0.01
"""Turns that are longer, on an average, leave the loop no rest."""
_SHARE: Final = 0.3
"""What one turn counts in the average."""
_WAIT_S: Final = 0.2
_LEAST: Final = 32
"""So many may be in work whatever they cost."""
_WORST: Final = 4
_REFUSAL_S: Final = 0.00008
_MEASURED: Final = 10
_MEASURE_S: Final = 0.02
_LONG_S: Final = 5.0
_BESIDE: Final = b"/-/"
_FORM: Final = b"multipart/form-data"
_BEGIN: Final = re.compile(rb"(?:GET|PUT|POST|DELETE) /(?!-/)[!-~]* HTTP/1\.1\r\n")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *([0-9]{1,5})\r\n")
_PARTICULAR: Final = re.compile(
    rb"transfer-encoding|expect|upgrade|\r\norigin:|\r\nconnection:(?! *keep-alive\r\n)"
)
"""What makes a request one that a parser has to look at."""


class Reason(StrEnum):
    """Why a request is refused."""

    IN_WORK = "in_work"
    TURN = "turn"
    CONNECTIONS = "connections"


class Load:
    """What one worker has taken on; *note* hears of every refusal."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        in_work: int = IN_WORK,
        connections: int = CONNECTIONS,
        note: Callable[[str], object] = str,
        monotonic: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.thread_time,
    ) -> None:
        self.connections = connections
        self._loop = loop
        self._most = in_work
        self._room = float(in_work)
        self._turn_s = self._turn_cpu_s = self._turn_used_s = 0.0
        self._cost_s = 0.0
        self._done = 0
        self._note = note
        self._now_s = monotonic
        self._in_work: dict[Request, float] = {}
        self._counted: dict[Request, float] = {}
        """Those of them that wait for nobody else, as far as that was looked at."""
        self._began_s = self._last_s = monotonic()
        self._used_s = used
        # What came before requests is none of theirs.
        self._measured_s = 0.0
        self._refusals = 0
        self._taken = 0
        self._is_marked = False
        self.is_tight = False
        """Whether the last one that came was refused."""

    @property
    def in_work(self) -> int:
        """How many requests are in work."""
        return len(self._in_work) + len(self._counted)

    def has_room(self) -> bool:
        """Whether one more may be taken on; it is refused where not."""
        now_s = self._now_s()
        if not self._is_marked:
            if now_s - self._began_s > _MARK_S:
                # What is called soon is called behind all that was ready: in the next turn.
                self._is_marked, self._began_s, self._taken = True, now_s, 0
                self._loop.call_soon(self._next_turn)
        elif self._taken < _FEW:
            self._taken += 1
        # One turn that is long has been held up by something else: a disk, another program.
        elif now_s - self._began_s > _TURN_S and self._turn_s > _LONG_TURN_S:
            return self._refuse(Reason.TURN)
        if len(self._in_work) + len(self._counted) >= self._room and self._is_full(now_s):
            return self._refuse(Reason.IN_WORK)
        self._last_s = now_s
        self.is_tight = False
        return True

    def takes(self, request: Request) -> bool:
        """Take *request* on, until it leaves; False if that would be too much."""
        if is_beside(request):
            return True
        if not self.has_room():
            return False
        if request.body.complete:
            self._in_work[request] = self._last_s
        return True

    def leave(self, request: Request) -> None:
        """Be done with *request*, whether it was taken on or is answered always."""
        self._done += 1
        self.set_aside(request)

    def set_aside(self, request: Request) -> None:
        """Count *request* no more: it waits for its own turn, and for nobody's work."""
        if self._in_work.pop(request, None) is None:
            self._counted.pop(request, None)

    def refuse_connection(self) -> OssError:
        """Note that there is no room for a connection, and say so."""
        self._note(Reason.CONNECTIONS)
        return busy()

    def _refuse(self, reason: Reason) -> bool:
        self.is_tight = True
        self._refusals += 1
        self._note(reason)
        return False

    def _next_turn(self) -> None:
        self._began_s, self._taken = self._now_s(), 0
        self._turn_used_s = self._used_s()
        # While somebody waits to be called the loop does not sleep: that turn is all work.
        self._loop.call_soon(self._turn_ended)

    def _turn_ended(self) -> None:
        now_s = self._now_s()
        lasted_s, self._began_s = now_s - self._began_s, now_s
        self._is_marked, self._taken = False, 0
        self._turn_s += _SHARE * (lasted_s - self._turn_s)
        self._turn_cpu_s += _SHARE * (self._used_s() - self._turn_used_s - self._turn_cpu_s)
        self._measure()
        is_busy = self._turn_s > _BUSY_S and self._cost_s > 0
        # Others want the processor, and threads of this process the interpreter.
        shared = min(_WORST, max(1, self._turn_s / max(self._turn_cpu_s, 1e-6)))
        room = max(_LEAST, _WAIT_S / (self._cost_s * shared)) if is_busy else self._most
        self._room = min(self._most, room)

    def _measure(self) -> None:
        """What a request costs the event loop; what refusals cost is known."""
        now_s = self._used_s()
        used_s = now_s - self._measured_s - self._refusals * _REFUSAL_S
        if self._measured_s and (used_s < _MEASURE_S or self._done < _MEASURED):
            return
        if self._measured_s:
            share = _SHARE if self._cost_s else 1
            self._cost_s += share * (used_s / self._done - self._cost_s)
        self._measured_s, self._done, self._refusals = now_s, 0, 0

    def _is_full(self, now_s: float) -> bool:
        """Whether there are too many, those left out that wait for others or are there for long."""
        fresh, counted = self._in_work, self._counted
        for request, since_s in fresh.items():
            # Looked at when it matters, and once.
            if not _waits_for_others(request):
                counted[request] = since_s
        fresh.clear()
        while counted:
            oldest = next(iter(counted))
            if now_s - counted[oldest] < _LONG_S:
                break
            del counted[oldest]
        return len(counted) >= self._room


def busy() -> ServiceUnavailable:
    """The refusal."""
    return ServiceUnavailable(headers={"Retry-After": str(_RETRY_AFTER_S)})


def is_beside(request: Request) -> bool:
    """Whether something is asked for that no bucket can be called."""
    return request.target.startswith(_BESIDE)


def is_whole(data: bytes) -> bool:
    """Whether *data* is certainly one whole request for an object or bucket, and nothing else.

    Whatever is unusual about it is left to the parser: what is taken for the end of a request and
    is not would have its rest taken for another one.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0 or _BEGIN.match(data) is None:
        return False
    head = data[: end + 2].lower()
    lines = head.count(b"\r\n")
    if not lines == head.count(b"\r") == head.count(b"\n") or _PARTICULAR.search(head):
        return False
    lengths = _LENGTH.findall(head)
    if len(lengths) != head.count(b"content-length") or len(lengths) > 1:
        return False
    return len(data) == end + 4 + (int(lengths[0]) if lengths else 0)


def _waits_for_others(request: Request) -> bool:
    """Whether an application may be called back; a form says so in its fields."""
    headers = request.headers
    return (
        b"x-oss-callback" in headers
        or b"callback=" in request.target
        or (headers.get(b"content-type", b"").startswith(_FORM))
    )
