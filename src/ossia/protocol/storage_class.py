"""The storage classes, and how objects of the colder ones are restored before they are read.

RestoreObject documentation: "Restoration time", "Duration of the restored state".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ARCHIVE: Final = "Archive"
COLD_ARCHIVE: Final = "ColdArchive"
DEEP_COLD_ARCHIVE: Final = "DeepColdArchive"
STORAGE_CLASSES: Final = ("Standard", "IA", ARCHIVE, COLD_ARCHIVE, DEEP_COLD_ARCHIVE)
"""The warmest first."""
COLDNESS: Final = {kind: step for step, kind in enumerate(STORAGE_CLASSES)}
"""How far each is from the warmest."""

FROZEN: Final = frozenset({ARCHIVE, COLD_ARCHIVE, DEEP_COLD_ARCHIVE})
"""Objects of these are not read until they are restored."""
NEVER_APPENDED: Final = frozenset({COLD_ARCHIVE, DEEP_COLD_ARCHIVE})
"""No appendable object becomes one of these (0016-00000503 and 0013-00000104 of OSS)."""

STANDARD_TIER: Final = "Standard"
TIERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        ARCHIVE: (STANDARD_TIER,),
        COLD_ARCHIVE: ("Expedited", STANDARD_TIER, "Bulk"),
        DEEP_COLD_ARCHIVE: ("Expedited", STANDARD_TIER),
    }
)
"""How fast each can be restored, the fastest first.  For Archive nobody says."""
MOST_DAYS: Final[Mapping[str, int]] = MappingProxyType(
    {ARCHIVE: 7, COLD_ARCHIVE: 365, DEEP_COLD_ARCHIVE: 365}
)
"""How long a restored object can be read at most."""
