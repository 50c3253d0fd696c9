"""One request on its way through the gateway: what is known of it so far."""

from dataclasses import dataclass, field
from typing import Protocol

from ossia.api.services import Services
from ossia.domain.identity.identities import Caller
from ossia.errors import InvalidArgument
from ossia.http.message import Request, Response
from ossia.http.post_form import PostForm
from ossia.protocol.header_text import decode_header
from ossia.protocol.pace import Pacing
from ossia.records import Bucket


class Flow(Protocol):
    """How fast the object bytes of a request may pass, by whose they are."""

    def upload(self) -> list[Pacing]:
        """What those that come count against.  Raises `UploadTrafficRateLimitExceeded`."""

    def download(self) -> None:
        """Note that the body of the answer counts.  Raises `DownloadTrafficRateLimitExceeded`."""

    def slow(self, response: Response) -> None:
        """Send *response* no faster than what it counts against lets it, if its body counts."""


@dataclass(slots=True, eq=False)
class Call:
    """One request on its way through the gateway."""

    services: Services
    http: Request
    request_id: str
    now_ms: int
    bucket_name: str
    key: str
    query: dict[str, str] = field(repr=False)
    caller: Caller
    in_host: bool = False
    """Whether the address has an origin of its own (`protocol.address`)."""
    form: PostForm | None = None
    post_length_range: tuple[int, int] | None = None
    flow: Flow | None = None
    """None where nothing limits it."""
    _bucket: Bucket | None = None
    _document: bytes | None = None

    @property
    def bucket(self) -> Bucket:
        """The bucket's record; the gateway has made sure that it exists."""
        assert self._bucket is not None
        return self._bucket

    @bucket.setter
    def bucket(self, found: Bucket | None) -> None:
        self._bucket = found

    @property
    def bucket_or_none(self) -> Bucket | None:
        """The bucket's record, once the gateway has found it."""
        return self._bucket

    def header(self, name: str) -> str | None:
        """A request header as text, UTF-8 where it is that; an empty one counts as not given."""
        raw = self.http.headers.get(name.encode())
        return decode_header(raw) if raw else None

    async def document(self, limit: int) -> bytes:
        """The whole body, as often as it is asked for.  Raises `InvalidArgument` behind *limit*."""
        if self._document is None:
            self._document = await self.http.body.read_all(
                limit, lambda: InvalidArgument("The request body is too large.")
            )
        return self._document
