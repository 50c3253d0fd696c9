"""A small OSS client that shows the wire: signed requests in, status, headers and bytes out.

For scripts, tests and benchmarks; applications use an OSS SDK.  Addresses are path style, which
every Ossia endpoint answers.
"""

import http.client
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from ossia.protocol import signature_v1, signature_v4
from ossia.protocol.signed_request import SignedRequest

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.  Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def element(self, name: str) -> str:
        """The text of the first XML element of that name, or nothing."""
        _, _, rest = self.body.decode("utf-8", "replace").partition(f"<{name}>")
        return rest.partition(f"</{name}>")[0]

    @property
    def code(self) -> str:
        """The error code of an error document."""
        return self.element("Code")


@dataclass(slots=True)
class SigningClient:
    """Signs with V1 or V4 (*version* 1 or 4; 0 sends anonymous requests)."""

    endpoint: str
    access_key_id: str = ""
    secret: str = field(default="", repr=False)
    region: str = "cn-hangzhou"
    version: int = 4
    security_token: str | None = field(default=None, repr=False)
    timeout_s: float = 60
    in_host: bool = False
    """Whether the endpoint's host names the bucket, which then is no part of the path."""
    source: str = ""
    """The address of this machine to connect from, where it matters."""

    def request(
        self,
        method: str,
        bucket: str = "",
        key: str = "",
        *,
        query: Pairs = (),
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        now_ms: int | None = None,
    ) -> Reply:
        """Send one request and read the whole answer."""
        given = {name.lower(): value for name, value in (headers or {}).items()}
        signed = {**given, **self._signature(method, bucket, key, query, given, now_ms)}
        target = path_of(bucket, key, query)
        return self.send(
            method, target.removeprefix(f"/{bucket}") if self.in_host else target, signed, body
        )

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send a request as it stands.  Raises `OSError` if there is no whole answer."""
        place = urlsplit(self.endpoint)
        assert place.hostname is not None
        tls = place.scheme == "https"
        kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
        connection = kind(
            place.hostname,
            place.port,
            timeout=self.timeout_s,
            source_address=(self.source, 0) if self.source else None,
        )
        try:
            encoded = {name: value.encode() for name, value in headers.items()}
            _send(connection, method, target, encoded, body)
            answer = connection.getresponse()
            received = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, received, answer.read())
        except http.client.HTTPException as error:
            raise ConnectionError(f"the server broke off: {error!r}") from error
        finally:
            connection.close()

    def url(
        self,
        method: str,
        bucket: str,
        key: str,
        *,
        query: Pairs = (),
        headers: Mapping[str, str] | None = None,
        lifetime_s: int = 3600,
    ) -> str:
        """A presigned URL; whoever uses it must send *headers*."""
        now_ms = _now_ms()
        request = _signed_request(method, bucket, key, query, headers or {})
        if self.version == 1:
            added = signature_v1.presign(
                request,
                access_key_id=self.access_key_id,
                secret=self.secret,
                expires=now_ms // 1000 + lifetime_s,
                security_token=self.security_token,
            )
        else:
            added = signature_v4.presign(
                request,
                access_key_id=self.access_key_id,
                secret=self.secret,
                now_ms=now_ms,
                lifetime_s=lifetime_s,
                region=self.region,
                security_token=self.security_token,
            )
        return self.endpoint + path_of(bucket, key, [*query, *added])

    def _signature(
        self,
        method: str,
        bucket: str,
        key: str,
        query: Pairs,
        headers: Mapping[str, str],
        now_ms: int | None,
    ) -> dict[str, str]:
        if self.version == 0:
            return {}
        request = _signed_request(method, bucket, key, query, headers)
        now_ms = _now_ms() if now_ms is None else now_ms
        if self.version == 1:
            return signature_v1.sign_headers(
                request,
                access_key_id=self.access_key_id,
                secret=self.secret,
                now_ms=now_ms,
                security_token=self.security_token,
            )
        return signature_v4.sign_headers(
            request,
            access_key_id=self.access_key_id,
            secret=self.secret,
            now_ms=now_ms,
            region=self.region,
            security_token=self.security_token,
        )


def path_of(bucket: str, key: str, query: Pairs = ()) -> str:
    """The request target of a path-style address."""
    path = f"/{bucket}/{quote(key, safe='/-_.~')}" if bucket else "/"
    if not query:
        return path
    return f"{path}?{'&'.join(_pair(name, value) for name, value in query)}"


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    headers: Mapping[str, bytes],
    body: bytes,
) -> None:
    """Send a request, or as much of it as is taken: who refuses it may not read to its end."""
    try:
        connection.request(method, target, body or None, headers)
    except (BrokenPipeError, ConnectionResetError):
        if connection.sock is None:
            raise


def _pair(name: str, value: str) -> str:
    return f"{quote(name, safe='')}={quote(value, safe='')}" if value else quote(name, safe="")


def _signed_request(
    method: str, bucket: str, key: str, query: Pairs, headers: Mapping[str, str]
) -> SignedRequest:
    return SignedRequest(
        method.encode(),
        bucket.encode(),
        key.encode(),
        [(name.encode(), value.encode()) for name, value in query],
        {name.lower().encode(): value.strip().encode() for name, value in headers.items()},
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
