"""``x-oss-traffic-limit``: how fast a request may move its bytes (witnessed.md, W17).

Uploads are read, and downloads sent, no faster than asked for, and no faster than the limits of
peer, key and bucket let them (`Call.flow`).  A copy moves no bytes here: its limit is checked, and
there is nothing to slow down.
"""

import asyncio
from typing import Annotated, Final

from ossia.api.bind import HeaderOrQuery, integer
from ossia.api.call import Call
from ossia.domain.objects.ingest import ByteSource
from ossia.domain.objects.paced_source import PacedSource
from ossia.errors import InvalidArgument
from ossia.protocol.pace import Pace, Pacing, slowest

NAME: Final = "x-oss-traffic-limit"
DELAY: Final = "x-oss-qos-delay-time"
"""The header that tells how many milliseconds the limit has cost."""

_BITS: Final = 8
# ali-oss sends 645 763 with success; documentation says 819 200 today, and said this before.
_read_bits = integer(245_760, 838_860_800)


def traffic_limit(text: str) -> int:
    """Bits per second, as bytes per second."""
    try:
        bits: int = _read_bits(text)
    except ValueError as error:
        raise InvalidArgument(
            str(error), ec="0004-00000502", ArgumentName=NAME, ArgumentValue=text
        ) from error
    return bits // _BITS


TrafficLimit = Annotated[int | None, HeaderOrQuery(NAME, traffic_limit)]


def form_limit(call: Call) -> int | None:
    """The limit of a form: a field, or else where any other upload has it."""
    assert call.form is not None
    text = call.form.fields.get(NAME) or call.header(NAME) or call.query.get(NAME)
    return None if not text else traffic_limit(text)


def slowed(call: Call, source: ByteSource, limit: int | None) -> ByteSource:
    """*source*, read no faster than *limit* and those of others let it.

    Raises `UploadTrafficRateLimitExceeded` where there is too much to come before it.
    """
    paces: list[Pacing] = [] if call.flow is None else call.flow.upload()
    if limit is not None:
        paces.append(Pace(limit, asyncio.get_running_loop().time()))
    pace = slowest(paces)
    return source if pace is None else PacedSource(source, pace)


def delay_ms(source: ByteSource, limit: int | None) -> int | None:
    """What limits have cost; None where the request has asked for none."""
    return source.delay_ms if limit is not None and isinstance(source, PacedSource) else None


def delay_of_copy(limit: int | None) -> int | None:
    """The same for a copy, which has nothing to slow down."""
    return None if limit is None else 0
