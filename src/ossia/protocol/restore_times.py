"""How long restoring takes here, as ``--restore-times`` says it.

Nothing is copied when an object is restored; the time is there so that an application meets what
it will meet elsewhere.
"""

from collections.abc import Iterable, Mapping

from ossia.protocol.storage_class import TIERS

SETTING = "--restore-times"
AS_OSS: Mapping[str, float] = {
    "Archive/Standard": 60,
    "ColdArchive/Expedited": 3600,
    "ColdArchive/Standard": 5 * 3600,
    "ColdArchive/Bulk": 12 * 3600,
    "DeepColdArchive/Expedited": 12 * 3600,
    "DeepColdArchive/Standard": 48 * 3600,
}
"""RestoreObject documentation, "Restoration time": the longest that it names."""
_LONGEST_S = 366 * 24 * 3600

RestoreTimes = Mapping[tuple[str, str], int]
"""Milliseconds for each class and tier."""


def parse_restore_times(texts: Iterable[str]) -> RestoreTimes:
    """Each of *texts* says a time in seconds: for all, for a class, or for a class and tier.

    ``3``, ``ColdArchive=60``, ``ColdArchive/Bulk=600``; what is more precise counts, in whatever
    order.  ``as-oss`` stands for the times of the service.  What nobody names takes no time.
    Raises ValueError.
    """
    said = [each for text in texts for each in _said(text)]
    times = {(kind, tier): 0 for kind, tiers in TIERS.items() for tier in tiers}
    for _, places, seconds in sorted(said, key=lambda each: each[0]):
        times.update(dict.fromkeys(places, int(seconds * 1000)))
    return times


def _said(text: str) -> list[tuple[int, list[tuple[str, str]], float]]:
    """How precise it is, about what, and how many seconds."""
    if text == "as-oss":
        return [(0, _places(name, text), seconds) for name, seconds in AS_OSS.items()]
    name, seconds = _named(text)
    precision = 1 + name.count("/") if name else 0
    return [(precision, _places(name, text), seconds)]


def _named(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        seconds = float(number)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= _LONGEST_S:
        raise ValueError(
            f"{SETTING} {text!r} is not a time: write SECONDS, CLASS=SECONDS, CLASS/TIER=SECONDS "
            "or as-oss."
        )
    return name, seconds


def _places(name: str, text: str) -> list[tuple[str, str]]:
    wanted, _, wanted_tier = name.partition("/")
    found = [
        (kind, tier)
        for kind, tiers in TIERS.items()
        for tier in tiers
        if wanted in {"", kind} and wanted_tier in {"", tier}
    ]
    if not found or (name and not wanted):
        known = ", ".join(AS_OSS)
        raise ValueError(f"{SETTING} {text!r} names nothing that is restored; known are {known}.")
    return found
