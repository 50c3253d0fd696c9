"""What is served beside OSS: health and callback keys under ``/-/``, which no bucket can be called.

Callback keys are also answered at the host where receivers that know OSS only look for them.
"""

from collections.abc import Sequence
from typing import Final

from ossia.domain.callbacks.keys import CallbackKeys
from ossia.errors import MethodNotAllowed, NoSuchKey
from ossia.http.message import Request, Response
from ossia.protocol.address import host_name

PREFIX: Final = b"/-/"
WEBHOOK_KEY_PATH: Final = "/-/callback/webhook_key.txt"
KEY_HOST: Final = "gosspublic.alicdn.com"
"""Official sample receivers accept keys of this host only (callback.md, 6)."""


class Internal:
    """The server's own resources."""

    def __init__(self, keys: CallbackKeys, webhook_key: str, version: str) -> None:
        self._keys = keys
        self._webhook_key = webhook_key
        self._version = version

    async def answer(
        self, request: Request, path: bytes, query: Sequence[tuple[bytes, bytes]]
    ) -> Response | None:
        """Answer a request under ``/-/``, or for a key at its original host; None for others."""
        del query
        is_ours = path.startswith(PREFIX)
        if not is_ours and host_name(request.headers.get(b"host", b"")) != KEY_HOST:
            return None
        text = path.decode("latin-1")
        pem = self._keys.public_pem(text)
        if pem is None and not is_ours:
            return None
        if request.method not in (b"GET", b"HEAD"):
            raise MethodNotAllowed(Method=request.method.decode("latin-1"))
        if text == "/-/health":
            return _text(f'{{"status":"ok","version":"{self._version}"}}', "application/json")
        if text == WEBHOOK_KEY_PATH:
            return _text(self._webhook_key, "text/plain")
        if pem is None:
            raise NoSuchKey(Key=text)
        return _text(pem.decode(), "application/x-pem-file")


def _text(content: str, content_type: str) -> Response:
    return Response(200, [("Content-Type", content_type)], content.encode())
