"""Limits of peers, keys and buckets: how many requests a second and at a time, how many bytes.

1. A number is that of one server: all its workers count together (`sketch`); gateways do not.
2. A peer is an IPv4 address or the /64 of an IPv6 one; behind a trusted proxy it is the client's.
   A key is an access key; all sessions of a role are one.  Who is anonymous has none.
3. A peer is looked at first.  Keys and buckets count what was permitted: nobody uses up what is
   somebody else's.
4. Whoever is refused hears it before his body is read, and uses up nothing of what refuses him.
5. Bytes are those of objects (`flow`): they wait for their turn rather than be refused.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from ossia.domain.identity.identities import Caller, CallerKind
from ossia.errors import (
    ActiveRequestLimitExceeded,
    DownloadTrafficRateLimitExceeded,
    OssError,
    TotalQpsLimitExceeded,
    UploadTrafficRateLimitExceeded,
)
from ossia.gateway.flow import Flow, Share, Way
from ossia.gateway.sketch import Counts, Rates
from ossia.http.message import Request, Response
from ossia.protocol.limit_terms import Speed, Terms

PEER: Final = "peer"
KEY: Final = "key"
BUCKET: Final = "bucket"
WHOSE: Final = (PEER, KEY, BUCKET)
_REMEMBERED: Final = 1024
_SOON_S: Final = 1
_WITH_KEYS_OF_THEIR_OWN: Final = (CallerKind.ROOT, CallerKind.USER)


class Tables:
    """What is counted of one kind, in memory that workers share."""

    def __init__(self, workers: int = 1) -> None:
        self.rates = Rates()
        self.counts = Counts(workers)
        self.connections = Counts(workers)
        self.uploads = Rates()
        self.downloads = Rates()


@dataclass(slots=True)
class Hold:
    """What a request takes part in until it is answered."""

    held: list[tuple["Limit", str]]

    def release(self) -> None:
        """It takes part no more.  Can be called again."""
        while self.held:
            limit, name = self.held.pop()
            limit.leave(name)

    def release_when_sent(self, response: Response) -> None:
        """The same, behind the last byte of *response*."""
        if response.is_plain() or not self.held:
            self.release()
            return
        before = response.sent

        def sent(*, is_whole: bool) -> None:
            self.release()
            if before is not None:
                before(is_whole=is_whole)

        response.sent = sent


class Limit:
    """That of all peers, all keys or all buckets, as one worker sees it."""

    def __init__(
        self,
        whose: str,
        terms: Terms,
        tables: Tables,
        worker: int,
        note: Callable[[str], object],
    ) -> None:
        self._whose = whose
        self._terms = terms
        self._tables = tables
        self._worker = worker
        self._note = note
        self.upload = self._way(terms.upload, tables.uploads, UploadTrafficRateLimitExceeded)
        self.download = self._way(
            terms.download, tables.downloads, DownloadTrafficRateLimitExceeded
        )
        if terms.concurrent:
            tables.counts.forget(worker)

    def _way(self, speed: Speed | None, used: Rates, refusal: type[OssError]) -> Way | None:
        return None if speed is None else Way(self._whose, speed, used, refusal, self._note)

    def enter(self, name: str, hold: Hold) -> None:
        """Count one request of *name*.

        Raises `ActiveRequestLimitExceeded` or `TotalQpsLimitExceeded`.
        """
        terms, counts = self._terms, self._tables.counts
        if terms.concurrent and counts.count(name) >= terms.concurrent:
            self._note(self._whose)
            raise ActiveRequestLimitExceeded(
                headers={"Retry-After": str(_SOON_S)}, Limit=self._whose
            )
        if terms.rate:
            wait_s = self._tables.rates.wait_s(name, terms.rate, terms.burst, time.monotonic())
            if wait_s:
                self._note(self._whose)
                raise TotalQpsLimitExceeded(
                    headers={"Retry-After": str(math.ceil(wait_s))}, Limit=self._whose
                )
        if terms.concurrent:
            counts.change(self._worker, name, 1)
            hold.held.append((self, name))

    def share(self, name: str, uploads: list[Share], downloads: list[Share]) -> None:
        """Add what the bytes of a request of *name* count against, if it has one."""
        if name and self.upload is not None:
            uploads.append((self.upload, name))
        if name and self.download is not None:
            downloads.append((self.download, name))

    def leave(self, name: str) -> None:
        """One request of *name* is answered."""
        self._tables.counts.change(self._worker, name, -1)


@dataclass(frozen=True, slots=True)
class Limits:
    """Those that there are."""

    peer: Limit | None = None
    key: Limit | None = None
    bucket: Limit | None = None
    set_aside: Callable[[Request], object] = id
    """Hears of requests that wait for their turn, and so for nobody's work."""

    def __bool__(self) -> bool:
        return bool(self.peer or self.key or self.bucket)

    @property
    def paces_bytes(self) -> bool:
        """Whether one of them is of bytes."""
        return any(
            each is not None and bool(each.upload or each.download)
            for each in (self.peer, self.key, self.bucket)
        )

    def enter_peer(self, peer: str, hold: Hold) -> None:
        """Count a request that has come from *peer*."""
        if self.peer is not None:
            self.peer.enter(network_of(peer), hold)

    def enter(self, caller: Caller, bucket: str, hold: Hold) -> None:
        """Count a request of *caller* that is permitted; *bucket* may be empty."""
        if self.key is not None and (name := _key_of(caller)):
            self.key.enter(name, hold)
        if self.bucket is not None and bucket:
            self.bucket.enter(bucket, hold)

    def flow(self, request: Request, caller: Caller, bucket: str, own: Limit | None) -> Flow | None:
        """What the object bytes of a request count against; None where that is nothing.

        *own* is the limit that the bucket has by a configuration of its own.
        """
        uploads: list[Share] = []
        downloads: list[Share] = []
        if self.peer is not None:
            self.peer.share(network_of(request.peer), uploads, downloads)
        if self.key is not None:
            self.key.share(_key_of(caller), uploads, downloads)
        for limit in (self.bucket, own):
            if limit is not None:
                limit.share(bucket, uploads, downloads)
        if not (uploads or downloads):
            return None
        return Flow(uploads, downloads, lambda: self.set_aside(request))


NO_LIMITS: Final = Limits()


def _key_of(caller: Caller) -> str:
    if caller.kind in _WITH_KEYS_OF_THEIR_OWN:
        return caller.access_key_id
    return caller.id


@lru_cache(_REMEMBERED)
def network_of(peer: str) -> str:
    """What counts as one peer."""
    if ":" not in peer:
        return peer
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if not isinstance(address, IPv6Address):
        return peer
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return address.packed[:8].hex()
