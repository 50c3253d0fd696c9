"""Sealing: appendable objects to which nothing is appended any more.

1. The time of the seal lies among the headers of the object, under a name that no client can give
   one (`records.SEALED`); GetObject and HeadObject tell it as it lies there.  It is that of the
   first seal: sealing again changes nothing.
2. A sealed object stays appendable by type, of the same length, bytes and age.  It refuses every
   append, and may become of the coldest classes, which no other appendable object has.
3. What is sealed stays so while it is the same version; a copy is a normal object, without a seal.
4. Sealing takes nothing from a version that must stay: it is like ACL and tags (`retention`, rule
   3), and its retention stays what it is.

Source: OSS documentation, SealAppendObject, and "Convert appendable objects to the Cold Archive
storage class"; docs/decisions/2026-11-28-sealed-objects.md.
"""

from ossia import tables
from ossia.domain.objects.appending import check_appendable
from ossia.domain.objects.objects import Objects
from ossia.errors import ServiceUnavailable
from ossia.ports import Clock, Conflict, Database
from ossia.protocol.dates import format_http
from ossia.records import SEALED, Bucket

_TRIES = 5


class Seals:
    """Sealing in every bucket."""

    def __init__(self, database: Database, objects: Objects, clock: Clock) -> None:
        self._database = database
        self._objects = objects
        self._clock = clock

    async def seal(self, bucket: Bucket, key: str, position: int) -> str:
        """Let an object of the length *position* stay as long as it is; when that was first done.

        Raises `ObjectNotAppendable`, `PositionNotEqualToLength`, `NoSuchKey`.
        """
        for _ in range(_TRIES):
            stored = await self._objects.find(bucket, key)
            check_appendable(stored, position)
            if SEALED in stored.headers:
                return stored.headers[SEALED]
            headers = {**stored.headers, SEALED: format_http(self._clock.now_ms())}
            try:
                await self._database.change(tables.versions.put_headers, stored, headers)
            except Conflict:
                continue
            return headers[SEALED]
        raise ServiceUnavailable
