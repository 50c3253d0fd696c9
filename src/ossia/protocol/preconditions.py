"""Conditional requests: the four ``If-`` headers (objects.md, GetObject "Conditions")."""

from dataclasses import dataclass

from ossia.errors import NotModified, PreconditionFailed
from ossia.protocol.dates import format_http, parse_http


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The values of If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since."""

    match: str | None = None
    none_match: str | None = None
    modified_since: str | None = None
    unmodified_since: str | None = None

    def check(self, etag: str, modified_at: int) -> None:
        """Raise `PreconditionFailed` or `NotModified` where a condition does not hold.

        412 is decided before 304, which names what it is about (RFC 9110, 15.4.5); ETags compare
        without quotes and without case; dates that cannot be read are ignored.
        """
        if self is UNCONDITIONAL:
            return
        second = modified_at // 1000
        since = _seconds(self.unmodified_since)
        if self.match is not None and not _names(self.match, etag):
            raise PreconditionFailed(Condition="If-Match")
        if since is not None and second > since:
            raise PreconditionFailed(Condition="If-Unmodified-Since")
        since = _seconds(self.modified_since)
        is_known = self.none_match is not None and _names(self.none_match, etag)
        if is_known or (since is not None and second <= since):
            raise NotModified(
                headers={"ETag": f'"{etag}"', "Last-Modified": format_http(modified_at)}
            )


UNCONDITIONAL = Preconditions()
"""Those of a request without any."""


def _names(header: str, etag: str) -> bool:
    wanted = [each.strip().strip('"').upper() for each in header.split(",")]
    return "*" in wanted or etag.upper() in wanted


def _seconds(header: str | None) -> int | None:
    if header is None:
        return None
    try:
        return parse_http(header) // 1000
    except ValueError:
        return None
