"""What is stored, topic by topic: every change of state and every question, written once.

A change is an ``async def`` over a `ossia.ports.Transaction`, a question one over
`ossia.ports.Rows`; every engine runs the same.  Rules:

1. Statements are in the dialect that engines have in common: ``$1``, ``$2``, … in the order of
   their first appearance, ``on conflict``, ``returning``, ``case``; no function of one alone,
   but for the one whose name `ossia.ports.Rows` tells.
2. A change looks first and writes afterwards: a storage fact that it raises leaves nothing behind.
3. What a change relies on it holds, or it writes to it: others change other rows at the same time.
4. A row that is inserted because none was found is inserted without ``on conflict``: who was
   faster makes the engine begin the change again.
5. Numbers are 64-bit integers, unsigned checksums two's complement (`columns`); maps are msgpack.
"""

from ossia.tables import (
    access_times,
    backups,
    blobs,
    buckets,
    callbacks,
    formers,
    holds,
    identities,
    lifecycle,
    objects,
    retained,
    uploads,
    versions,
)

__all__ = [
    "access_times",
    "backups",
    "blobs",
    "buckets",
    "callbacks",
    "formers",
    "holds",
    "identities",
    "lifecycle",
    "objects",
    "retained",
    "uploads",
    "versions",
]
