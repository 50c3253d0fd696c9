"""What the object storage says of an object, asked with the application's own key."""

import http.client
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ossia.appserver.config import AppConfig, upload_host
from ossia.client.signing_client import SigningClient
from ossia.protocol.dates import parse_http

_TIMEOUT_S: Final = 3.0
"""The object storage waits for this server's answer five seconds (callback.md, section 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An object, as HeadObject describes it.

    ``modified`` is text of the protocol; ``age_s`` is how long ago that was by the storage's own
    clock, None if it does not say.
    """

    etag: str
    size: int
    mime_type: str
    modified: str
    age_s: int | None = None


class StorageSilentError(Exception):
    """The object storage did not say; the message is for the log."""


Look = Callable[[str, str], Stored | None]
"""Looks for a key in a bucket; blocks.  Raises `StorageSilentError`."""


def looker(config: AppConfig) -> Look:
    """Asks the endpoint of *config*."""

    def look(bucket: str, key: str) -> Stored | None:
        host = upload_host(config.endpoint, bucket, config.addressing)
        client = SigningClient(
            f"{urlsplit(host).scheme}://{urlsplit(host).netloc}",
            config.keys.access_key_id,
            config.keys.access_key_secret,
            config.region,
            timeout_s=_TIMEOUT_S,
            in_host=not urlsplit(host).path,
        )
        try:
            reply = client.request("HEAD", bucket, key)
        except OSError as error:
            raise StorageSilentError(f"{config.endpoint} is not reached: {error}") from error
        if reply.status == http.client.OK:
            return Stored(
                etag=reply.headers.get("etag", "").strip('"').upper(),
                size=int(reply.headers.get("content-length", "0")),
                mime_type=reply.headers.get("content-type", ""),
                modified=(modified := reply.headers.get("last-modified", "")),
                age_s=_seconds_between(modified, reply.headers.get("date", "")),
            )
        if reply.status == http.client.NOT_FOUND:
            return None
        raise StorageSilentError(
            f"{config.endpoint} answers {reply.status} for {bucket}/{key}: the user of "
            f"{config.keys.access_key_id} needs oss:GetObject to record uploads by token"
        )

    return look


def _seconds_between(earlier: str, later: str) -> int | None:
    try:
        return (parse_http(later) - parse_http(earlier)) // 1000
    except ValueError:
        return None
