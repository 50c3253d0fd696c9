"""``x-oss-traffic-limit``: how fast a request may move its bytes (witnessed.md, W17).

Uploads are read, and downloads sent, no faster than asked for.  A copy moves no bytes here: its
limit is checked, and there is nothing to slow down.
"""

from typing import Annotated, Final

from ossia.api.bind import HeaderOrQuery, integer
from ossia.api.call import Call
from ossia.domain.objects.ingest import ByteSource
from ossia.domain.objects.paced_source import PacedSource
from ossia.errors import InvalidArgument

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


def slowed(source: ByteSource, limit: int | None) -> ByteSource:
    """*source*, read no faster than *limit*."""
    return source if limit is None else PacedSource(source, limit)


def delay_ms(source: ByteSource) -> int | None:
    """What the limit has cost; None where there is none."""
    return source.delay_ms if isinstance(source, PacedSource) else None


def delay_of_copy(limit: int | None) -> int | None:
    """The same for a copy, which has nothing to slow down."""
    return None if limit is None else 0
