"""The limits that a bucket has by a configuration of its own (``?qosInfo``).

They count like those of the settings (`limits`), in cells of their own.  Nothing is counted of a
bucket that has none.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from ossia.api.oss.bucket_qos import SELECTOR
from ossia.domain.buckets.buckets import QOS
from ossia.errors import TotalQpsLimitExceeded
from ossia.gateway.limits import BUCKET, Hold, Limit, Tables
from ossia.protocol.bucket_qos import UNLIMITED, parse_bucket_qos
from ossia.protocol.limit_terms import Speed, Terms
from ossia.records import Bucket

_REMEMBERED: Final = 512


class BucketQosLimits:
    """Those of all buckets, as one worker sees them."""

    def __init__(self, tables: Tables, worker: int, note: Callable[[str], object]) -> None:
        self._tables = tables
        self._worker = worker
        self._note = note
        self._limit = lru_cache(_REMEMBERED)(self._made)

    def enter(self, bucket: Bucket | None, selectors: frozenset[str]) -> Limit | None:
        """Count one request for *bucket*; what its bytes count against, if it has such limits.

        Raises `TotalQpsLimitExceeded`.  Who asks for the limits themselves is let in: nobody locks
        himself out.
        """
        content = None if bucket is None else bucket.documents.get(QOS)
        if content is None or SELECTOR in selectors:
            return None
        assert bucket is not None
        limit = self._limit(content)
        if limit is None:
            self._note(BUCKET)
            raise TotalQpsLimitExceeded(Limit=BUCKET)
        limit.enter(bucket.name, Hold([]))
        return limit

    def _made(self, content: bytes) -> Limit | None:
        """What such a bucket is held to; None where it may have no request at all."""
        qos = parse_bucket_qos(content)
        if not qos.requests:
            return None
        requests = max(0, qos.requests)
        terms = Terms(requests, requests, upload=_speed(qos.upload), download=_speed(qos.download))
        return Limit(BUCKET, terms, self._tables, self._worker, self._note)


def _speed(rate: int) -> Speed | None:
    return None if rate == UNLIMITED else Speed(rate, rate)
