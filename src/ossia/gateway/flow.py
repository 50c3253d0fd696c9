"""How fast the bytes of objects may pass: the limits of peers, keys and buckets, by bytes.

1. What comes and goes of all requests of a name, at all workers, is reserved piece by piece in
   memory that they share (`sketch`).  Pieces are small, so that many at a time share alike.
2. A piece of an upload is read, and waits until it is due.  A piece of a download is reserved, and
   sent when it is due; the first one is reserved with the answer.
3. Who would wait for long before his first byte is refused before his body is read: what waits
   holds a connection.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ossia.errors import OssError
from ossia.gateway.sketch import Rates
from ossia.http.message import Response
from ossia.protocol.limit_terms import Speed
from ossia.protocol.pace import Pacing, slowest

PATIENCE_S: Final = 10.0
_TURNS_PER_SECOND: Final = 50
_LEAST_TURN: Final = 4 * 1024
_MOST_TURN: Final = 1024 * 1024


@dataclass(slots=True, eq=False)
class Way:
    """Bytes one way, of all peers, of all keys or of all buckets; at a rate of 0 none may pass.

    ``turn`` is how many are reserved at once.
    """

    whose: str
    speed: Speed
    used: Rates
    refusal: type[OssError]
    note: Callable[[str], object]
    turn: int = field(init=False)

    def __post_init__(self) -> None:
        self.turn = min(_MOST_TURN, max(_LEAST_TURN, self.speed.rate // _TURNS_PER_SECOND))

    def admit(self, name: str, now_s: float) -> None:
        """Raise the refusal if too much of *name* is to come before anything else of it."""
        if not self.speed.rate:
            self.note(self.whose)
            raise self.refusal(Limit=self.whose)
        backlog_s = self.used.backlog_s(name, self.speed.rate, self.speed.burst, now_s)
        if backlog_s > PATIENCE_S:
            self.note(self.whose)
            wait_s = math.ceil(backlog_s - PATIENCE_S)
            raise self.refusal(headers={"Retry-After": str(wait_s)}, Limit=self.whose)

    def reserve_s(self, name: str, count: int, now_s: float) -> float:
        """How long until *count* more bytes of *name* are due; they are counted."""
        return self.used.reserve_s(name, self.speed.rate, self.speed.burst, count, now_s)


Share = tuple[Way, str]
"""A limit, and the name in it that bytes count for."""


class Coming:
    """The pace of an upload; *waits* hears that it has to wait."""

    __slots__ = ("_share", "_waits", "turn", "waited_s")

    def __init__(self, share: Share, waits: Callable[[], object]) -> None:
        self._share = share
        self._waits = waits
        self.turn = share[0].turn
        self.waited_s = 0.0

    def delay_s(self, count: int, now_s: float) -> float:
        """How long to wait after *count* bytes have come at *now_s*."""
        way, name = self._share
        delay_s = way.reserve_s(name, count, now_s)
        if delay_s:
            self._waits()
        self.waited_s += delay_s
        return delay_s


class Going:
    """The pace of a download that has begun: see `begin`."""

    __slots__ = ("_due_s", "_left", "_share", "turn", "waited_s")

    def __init__(self, share: Share, left: int, due_s: float) -> None:
        self._share = share
        self._left = left
        self._due_s = due_s
        self.turn = share[0].turn
        self.waited_s = 0.0

    def delay_s(self, count: int, now_s: float) -> float:
        """How long to wait after *count* bytes have gone at *now_s*, before as many others go."""
        count = min(count, self._left)
        if count:
            way, name = self._share
            self._left -= count
            self._due_s = now_s + way.reserve_s(name, count, now_s)
        delay_s = max(0.0, self._due_s - now_s)
        self.waited_s += delay_s
        return delay_s


def begin(share: Share, length: int, now_s: float) -> tuple[int, float]:
    """Reserve the first piece of a download: how many bytes are left, and when it is due."""
    way, name = share
    count = min(length, way.turn)
    return length - count, now_s + way.reserve_s(name, count, now_s)


class Flow:
    """What the object bytes of one request count against."""

    __slots__ = ("_downloads", "_is_download", "_uploads", "_waits")

    def __init__(
        self, uploads: list[Share], downloads: list[Share], waits: Callable[[], object]
    ) -> None:
        self._uploads = uploads
        self._downloads = downloads
        self._waits = waits
        self._is_download = False

    def upload(self) -> list[Pacing]:
        """What those that come count against.  Raises `UploadTrafficRateLimitExceeded`."""
        _admit(self._uploads)
        return [Coming(share, self._waits) for share in self._uploads]

    def download(self) -> None:
        """Note that the body of the answer counts.  Raises `DownloadTrafficRateLimitExceeded`."""
        _admit(self._downloads)
        self._is_download = True

    def slow(self, response: Response) -> None:
        """Send *response* no faster than what it counts against lets it, if its body counts."""
        length = response.sends()
        if not (self._is_download and length):
            return
        now_s = time.monotonic()
        first = [begin(share, length, now_s) for share in self._downloads]
        # What is small and due at once goes the way that all of that kind go.
        if any(left or due_s > now_s for left, due_s in first):
            pairs = zip(self._downloads, first, strict=True)
            response.pace = slowest([Going(share, *begun) for share, begun in pairs])


def _admit(shares: list[Share]) -> None:
    now_s = time.monotonic()
    for way, name in shares:
        way.admit(name, now_s)
