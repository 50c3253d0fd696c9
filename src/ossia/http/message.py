"""Requests and responses as the wire has them.

Nothing is interpreted here: the target and header values stay bytes, because
signatures are made over the bytes that the client sent.
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from ossia.http.body import Body
from ossia.protocol.pace import Pacing


class Client(Protocol):
    """Who has sent a request."""

    @property
    def has_left(self) -> bool:
        """Whether he sends nothing any more: most who do not have closed, few wait even so."""


class _There:
    has_left = False


THERE: Client = _There()
"""Somebody who waits."""


@dataclass(slots=True, eq=False)
class Request:
    """One request whose head has arrived.

    ``target`` is the raw request target; ``headers`` has lower-case names, values trimmed,
    duplicates joined with a comma in order of arrival.  ``peer`` is the client's address and
    ``secure`` whether it came by TLS: as the connection has it, or the proxy that is believed.
    """

    method: bytes
    target: bytes = field(repr=False)
    headers: dict[bytes, bytes] = field(repr=False)
    body: Body
    peer: str
    secure: bool
    is_http_1_0: bool = False
    """Whether the client knows no chunks."""
    client: Client = THERE
    operation: str = ""
    caller: str = ""
    """What a service beside OSS was asked for, and the name of the kind of caller: noted by it, for
    those who count."""
    reference: str = ""
    """The id that such a service gave the request in its own answer."""
    trace: dict[str, str] | None = None
    """The headers by which others join its trace, where traces are made."""


class Span(Protocol):
    """Bytes to be sent: ``length`` bytes from ``offset`` of a file, or of what is read in pieces.

    Nothing may be open before the first use, and after ``release``; ``close`` is idempotent.
    """

    offset: int
    length: int

    def fileno(self) -> int | None:
        """The open file; None where there is none: then the bytes are to be read.  In a thread."""

    async def read(self, offset: int, most: int) -> bytes | memoryview:
        """At least one byte and at most *most* at *offset*; none where there is no more."""

    def release(self) -> None:
        """Hold nothing until it is used again."""

    def close(self) -> None:
        """Hold nothing any more."""


class Sent(Protocol):
    """Somebody who waits until an answer is sent."""

    def __call__(self, *, is_whole: bool) -> None:
        """It is, or what could be sent of it."""


@dataclass(slots=True, eq=False)
class Response:
    """One answer.  ``spans`` are sent behind ``body`` and closed afterwards.

    ``length`` overrides Content-Length where there is none to send (HEAD).  The server adds
    ``Server``, ``Date``, ``Connection`` and ``Content-Length``.  With ``rate`` it sends no more
    bytes a second than that, with ``pace`` no faster than what others leave; with ``gzip`` it codes
    what it sends, in chunks of unknown length.
    """

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = field(default=b"", repr=False)
    spans: tuple[Span, ...] = ()
    length: int | None = None
    rate: int | None = None
    gzip: bool = False
    pace: Pacing | None = None
    sent: Sent | None = None
    """Hears when one that is not plain was sent, and whether all of it was."""

    def is_plain(self) -> bool:
        """Whether it is sent by writing ``body`` behind the head."""
        return not (self.spans or self.gzip) and self.rate is None and self.pace is None

    def content_length(self) -> int:
        """What Content-Length says."""
        return self.sends() if self.length is None else self.length

    def sends(self) -> int:
        """How many bytes go behind the head."""
        if not self.spans:
            return len(self.body)
        return len(self.body) + sum(span.length for span in self.spans)

    def head(self, date_line: str, *, keeps: bool) -> bytes:
        """The head, to its empty line; *keeps* says whether the connection goes on behind it."""
        status = self.status
        lines = [
            f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}",
            date_line,
            *map(": ".join, self.headers),
            "Connection: keep-alive" if keeps else "Connection: close",
        ]
        if self.gzip:
            lines.append("Transfer-Encoding: chunked")
        elif status not in BODILESS:
            lines.append(f"Content-Length: {self.content_length()}")
        lines.append("\r\n")
        return "\r\n".join(lines).encode("latin-1", "replace")


REASONS: dict[int, str] = {status.value: status.phrase for status in HTTPStatus}
"""Reason phrases by status code."""

BODILESS = frozenset({204, 304})
"""Statuses that never carry a body nor a Content-Length (RFC 9110, 8.6)."""
