"""Dates as OSS, STS and RAM write them, to and from integer milliseconds since 1970 UTC.

Formatting is remembered per second and parsing per text: a busy server meets the same
few dates again and again.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache

DAY_MS = 24 * 3600 * 1000
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, start=1)}

_HTTP = re.compile(
    rf"(?:{'|'.join(_DAYS)}), (\d\d) ({'|'.join(_MONTHS)}) (\d{{4}}) (\d\d):(\d\d):(\d\d) GMT",
    re.ASCII,
)
_BASIC = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)", re.ASCII)
_CIVIL_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = _EPOCH.resolution * 1000
_REMEMBERED = 4096


def format_http(at_ms: int) -> str:
    """RFC 1123 in GMT, as ``Date`` and ``Last-Modified``: ``Thu, 02 Jan 2025 03:04:05 GMT``."""
    return _format_http(at_ms // 1000)


def format_basic(at_ms: int) -> str:
    """ISO 8601 basic, as ``x-oss-date`` of V4: ``20250102T030405Z``."""
    return _format_basic(at_ms // 1000)


def format_iso(at_ms: int) -> str:
    """ISO 8601 with milliseconds that are always zero, as OSS prints times in XML."""
    return _format_iso(at_ms // 1000)


def format_iso_seconds(at_ms: int) -> str:
    """ISO 8601 without a fraction, as STS and RAM print times: ``2015-04-09T11:52:19Z``."""
    return _format_iso(at_ms // 1000)[:-5] + "Z"


def parse_http(text: str) -> int:
    """Read RFC 1123 with a two-digit day.  Raises ValueError.

    The weekday is not compared with the date: nothing depends on it.
    """
    return _parse_http(text)


def parse_basic(text: str) -> int:
    """Read ``YYYYMMDDTHHMMSSZ``.  Raises ValueError."""
    return _parse_basic(text)


def parse_iso(text: str) -> int:
    """Read extended ISO 8601 with a zone, fraction optional.  Raises ValueError.

    Post policies come with and without milliseconds, timestamps of RPC requests too
    (ali-oss sends ``toISOString()``).
    """
    return _parse_iso(text)


def parse_iso_day(text: str) -> int:
    """Read ``YYYY-MM-DD`` as midnight UTC, or what `parse_iso` reads.  Raises ValueError."""
    if _CIVIL_DAY.fullmatch(text):
        return _parse_iso(text + "T00:00:00Z")
    return _parse_iso(text)


@lru_cache(_REMEMBERED)
def _format_http(seconds: int) -> str:
    at = datetime.fromtimestamp(seconds, UTC)
    day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
    return f"{day}, {at.day:02} {month} {at.year:04} {at.hour:02}:{at.minute:02}:{at.second:02} GMT"


@lru_cache(_REMEMBERED)
def _format_basic(seconds: int) -> str:
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at.year:04}{at.month:02}{at.day:02}T{at.hour:02}{at.minute:02}{at.second:02}Z"


@lru_cache(_REMEMBERED)
def _format_iso(seconds: int) -> str:
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat()[:19] + ".000Z"


@lru_cache(_REMEMBERED)
def _parse_http(text: str) -> int:
    found = _HTTP.fullmatch(text)
    if found is None:
        raise ValueError("not an RFC 1123 date")
    day, month, year, hour, minute, second = found.groups()
    return _since_epoch(
        datetime(
            int(year),
            _MONTH_NUMBERS[month],
            int(day),
            int(hour),
            int(minute),
            int(second),
            tzinfo=UTC,
        )
    )


@lru_cache(_REMEMBERED)
def _parse_basic(text: str) -> int:
    found = _BASIC.fullmatch(text)
    if found is None:
        raise ValueError("not a date in the form YYYYMMDDTHHMMSSZ")
    year, month, day, hour, minute, second = map(int, found.groups())
    return _since_epoch(datetime(year, month, day, hour, minute, second, tzinfo=UTC))


@lru_cache(_REMEMBERED)
def _parse_iso(text: str) -> int:
    if _ISO.fullmatch(text) is None:
        raise ValueError("not an ISO 8601 date with a zone")
    return _since_epoch(datetime.fromisoformat(text))


def _since_epoch(at: datetime) -> int:
    return (at - _EPOCH) // _MILLISECOND
