"""The body of RestoreObject: for how long, and how fast.

What it may say depends on the object's class, so it is read first and judged when that is known.
It is MalformedXML whatever is wrong with it: ali-oss asserts that of a tier where there are none,
and the cause numbers of OSS's documentation tell the cases apart.
"""

from dataclasses import dataclass

from ossia.errors import MalformedXML
from ossia.protocol.decimals import is_decimal
from ossia.protocol.storage_class import ARCHIVE, MOST_DAYS, STANDARD_TIER, TIERS
from ossia.protocol.xml import parse

DEFAULT_DAYS = 1
"""RestoreObject documentation of 2021: a restored object can be read for 24 hours."""
_MAX_DIGITS = 9


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What the body says, as it is written; None for what is not there."""

    days: str | None = None
    tier: str | None = None


def parse_restore_request(content: bytes) -> RestoreRequest:
    """The body; one that is absent says nothing.  Raises `MalformedXML`."""
    if not content.strip():
        return RestoreRequest()
    root = parse(content, "RestoreRequest")
    for child in root.children:
        if child.name not in {"Days", "JobParameters"}:
            raise MalformedXML(ec="0016-00000714", ErrorDetail=f"{child.name} is not known.")
    days, job = root.find("Days"), root.find("JobParameters")
    if days is None:
        raise MalformedXML(ErrorDetail="Days is missing.")
    tier = None if job is None else job.find("Tier")
    return RestoreRequest(days.text.strip(), None if tier is None else tier.text.strip())


def days_of(request: RestoreRequest, storage_class: str) -> int:
    """For how many days an object of that class is to be readable.  Raises `MalformedXML`."""
    if request.days is None:
        return DEFAULT_DAYS
    most = MOST_DAYS[storage_class]
    if not is_decimal(request.days, _MAX_DIGITS) or not 1 <= int(request.days) <= most:
        raise MalformedXML(
            ec="0016-00000708" if storage_class == ARCHIVE else "0016-00000704",
            ErrorDetail=f"Days must be an integer between 1 and {most} for {storage_class}.",
        )
    return int(request.days)


def tier_of(request: RestoreRequest, storage_class: str) -> str:
    """How fast it is to be restored.  Raises `MalformedXML`."""
    if request.tier is None:
        return STANDARD_TIER
    if storage_class == ARCHIVE:
        raise MalformedXML(
            ec="0016-00000714", ErrorDetail="Objects of class Archive have no JobParameters."
        )
    if request.tier not in TIERS[storage_class]:
        allowed = ", ".join(TIERS[storage_class])
        raise MalformedXML(
            ec="0016-00000703", ErrorDetail=f"Tier must be one of {allowed} for {storage_class}."
        )
    return request.tier
