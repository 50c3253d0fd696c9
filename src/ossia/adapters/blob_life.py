"""The life of a blob's row, as the metadata adapters share it.

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
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobTerms:
    """How long the stages of a blob's end last."""

    reader_grace_ms: int = 10 * 60_000
    """A blob nobody refers to stays readable for whoever looked it up before."""

    tombstone_ms: int = 24 * 3_600_000
    """Longer than the longest write: bytes that arrive after the first pass go in the second."""

    claim_ms: int = 5 * 60_000
    """A collector that died is replaced after this."""


DEFAULT_TERMS = BlobTerms()


def net_references(gained: Iterable[Extent], lost: Iterable[Extent]) -> dict[str, int]:
    """How the reference count of each blob changes; blobs whose count stays are left out."""
    change = Counter(extent.blob_id for extent in gained)
    change.subtract(extent.blob_id for extent in lost)
    return {blob_id: count for blob_id, count in change.items() if count}
