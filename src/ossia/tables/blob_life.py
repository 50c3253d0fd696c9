"""The life of a blob's row, as every change keeps it.

::

    INTENT ──record──▶ LIVE ──last reference let go──▶ DOOMED
       │ lease runs out                                  │ reader grace runs out
       └──────────────▶ CLAIMED ◀────────────────────────┘
                           │ bytes deleted
                           ▼
                       TOMBSTONE ──kept longer than any write lasts──▶ RECLAIMED ──▶ no row

Only an intent or a live blob can be recorded; from ``CLAIMED`` on, a late commit is refused.
A claim is itself a lease: what a collector claimed and did not finish is offered again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import IntEnum

from ossia.records import Extent


class BlobState(IntEnum):
    """Stored as the number; never renumber."""

    INTENT = 0
    LIVE = 1
    DOOMED = 2
    CLAIMED = 3
    TOMBSTONE = 4
    RECLAIMED = 5


RECORDABLE = frozenset({BlobState.INTENT, BlobState.LIVE})

CLAIM: Mapping[BlobState, BlobState] = {
    BlobState.INTENT: BlobState.CLAIMED,
    BlobState.DOOMED: BlobState.CLAIMED,
    BlobState.CLAIMED: BlobState.CLAIMED,
    BlobState.TOMBSTONE: BlobState.RECLAIMED,
    BlobState.RECLAIMED: BlobState.RECLAIMED,
}
"""What `collect` makes of a row that is due."""


def net_references(gained: Iterable[Extent], lost: Iterable[Extent]) -> dict[str, int]:
    """How the reference count of each blob changes; blobs whose count stays are left out."""
    change = Counter(extent.blob_id for extent in gained)
    change.subtract(extent.blob_id for extent in lost)
    return {blob_id: count for blob_id, count in change.items() if count}
