"""Ask RAM and STS over RPC 1.0, with the standard library only.

Blocks: an event loop calls it in a thread.
"""

import http.client
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from ossia.client.sts import Send, post
from ossia.protocol.signature_rpc import sign_parameters

VERSION: Final = "2015-05-01"
STS_VERSION: Final = "2015-04-01"

_OK: Final = 200


class RamRefused(Exception):  # noqa: N818 - an answer, not a fault
    """The refusal of RAM or STS."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class RamUnreachable(Exception):  # noqa: N818 - a fact
    """No answer arrived, or none that RAM gives."""


@dataclass(frozen=True, slots=True)
class RamClient:
    """Signs with one key; *security_token* goes with a temporary one."""

    endpoint: str
    access_key_id: str
    secret: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)
    send: Send = field(default=post, repr=False)

    def call(self, action: str, /, **parameters: object) -> dict[str, Any]:
        """The answer to *action*; parameters that are None are left out.

        ``Version`` is RAM's unless given.  Raises `RamRefused` or `RamUnreachable`.
        """
        given = {name: _text(value) for name, value in parameters.items() if value is not None}
        signed = sign_parameters(
            "POST",
            {"Action": action, "Version": VERSION, "Format": "JSON", **given},
            access_key_id=self.access_key_id,
            secret=self.secret,
            now_ms=time.time_ns() // 1_000_000,
            nonce=str(uuid.uuid4()),
            security_token=self.security_token,
        )
        try:
            status, body = self.send(f"{self.endpoint}/", urlencode(signed).encode())
        except (OSError, http.client.HTTPException) as exc:
            reason = getattr(exc, "reason", exc)
            raise RamUnreachable(f"{self.endpoint} cannot be reached: {reason}") from exc
        return self._read(status, body)

    def each(self, action: str, plural: str, singular: str) -> Iterator[dict[str, Any]]:
        """Every entry of a list that comes in pages, such as ListUsers, Users, User."""
        marker: str | None = None
        while True:
            page = self.call(action, Marker=marker)
            yield from page[plural][singular]
            if not page.get("IsTruncated"):
                return
            marker = page["Marker"]

    def _read(self, status: int, body: bytes) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = json.loads(body)
            if status == _OK:
                # Any other service's answer has none.
                answer["RequestId"]
                return answer
            refused = RamRefused(answer["Code"], answer["Message"], status)
        except (ValueError, KeyError, TypeError) as exc:
            raise RamUnreachable(
                f"{self.endpoint} answered {status}, but not as RAM and STS do."
            ) from exc
        raise refused


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
