"""What a check of ``ossia doctor`` saw."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw.  ``remedy`` is empty where all is well."""

    check: str
    ok: bool
    seen: str
    remedy: str = ""
