"""What is served beside OSS: health and callback keys under ``/-/``, which no bucket can be called.

``/-/health`` says that the process runs, ``/-/ready`` that it can do its work: a balancer asks the
latter, and whoever restarts what hangs the former.  An engine that is down makes no gateway ill.

Callback keys are also answered at the host where receivers that know OSS only look for them.
"""

import json
from collections.abc import Sequence
from typing import Final

from ossia.domain.callbacks.keys import CallbackKeys
from ossia.errors import NoSuchKey
from ossia.gateway.readiness import Readiness
from ossia.gateway.reading import only_read
from ossia.http.message import Request, Response
from ossia.protocol.address import host_name

PREFIX: Final = b"/-/"
WEBHOOK_KEY_PATH: Final = "/-/callback/webhook_key.txt"
_KEY: Final = "CallbackKey"
_OPERATIONS: Final = {"/-/health": "Health", "/-/ready": "Ready", WEBHOOK_KEY_PATH: _KEY}
OPERATIONS: Final = tuple(dict.fromkeys(_OPERATIONS.values()))
"""What can be asked for here, for those who count."""
KEY_HOST: Final = "gosspublic.alicdn.com"
"""Official sample receivers accept keys of this host only (callback.md, 6)."""


class Internal:
    """The server's own resources."""

    def __init__(
        self, keys: CallbackKeys, webhook_key: str, version: str, readiness: Readiness
    ) -> None:
        self._keys = keys
        self._webhook_key = webhook_key
        self._version = version
        self._readiness = readiness

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
        request.operation = _OPERATIONS.get(text, "" if pem is None else _KEY)
        only_read(request)
        if text == "/-/health":
            return self._state(200, "ok")
        if text == "/-/ready":
            return await self._ready()
        if text == WEBHOOK_KEY_PATH:
            return _text(self._webhook_key, "text/plain")
        if pem is None:
            raise NoSuchKey(Key=text)
        return _text(pem.decode(), "application/x-pem-file")

    async def _ready(self) -> Response:
        if self._readiness.is_draining:
            return self._state(503, "draining")
        if missing := await self._readiness.missing():
            return self._state(503, "unavailable", missing=missing)
        return self._state(200, "ready")

    def _state(self, status: int, name: str, **more: object) -> Response:
        state = {"status": name, "version": self._version, **more}
        return _text(json.dumps(state, separators=(",", ":")), "application/json", status)


def _text(content: str, content_type: str, status: int = 200) -> Response:
    return Response(status, [("Content-Type", content_type)], content.encode())
